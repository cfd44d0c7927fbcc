// The end of a business day: batches reported to the network, its clearing file taken in, compared
// three ways, differences booked, merchants paid.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "platform/pay/business_date.h"
#include "platform/pay/payout.h"
#include "platform/pay/reconciliation.h"
#include "platform/pay/shard.h"
#include "platform/server/number_box.h"
#include "platform/server/outside.h"
#include "platform/server/settlement_books.h"
#include "platform/server/upstream.h"
#include "platform/store/store.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::server {

struct BatchOutcome {
    std::string terminal;
    std::uint32_t batch = 0;
    std::int64_t debit_minor = 0, debit_count = 0;
    std::int64_t credit_minor = 0, credit_count = 0;
    bool balanced = false;
};

struct ClearingImport {
    std::int64_t lines = 0;
    std::int64_t undone = 0;  // Of a bill: lines of payments that were cancelled again.
    std::int64_t net_minor = 0;
    std::int64_t fee_minor = 0;
};

struct ReconciliationOutcome {
    pay::ReconciliationReport report;
    std::vector<store::ReconciliationException> exceptions;
    std::int64_t receivable_minor = 0;  // Of the counterparty on that date, afterwards.
    bool proved = false;                // The account equals the file.
};

struct PayoutRun {
    std::vector<pay::Payout> payouts;
    std::int64_t total_minor = 0;
    std::string file;
    std::vector<std::string> not_payable;  // Merchants whose data the bank's file cannot hold.
};

class SettlementJobs {
public:
    struct Parts {
        store::Store& store;
        Upstream& upstream;
        const NumberBox& numbers;
        const Clock& clock;
        Random& random;
        Meanwhile meanwhile = {};
    };

    explicit SettlementJobs(Parts parts) : parts_(parts) {}

    // Reports the open batch of every terminal that took money on the date. conflict while a
    // payment of one is still open. Safe to repeat.
    Result<std::vector<BatchOutcome>> settle(pay::BusinessDate date);

    // Takes in the network's general transaction file. malformed with line and column; then nothing
    // of it is kept. The same file again adds nothing.
    Result<ClearingImport> import_clearing(pay::BusinessDate date, std::string_view file_name,
                                           std::string_view text);

    // Takes in a wallet's bill of the day, in the place of one that was there. malformed with line
    // and column, conflict with the line where it names a payment twice; then nothing of it is
    // kept. not_found where the counterparty is no wallet.
    Result<ClearingImport> import_bill(const store::CounterpartyDay& day, Bytes file);

    // Compares, books the differences to suspense and the counterparty's money to the bank.
    // conflict while the day's file has not been taken in. Safe to repeat, also after another file.
    Result<ReconciliationOutcome> reconcile(const store::CounterpartyDay& day);

    // Whose files a date needs: everybody's with whom money moved, or from whom some of the day
    // before is still looked for.
    Result<std::vector<std::string>> counterparties(pay::BusinessDate date);
    Result<bool> proved(const store::CounterpartyDay& day);

    // Pays each merchant once for the date. conflict unless the day was reconciled and proved with
    // each of its counterparties.
    Result<PayoutRun> pay_out(pay::BusinessDate date);

private:
    Result<BatchOutcome> settle_batch(const TerminalRef& terminal, std::uint32_t batch);
    Result<void> pay_merchant(const pay::MerchantDay& day, pay::BusinessDate date, PayoutRun& run);
    Result<std::string> payout_line(store::Reader& reader, const pay::Payout& payout);

    Result<ReconciliationOutcome> compare(const store::CounterpartyDay& day,
                                          std::vector<pay::ClearingRecord>& carried,
                                          MoneyByShard& money);

    Parts parts_;
    std::mutex running_;  // One job at a time: each waits on a worker.
};

}  // namespace softpos::server
