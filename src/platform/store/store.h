// What the platform keeps, and the only way to it. SQLite stands behind it; another database can,
// with nothing here changed.
#pragma once

#include "base/result.h"
#include "platform/merchant/activation.h"
#include "platform/merchant/limits.h"
#include "platform/merchant/merchant.h"
#include "platform/merchant/terminal.h"
#include "platform/pay/ledger.h"
#include "platform/pay/payment.h"
#include "platform/pay/payout.h"
#include "platform/pay/reconciliation.h"
#include "platform/pay/wallet_trade.h"
#include "platform/store/records.h"
#include "platform/store/trust_store.h"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::store {

constexpr std::size_t page_rows_max = 1'000;  // Of any list; ask again behind the last one.

// Where a list goes on: behind `after`, at most `rows_max` (and never above page_rows_max).
struct IdPage {
    Id128 after = {};
    std::size_t rows_max = 100;
};
struct TextPage {
    std::string after = {};
    std::size_t rows_max = 100;
};
// What moved on a date between us and one counterparty: see pay::receivable_account().
struct CounterpartyDay {
    pay::BusinessDate date = {};
    std::string counterparty = std::string(pay::card_network);
};
struct ClearingPage {
    pay::ClearingKey after = {};
    std::size_t rows_max = page_rows_max;
};

// Questions. All answers of one Reader are of one moment.
class Reader : public TrustReader {
public:
    virtual Found<merchant::Merchant> merchant(std::string_view number) = 0;
    virtual Found<merchant::Merchant> merchant_by_licence(
        const std::array<std::uint8_t, 32>& digest) = 0;
    virtual List<merchant::Merchant> merchants(const TextPage& page) = 0;

    virtual Found<merchant::Terminal> terminal(const Id128& id) = 0;
    virtual Found<merchant::Terminal> terminal_by_number(std::string_view number) = 0;
    virtual List<merchant::Terminal> terminals_of(std::string_view merchant) = 0;
    virtual Found<merchant::ActivationCode> activation_code(
        const std::array<std::uint8_t, 32>& digest) = 0;
    virtual Found<ApiKey> api_key(const std::array<std::uint8_t, 32>& digest) = 0;
    virtual List<ApiKey> api_keys() = 0;

    virtual Found<pay::Payment> payment(const Id128& id) = 0;
    virtual Found<pay::Payment> payment_by_key(std::string_view merchant,
                                               const Id128& idempotency_key) = 0;
    // In the order of their keys, at most classic_batch_rows_max.
    virtual List<pay::Payment> payments_by_keys(std::string_view merchant,
                                                const KeyRange& range) = 0;
    // The newest of the merchant's purchases to which the network gave that number (field 37).
    virtual Found<pay::Payment> purchase_by_reference(std::string_view merchant,
                                                      std::string_view reference) = 0;
    virtual Found<pay::Payment> payment_by_trace(const TraceKey& trace) = 0;
    virtual Found<pay::Payment> last_payment(std::string_view merchant,
                                             std::string_view terminal) = 0;
    virtual List<pay::Payment> open_payments(const IdPage& page) = 0;  // is_open(): for recovery.
    virtual List<pay::Payment> open_payments_of(std::string_view terminal) = 0;
    virtual List<pay::Payment> payments_of(std::string_view merchant, const IdPage& page) = 0;
    virtual List<pay::Payment> payments_on(pay::BusinessDate date, const IdPage& page) = 0;
    virtual List<pay::Payment> payments_in_batch(std::string_view terminal,
                                                 std::uint32_t batch) = 0;
    virtual List<PaymentEventRow> events_of(const Id128& payment) = 0;

    virtual Found<pay::WalletTrade> wallet_trade(const Id128& id) = 0;
    virtual Found<pay::WalletTrade> wallet_trade_by_key(std::string_view merchant,
                                                        const Id128& idempotency_key) = 0;
    virtual List<pay::WalletTrade> open_wallet_trades(const IdPage& page) = 0;  // For recovery.
    virtual List<pay::WalletTrade> open_wallet_trades_of(std::string_view terminal) = 0;
    virtual List<pay::WalletTrade> wallet_trades_of(std::string_view merchant,
                                                    const IdPage& page) = 0;    // Newest first.
    virtual Found<pay::WalletTrade> wallet_void_of(const Id128& original) = 0;  // A paid one.
    // What one payer of a wallet has paid on the date, at this acquirer.
    virtual Result<std::int64_t> paid_by(pay::WalletChannel channel, std::string_view payer,
                                         pay::BusinessDate date) = 0;

    virtual List<pay::Transfer> transfers_of(const Id128& source) = 0;
    virtual Result<pay::Balance> balance(const pay::BalanceKey& key) = 0;
    virtual Result<pay::Balance> balance(const pay::AccountId& account) = 0;  // All dates.
    virtual Result<pay::Balance> receivable(const CounterpartyDay& day) = 0;  // All shards.
    // All sub-accounts or owners of a code, on one date.
    virtual Result<pay::Balance> balance(pay::AccountCode code, pay::BusinessDate date) = 0;
    virtual Result<pay::Balances> balances() = 0;  // Everything: for reports and tests.
    virtual List<pay::MerchantDay> merchant_days(pay::BusinessDate date, const TextPage& page) = 0;
    // What the merchant took on the date and in its month, and what is in flight now.
    virtual Result<merchant::Usage> usage(std::string_view merchant, pay::BusinessDate date) = 0;

    // The three sides of a reconciliation, in ClearingKey order.
    virtual List<pay::ClearingRecord> booked(const CounterpartyDay& day,
                                             const ClearingPage& page) = 0;
    virtual List<pay::ClearingRecord> answered(const CounterpartyDay& day,
                                               const ClearingPage& page) = 0;
    virtual List<pay::ClearingRecord> cleared(const CounterpartyDay& day,
                                              const ClearingPage& page) = 0;
    // Whose receivable moved on the date.
    virtual List<std::string> counterparties(pay::BusinessDate date) = 0;
    virtual List<NetworkMessage> messages_of(const Id128& payment) = 0;
    virtual Found<pay::ReconciliationReport> reconciliation(const CounterpartyDay& day) = 0;
    virtual List<ReconciliationException> exceptions(const CounterpartyDay& day) = 0;
    virtual Found<pay::Payout> payout(const Id128& id) = 0;
    virtual List<pay::Payout> payouts_on(pay::BusinessDate date, const IdPage& page) = 0;

    virtual Found<ClassicRow> classic(std::string_view terminal) = 0;
    virtual Result<std::uint32_t> batch_of(std::string_view terminal) = 0;  // 0: none set yet.
    virtual List<OutboxMessage> outbox(std::size_t rows_max) = 0;           // Oldest first.
    virtual Found<std::string> setting(std::string_view name) = 0;
};

struct Trace {
    std::uint32_t batch = 0;
    std::uint32_t stan = 0;
};

constexpr std::uint32_t stan_max = 999'999;

// Changes, and questions that see them. Lives only inside the work that it was handed to; all of
// that work becomes durable, or nothing of it does. An insert of what is there already is a
// conflict unless said otherwise; an update of what is not there is not_found.
class Tx : public Reader, public TrustWriter {
public:
    using TrustWriter::append;
    using TrustWriter::insert;
    using TrustWriter::update;

    virtual Result<void> insert(const merchant::Merchant& merchant) = 0;
    virtual Result<void> update(const merchant::Merchant& merchant) = 0;
    virtual Result<void> insert(const merchant::Terminal& terminal) = 0;
    virtual Result<void> update(const merchant::Terminal& terminal) = 0;
    virtual Result<void> insert(const ClassicRow& classic) = 0;
    virtual Result<void> update(const ClassicRow& classic) = 0;  // Never to an older batch.
    virtual Result<void> insert(const merchant::ActivationCode& code) = 0;
    virtual Result<void> update(const merchant::ActivationCode& code) = 0;
    virtual Result<void> insert(const ApiKey& key) = 0;
    virtual Result<void> update(const ApiKey& key) = 0;

    // update(): conflict unless the stored version is below the new one.
    virtual Result<void> insert(const pay::Payment& payment) = 0;
    virtual Result<void> update(const pay::Payment& payment) = 0;
    virtual Result<void> insert(const pay::WalletTrade& trade) = 0;  // As of payments.
    virtual Result<void> update(const pay::WalletTrade& trade) = 0;
    virtual Result<void> append(const PaymentEventRow& event) = 0;
    virtual Result<void> append(const NetworkMessage& message) = 0;

    // Transfers that are there already, equal in everything, are passed over: safe to run twice.
    // Same source and code with other content is a conflict. Balances follow in the same commit.
    virtual Result<void> post(std::span<const pay::Transfer> transfers) = 0;

    // Loading a file again adds nothing.
    virtual Result<void> add(const ClearingLine& line) = 0;
    // A bill is whole: it takes the place of what was there of that day.
    virtual Result<void> replace_bill(const CounterpartyDay& day,
                                      std::span<const BillLine> lines) = 0;
    // Replaces the report and the exceptions of its date and counterparty.
    virtual Result<void> put(const pay::ReconciliationReport& report,
                             std::span<const ReconciliationException> exceptions) = 0;
    virtual Result<void> close_exception(const CounterpartyDay& day, const Id128& id) = 0;
    virtual Result<void> insert(const pay::Payout& payout) = 0;
    virtual Result<void> update(const pay::Payout& payout) = 0;

    // The next trace number of the terminal's open batch. conflict when the batch is used up.
    virtual Result<Trace> next_trace(std::string_view terminal) = 0;
    // Opens a batch; its trace numbers begin at 1. The batch that is open already is kept as it is.
    virtual Result<void> open_batch(std::string_view terminal, std::uint32_t batch) = 0;
    // 1, 2, 3, … of that name.
    virtual Result<std::int64_t> next_number(std::string_view sequence) = 0;

    virtual Result<void> enqueue(const OutboxMessage& message) = 0;  // Its sequence is ignored.
    virtual Result<void> dequeue(std::int64_t up_to_sequence) = 0;
    virtual Result<void> set(std::string_view name, std::string_view value) = 0;  // A setting.
};

// Thread-safe. Work runs one at a time and in order, many to a commit.
//
//     store.submit([=](Tx& tx) -> Result<void> { … TRY_VOID(tx.insert(payment)); return {}; },
//                  [=](Result<void> durable) { … now perform the effects … });
class Store {
public:
    using Work = std::function<Result<void>(Tx&)>;
    using Done = std::function<void(Result<void>)>;
    using Question = std::function<Result<void>(Reader&)>;

    virtual ~Store() = default;

    // Runs the work on the writer's thread. `done` is called once, on that thread and in order:
    // with nothing after all of it is durable; with the work's own error after nothing of it is
    // kept; with unavailable when it could not be made durable. It must be short, must not wait
    // for the store, and may submit again. Work may be called only once, and must not outlive
    // what it refers to.
    virtual void submit(Work work, Done done) = 0;

    // The same, waiting. Never from inside work or done.
    virtual Result<void> run(Work work);

    // Runs the question on the calling thread, on a connection of its own: readers do not wait
    // for the writer. Sees everything whose `done` was called before.
    virtual Result<void> read(const Question& question) = 0;
};

}  // namespace softpos::store
