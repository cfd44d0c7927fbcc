// What the comparison of a day with one counterparty does to the books. Internal to the settlement
// jobs.
#pragma once

#include "base/result.h"
#include "platform/pay/ledger.h"
#include "platform/pay/reconciliation.h"
#include "platform/pay/shard.h"
#include "platform/store/store.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::server {

// The same words always give the same id, so that a second run books nothing twice.
Id128 settlement_id(std::string_view merchant, std::string_view what);

// "20261122", or with a wallet "20261122/alipay".
std::string day_name(const store::CounterpartyDay& day);
store::CounterpartyDay day_before(const store::CounterpartyDay& day);

// What a file pays, by the shard that it is for.
struct FileMoney {
    std::int64_t gross_minor = 0, fees_minor = 0;
};
using MoneyByShard = std::map<pay::Shard, FileMoney>;

// Within one work of the store. A day may be compared again, also with another file: what is still
// so stays booked, what is no longer so is taken back, what is new is booked.
class DayBooks {
public:
    static Result<DayBooks> open(store::Tx& tx, const store::CounterpartyDay& day);

    // Differences go to suspense, but what waits for the next file stays where it is. An exception
    // that was known keeps its identity and whether somebody has closed it.
    Result<void> book_differences(std::vector<store::ReconciliationException>& exceptions);

    // The money of the file goes to the bank, less what the counterparty keeps. Gives what had been
    // booked of it before.
    Result<std::int64_t> book_money(const MoneyByShard& money);

    // What the day before waited for has been looked for now.
    Result<void> end_waiting(const std::vector<pay::ClearingRecord>& carried);

private:
    using Exception = store::ReconciliationException;
    DayBooks(store::Tx& tx, store::CounterpartyDay day) : tx_(tx), day_(std::move(day)) {}
    Result<void> add(Exception& exception);
    Result<void> take_back(const Exception& old);
    const Exception* early_of(const pay::ReconciliationItem& item) const;
    Result<FileMoney> booked_money(pay::Shard shard);

    store::Tx& tx_;
    store::CounterpartyDay day_;
    std::vector<Exception> before_, known_;  // Of the day before and of this one.
    std::string run_;
};

}  // namespace softpos::server
