// Each step is applied once, in its own transaction with its number. Never change a step that was
// shipped: add one.
//
// Keyed by (shard, id), with the shard of the merchant, so that rows can be spread over machines
// without a commit that needs two of them. Indexes are few: each costs every payment.
#include "platform/store/sqlite_schema.h"

#include "platform/store/sqlite_classic_tables.h"
#include "platform/store/sqlite_store.h"
#include "platform/store/sqlite_trust_tables.h"
#include "platform/store/sqlite_wallet_tables.h"

#include <array>

namespace softpos::store {
namespace {

constexpr const char* step_1 = R"(
CREATE TABLE merchants (
    shard BIGINT NOT NULL, number TEXT NOT NULL, state BIGINT NOT NULL, name TEXT NOT NULL,
    licence_kind BIGINT NOT NULL, licence_masked TEXT NOT NULL, licence_digest BLOB NOT NULL,
    licence_sealed BLOB NOT NULL, mcc TEXT NOT NULL, region TEXT NOT NULL,
    phone_masked TEXT NOT NULL, bank_name TEXT NOT NULL, account_holder TEXT NOT NULL,
    account_masked TEXT NOT NULL, account_digest BLOB NOT NULL, account_sealed BLOB NOT NULL,
    address TEXT NOT NULL, limit_class TEXT NOT NULL, applied_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL, PRIMARY KEY (number)) WITHOUT ROWID;
CREATE INDEX merchants_licence ON merchants (licence_digest);

CREATE TABLE terminals (
    shard BIGINT NOT NULL, id BLOB NOT NULL, number TEXT NOT NULL, merchant TEXT NOT NULL,
    state BIGINT NOT NULL, device_model TEXT NOT NULL, device_os TEXT NOT NULL,
    app_version TEXT NOT NULL, trusted_point BLOB NOT NULL, measurement BLOB NOT NULL,
    initial_key_id BLOB NOT NULL, certificate_fingerprint TEXT NOT NULL,
    created_at BIGINT NOT NULL, enrolled_at BIGINT NOT NULL,
    PRIMARY KEY (shard, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX terminals_number ON terminals (number);
CREATE INDEX terminals_merchant ON terminals (merchant);

CREATE TABLE activation_codes (
    digest BLOB NOT NULL PRIMARY KEY, terminal BLOB NOT NULL, merchant TEXT NOT NULL,
    expires_at BIGINT NOT NULL, used_at BIGINT NOT NULL) WITHOUT ROWID;
CREATE TABLE api_keys (
    digest BLOB NOT NULL PRIMARY KEY, id BLOB NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
    merchant TEXT NOT NULL, created_at BIGINT NOT NULL, revoked_at BIGINT NOT NULL) WITHOUT ROWID;

CREATE TABLE payments (
    shard BIGINT NOT NULL, id BLOB NOT NULL, kind BIGINT NOT NULL, state BIGINT NOT NULL,
    version BIGINT NOT NULL, merchant TEXT NOT NULL, terminal TEXT NOT NULL,
    amount_minor BIGINT NOT NULL, currency BIGINT NOT NULL, reference TEXT NOT NULL,
    idempotency_key BLOB NOT NULL, body_digest BLOB NOT NULL, original BLOB NOT NULL,
    batch BIGINT NOT NULL, stan BIGINT NOT NULL, rrn TEXT NOT NULL, auth_code TEXT NOT NULL,
    response_code TEXT NOT NULL, settlement_date BIGINT NOT NULL, masked_pan TEXT NOT NULL,
    card_method TEXT NOT NULL, stored_card BLOB NOT NULL, refusal TEXT NOT NULL,
    fee_merchant BIGINT NOT NULL, fee_issuer BIGINT NOT NULL, fee_network BIGINT NOT NULL,
    fee_return BIGINT NOT NULL, refunded_minor BIGINT NOT NULL, refunding_minor BIGINT NOT NULL,
    void_status BIGINT NOT NULL, created_at BIGINT NOT NULL, sent_at BIGINT NOT NULL,
    deadline_at BIGINT NOT NULL, answered_at BIGINT NOT NULL, reversal_reason BIGINT NOT NULL,
    attempts BIGINT NOT NULL, next_attempt_at BIGINT NOT NULL, late_response_code TEXT NOT NULL,
    PRIMARY KEY (shard, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX payments_key ON payments (shard, merchant, idempotency_key);
CREATE UNIQUE INDEX payments_trace ON payments (terminal, batch, stan) WHERE stan > 0;
CREATE INDEX payments_merchant ON payments (merchant, id);
CREATE INDEX payments_in_flight ON payments (shard, state, merchant, kind, amount_minor);
CREATE INDEX payments_day ON payments (settlement_date, terminal, stan, rrn)
    WHERE settlement_date > 0;

CREATE TABLE payment_events (
    shard BIGINT NOT NULL, payment BLOB NOT NULL, version BIGINT NOT NULL, kind BIGINT NOT NULL,
    from_state BIGINT NOT NULL, to_state BIGINT NOT NULL, response_code TEXT NOT NULL,
    at BIGINT NOT NULL, PRIMARY KEY (shard, payment, version)) WITHOUT ROWID;

CREATE TABLE transfers (
    shard BIGINT NOT NULL, source BLOB NOT NULL, code BIGINT NOT NULL,
    debit_code BIGINT NOT NULL, debit_owner TEXT NOT NULL, credit_code BIGINT NOT NULL,
    credit_owner TEXT NOT NULL, amount_minor BIGINT NOT NULL, settlement_date BIGINT NOT NULL,
    PRIMARY KEY (shard, source, code)) WITHOUT ROWID;
CREATE TABLE balances (
    shard BIGINT NOT NULL, code BIGINT NOT NULL, owner TEXT NOT NULL,
    settlement_date BIGINT NOT NULL, debits_minor BIGINT NOT NULL, credits_minor BIGINT NOT NULL,
    PRIMARY KEY (shard, code, owner, settlement_date)) WITHOUT ROWID;
CREATE INDEX balances_day ON balances (code, settlement_date, owner);

CREATE TABLE network_messages (
    shard BIGINT NOT NULL, id BLOB NOT NULL, payment BLOB NOT NULL, direction BIGINT NOT NULL,
    at BIGINT NOT NULL, mti TEXT NOT NULL, merchant TEXT NOT NULL, terminal TEXT NOT NULL,
    batch BIGINT NOT NULL, stan BIGINT NOT NULL, rrn TEXT NOT NULL, response_code TEXT NOT NULL,
    amount_minor BIGINT NOT NULL, settlement_date BIGINT NOT NULL,
    PRIMARY KEY (shard, payment, id)) WITHOUT ROWID;
CREATE INDEX network_messages_day ON network_messages (settlement_date, terminal, stan, rrn)
    WHERE settlement_date > 0;

CREATE TABLE clearing_lines (
    shard BIGINT NOT NULL, settlement_date BIGINT NOT NULL, terminal TEXT NOT NULL,
    stan BIGINT NOT NULL, rrn TEXT NOT NULL, file TEXT NOT NULL, line BIGINT NOT NULL,
    merchant TEXT NOT NULL, amount_minor BIGINT NOT NULL, fee_minor BIGINT NOT NULL,
    masked_pan TEXT NOT NULL, PRIMARY KEY (settlement_date, terminal, stan, rrn)) WITHOUT ROWID;
CREATE TABLE reconciliations (
    settlement_date BIGINT NOT NULL PRIMARY KEY, ours_count BIGINT NOT NULL,
    ours_minor BIGINT NOT NULL, log_count BIGINT NOT NULL, log_minor BIGINT NOT NULL,
    file_count BIGINT NOT NULL, file_minor BIGINT NOT NULL, file_fee_minor BIGINT NOT NULL,
    matched_count BIGINT NOT NULL, matched_minor BIGINT NOT NULL, long_count BIGINT NOT NULL,
    long_minor BIGINT NOT NULL, short_count BIGINT NOT NULL, short_minor BIGINT NOT NULL,
    differing_count BIGINT NOT NULL, difference_minor BIGINT NOT NULL,
    cross_day_count BIGINT NOT NULL, cross_day_minor BIGINT NOT NULL,
    carried_count BIGINT NOT NULL, carried_minor BIGINT NOT NULL,
    not_in_log_count BIGINT NOT NULL);
CREATE TABLE reconciliation_exceptions (
    settlement_date BIGINT NOT NULL, id BLOB NOT NULL, kind BIGINT NOT NULL,
    key_date BIGINT NOT NULL, terminal TEXT NOT NULL, stan BIGINT NOT NULL, rrn TEXT NOT NULL,
    merchant TEXT NOT NULL, ours_minor BIGINT NOT NULL, file_minor BIGINT NOT NULL,
    in_log BIGINT NOT NULL, payment BLOB NOT NULL, open BIGINT NOT NULL, found_at BIGINT NOT NULL,
    PRIMARY KEY (settlement_date, id)) WITHOUT ROWID;
CREATE TABLE payouts (
    shard BIGINT NOT NULL, id BLOB NOT NULL, merchant TEXT NOT NULL,
    settlement_date BIGINT NOT NULL, amount_minor BIGINT NOT NULL, state BIGINT NOT NULL,
    created_at BIGINT NOT NULL, PRIMARY KEY (shard, id)) WITHOUT ROWID;
CREATE INDEX payouts_day ON payouts (settlement_date, id);

CREATE TABLE terminal_traces (
    terminal TEXT NOT NULL PRIMARY KEY, batch BIGINT NOT NULL, stan BIGINT NOT NULL) WITHOUT ROWID;
CREATE TABLE sequences (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (
    sequence BIGINT NOT NULL PRIMARY KEY, topic TEXT NOT NULL, body TEXT NOT NULL,
    created_at BIGINT NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)";

// A comparison reads a day in the order of its keys, and a table is in another: everything that it
// asks for stands in the index.
constexpr const char* day_indexes = R"(
DROP INDEX payments_day;
CREATE INDEX payments_day ON payments
    (settlement_date, terminal, stan, rrn, state, kind, merchant, amount_minor)
    WHERE settlement_date > 0;
DROP INDEX network_messages_day;
CREATE INDEX network_messages_day ON network_messages
    (settlement_date, terminal, stan, rrn, direction, merchant, amount_minor)
    WHERE settlement_date > 0;
)";

constexpr std::array steps{step_1,       trust_tables, trust_step_3,   wallet_tables,
                           trial_tables, bill_tables,  classic_tables, day_indexes};

Result<std::int64_t> version_of(Connection& connection) {
    TRY_VOID(connection.execute_script(
        "CREATE TABLE IF NOT EXISTS schema_version (id BIGINT NOT NULL PRIMARY KEY,"
        " version BIGINT NOT NULL) WITHOUT ROWID;"
        "INSERT INTO schema_version VALUES (1, 0) ON CONFLICT DO NOTHING;"));
    Query query(connection, "SELECT version FROM schema_version WHERE id = 1");
    if (!TRY(query.step())) return fail(ErrorKind::internal, "the store has no version");
    return query.number();
}

Result<void> apply(Connection& connection, std::size_t number) {
    TRY_VOID(connection.execute_script(steps[number - 1]));
    Query query(connection, "UPDATE schema_version SET version = ? WHERE id = 1");
    query << static_cast<std::int64_t>(number);
    return query.run();
}

}  // namespace

std::uint32_t schema_version() {
    return steps.size();
}

Result<void> migrate(Connection& connection) {
    TRY_VOID(connection.execute("BEGIN IMMEDIATE"));  // Two programs do not migrate at once.
    const auto version = version_of(connection);
    Result<void> done;
    if (!version) {
        done = std::unexpected(version.error());
    } else if (*version < 0 || *version > static_cast<std::int64_t>(steps.size())) {
        done = fail(ErrorKind::unsupported, "the store was made by a newer program");
    } else {
        for (auto number = static_cast<std::size_t>(*version) + 1; done && number <= steps.size();
             ++number) {
            done = apply(connection, number);
        }
    }
    if (done) return connection.execute("COMMIT");
    const Error error = done.error();
    if (connection.in_transaction()) TRY_VOID(connection.execute("ROLLBACK"));
    return std::unexpected(error);
}

}  // namespace softpos::store
