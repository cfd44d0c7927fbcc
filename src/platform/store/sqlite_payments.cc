// Payments, their events and their trace numbers.
#include "platform/store/sqlite_tx.h"

#include <algorithm>

#define PAYMENT_COLUMNS                                                                            \
    "id, kind, state, version, merchant, terminal, amount_minor, currency, reference, "            \
    "idempotency_key, body_digest, original, batch, stan, rrn, auth_code, response_code, "         \
    "settlement_date, masked_pan, card_method, stored_card, refusal, fee_merchant, fee_issuer, "   \
    "fee_network, fee_return, refunded_minor, refunding_minor, void_status, created_at, sent_at, " \
    "deadline_at, answered_at, reversal_reason, attempts, next_attempt_at, late_response_code"

#define SELECT_PAYMENT "SELECT " PAYMENT_COLUMNS " FROM payments "

namespace softpos::store {
namespace {

using pay::Payment;

template <typename Enum>
std::int64_t number(Enum value) {
    return static_cast<std::int64_t>(value);
}

Payment read_payment(Query& row) {
    Payment payment;
    payment.id = row.id();
    payment.kind = row.whole<pay::PaymentKind>();
    payment.state = row.whole<pay::PaymentState>();
    payment.version = row.whole<std::uint32_t>();
    payment.merchant = row.text();
    payment.terminal = row.text();
    payment.amount_minor = row.number();
    payment.currency = row.whole<Currency>();
    payment.reference = row.text();
    payment.idempotency_key = row.id();
    payment.body_digest = row.bytes<32>();
    payment.original = row.id();
    payment.batch = row.whole<std::uint32_t>();
    payment.stan = row.whole<std::uint32_t>();
    payment.rrn = row.text();
    payment.auth_code = row.text();
    payment.response_code = row.text();
    payment.settlement_date = {row.whole<std::uint32_t>()};
    payment.masked_pan = row.text();
    payment.card_method = row.text();
    payment.stored_card = row.blob();
    payment.refusal = refusal_named(row.text());
    payment.fee.merchant_minor = row.number();
    payment.fee.issuer_minor = row.number();
    payment.fee.network_minor = row.number();
    payment.fee_return = row.whole<pay::FeeReturn>();
    payment.refunded_minor = row.number();
    payment.refunding_minor = row.number();
    payment.void_status = row.whole<pay::VoidStatus>();
    payment.created_at = {row.number()};
    payment.sent_at = {row.number()};
    payment.deadline_at = {row.number()};
    payment.answered_at = {row.number()};
    payment.reversal_reason = row.whole<pay::ReversalReason>();
    payment.attempts = row.whole<std::uint32_t>();
    payment.next_attempt_at = {row.number()};
    payment.late_response_code = row.text();
    return payment;
}

// What a step may change, in the order in which both insert and update bind it.
void bind_changing(Query& query, const Payment& payment) {
    query << number(payment.state) << payment.version << payment.batch << payment.stan
          << payment.rrn << payment.auth_code << payment.response_code
          << payment.settlement_date.yyyymmdd << payment.masked_pan
          << std::string_view(row_of(payment.refusal).code) << payment.fee.merchant_minor
          << payment.fee.issuer_minor << payment.fee.network_minor << number(payment.fee_return)
          << payment.refunded_minor << payment.refunding_minor << number(payment.void_status)
          << payment.sent_at.unix_ms << payment.deadline_at.unix_ms << payment.answered_at.unix_ms
          << number(payment.reversal_reason) << payment.attempts << payment.next_attempt_at.unix_ms
          << payment.late_response_code;
}

}  // namespace

Refusal refusal_named(std::string_view code) {
    const auto table = refusal_table();
    const auto row = std::ranges::find(table, code, &RefusalRow::code);
    return row == table.end() ? Refusal::internal : row->refusal;
}

Reader::Found<Payment> SqliteTx::payment(const Id128& id) {
    Query query(connection_, SELECT_PAYMENT "WHERE shard = ? AND id = ?");
    query << pay::shard_of(id) << id;
    return one(query, read_payment);
}

Reader::Found<Payment> SqliteTx::payment_by_key(std::string_view merchant,
                                                const Id128& idempotency_key) {
    Query query(connection_,
                SELECT_PAYMENT "WHERE shard = ? AND merchant = ? AND idempotency_key = ?");
    query << pay::shard_of(merchant) << merchant << idempotency_key;
    return one(query, read_payment);
}

Reader::List<Payment> SqliteTx::payments_by_keys(std::string_view merchant, const KeyRange& range) {
    Query query(connection_, SELECT_PAYMENT
                "WHERE shard = ? AND merchant = ? AND idempotency_key BETWEEN ? AND ?"
                " ORDER BY idempotency_key LIMIT ?");
    query << pay::shard_of(merchant) << merchant << range.first << range.last
          << static_cast<std::int64_t>(classic_batch_rows_max);  // A batch is looked at as a whole.
    return all(query, read_payment);
}

Reader::Found<Payment> SqliteTx::purchase_by_reference(std::string_view merchant,
                                                       std::string_view reference) {
    Query query(connection_, SELECT_PAYMENT
                "WHERE merchant = ? AND rrn = ? AND kind = 1 ORDER BY id DESC LIMIT 1");
    query << merchant << reference;
    return one(query, read_payment);
}

Reader::Found<Payment> SqliteTx::payment_by_trace(const TraceKey& trace) {
    Query query(connection_,
                SELECT_PAYMENT "WHERE terminal = ? AND batch = ? AND stan = ? AND stan > 0");
    query << trace.terminal << trace.batch << trace.stan;
    return one(query, read_payment);
}

// Trace numbers rise within a batch and batches rise too; what was refused before it got one was
// told to its caller at once.
Reader::Found<Payment> SqliteTx::last_payment(std::string_view merchant,
                                              std::string_view terminal) {
    Query query(connection_, SELECT_PAYMENT
                "WHERE terminal = ? AND merchant = ? AND stan > 0"
                " ORDER BY batch DESC, stan DESC LIMIT 1");
    query << terminal << merchant;
    return one(query, read_payment);
}

Reader::List<Payment> SqliteTx::open_payments(const IdPage& page) {
    Query query(connection_, SELECT_PAYMENT
                "WHERE state IN (1, 2, 5, 6) AND (shard, id) > (?, ?)"
                " ORDER BY shard, id LIMIT ?");
    query << pay::shard_of(page.after) << page.after << rows_of(page.rows_max);
    return all(query, read_payment);
}

Reader::List<Payment> SqliteTx::open_payments_of(std::string_view terminal) {
    Query query(connection_, SELECT_PAYMENT
                "WHERE terminal = ? AND stan > 0 AND state IN (1, 2, 5, 6) ORDER BY batch, stan"
                " LIMIT ?");
    query << terminal << rows_of(page_rows_max);
    return all(query, read_payment);
}

// Newest first: identifiers of a merchant rise with time. Goes on below `after`; zero is the top.
Reader::List<Payment> SqliteTx::payments_of(std::string_view merchant, const IdPage& page) {
    Id128 below = page.after;
    if (below == Id128{}) below.bytes.fill(0xFF);
    Query query(connection_,
                SELECT_PAYMENT "WHERE merchant = ? AND id < ? ORDER BY id DESC LIMIT ?");
    query << merchant << below << rows_of(page.rows_max);
    return all(query, read_payment);
}

Reader::List<Payment> SqliteTx::payments_on(pay::BusinessDate date, const IdPage& page) {
    Query query(connection_, SELECT_PAYMENT
                "WHERE settlement_date = ? AND settlement_date > 0 AND id > ?"
                " ORDER BY id LIMIT ?");
    query << date.yyyymmdd << page.after << rows_of(page.rows_max);
    return all(query, read_payment);
}

Reader::List<Payment> SqliteTx::payments_in_batch(std::string_view terminal, std::uint32_t batch) {
    Query query(connection_,
                SELECT_PAYMENT "WHERE terminal = ? AND batch = ? AND stan > 0 ORDER BY stan");
    query << terminal << batch;
    return all(query, read_payment);
}

Reader::List<PaymentEventRow> SqliteTx::events_of(const Id128& payment) {
    Query query(connection_,
                "SELECT version, kind, from_state, to_state, response_code, at FROM payment_events"
                " WHERE shard = ? AND payment = ? ORDER BY version");
    query << pay::shard_of(payment) << payment;
    return all(query, [&](Query& row) {
        PaymentEventRow event{.payment = payment};
        event.version = row.whole<std::uint32_t>();
        event.kind = row.whole<pay::EventKind>();
        event.from = row.whole<pay::PaymentState>();
        event.to = row.whole<pay::PaymentState>();
        event.response_code = row.text();
        event.at = {row.number()};
        return event;
    });
}

Result<void> SqliteTx::insert(const Payment& payment) {
    if (pay::shard_of(payment.id) != pay::shard_of(payment.merchant)) {
        return fail(ErrorKind::internal, "a payment's id must come from new_id()");
    }
    Query query(connection_,
                "INSERT INTO payments (state, version, batch, stan, rrn, auth_code, response_code,"
                " settlement_date, masked_pan, refusal, fee_merchant, fee_issuer, fee_network,"
                " fee_return, refunded_minor, refunding_minor, void_status, sent_at, deadline_at,"
                " answered_at, reversal_reason, attempts, next_attempt_at, late_response_code,"
                " shard, id, kind, merchant, terminal, amount_minor, currency, reference,"
                " idempotency_key, body_digest, original, card_method, stored_card, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_changing(query, payment);
    query << pay::shard_of(payment.id) << payment.id << number(payment.kind) << payment.merchant
          << payment.terminal << payment.amount_minor << number(payment.currency)
          << payment.reference << payment.idempotency_key << Bytes(payment.body_digest)
          << payment.original << payment.card_method << Bytes(payment.stored_card)
          << payment.created_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::update(const Payment& payment) {
    {
        Query query(connection_,
                    "UPDATE payments SET state = ?, version = ?, batch = ?, stan = ?, rrn = ?,"
                    " auth_code = ?, response_code = ?, settlement_date = ?, masked_pan = ?,"
                    " refusal = ?, fee_merchant = ?, fee_issuer = ?, fee_network = ?,"
                    " fee_return = ?, refunded_minor = ?, refunding_minor = ?, void_status = ?,"
                    " sent_at = ?, deadline_at = ?, answered_at = ?, reversal_reason = ?,"
                    " attempts = ?, next_attempt_at = ?, late_response_code = ?"
                    " WHERE shard = ? AND id = ? AND version < ?");
        bind_changing(query, payment);
        query << pay::shard_of(payment.id) << payment.id << payment.version;
        TRY_VOID(query.run());
    }
    if (connection_.changes() != 0) return {};
    if (!TRY(this->payment(payment.id))) return fail(ErrorKind::not_found, "no such payment");
    return fail(ErrorKind::conflict, "the payment took another step meanwhile");
}

Result<void> SqliteTx::append(const PaymentEventRow& event) {
    Query query(connection_,
                "INSERT INTO payment_events (shard, payment, version, kind, from_state, to_state,"
                " response_code, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    query << pay::shard_of(event.payment) << event.payment << event.version << number(event.kind)
          << number(event.from) << number(event.to) << event.response_code << event.at.unix_ms;
    return query.run();
}

Result<Trace> SqliteTx::next_trace(std::string_view terminal) {
    const auto read = [](Query& row) {
        return Trace{.batch = row.whole<std::uint32_t>(), .stan = row.whole<std::uint32_t>()};
    };
    {
        Query query(connection_,
                    "UPDATE terminal_traces SET stan = stan + 1 WHERE terminal = ? AND stan < ?"
                    " RETURNING batch, stan");
        query << terminal << stan_max;
        if (const auto trace = TRY(one(query, read))) return *trace;
    }
    if (TRY(batch_of(terminal)) != 0) {
        return fail(ErrorKind::conflict, "the batch has no trace number left");
    }
    Query query(connection_,
                "INSERT INTO terminal_traces (terminal, batch, stan) VALUES (?, 1, 1)");
    query << terminal;
    TRY_VOID(query.run());
    return Trace{.batch = 1, .stan = 1};
}

// A network may give a batch number again; its trace numbers then go on where they were.
Result<void> SqliteTx::open_batch(std::string_view terminal, std::uint32_t batch) {
    if (batch == 0) return fail(ErrorKind::malformed, "batches count from 1");
    if (TRY(batch_of(terminal)) == batch) return {};
    std::int64_t used = 0;
    {
        Query query(connection_,
                    "SELECT COALESCE(MAX(stan), 0) FROM payments"
                    " WHERE terminal = ? AND batch = ? AND stan > 0");
        query << terminal << batch;
        if (TRY(query.step())) used = query.number();
    }
    Query query(connection_,
                "INSERT INTO terminal_traces (terminal, batch, stan) VALUES (?, ?, ?)"
                " ON CONFLICT (terminal) DO UPDATE SET batch = excluded.batch,"
                " stan = excluded.stan");
    query << terminal << batch << used;
    return query.run();
}

Result<std::uint32_t> SqliteTx::batch_of(std::string_view terminal) {
    Query query(connection_, "SELECT batch FROM terminal_traces WHERE terminal = ?");
    query << terminal;
    const auto batch = TRY(one(query, [](Query& row) { return row.whole<std::uint32_t>(); }));
    return batch.value_or(0);
}

}  // namespace softpos::store
