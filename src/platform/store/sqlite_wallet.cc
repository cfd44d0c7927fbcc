// Payments out of wallets, and what is given back into them.
#include "platform/store/sqlite_tx.h"

#define TRADE_COLUMNS                                                                              \
    "id, kind, channel, way, state, version, merchant, terminal, amount_minor, currency, "         \
    "reference, idempotency_key, body_digest, original, code, wallet_trade, payer, wallet_code, "  \
    "refusal, settlement_date, fee_merchant, fee_issuer, fee_network, fee_return, "                \
    "refunded_minor, refunding_minor, voided, created_at, deadline_at, answered_at, attempts, "    \
    "next_at, late_paid"

#define SELECT_TRADE "SELECT " TRADE_COLUMNS " FROM wallet_trades "

namespace softpos::store {
namespace {

using pay::WalletTrade;

WalletTrade read_trade(Query& row) {
    WalletTrade trade;
    trade.id = row.id();
    trade.kind = row.whole<pay::PaymentKind>();
    trade.channel = row.whole<pay::WalletChannel>();
    trade.way = row.whole<pay::WalletWay>();
    trade.state = row.whole<pay::TradeState>();
    trade.version = row.whole<std::uint32_t>();
    trade.merchant = row.text();
    trade.terminal = row.text();
    trade.amount_minor = row.number();
    trade.currency = row.whole<Currency>();
    trade.reference = row.text();
    trade.idempotency_key = row.id();
    trade.body_digest = row.bytes<32>();
    trade.original = row.id();
    trade.code = row.text();
    trade.wallet_trade = row.text();
    trade.payer = row.text();
    trade.wallet_code = row.text();
    trade.refusal = refusal_named(row.text());
    trade.settlement_date = {row.whole<std::uint32_t>()};
    trade.fee.merchant_minor = row.number();
    trade.fee.issuer_minor = row.number();
    trade.fee.network_minor = row.number();
    trade.fee_return = row.whole<pay::FeeReturn>();
    trade.refunded_minor = row.number();
    trade.refunding_minor = row.number();
    trade.voided = row.number() != 0;
    trade.created_at = {row.number()};
    trade.deadline_at = {row.number()};
    trade.answered_at = {row.number()};
    trade.attempts = row.whole<std::uint32_t>();
    trade.next_at = {row.number()};
    trade.late_paid = row.number() != 0;
    return trade;
}

// What a step may change, in the order in which both insert and update bind it.
void bind_changing(Query& query, const WalletTrade& trade) {
    query << stored_number(trade.state) << trade.version << trade.code << trade.wallet_trade
          << trade.payer << trade.wallet_code << std::string_view(row_of(trade.refusal).code)
          << trade.settlement_date.yyyymmdd << trade.fee.merchant_minor << trade.fee.issuer_minor
          << trade.fee.network_minor << stored_number(trade.fee_return) << trade.refunded_minor
          << trade.refunding_minor << std::int64_t{trade.voided ? 1 : 0}
          << trade.deadline_at.unix_ms << trade.answered_at.unix_ms << trade.attempts
          << trade.next_at.unix_ms << std::int64_t{trade.late_paid ? 1 : 0};
}

}  // namespace

Reader::Found<WalletTrade> SqliteTx::wallet_trade(const Id128& id) {
    Query query(connection_, SELECT_TRADE "WHERE shard = ? AND id = ?");
    query << pay::shard_of(id) << id;
    return one(query, read_trade);
}

Reader::Found<WalletTrade> SqliteTx::wallet_trade_by_key(std::string_view merchant,
                                                         const Id128& idempotency_key) {
    Query query(connection_,
                SELECT_TRADE "WHERE shard = ? AND merchant = ? AND idempotency_key = ?");
    query << pay::shard_of(merchant) << merchant << idempotency_key;
    return one(query, read_trade);
}

Reader::List<WalletTrade> SqliteTx::open_wallet_trades(const IdPage& page) {
    Query query(connection_, SELECT_TRADE
                "WHERE state IN (1, 2, 3, 4) AND (shard, id) > (?, ?) ORDER BY shard, id LIMIT ?");
    query << pay::shard_of(page.after) << page.after << rows_of(page.rows_max);
    return all(query, read_trade);
}

Reader::List<WalletTrade> SqliteTx::open_wallet_trades_of(std::string_view terminal) {
    Query query(connection_,
                SELECT_TRADE "WHERE terminal = ? AND state IN (1, 2, 3, 4) ORDER BY id LIMIT ?");
    query << terminal << rows_of(page_rows_max);
    return all(query, read_trade);
}

// Goes on below `after`; zero is the top.
Reader::List<WalletTrade> SqliteTx::wallet_trades_of(std::string_view merchant,
                                                     const IdPage& page) {
    Id128 below = page.after;
    if (below == Id128{}) below.bytes.fill(0xFF);
    Query query(connection_, SELECT_TRADE "WHERE merchant = ? AND id < ? ORDER BY id DESC LIMIT ?");
    query << merchant << below << rows_of(page.rows_max);
    return all(query, read_trade);
}

Result<std::int64_t> SqliteTx::paid_by(pay::WalletChannel channel, std::string_view payer,
                                       pay::BusinessDate date) {
    Query query(connection_,
                "SELECT COALESCE(SUM(amount_minor - refunded_minor), 0) FROM wallet_trades"
                " WHERE state = 5 AND kind = 1 AND channel = ? AND payer = ?"
                " AND settlement_date = ?");
    query << stored_number(channel) << payer << date.yyyymmdd;
    if (!TRY(query.step())) return 0;
    return query.number();
}

// Of those that may still become money.
Result<std::int64_t> SqliteTx::wallet_in_flight(std::string_view merchant) {
    Query query(connection_,
                "SELECT COALESCE(SUM(amount_minor), 0) FROM wallet_trades WHERE shard = ?"
                " AND state IN (1, 2, 3, 4) AND kind = 1 AND merchant = ?");
    query << pay::shard_of(merchant) << merchant;
    if (!TRY(query.step())) return 0;
    return query.number();
}

Result<void> SqliteTx::insert(const WalletTrade& trade) {
    Query query(connection_,
                "INSERT INTO wallet_trades (state, version, code, wallet_trade, payer,"
                " wallet_code, refusal, settlement_date, fee_merchant, fee_issuer, fee_network,"
                " fee_return, refunded_minor, refunding_minor, voided, deadline_at, answered_at,"
                " attempts, next_at, late_paid, shard, id, kind, channel, way, merchant, terminal,"
                " amount_minor, currency, reference, idempotency_key, body_digest, original,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_changing(query, trade);
    query << pay::shard_of(trade.id) << trade.id << stored_number(trade.kind)
          << stored_number(trade.channel) << stored_number(trade.way) << trade.merchant
          << trade.terminal << trade.amount_minor << stored_number(trade.currency)
          << trade.reference << trade.idempotency_key << Bytes(trade.body_digest) << trade.original
          << trade.created_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::update(const WalletTrade& trade) {
    Query query(connection_,
                "UPDATE wallet_trades SET state = ?, version = ?, code = ?, wallet_trade = ?,"
                " payer = ?, wallet_code = ?, refusal = ?, settlement_date = ?, fee_merchant = ?,"
                " fee_issuer = ?, fee_network = ?, fee_return = ?, refunded_minor = ?,"
                " refunding_minor = ?, voided = ?, deadline_at = ?, answered_at = ?, attempts = ?,"
                " next_at = ?, late_paid = ? WHERE shard = ? AND id = ? AND version < ?");
    bind_changing(query, trade);
    query << pay::shard_of(trade.id) << trade.id << trade.version;
    TRY_VOID(query.run());
    if (connection_.changes() == 1) return {};
    if (!TRY(wallet_trade(trade.id))) return fail(ErrorKind::not_found, "no such trade");
    return fail(ErrorKind::conflict, "the trade moved on meanwhile");
}

}  // namespace softpos::store
