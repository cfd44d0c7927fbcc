// The upstream message log, clearing files and their comparison; sequences, outbox and settings.
#include "platform/pay/shard.h"
#include "platform/store/sqlite_tx.h"

namespace softpos::store {
namespace {

using pay::BusinessDate;
using pay::ClearingRecord;

constexpr std::string_view outbox_sequence = "outbox";

ClearingRecord read_record(Query& row, BusinessDate date) {
    ClearingRecord record;
    record.key.settlement_date = date;
    record.key.terminal = row.text();
    record.key.stan = row.whole<std::uint32_t>();
    record.key.rrn = row.text();
    record.merchant = row.text();
    record.amount_minor = row.number();
    record.fee_minor = row.number();
    record.payment = row.id();
    return record;
}

// Binds the page: all three questions go on behind a key in the same way.
Reader::List<ClearingRecord> page_of(Query& query, BusinessDate date, const ClearingPage& page) {
    const bool first = page.after.settlement_date != date;
    const pay::ClearingKey after = first ? pay::ClearingKey{} : page.after;
    query << date.yyyymmdd << after.terminal << after.stan << after.rrn << rows_of(page.rows_max);
    return all(query, [&](Query& row) { return read_record(row, date); });
}

NetworkMessage read_message(Query& row, const Id128& payment) {
    NetworkMessage message{.payment = payment};
    message.id = row.id();
    message.direction = row.whole<Direction>();
    message.at = {row.number()};
    message.mti = row.text();
    message.merchant = row.text();
    message.terminal = row.text();
    message.batch = row.whole<std::uint32_t>();
    message.stan = row.whole<std::uint32_t>();
    message.rrn = row.text();
    message.response_code = row.text();
    message.amount_minor = row.number();
    message.settlement_date = {row.whole<std::uint32_t>()};
    return message;
}

ReconciliationException read_exception(Query& row, BusinessDate date) {
    ReconciliationException exception{.date = date};
    exception.id = row.id();
    exception.item.kind = row.whole<pay::ReconciliationKind>();
    exception.item.key.settlement_date = {row.whole<std::uint32_t>()};
    exception.item.key.terminal = row.text();
    exception.item.key.stan = row.whole<std::uint32_t>();
    exception.item.key.rrn = row.text();
    exception.item.merchant = row.text();
    exception.item.ours_minor = row.number();
    exception.item.file_minor = row.number();
    exception.item.in_log = row.number() != 0;
    exception.item.payment = row.id();
    exception.open = row.number() != 0;
    exception.found_at = {row.number()};
    return exception;
}

}  // namespace

// What moved money on that date: approved purchases, also when voided since, count up; voids and
// refunds count down. Spec: [CUP-CLEARING] ACOMN.
Reader::List<ClearingRecord> SqliteTx::booked(const CounterpartyDay& day,
                                              const ClearingPage& page) {
    if (day.counterparty != pay::card_network) return wallet_booked(day, page);
    Query query(connection_,
                "SELECT terminal, stan, rrn, merchant,"
                " CASE kind WHEN 1 THEN amount_minor ELSE -amount_minor END, 0, id FROM payments"
                " WHERE settlement_date = ? AND settlement_date > 0 AND state IN (3, 9)"
                " AND (terminal, stan, rrn) > (?, ?, ?) ORDER BY terminal, stan, rrn LIMIT ?");
    return page_of(query, day.date, page);
}

// An answer that was logged twice, because a repeat was answered too, is one movement.
Reader::List<ClearingRecord> SqliteTx::answered(const CounterpartyDay& day,
                                                const ClearingPage& page) {
    if (day.counterparty != pay::card_network) return wallet_answered(day, page);
    Query query(connection_,
                "SELECT terminal, stan, rrn, MAX(merchant), MAX(amount_minor), 0, MAX(payment)"
                " FROM network_messages WHERE settlement_date = ? AND settlement_date > 0"
                " AND (terminal, stan, rrn) > (?, ?, ?) AND direction = 2"
                " GROUP BY terminal, stan, rrn ORDER BY terminal, stan, rrn LIMIT ?");
    return page_of(query, day.date, page);
}

Reader::List<ClearingRecord> SqliteTx::cleared(const CounterpartyDay& day,
                                               const ClearingPage& page) {
    if (day.counterparty != pay::card_network) return wallet_cleared(day, page);
    Query query(connection_,
                "SELECT terminal, stan, rrn, merchant, amount_minor, fee_minor FROM clearing_lines"
                " WHERE settlement_date = ? AND (terminal, stan, rrn) > (?, ?, ?)"
                " ORDER BY terminal, stan, rrn LIMIT ?");
    return page_of(query, day.date, page);
}

Reader::List<NetworkMessage> SqliteTx::messages_of(const Id128& payment) {
    Query query(connection_,
                "SELECT id, direction, at, mti, merchant, terminal, batch, stan, rrn,"
                " response_code, amount_minor, settlement_date FROM network_messages"
                " WHERE shard = ? AND payment = ? ORDER BY id LIMIT ?");
    query << pay::shard_of(payment) << payment << rows_of(page_rows_max);
    return all(query, [&](Query& row) { return read_message(row, payment); });
}

Result<void> SqliteTx::append(const NetworkMessage& message) {
    // Messages of no payment, such as a sign-in, stand together in shard 0.
    Query query(connection_,
                "INSERT INTO network_messages (shard, id, payment, direction, at, mti, merchant,"
                " terminal, batch, stan, rrn, response_code, amount_minor, settlement_date)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << pay::shard_of(message.payment) << message.id << message.payment
          << static_cast<std::int64_t>(message.direction) << message.at.unix_ms << message.mti
          << message.merchant << message.terminal << message.batch << message.stan << message.rrn
          << message.response_code << message.amount_minor << message.settlement_date.yyyymmdd;
    return query.run();
}

Result<void> SqliteTx::add(const ClearingLine& line) {
    const ClearingRecord& record = line.record;
    {
        Query query(connection_,
                    "INSERT INTO clearing_lines (shard, settlement_date, terminal, stan, rrn, file,"
                    " line, merchant, amount_minor, fee_minor, masked_pan)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
        query << pay::shard_of(record.merchant) << record.key.settlement_date.yyyymmdd
              << record.key.terminal << record.key.stan << record.key.rrn << line.file << line.line
              << record.merchant << record.amount_minor << record.fee_minor << line.masked_pan;
        TRY_VOID(query.run());
    }
    if (connection_.changes() != 0) return {};
    Query query(connection_,
                "SELECT file, line, amount_minor FROM clearing_lines WHERE settlement_date = ?"
                " AND terminal = ? AND stan = ? AND rrn = ?");
    query << record.key.settlement_date.yyyymmdd << record.key.terminal << record.key.stan
          << record.key.rrn;
    if (!TRY(query.step())) return fail(ErrorKind::internal, "a clearing line came and went");
    const bool same_line = query.text() == line.file && query.number() == line.line &&
                           query.number() == record.amount_minor;
    if (same_line) return {};
    return fail(ErrorKind::conflict, "two clearing lines have one key", line.line);
}

Reader::Found<pay::ReconciliationReport> SqliteTx::reconciliation(const CounterpartyDay& day) {
    Query query(connection_,
                "SELECT ours_count, ours_minor, log_count, log_minor, file_count, file_minor,"
                " file_fee_minor, matched_count, matched_minor, long_count, long_minor,"
                " short_count, short_minor, differing_count, difference_minor, cross_day_count,"
                " cross_day_minor, carried_count, carried_minor, not_in_log_count"
                " FROM reconciliations WHERE settlement_date = ? AND counterparty = ?");
    query << day.date.yyyymmdd << day.counterparty;
    return one(query, [&](Query& row) {
        pay::ReconciliationReport report{.date = day.date, .counterparty = day.counterparty};
        for (std::int64_t* const field :
             {&report.ours_count,      &report.ours_minor,      &report.log_count,
              &report.log_minor,       &report.file_count,      &report.file_minor,
              &report.file_fee_minor,  &report.matched_count,   &report.matched_minor,
              &report.long_count,      &report.long_minor,      &report.short_count,
              &report.short_minor,     &report.differing_count, &report.difference_minor,
              &report.cross_day_count, &report.cross_day_minor, &report.carried_count,
              &report.carried_minor,   &report.not_in_log_count}) {
            *field = row.number();
        }
        return report;
    });
}

Reader::List<ReconciliationException> SqliteTx::exceptions(const CounterpartyDay& day) {
    Query query(connection_,
                "SELECT id, kind, key_date, terminal, stan, rrn, merchant, ours_minor, file_minor,"
                " in_log, payment, open, found_at FROM reconciliation_exceptions"
                " WHERE settlement_date = ? AND counterparty = ? ORDER BY id");
    query << day.date.yyyymmdd << day.counterparty;
    return all(query, [&](Query& row) { return read_exception(row, day.date); });
}

namespace {

Result<void> insert_exception(Connection& connection, const std::string& counterparty,
                              const ReconciliationException& exception) {
    const pay::ReconciliationItem& item = exception.item;
    Query query(connection,
                "INSERT INTO reconciliation_exceptions (settlement_date, counterparty, id, kind,"
                " key_date, terminal, stan, rrn, merchant, ours_minor, file_minor, in_log, payment,"
                " open, found_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << exception.date.yyyymmdd << counterparty << exception.id
          << static_cast<std::int64_t>(item.kind) << item.key.settlement_date.yyyymmdd
          << item.key.terminal << item.key.stan << item.key.rrn << item.merchant << item.ours_minor
          << item.file_minor << (item.in_log ? 1 : 0) << item.payment << (exception.open ? 1 : 0)
          << exception.found_at.unix_ms;
    return query.run();
}

Result<void> drop_report(Connection& connection, const pay::ReconciliationReport& report) {
    {
        Query query(connection,
                    "DELETE FROM reconciliations WHERE settlement_date = ? AND counterparty = ?");
        query << report.date.yyyymmdd << report.counterparty;
        TRY_VOID(query.run());
    }
    Query query(connection,
                "DELETE FROM reconciliation_exceptions WHERE settlement_date = ?"
                " AND counterparty = ?");
    query << report.date.yyyymmdd << report.counterparty;
    return query.run();
}

}  // namespace

Result<void> SqliteTx::put(const pay::ReconciliationReport& report,
                           std::span<const ReconciliationException> exceptions) {
    TRY_VOID(drop_report(connection_, report));
    {
        Query query(connection_,
                    "INSERT INTO reconciliations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                    " ?, ?, ?, ?, ?, ?, ?, ?)");
        query << report.date.yyyymmdd << report.counterparty << report.ours_count
              << report.ours_minor << report.log_count << report.log_minor << report.file_count
              << report.file_minor << report.file_fee_minor << report.matched_count
              << report.matched_minor << report.long_count << report.long_minor
              << report.short_count << report.short_minor << report.differing_count
              << report.difference_minor << report.cross_day_count << report.cross_day_minor
              << report.carried_count << report.carried_minor << report.not_in_log_count;
        TRY_VOID(query.run());
    }
    for (const ReconciliationException& exception : exceptions) {
        if (exception.date != report.date) {
            return fail(ErrorKind::internal, "an exception of another date");
        }
        TRY_VOID(insert_exception(connection_, report.counterparty, exception));
    }
    return {};
}

Result<void> SqliteTx::close_exception(const CounterpartyDay& day, const Id128& id) {
    Query query(connection_,
                "UPDATE reconciliation_exceptions SET open = 0"
                " WHERE settlement_date = ? AND counterparty = ? AND id = ?");
    query << day.date.yyyymmdd << day.counterparty << id;
    return touch(connection_, query);
}

Reader::List<OutboxMessage> SqliteTx::outbox(std::size_t rows_max) {
    Query query(connection_,
                "SELECT sequence, topic, body, created_at FROM outbox ORDER BY sequence LIMIT ?");
    query << rows_of(rows_max);
    return all(query, [](Query& row) {
        OutboxMessage message{.sequence = row.number()};
        message.topic = row.text();
        message.body = row.text();
        message.created_at = {row.number()};
        return message;
    });
}

Reader::Found<std::string> SqliteTx::setting(std::string_view name) {
    Query query(connection_, "SELECT value FROM settings WHERE name = ?");
    query << name;
    return one(query, [](Query& row) { return row.text(); });
}

Result<std::int64_t> SqliteTx::next_number(std::string_view sequence) {
    {
        Query query(connection_,
                    "UPDATE sequences SET value = value + 1 WHERE name = ? RETURNING value");
        query << sequence;
        if (const auto value = TRY(one(query, [](Query& row) { return row.number(); }))) {
            return *value;
        }
    }
    Query query(connection_, "INSERT INTO sequences (name, value) VALUES (?, 1)");
    query << sequence;
    TRY_VOID(query.run());
    return 1;
}

Result<void> SqliteTx::enqueue(const OutboxMessage& message) {
    const std::int64_t sequence = TRY(next_number(outbox_sequence));
    Query query(connection_,
                "INSERT INTO outbox (sequence, topic, body, created_at) VALUES (?, ?, ?, ?)");
    query << sequence << message.topic << message.body << message.created_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::dequeue(std::int64_t up_to_sequence) {
    Query query(connection_, "DELETE FROM outbox WHERE sequence <= ?");
    query << up_to_sequence;
    return query.run();
}

Result<void> SqliteTx::set(std::string_view name, std::string_view value) {
    Query query(connection_,
                "INSERT INTO settings (name, value) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    query << name << value;
    return query.run();
}

}  // namespace softpos::store
