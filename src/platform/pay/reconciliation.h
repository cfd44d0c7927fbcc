// The three-way comparison of a settlement date: what we booked, what the network answered, what
// the clearing file says. Input comes in key order, one record at a time, so that a day of any
// size needs no memory.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "platform/pay/business_date.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace softpos::pay {

// What all three know of one movement of money. Spec: [CUP-CLEARING] ACOMN.
struct ClearingKey {
    BusinessDate settlement_date = {};
    std::string terminal = {};
    std::uint32_t stan = 0;
    std::string rrn = {};  // Decides between two of one trace number (two batches in one day).

    friend auto operator<=>(const ClearingKey&, const ClearingKey&) = default;
};

struct ClearingRecord {
    ClearingKey key = {};
    std::string merchant = {};
    std::int64_t amount_minor = 0;  // Signed: a purchase is positive, a void or refund negative.
    std::int64_t fee_minor = 0;     // Of the file: what the network keeps, signed the same way.
    Id128 payment = {};             // Ours only.
    bool carried = false;           // Ours only: was not in the file of the day before.
    bool near_cut_over = false;     // Ours only: may well be in tomorrow's file.
};

enum class ReconciliationKind : std::uint8_t {
    matched = 1,
    long_item = 2,   // The file has it, we do not.
    short_item = 3,  // We have it, the file does not.
    amount_differs = 4,
    cross_day = 5,   // Short, but near the cut-over: looked for in the next file first.
    not_in_log = 6,  // Ours and the file agree; the network's answer is missing from our log.
};
std::string_view name_of(ReconciliationKind kind);

struct ReconciliationItem {
    ReconciliationKind kind{};
    ClearingKey key = {};
    std::string merchant = {};
    std::int64_t ours_minor = 0;
    std::int64_t file_minor = 0;
    bool in_log = false;  // The upstream message log has it too.
    Id128 payment = {};

    std::int64_t difference_minor() const { return file_minor - ours_minor; }
    friend bool operator==(const ReconciliationItem&, const ReconciliationItem&) = default;
};

struct ReconciliationReport {
    BusinessDate date = {};
    std::string counterparty = {};  // As of receivable_account().
    std::int64_t ours_count = 0, ours_minor = 0;
    std::int64_t log_count = 0, log_minor = 0;
    std::int64_t file_count = 0, file_minor = 0, file_fee_minor = 0;
    std::int64_t matched_count = 0, matched_minor = 0;
    std::int64_t long_count = 0, long_minor = 0;
    std::int64_t short_count = 0, short_minor = 0;
    std::int64_t differing_count = 0, difference_minor = 0;
    std::int64_t cross_day_count = 0, cross_day_minor = 0;
    std::int64_t carried_count = 0, carried_minor = 0;
    std::int64_t not_in_log_count = 0;

    // ours - short - cross-day + long + differences == file: nothing was left out.
    bool adds_up() const;
    friend bool operator==(const ReconciliationReport&, const ReconciliationReport&) = default;
};

// The next record in ClearingKey order, nullopt at the end.
using ClearingSource = std::function<Result<std::optional<ClearingRecord>>()>;
using ReconciliationSink = std::function<Result<void>(const ReconciliationItem&)>;

struct ReconciliationInput {
    BusinessDate date = {};
    std::string counterparty = {};
    ClearingSource ours = {}, log = {}, file = {};
};

// Calls sink for everything that is not simply matched (and for matches where with_matches).
// malformed where a source is out of order or names one key twice: then nothing can be proved.
enum class Report : std::uint8_t { exceptions, everything };
Result<ReconciliationReport> reconcile(const ReconciliationInput& input, Report what,
                                       const ReconciliationSink& sink);

// Ours of a date with the cross-day items of the day before among them, under the new date.
// `carried` in any order.
ClearingSource with_carried(std::vector<ClearingRecord> carried, BusinessDate date,
                            ClearingSource ours);
ClearingRecord carried_record(const ReconciliationItem& item);

// The clearing account of that date, after the differences are booked, is what the file pays:
// net debits of the counterparty's receivable, with what was carried in and without what is
// carried on, are the file's gross. `receivable_minor` is the account's debit_net() over all
// sub-accounts on that date, before the money itself is booked.
bool clearing_proves(const ReconciliationReport& report, std::int64_t receivable_minor);

}  // namespace softpos::pay
