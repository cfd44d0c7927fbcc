// Phones, challenges, permits, and what phones showed.
#include "platform/pay/shard.h"
#include "platform/store/sqlite_tx.h"

#define DEVICE_COLUMNS                                                                             \
    "terminal, merchant, state, grade, score, last_seen, changed_at, version, last_permit, "       \
    "evidence_count, evidence_head, record"
#define SELECT_DEVICE "SELECT " DEVICE_COLUMNS " FROM devices "

namespace softpos::store {
namespace {

DeviceRow read_device(Query& row) {
    DeviceRow device;
    device.terminal = row.text();
    device.merchant = row.text();
    device.state = row.whole<std::uint8_t>();
    device.grade = row.whole<std::uint8_t>();
    device.score = row.whole<std::uint32_t>();
    device.last_seen = {row.number()};
    device.changed_at = {row.number()};
    device.version = row.whole<std::uint64_t>();
    device.last_permit = row.id();
    device.evidence_count = row.whole<std::uint64_t>();
    device.evidence_head = row.bytes<32>();
    device.record = row.blob();
    return device;
}

// What an update changes, in the order in which insert binds it too.
void bind_changing(Query& query, const DeviceRow& device) {
    query << device.state << device.grade << device.score << device.last_seen.unix_ms
          << device.changed_at.unix_ms << stored_number(device.version) << device.last_permit
          << stored_number(device.evidence_count) << Bytes(device.evidence_head)
          << Bytes(device.record);
}

}  // namespace

Reader::Found<DeviceRow> SqliteTx::device(std::string_view terminal) {
    Query query(connection_, SELECT_DEVICE "WHERE terminal = ?");
    query << terminal;
    return one(query, read_device);
}

Reader::List<DeviceRow> SqliteTx::devices(const DevicePage& page) {
    if (page.state == 0) {
        Query query(connection_, SELECT_DEVICE "WHERE terminal > ? ORDER BY terminal LIMIT ?");
        query << page.after << rows_of(page.rows_max);
        return all(query, read_device);
    }
    Query query(connection_,
                SELECT_DEVICE "WHERE state = ? AND terminal > ? ORDER BY terminal LIMIT ?");
    query << page.state << page.after << rows_of(page.rows_max);
    return all(query, read_device);
}

Reader::List<DeviceRow> SqliteTx::devices_of(std::string_view merchant) {
    Query query(connection_, SELECT_DEVICE "WHERE merchant = ? ORDER BY terminal LIMIT ?");
    query << merchant << rows_of(page_rows_max);
    return all(query, read_device);
}

Result<void> SqliteTx::insert(const DeviceRow& device) {
    Query query(connection_,
                "INSERT INTO devices (state, grade, score, last_seen, changed_at, version,"
                " last_permit, evidence_count, evidence_head, record, shard, terminal, merchant)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind_changing(query, device);
    query << pay::shard_of(device.merchant) << device.terminal << device.merchant;
    return query.run();
}

Result<void> SqliteTx::update(const DeviceRow& device) {
    {
        Query query(connection_,
                    "UPDATE devices SET state = ?, grade = ?, score = ?, last_seen = ?,"
                    " changed_at = ?, version = ?, last_permit = ?, evidence_count = ?,"
                    " evidence_head = ?, record = ? WHERE terminal = ? AND version < ?");
        bind_changing(query, device);
        query << device.terminal << stored_number(device.version);
        TRY_VOID(query.run());
    }
    if (connection_.changes() != 0) return {};
    Query query(connection_, "SELECT version FROM devices WHERE terminal = ?");
    query << device.terminal;
    const bool there = TRY(query.step());
    return there ? fail(ErrorKind::conflict, "a phone's row was changed meanwhile")
                 : fail(ErrorKind::not_found, "no such row to change");
}

Reader::Found<NonceRow> SqliteTx::nonce(const Id128& id) {
    Query query(connection_,
                "SELECT id, digest, terminal, expires_at, used_at, proof, asked FROM nonces"
                " WHERE id = ?");
    query << id;
    return one(query, [](Query& row) {
        NonceRow nonce;
        nonce.id = row.id();
        nonce.digest = row.bytes<32>();
        nonce.terminal = row.id();
        nonce.expires_at = {row.number()};
        nonce.used_at = {row.number()};
        nonce.proof = row.bytes<32>();
        nonce.asked = row.bytes<32>();
        return nonce;
    });
}

Result<void> SqliteTx::insert(const NonceRow& nonce) {
    // Kept for a while after they end, for whoever asks why one was refused.
    constexpr std::int64_t kept_ms = 24LL * 60 * 60 * 1000;
    {
        Query query(connection_, "DELETE FROM nonces WHERE expires_at < ?");
        query << nonce.expires_at.unix_ms - kept_ms;
        TRY_VOID(query.run());
    }
    Query query(connection_,
                "INSERT INTO nonces (id, digest, terminal, expires_at, used_at, proof, asked)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)");
    query << nonce.id << Bytes(nonce.digest) << nonce.terminal << nonce.expires_at.unix_ms
          << nonce.used_at.unix_ms << Bytes(nonce.proof) << Bytes(nonce.asked);
    return query.run();
}

Result<bool> SqliteTx::ask_proof(const NonceUse& use, const NonceProof& proof) {
    Query query(connection_,
                "UPDATE nonces SET proof = ?, asked = ? WHERE id = ? AND digest = ?"
                " AND terminal = ? AND used_at = 0 AND expires_at > ?");
    query << Bytes(proof.proof) << Bytes(proof.asked) << use.id << Bytes(use.digest) << use.terminal
          << use.at.unix_ms;
    TRY_VOID(query.run());
    return connection_.changes() == 1;
}

Result<bool> SqliteTx::consume(const NonceUse& use) {
    Query query(connection_,
                "UPDATE nonces SET used_at = ? WHERE id = ? AND digest = ? AND terminal = ?"
                " AND used_at = 0 AND expires_at > ?");
    query << use.at.unix_ms << use.id << Bytes(use.digest) << use.terminal << use.at.unix_ms;
    TRY_VOID(query.run());
    return connection_.changes() == 1;
}

Reader::Found<PermitRow> SqliteTx::permit(const Id128& id) {
    Query query(connection_,
                "SELECT id, terminal, purpose, amount_minor_max, currency, allowed, parent,"
                " issued_at, expires_at, policy_version, request_digest, payment FROM permits"
                " WHERE shard = ? AND id = ?");
    query << pay::shard_of(id) << id;
    return one(query, [](Query& row) {
        PermitRow permit;
        permit.id = row.id();
        permit.terminal = row.text();
        permit.purpose = row.whole<std::uint8_t>();
        permit.amount_minor_max = row.number();
        permit.currency = row.whole<std::uint16_t>();
        permit.allowed = row.whole<std::uint8_t>();
        permit.parent = row.id();
        permit.issued_at = {row.number()};
        permit.expires_at = {row.number()};
        permit.policy_version = row.whole<std::uint32_t>();
        permit.request_digest = row.bytes<32>();
        permit.payment = row.id();
        return permit;
    });
}

Result<void> SqliteTx::insert(const PermitRow& permit) {
    Query query(connection_,
                "INSERT INTO permits (shard, id, terminal, purpose, amount_minor_max, currency,"
                " allowed, parent, issued_at, expires_at, policy_version, request_digest, payment)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << pay::shard_of(permit.id) << permit.id << permit.terminal << permit.purpose
          << permit.amount_minor_max << permit.currency << permit.allowed << permit.parent
          << permit.issued_at.unix_ms << permit.expires_at.unix_ms << permit.policy_version
          << Bytes(permit.request_digest) << permit.payment;
    return query.run();
}

Result<bool> SqliteTx::spend(const Id128& permit, const Id128& payment) {
    const Id128 unspent;
    Query query(connection_,
                "UPDATE permits SET payment = ? WHERE shard = ? AND id = ? AND payment = ?");
    query << payment << pay::shard_of(permit) << permit << unspent;
    TRY_VOID(query.run());
    return connection_.changes() == 1;
}

Reader::List<EvidenceRow> SqliteTx::evidence_of(std::string_view terminal, const NumberPage& page) {
    Query query(connection_,
                "SELECT terminal, sequence, at, kind, outcome, policy_version, body, previous,"
                " digest FROM evidence WHERE terminal = ? AND sequence > ?"
                " ORDER BY sequence LIMIT ?");
    query << terminal << stored_number(page.after) << rows_of(page.rows_max);
    return all(query, [](Query& row) {
        EvidenceRow evidence;
        evidence.terminal = row.text();
        evidence.sequence = row.whole<std::uint64_t>();
        evidence.at = {row.number()};
        evidence.kind = row.whole<std::uint8_t>();
        evidence.outcome = row.text();
        evidence.policy_version = row.whole<std::uint32_t>();
        evidence.body = row.blob();
        evidence.previous = row.bytes<32>();
        evidence.digest = row.bytes<32>();
        return evidence;
    });
}

// One statement: the row goes in only where the row before it is the one that it names.
Result<void> SqliteTx::append(const EvidenceRow& evidence) {
    const Digest none{};
    Query query(connection_,
                "INSERT INTO evidence (terminal, sequence, at, kind, outcome, policy_version, body,"
                " previous, digest) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?"
                " WHERE EXISTS (SELECT 1 FROM evidence WHERE terminal = ? AND sequence = ?"
                " AND digest = ?) OR (? = 1 AND ? = ?)");
    query << evidence.terminal << stored_number(evidence.sequence) << evidence.at.unix_ms
          << evidence.kind << evidence.outcome << evidence.policy_version << Bytes(evidence.body)
          << Bytes(evidence.previous) << Bytes(evidence.digest) << evidence.terminal
          << stored_number(evidence.sequence) - 1 << Bytes(evidence.previous)
          << stored_number(evidence.sequence) << Bytes(evidence.previous) << Bytes(none);
    TRY_VOID(query.run());
    if (connection_.changes() == 1) return {};
    return fail(ErrorKind::conflict, "evidence does not go on where the last one ended");
}

Reader::List<TransitionRow> SqliteTx::transitions_of(std::string_view terminal,
                                                     const NumberPage& page) {
    Query query(connection_,
                "SELECT terminal, sequence, at, from_state, to_state, cause, code, origin, detail,"
                " policy_version, evidence FROM transitions WHERE terminal = ? AND sequence > ?"
                " ORDER BY sequence LIMIT ?");
    query << terminal << stored_number(page.after) << rows_of(page.rows_max);
    return all(query, [](Query& row) {
        TransitionRow transition;
        transition.terminal = row.text();
        transition.sequence = row.whole<std::uint64_t>();
        transition.at = {row.number()};
        transition.from = row.whole<std::uint8_t>();
        transition.to = row.whole<std::uint8_t>();
        transition.cause = row.whole<std::uint8_t>();
        transition.code = row.whole<std::uint8_t>();
        transition.origin = row.whole<std::uint8_t>();
        transition.detail = row.whole<std::uint32_t>();
        transition.policy_version = row.whole<std::uint32_t>();
        transition.evidence = row.bytes<32>();
        return transition;
    });
}

Result<void> SqliteTx::append(const TransitionRow& transition) {
    std::int64_t last = 0;
    {
        Query query(connection_,
                    "SELECT COALESCE(MAX(sequence), 0) FROM transitions WHERE terminal = ?");
        query << transition.terminal;
        if (TRY(query.step())) last = query.number();
    }
    Query query(connection_,
                "INSERT INTO transitions (terminal, sequence, at, from_state, to_state, cause,"
                " code, origin, detail, policy_version, evidence)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << transition.terminal << last + 1 << transition.at.unix_ms << transition.from
          << transition.to << transition.cause << transition.code << transition.origin
          << transition.detail << transition.policy_version << Bytes(transition.evidence);
    return query.run();
}

}  // namespace softpos::store
