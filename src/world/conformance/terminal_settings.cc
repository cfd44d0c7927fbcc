// Terminal settings of the entry point cases as our parameter set.
#include "phone/emv/toy_kernel.h"
#include "world/conformance/checkers.h"
#include "world/conformance/entry_point.h"

#include <algorithm>
#include <set>

namespace softpos::conformance {
namespace {

using emv::Combination;

std::optional<std::int64_t> limit(const Node& set, std::string_view name) {
    return set[name].number();
}

void add_set(Row& row, const Node& set, std::vector<Combination>& rows) {
    Combination combination;
    for (const Node& type : set["transaction_types"].items())
        combination.types |= emv::type_bit(transaction_type(type.text()));
    combination.status_check = set["status_check"].flag();
    combination.zero_amount_allowed = set["zero_amount_allowed"].flag();
    combination.extended_selection = set["extended_selection"].flag().value_or(false);
    combination.transaction_limit_minor = limit(set, "reader_cl_txn_limit");
    combination.floor_limit_minor = limit(set, "reader_cl_floor_limit");
    combination.cvm_limit_minor = limit(set, "reader_cvm_limit");
    combination.terminal_floor_limit_minor = limit(set, "terminal_floor_limit_9F1B");
    if (set["ttq"])
        std::ranges::copy(row.hex_of_size(set, "ttq", 4), combination.ttq.emplace().begin());
    for (const Node& pair : set["combinations"].items()) {
        const auto kernel = number_of(pair[1].text(), 16);
        if (!kernel || *kernel > 0xFFFFFF ||
            !combination.aid.assign(row.hex(pair[std::size_t{0}].text(), "AID")))
            return row.fail("a combination that there cannot be");
        combination.kernel = static_cast<emv::KernelId>(*kernel);
        rows.push_back(combination);
    }
}

void add_value(Row& row, emv::ParameterSet& set, std::uint32_t tag, Bytes value) {
    const auto added = set.add(codec::Tag{tag}, value);
    if (!added) row.fail("terminal data", added.error());
}

}  // namespace

std::uint8_t transaction_type(std::string_view name) {
    if (name == "cash advance") return 0x01;
    if (name == "purchase with cashback") return 0x09;
    return name == "refund" ? 0x20 : 0x00;
}

TerminalSetting read_setting(Row& row, const Node& setting) {
    TerminalSetting out;
    std::vector<Combination> rows;
    for (const Node& set : setting["sets"].items()) add_set(row, set, rows);
    // Where one entry of a card fits several combinations, the source takes what stands last in
    // this list; we take what stands first in ours.
    for (auto combination = rows.rbegin(); combination != rows.rend(); ++combination) {
        const auto added = out.parameters.add(*combination);
        if (!added) row.fail("combination", added.error());
    }
    for (const Node& value : setting["terminal_data"].items()) {
        const auto tag = number_of(value[std::size_t{0}].text(), 16);
        if (!tag) row.fail("terminal data without a tag");
        add_value(row, out.parameters, static_cast<std::uint32_t>(tag.value_or(0)),
                  row.hex(value[1].text(), "terminal data"));
    }
    // The source's terminal has these two built in; its commands show them.
    add_value(row, out.parameters, 0x9F09, Buffer{0x02, 0x03});
    add_value(row, out.parameters, 0x9F1E, bytes_of("0000FE16"));
    std::set<emv::KernelId> ids;
    for (const auto& combination : out.parameters.combinations()) ids.insert(combination.kernel);
    for (const auto id : ids) out.kernels.push_back({id, "toy", &emv::testing::ToyKernel::step});
    if (const Node run = setting["autorun"]) {
        const auto amount = number_of(run["amount"].text(), 10);
        const auto type = number_of(run["type"].text(), 16);
        if (!amount || !type || *type > 0xFF) row.fail("autorun");
        out.autorun_amount = static_cast<std::int64_t>(amount.value_or(0) % 1'000'000'000'000);
        out.autorun_type = static_cast<std::uint8_t>(type.value_or(0) & 0xFF);
    }
    return out;
}

void check_terminal_settings(const Input& in, Tally& tally) {
    for (const auto& [name, setting] : in.json.members()) {
        Row row(tally, name);
        const auto read = read_setting(row, setting);
        row.holds("no combination", !read.parameters.combinations().empty());
    }
}

}  // namespace softpos::conformance
