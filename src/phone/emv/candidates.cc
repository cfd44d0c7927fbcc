// Reads the directory, entry by entry, and keeps what fits.
#include "phone/emv/candidates.h"

#include <algorithm>

namespace softpos::emv {
namespace {

using codec::Tag;
using codec::TlvReader;

constexpr std::uint8_t no_priority = 16;

struct Entry {
    Bytes adf_name;
    std::optional<Bytes> priority;
    std::optional<Bytes> kernel_identifier;
    Bytes extended_selection;
};

// Each object counts once: the first.
Result<Entry> read_entry(Bytes value) {
    Entry entry;
    TlvReader reader(value);
    while (const auto object = TRY(reader.next())) {
        if (object->tag == Tag{0x4F} && entry.adf_name.empty()) entry.adf_name = object->value;
        if (object->tag == Tag{0x87} && !entry.priority) entry.priority = object->value;
        if (object->tag == Tag{0x9F2A} && !entry.kernel_identifier)
            entry.kernel_identifier = object->value;
        if (object->tag == Tag{0x9F29} && entry.extended_selection.empty())
            entry.extended_selection = object->value;
    }
    return entry;
}

KernelId default_kernel(Bytes adf_name) {
    struct Row {
        std::array<std::uint8_t, 5> rid;
        KernelId kernel;
    };
    // Spec: [EMV-B] table 3-6. Discover is 0152, not the 0015 that one open entry point has.
    static constexpr Row rows[] = {
        {{0xA0, 0, 0, 0, 0x03}, 3}, {{0xA0, 0, 0, 0, 0x04}, 2},    {{0xA0, 0, 0, 0, 0x25}, 4},
        {{0xA0, 0, 0, 0, 0x65}, 5}, {{0xA0, 0, 0, 0x01, 0x52}, 6}, {{0xA0, 0, 0, 0x03, 0x33}, 7},
    };
    for (const auto& row : rows) {
        if (std::ranges::equal(row.rid, adf_name.first(row.rid.size()))) return row.kernel;
    }
    return 0;
}

std::uint8_t priority_of(const Entry& entry) {
    if (!entry.priority || entry.priority->empty()) return no_priority;
    const auto low = static_cast<std::uint8_t>(entry.priority->front() & 0x0F);
    return low == 0 ? no_priority : low;
}

bool serves(const Combination& combination, Bytes adf_name) {
    const auto aid = combination.aid.bytes();
    return aid.size() <= adf_name.size() && std::ranges::equal(aid, adf_name.first(aid.size()));
}

class Finder {
public:
    Finder(const ParameterSet& parameters, std::span<const Indicators> indicators,
           std::uint8_t types, CandidateList& list)
        : parameters_(parameters), indicators_(indicators), types_(types), list_(list) {}

    void take(const Entry& entry) {
        if (entry.adf_name.size() < aid_bytes_min || entry.adf_name.size() > aid_bytes_max) return;
        if (entry.extended_selection.size() > 16) return;
        const auto wanted = requested_kernel(entry.adf_name, entry.kernel_identifier);
        if (!wanted) return;
        const auto combinations = parameters_.combinations();
        for (std::size_t i = 0; i < combinations.size(); ++i) {
            const auto& combination = combinations[i];
            if ((combination.types & types_) == 0 || indicators_[i].not_allowed) continue;
            if (!serves(combination, entry.adf_name)) continue;
            if (*wanted != 0 && *wanted != combination.kernel) continue;
            if (list_.count == candidates_max) return;
            list_.items[list_.count++] = {slice(entry.adf_name), slice(entry.extended_selection),
                                          static_cast<std::uint8_t>(i), priority_of(entry)};
        }
    }

private:
    Slice slice(Bytes part) const {
        if (part.empty()) return {};
        const auto offset = part.data() - list_.directory.data.data();
        return {static_cast<std::uint16_t>(offset), static_cast<std::uint16_t>(part.size())};
    }

    const ParameterSet& parameters_;
    std::span<const Indicators> indicators_;
    std::uint8_t types_;
    CandidateList& list_;
};

Result<Bytes> child(Bytes value, Tag tag) {
    const auto found = TRY(codec::find_value(value, tag));
    if (!found) return fail(ErrorKind::not_found, "ppse: object missing");
    return *found;
}

Result<void> read_directory(Bytes answer, Finder& finder) {
    const auto fci = TRY(child(answer, Tag{0x6F}));
    const auto proprietary = TRY(child(fci, Tag{0xA5}));
    const auto discretionary = TRY(child(proprietary, Tag{0xBF0C}));
    TlvReader reader(discretionary);
    while (const auto object = TRY(reader.next())) {
        if (object->tag != Tag{0x61}) continue;
        // One broken entry is skipped; the others are still offered.
        if (const auto entry = read_entry(object->value)) finder.take(*entry);
    }
    return {};
}

}  // namespace

std::optional<std::size_t> CandidateList::best() const {
    if (count == 0) return std::nullopt;
    const auto used = std::span(items).first(count);
    const auto at =
        std::ranges::min_element(used, {}, &Candidate::priority);  // The first of equals.
    return static_cast<std::size_t>(at - used.begin());
}

void CandidateList::drop(std::size_t index) {
    std::copy(items.begin() + static_cast<std::ptrdiff_t>(index) + 1, items.begin() + count,
              items.begin() + static_cast<std::ptrdiff_t>(index));
    --count;
}

std::optional<KernelId> requested_kernel(Bytes adf_name, std::optional<Bytes> kernel_identifier) {
    if (!kernel_identifier || kernel_identifier->empty()) return default_kernel(adf_name);
    const Bytes id = *kernel_identifier;
    if ((id[0] & 0x80) == 0) return id[0];
    if (id.size() < 3) return std::nullopt;
    return static_cast<KernelId>(id[0] << 16 | id[1] << 8 | id[2]);
}

void find_candidates(const ParameterSet& parameters, std::span<const Indicators> indicators,
                     std::uint8_t transaction_type, CandidateList& list) {
    list.clear();
    Finder finder(parameters, indicators, type_bit(transaction_type), list);
    if (!read_directory(list.directory.bytes(), finder)) list.clear();
}

}  // namespace softpos::emv
