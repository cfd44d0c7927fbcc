// The end of a classic terminal's batch: what we have of it beside what the terminal says.
#pragma once

#include "base/result.h"
#include "codec/cup_fields.h"
#include "platform/channel/cup_requests.h"
#include "platform/merchant/terminal.h"
#include "platform/pay/settlement.h"
#include "platform/store/store.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace softpos::server {

struct OurBatch {
    pay::BatchTotals totals{};
    std::map<std::uint32_t, std::int64_t> amounts{};  // By trace: what moved money.
};

// By the numbers that the terminal gave. conflict while one of its payments is open.
Result<OurBatch> batch_of_ours(store::Store& store, const merchant::Terminal& terminal,
                               std::uint32_t batch);

// The terminal has no foreign side here: everything is in the domestic one.
bool balances(const pay::BatchTotals& ours, const codec::BatchTotals& theirs);

struct BatchDifference {
    std::vector<std::uint32_t> only_ours{};  // Traces.
    std::vector<std::uint32_t> only_theirs{};
    std::vector<std::uint32_t> other_amount{};
    bool incomplete = false;  // Fewer or more payments were uploaded than the terminal counted.
};

BatchDifference compare_batch(const OurBatch& ours, std::span<const channel::UploadItem> theirs,
                              std::uint32_t theirs_total);

// The body of the event classic.batch_differs.
std::string difference_json(const BatchDifference& difference, const merchant::Terminal& terminal,
                            std::uint32_t batch);

}  // namespace softpos::server
