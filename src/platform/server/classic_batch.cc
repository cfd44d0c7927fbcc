// A join of two short lists.
#include "platform/server/classic_batch.h"

#include "platform/server/classic_door.h"

#include <boost/json.hpp>

namespace softpos::server {
namespace {

namespace json = boost::json;

json::array array_of(const std::vector<std::uint32_t>& traces) {
    json::array out;
    for (const std::uint32_t trace : traces) out.emplace_back(trace);
    return out;
}

}  // namespace

Result<OurBatch> batch_of_ours(store::Store& store, const merchant::Terminal& terminal,
                               std::uint32_t batch) {
    OurBatch ours;
    TRY_VOID(store.read([&](store::Reader& reader) -> Result<void> {
        const store::KeyRange keys = classic_batch_keys(terminal.number, batch);
        for (const pay::Payment& payment : TRY(reader.payments_by_keys(terminal.merchant, keys))) {
            const pay::BatchTotals before = ours.totals;
            TRY_VOID(add_to_batch(payment, ours.totals));
            if (ours.totals == before) continue;
            const auto& key = payment.idempotency_key.bytes;
            const std::uint32_t trace =
                std::uint32_t{key[12]} << 16 | std::uint32_t{key[13]} << 8 | std::uint32_t{key[14]};
            ours.amounts[trace] = payment.amount_minor;
        }
        return {};
    }));
    return ours;
}

bool balances(const pay::BatchTotals& ours, const codec::BatchTotals& theirs) {
    const codec::BatchSide& side = theirs.domestic;
    const codec::BatchSide& other = theirs.foreign;
    return side.debit_amount_minor == ours.debit_minor &&
           std::int64_t{side.debit_count} == ours.debit_count &&
           side.credit_amount_minor == ours.credit_minor &&
           std::int64_t{side.credit_count} == ours.credit_count && other.debit_count == 0 &&
           other.credit_count == 0 && other.debit_amount_minor == 0 &&
           other.credit_amount_minor == 0;
}

BatchDifference compare_batch(const OurBatch& ours, std::span<const channel::UploadItem> theirs,
                              std::uint32_t theirs_total) {
    BatchDifference difference;
    std::map<std::uint32_t, std::int64_t> rest = ours.amounts;
    std::map<std::uint32_t, std::int64_t> said;
    for (const channel::UploadItem& item : theirs) said[item.trace] = item.amount_minor;
    for (const auto& [trace, amount] : said) {
        const auto found = rest.find(trace);
        if (found == rest.end()) {
            difference.only_theirs.push_back(trace);
            continue;
        }
        if (found->second != amount) difference.other_amount.push_back(trace);
        rest.erase(found);
    }
    for (const auto& [trace, amount] : rest) difference.only_ours.push_back(trace);
    difference.incomplete = said.size() != theirs_total;
    return difference;
}

std::string difference_json(const BatchDifference& difference, const merchant::Terminal& terminal,
                            std::uint32_t batch) {
    return json::serialize(json::object{{"terminal_id", terminal.number},
                                        {"merchant_id", terminal.merchant},
                                        {"batch", batch},
                                        {"only_ours", array_of(difference.only_ours)},
                                        {"only_theirs", array_of(difference.only_theirs)},
                                        {"other_amount", array_of(difference.other_amount)},
                                        {"incomplete", difference.incomplete}});
}

}  // namespace softpos::server
