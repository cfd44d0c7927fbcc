// The three sides of a wallet's day: what we booked, what the wallet had told us, what it bills.
#include "platform/store/sqlite_tx.h"

namespace softpos::store {
namespace {

using pay::ClearingRecord;

constexpr std::int64_t day_ms = 24LL * 3600 * 1000;
constexpr std::int64_t china_ms = 8LL * 3600 * 1000;
// So shortly before midnight our clock and the wallet's may see different days.
constexpr std::int64_t near_ms = 10LL * 60 * 1000;

bool near_midnight(std::int64_t unix_ms) {
    return (unix_ms + china_ms) % day_ms >= day_ms - near_ms;
}

// Kind, then number, within one day and wallet.
struct Position {
    std::uint32_t kind;
    std::string number;
};
Position position_of(const CounterpartyDay& day, const ClearingPage& page) {
    if (page.after.settlement_date != day.date) return {0, {}};
    return {page.after.stan, page.after.rrn};
}

Reader::List<ClearingRecord> page_of_trades(Query& query, const CounterpartyDay& day,
                                            const ClearingPage& page) {
    const auto channel = pay::wallet_channel(day.counterparty);
    if (!channel) return fail(ErrorKind::not_found, "no such wallet");
    const Position after = position_of(day, page);
    Id128 number;
    if (!after.number.empty()) number = TRY(Id128::parse(after.number));
    query << stored_number(*channel) << day.date.yyyymmdd << after.kind + 1 << number
          << rows_of(page.rows_max);
    return all(query, [&](Query& row) {
        ClearingRecord record{.key = {.settlement_date = day.date, .terminal = day.counterparty}};
        record.key.stan = row.whole<std::uint32_t>() - 1;
        record.payment = row.id();
        record.key.rrn = record.payment.text();
        record.merchant = row.text();
        record.amount_minor = row.number();
        record.near_cut_over = near_midnight(row.number());
        return record;
    });
}

}  // namespace

Reader::List<ClearingRecord> SqliteTx::wallet_booked(const CounterpartyDay& day,
                                                     const ClearingPage& page) {
    Query query(connection_,
                "SELECT t.kind, t.id, t.merchant,"
                " CASE x.code WHEN 24 THEN x.amount_minor ELSE -x.amount_minor END, t.answered_at"
                " FROM wallet_trades t JOIN transfers x ON x.shard = t.shard AND x.source = t.id"
                " AND x.code IN (24, 27) WHERE t.state = 5 AND t.channel = ?"
                " AND t.settlement_date = ? AND (t.kind, t.id) > (?, ?)"
                " ORDER BY t.kind, t.id LIMIT ?");
    return page_of_trades(query, day, page);
}

Reader::List<ClearingRecord> SqliteTx::wallet_answered(const CounterpartyDay& day,
                                                       const ClearingPage& page) {
    Query query(connection_,
                "SELECT kind, id, merchant,"
                " CASE kind WHEN 1 THEN amount_minor ELSE -amount_minor END, answered_at"
                " FROM wallet_trades WHERE state = 5 AND channel = ? AND settlement_date = ?"
                " AND (kind, id) > (?, ?) ORDER BY kind, id LIMIT ?");
    return page_of_trades(query, day, page);
}

Reader::List<ClearingRecord> SqliteTx::wallet_cleared(const CounterpartyDay& day,
                                                      const ClearingPage& page) {
    const Position after = position_of(day, page);
    Query query(connection_,
                "SELECT kind, number, merchant, amount_minor, fee_minor FROM wallet_bill_lines"
                " WHERE settlement_date = ? AND counterparty = ? AND (kind, number) > (?, ?)"
                " AND undone = 0 ORDER BY kind, number LIMIT ?");
    query << day.date.yyyymmdd << day.counterparty << after.kind << after.number
          << rows_of(page.rows_max);
    return all(query, [&](Query& row) {
        ClearingRecord record{.key = {.settlement_date = day.date, .terminal = day.counterparty}};
        record.key.stan = row.whole<std::uint32_t>();
        record.key.rrn = row.text();
        record.merchant = row.text();
        record.amount_minor = row.number();
        record.fee_minor = row.number();
        return record;
    });
}

Reader::Found<pay::WalletTrade> SqliteTx::wallet_void_of(const Id128& original) {
    Id128 found;
    {
        Query query(connection_,
                    "SELECT id FROM wallet_trades WHERE original = ? AND kind = 2 AND state = 5");
        query << original;
        const auto id = TRY(one(query, [](Query& row) { return row.id(); }));
        if (!id) return std::nullopt;
        found = *id;
    }
    return wallet_trade(found);
}

Result<void> SqliteTx::replace_bill(const CounterpartyDay& day, std::span<const BillLine> lines) {
    {
        Query query(connection_,
                    "DELETE FROM wallet_bill_lines WHERE settlement_date = ? AND counterparty = ?");
        query << day.date.yyyymmdd << day.counterparty;
        TRY_VOID(query.run());
    }
    for (const BillLine& line : lines) {
        const ClearingRecord& record = line.record;
        Query query(connection_,
                    "INSERT INTO wallet_bill_lines (settlement_date, counterparty, kind, number,"
                    " line, merchant, amount_minor, fee_minor, undone)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
        query << day.date.yyyymmdd << day.counterparty << record.key.stan << record.key.rrn
              << line.line << record.merchant << record.amount_minor << record.fee_minor
              << std::int64_t{line.undone ? 1 : 0};
        const auto put = query.run();
        if (put || put.error().kind != ErrorKind::conflict) {
            TRY_VOID(put);
            continue;
        }
        return fail(ErrorKind::conflict, "a bill names one payment twice", line.line);
    }
    return {};
}

}  // namespace softpos::store
