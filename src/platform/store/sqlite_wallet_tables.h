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

}  // namespace softpos::store
