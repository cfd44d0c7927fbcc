// Questions and changes on one SQLite connection. Internal to the store.
#pragma once

#include "platform/store/sqlite_connection.h"
#include "platform/store/store.h"

namespace softpos::store {

// Balance changes that are not in the table yet. They are written once a batch, in the commit of
// the transfers that made them, because all payments of a shard touch the same few rows.
class BalanceChanges {
public:
    // Of the work that runs now: kept when it succeeds, dropped when it fails.
    void add(const pay::Transfer& transfer);
    void keep();
    void drop() { now_.clear(); }
    void clear();

    // Calls visit for each change of an account code, whoever owns it.
    template <typename Visit>
    void each(pay::AccountCode code, const Visit& visit) const {
        for (const pay::Balances* changes : {&kept_, &now_}) {
            const pay::BalanceKey first{.account = {.code = code}};
            for (auto at = changes->lower_bound(first);
                 at != changes->end() && at->first.account.code == code; ++at) {
                visit(at->first, at->second);
            }
        }
    }
    Result<void> write(Connection& connection) const;

private:
    pay::Balances kept_;
    pay::Balances now_;
};

class SqliteTx final : public Tx {
public:
    SqliteTx(Connection& connection, BalanceChanges& changes)
        : connection_(connection), changes_(changes) {}

    // In sqlite_classic.cc.
    Found<ClassicRow> classic(std::string_view terminal) override;
    Result<void> insert(const ClassicRow& classic) override;
    Result<void> update(const ClassicRow& classic) override;

    // In sqlite_merchants.cc.
    Found<merchant::Merchant> merchant(std::string_view number) override;
    Found<merchant::Merchant> merchant_by_licence(
        const std::array<std::uint8_t, 32>& digest) override;
    List<merchant::Merchant> merchants(const TextPage& page) override;
    Found<merchant::Terminal> terminal(const Id128& id) override;
    Found<merchant::Terminal> terminal_by_number(std::string_view number) override;
    List<merchant::Terminal> terminals_of(std::string_view merchant) override;
    Found<merchant::ActivationCode> activation_code(
        const std::array<std::uint8_t, 32>& digest) override;
    Found<ApiKey> api_key(const std::array<std::uint8_t, 32>& digest) override;
    List<ApiKey> api_keys() override;
    Result<void> insert(const merchant::Merchant& merchant) override;
    Result<void> update(const merchant::Merchant& merchant) override;
    Result<void> insert(const merchant::Terminal& terminal) override;
    Result<void> update(const merchant::Terminal& terminal) override;
    Result<void> insert(const merchant::ActivationCode& code) override;
    Result<void> update(const merchant::ActivationCode& code) override;
    Result<void> insert(const ApiKey& key) override;
    Result<void> update(const ApiKey& key) override;

    // In sqlite_payments.cc.
    Found<pay::Payment> payment(const Id128& id) override;
    List<pay::Payment> payments_by_keys(std::string_view merchant, const KeyRange& range) override;
    Found<pay::Payment> purchase_by_reference(std::string_view merchant,
                                              std::string_view reference) override;
    Found<pay::Payment> payment_by_key(std::string_view merchant,
                                       const Id128& idempotency_key) override;
    Found<pay::Payment> payment_by_trace(const TraceKey& trace) override;
    Found<pay::Payment> last_payment(std::string_view merchant, std::string_view terminal) override;
    List<pay::Payment> open_payments(const IdPage& page) override;
    List<pay::Payment> open_payments_of(std::string_view terminal) override;
    List<pay::Payment> payments_of(std::string_view merchant, const IdPage& page) override;
    List<pay::Payment> payments_on(pay::BusinessDate date, const IdPage& page) override;
    List<pay::Payment> payments_in_batch(std::string_view terminal, std::uint32_t batch) override;
    List<PaymentEventRow> events_of(const Id128& payment) override;
    Result<void> insert(const pay::Payment& payment) override;
    Result<void> update(const pay::Payment& payment) override;
    Result<void> append(const PaymentEventRow& event) override;
    Result<Trace> next_trace(std::string_view terminal) override;
    Result<void> open_batch(std::string_view terminal, std::uint32_t batch) override;
    Result<std::uint32_t> batch_of(std::string_view terminal) override;

    // In sqlite_wallet.cc.
    Found<pay::WalletTrade> wallet_trade(const Id128& id) override;
    Found<pay::WalletTrade> wallet_trade_by_key(std::string_view merchant,
                                                const Id128& idempotency_key) override;
    List<pay::WalletTrade> open_wallet_trades(const IdPage& page) override;
    List<pay::WalletTrade> open_wallet_trades_of(std::string_view terminal) override;
    List<pay::WalletTrade> wallet_trades_of(std::string_view merchant, const IdPage& page) override;
    Result<std::int64_t> paid_by(pay::WalletChannel channel, std::string_view payer,
                                 pay::BusinessDate date) override;
    Result<void> insert(const pay::WalletTrade& trade) override;
    Result<void> update(const pay::WalletTrade& trade) override;

    // In sqlite_bills.cc.
    Found<pay::WalletTrade> wallet_void_of(const Id128& original) override;
    Result<void> replace_bill(const CounterpartyDay& day, std::span<const BillLine> lines) override;

    // In sqlite_ledger.cc.
    List<pay::Transfer> transfers_of(const Id128& source) override;
    Result<pay::Balance> balance(const pay::BalanceKey& key) override;
    Result<pay::Balance> balance(const pay::AccountId& account) override;
    Result<pay::Balance> balance(pay::AccountCode code, pay::BusinessDate date) override;
    Result<pay::Balance> receivable(const CounterpartyDay& day) override;
    List<std::string> counterparties(pay::BusinessDate date) override;
    Result<pay::Balances> balances() override;
    List<pay::MerchantDay> merchant_days(pay::BusinessDate date, const TextPage& page) override;
    Result<merchant::Usage> usage(std::string_view merchant, pay::BusinessDate date) override;
    Result<void> post(std::span<const pay::Transfer> transfers) override;
    Found<pay::Payout> payout(const Id128& id) override;
    List<pay::Payout> payouts_on(pay::BusinessDate date, const IdPage& page) override;
    Result<void> insert(const pay::Payout& payout) override;
    Result<void> update(const pay::Payout& payout) override;

    // In sqlite_clearing.cc.
    List<pay::ClearingRecord> booked(const CounterpartyDay& day, const ClearingPage& page) override;
    List<pay::ClearingRecord> answered(const CounterpartyDay& day,
                                       const ClearingPage& page) override;
    List<pay::ClearingRecord> cleared(const CounterpartyDay& day,
                                      const ClearingPage& page) override;
    List<NetworkMessage> messages_of(const Id128& payment) override;
    Found<pay::ReconciliationReport> reconciliation(const CounterpartyDay& day) override;
    List<ReconciliationException> exceptions(const CounterpartyDay& day) override;
    Result<void> append(const NetworkMessage& message) override;
    Result<void> add(const ClearingLine& line) override;
    Result<void> put(const pay::ReconciliationReport& report,
                     std::span<const ReconciliationException> exceptions) override;
    Result<void> close_exception(const CounterpartyDay& day, const Id128& id) override;
    List<OutboxMessage> outbox(std::size_t rows_max) override;
    Found<std::string> setting(std::string_view name) override;
    Result<std::int64_t> next_number(std::string_view sequence) override;
    Result<void> enqueue(const OutboxMessage& message) override;
    Result<void> dequeue(std::int64_t up_to_sequence) override;
    Result<void> set(std::string_view name, std::string_view value) override;

    // In sqlite_trust.cc.
    Found<DeviceRow> device(std::string_view terminal) override;
    List<DeviceRow> devices(const DevicePage& page) override;
    List<DeviceRow> devices_of(std::string_view merchant) override;
    Found<NonceRow> nonce(const Id128& id) override;
    Found<PermitRow> permit(const Id128& id) override;
    List<EvidenceRow> evidence_of(std::string_view terminal, const NumberPage& page) override;
    List<TransitionRow> transitions_of(std::string_view terminal, const NumberPage& page) override;
    Result<void> insert(const DeviceRow& device) override;
    Result<void> update(const DeviceRow& device) override;
    Result<void> insert(const NonceRow& nonce) override;
    Result<bool> consume(const NonceUse& use) override;
    Result<bool> ask_proof(const NonceUse& use, const NonceProof& proof) override;
    Result<void> insert(const PermitRow& permit) override;
    Result<bool> spend(const Id128& permit, const Id128& payment) override;
    Result<void> append(const EvidenceRow& evidence) override;
    Result<void> append(const TransitionRow& transition) override;

    // In sqlite_incidents.cc.
    Found<IncidentRow> incident(const Id128& id) override;
    List<IncidentRow> incidents(const Id128& after, std::size_t rows_max) override;
    List<IncidentRow> incidents_of(std::string_view terminal) override;
    List<IncidentRow> incidents_with_keys() override;
    Found<CommandRow> command(std::string_view terminal, const Id128& id) override;
    List<CommandRow> open_commands(std::string_view terminal, Instant now) override;
    List<CommandRow> commands_of(std::string_view terminal, const NumberPage& page) override;
    Found<PolicyRow> policy(std::uint32_t version) override;
    Found<PolicyRow> policy_in_force() override;
    List<PolicyRow> policies() override;
    Found<TrialRow> trial(const Id128& id) override;
    List<TrialRow> trials() override;
    Result<void> insert(const IncidentRow& incident) override;
    Result<void> update(const IncidentRow& incident) override;
    Result<void> insert(const CommandRow& command) override;
    Result<void> update(const CommandRow& command) override;
    Result<void> insert(const PolicyRow& policy) override;
    Result<void> update(const PolicyRow& policy) override;
    Result<void> insert(const TrialRow& trial) override;
    Result<void> update(const TrialRow& trial) override;

    // In sqlite_registry.cc: webhooks and the registry of terminals.
    Found<WebhookRow> webhook(const Id128& id) override;
    List<WebhookRow> webhooks() override;
    List<DeliveryRow> deliveries_due(Instant now, std::size_t rows_max) override;
    List<DeliveryRow> deliveries_of(const Id128& webhook, std::size_t rows_max) override;
    Found<RegistryRow> registered(std::string_view terminal) override;
    Found<RegistryRow> registered_serial(std::string_view serial) override;
    List<RegistryRow> registry(std::string_view after, std::size_t rows_max) override;
    List<RegistryChange> registry_history(std::string_view terminal) override;
    Result<void> insert(const WebhookRow& webhook) override;
    Result<void> update(const WebhookRow& webhook) override;
    Result<void> insert(const DeliveryRow& delivery) override;
    Result<void> update(const DeliveryRow& delivery) override;
    Result<void> insert(const RegistryChange& change) override;
    Result<void> update(const RegistryChange& change) override;

private:
    Connection& connection_;
    BalanceChanges& changes_;

    Result<std::int64_t> wallet_in_flight(std::string_view merchant);
    // The sides of a wallet's day, in sqlite_bills.cc.
    List<pay::ClearingRecord> wallet_booked(const CounterpartyDay& day, const ClearingPage& page);
    List<pay::ClearingRecord> wallet_answered(const CounterpartyDay& day, const ClearingPage& page);
    List<pay::ClearingRecord> wallet_cleared(const CounterpartyDay& day, const ClearingPage& page);
    Result<void> insert_transfer(const pay::Transfer& transfer);
};

// Helpers that all parts of the store use.
inline std::int64_t rows_of(std::size_t wanted) {
    return static_cast<std::int64_t>(wanted < page_rows_max ? wanted : page_rows_max);
}

template <typename Enum>
std::int64_t stored_number(Enum value) {
    return static_cast<std::int64_t>(value);
}

// By its code, as it is stored, so that the table of refusals can grow in the middle.
Refusal refusal_named(std::string_view code);

// At most one row, read by `read(query)`.
template <typename Read>
auto one(Query& query, const Read& read) -> Result<std::optional<decltype(read(query))>> {
    if (!TRY(query.step())) return std::nullopt;
    return read(query);
}

template <typename Read>
auto all(Query& query, const Read& read) -> Result<std::vector<decltype(read(query))>> {
    std::vector<decltype(read(query))> rows;
    while (TRY(query.step())) rows.push_back(read(query));
    return rows;
}

// A change that must touch a row.
inline Result<void> touch(Connection& connection, Query& query) {
    TRY_VOID(query.run());
    if (connection.changes() == 0) return fail(ErrorKind::not_found, "no such row to change");
    return {};
}

}  // namespace softpos::store
