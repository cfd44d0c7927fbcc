// The step that brought payments out of wallets. Internal to the store.
#pragma once

namespace softpos::store {

// The code that a payer showed is not kept: it pays. The one that was shown to a payer is.
constexpr const char* wallet_tables = R"(
CREATE TABLE wallet_trades (
    shard BIGINT NOT NULL, id BLOB NOT NULL, kind BIGINT NOT NULL, channel BIGINT NOT NULL,
    way BIGINT NOT NULL, state BIGINT NOT NULL, version BIGINT NOT NULL, merchant TEXT NOT NULL,
    terminal TEXT NOT NULL, amount_minor BIGINT NOT NULL, currency BIGINT NOT NULL,
    reference TEXT NOT NULL, idempotency_key BLOB NOT NULL, body_digest BLOB NOT NULL,
    original BLOB NOT NULL, code TEXT NOT NULL, wallet_trade TEXT NOT NULL, payer TEXT NOT NULL,
    wallet_code TEXT NOT NULL, refusal TEXT NOT NULL, settlement_date BIGINT NOT NULL,
    fee_merchant BIGINT NOT NULL, fee_issuer BIGINT NOT NULL, fee_network BIGINT NOT NULL,
    fee_return BIGINT NOT NULL, refunded_minor BIGINT NOT NULL, refunding_minor BIGINT NOT NULL,
    voided BIGINT NOT NULL, created_at BIGINT NOT NULL, deadline_at BIGINT NOT NULL,
    answered_at BIGINT NOT NULL, attempts BIGINT NOT NULL, next_at BIGINT NOT NULL,
    late_paid BIGINT NOT NULL, PRIMARY KEY (shard, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX wallet_trades_key ON wallet_trades (shard, merchant, idempotency_key);
CREATE INDEX wallet_trades_merchant ON wallet_trades (merchant, id);
CREATE INDEX wallet_trades_open ON wallet_trades (shard, merchant, id) WHERE state IN (1, 2, 3, 4);
CREATE INDEX wallet_trades_terminal ON wallet_trades (terminal, id) WHERE state IN (1, 2, 3, 4);
CREATE INDEX wallet_trades_payer ON wallet_trades (channel, payer, settlement_date)
    WHERE state = 5 AND kind = 1;
)";

// The step that brought their bills, and with them days of several counterparties.
constexpr const char* bill_tables = R"(
CREATE TABLE wallet_bill_lines (
    settlement_date BIGINT NOT NULL, counterparty TEXT NOT NULL, kind BIGINT NOT NULL,
    number TEXT NOT NULL, line BIGINT NOT NULL, merchant TEXT NOT NULL,
    amount_minor BIGINT NOT NULL, fee_minor BIGINT NOT NULL, undone BIGINT NOT NULL,
    PRIMARY KEY (settlement_date, counterparty, kind, number)) WITHOUT ROWID;
CREATE INDEX wallet_trades_day ON wallet_trades (channel, settlement_date, kind, id)
    WHERE state = 5;
CREATE INDEX wallet_trades_void ON wallet_trades (original) WHERE kind = 2;

CREATE TABLE new_reconciliations (
    settlement_date BIGINT NOT NULL, counterparty TEXT NOT NULL, ours_count BIGINT NOT NULL,
    ours_minor BIGINT NOT NULL, log_count BIGINT NOT NULL, log_minor BIGINT NOT NULL,
    file_count BIGINT NOT NULL, file_minor BIGINT NOT NULL, file_fee_minor BIGINT NOT NULL,
    matched_count BIGINT NOT NULL, matched_minor BIGINT NOT NULL, long_count BIGINT NOT NULL,
    long_minor BIGINT NOT NULL, short_count BIGINT NOT NULL, short_minor BIGINT NOT NULL,
    differing_count BIGINT NOT NULL, difference_minor BIGINT NOT NULL,
    cross_day_count BIGINT NOT NULL, cross_day_minor BIGINT NOT NULL,
    carried_count BIGINT NOT NULL, carried_minor BIGINT NOT NULL,
    not_in_log_count BIGINT NOT NULL,
    PRIMARY KEY (settlement_date, counterparty)) WITHOUT ROWID;
INSERT INTO new_reconciliations SELECT settlement_date, '', ours_count, ours_minor, log_count,
    log_minor, file_count, file_minor, file_fee_minor, matched_count, matched_minor, long_count,
    long_minor, short_count, short_minor, differing_count, difference_minor, cross_day_count,
    cross_day_minor, carried_count, carried_minor, not_in_log_count FROM reconciliations;
DROP TABLE reconciliations;
ALTER TABLE new_reconciliations RENAME TO reconciliations;

CREATE TABLE new_exceptions (
    settlement_date BIGINT NOT NULL, counterparty TEXT NOT NULL, id BLOB NOT NULL,
    kind BIGINT NOT NULL, key_date BIGINT NOT NULL, terminal TEXT NOT NULL, stan BIGINT NOT NULL,
    rrn TEXT NOT NULL, merchant TEXT NOT NULL, ours_minor BIGINT NOT NULL,
    file_minor BIGINT NOT NULL, in_log BIGINT NOT NULL, payment BLOB NOT NULL,
    open BIGINT NOT NULL, found_at BIGINT NOT NULL,
    PRIMARY KEY (settlement_date, counterparty, id)) WITHOUT ROWID;
INSERT INTO new_exceptions SELECT settlement_date, '', id, kind, key_date, terminal, stan, rrn,
    merchant, ours_minor, file_minor, in_log, payment, open, found_at
    FROM reconciliation_exceptions;
DROP TABLE reconciliation_exceptions;
ALTER TABLE new_exceptions RENAME TO reconciliation_exceptions;
)";

}  // namespace softpos::store
