// Incidents, commands to phones, and policies.
#include "platform/store/sqlite_tx.h"

#define SELECT_INCIDENT                                                                            \
    "SELECT id, terminal, merchant, state, code, origin, detail, payment, evidence, opened_at, "   \
    "closed_at, keys, facts FROM incidents "
#define SELECT_COMMAND                                                                             \
    "SELECT terminal, number, id, action, state, issued_at, not_after, done_at FROM commands "
#define SELECT_POLICY "SELECT version, text, signature, uploaded_at, activated_at FROM policies "

namespace softpos::store {
namespace {

IncidentRow read_incident(Query& row) {
    IncidentRow incident;
    incident.id = row.id();
    incident.terminal = row.text();
    incident.merchant = row.text();
    incident.state = row.whole<IncidentState>();
    incident.code = row.whole<std::uint8_t>();
    incident.origin = row.whole<std::uint8_t>();
    incident.detail = row.whole<std::uint32_t>();
    incident.payment = row.id();
    incident.evidence = row.bytes<32>();
    incident.opened_at = {row.number()};
    incident.closed_at = {row.number()};
    incident.keys = row.whole<KeyEnd>();
    incident.facts = row.text();
    return incident;
}

CommandRow read_command(Query& row) {
    CommandRow command;
    command.terminal = row.text();
    command.number = row.whole<std::uint64_t>();
    command.id = row.id();
    command.action = row.whole<std::uint8_t>();
    command.state = row.whole<CommandState>();
    command.issued_at = {row.number()};
    command.not_after = {row.number()};
    command.done_at = {row.number()};
    return command;
}

PolicyRow read_policy(Query& row) {
    PolicyRow policy;
    policy.version = row.whole<std::uint32_t>();
    policy.text = row.text();
    policy.signature = row.blob();
    policy.uploaded_at = {row.number()};
    policy.activated_at = {row.number()};
    return policy;
}

}  // namespace

Reader::Found<IncidentRow> SqliteTx::incident(const Id128& id) {
    Query query(connection_, SELECT_INCIDENT "WHERE id = ?");
    query << id;
    return one(query, read_incident);
}

Reader::List<IncidentRow> SqliteTx::incidents(const Id128& after, std::size_t rows_max) {
    if (after == Id128{}) {
        Query query(connection_, SELECT_INCIDENT "ORDER BY opened_at DESC, id DESC LIMIT ?");
        query << rows_of(rows_max);
        return all(query, read_incident);
    }
    Query query(connection_, SELECT_INCIDENT
                "WHERE (opened_at, id) < (SELECT opened_at, id FROM incidents WHERE id = ?)"
                " ORDER BY opened_at DESC, id DESC LIMIT ?");
    query << after << rows_of(rows_max);
    return all(query, read_incident);
}

Reader::List<IncidentRow> SqliteTx::incidents_of(std::string_view terminal) {
    Query query(connection_,
                SELECT_INCIDENT "WHERE terminal = ? ORDER BY opened_at DESC, id DESC LIMIT ?");
    query << terminal << rows_of(page_rows_max);
    return all(query, read_incident);
}

Reader::List<IncidentRow> SqliteTx::incidents_with_keys() {
    Query query(connection_, SELECT_INCIDENT "WHERE keys = 1 ORDER BY id LIMIT ?");
    query << rows_of(page_rows_max);
    return all(query, read_incident);
}

Result<void> SqliteTx::insert(const IncidentRow& incident) {
    Query query(connection_,
                "INSERT INTO incidents (id, terminal, merchant, state, code, origin, detail,"
                " payment, evidence, opened_at, closed_at, keys, facts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << incident.id << incident.terminal << incident.merchant << stored_number(incident.state)
          << incident.code << incident.origin << incident.detail << incident.payment
          << Bytes(incident.evidence) << incident.opened_at.unix_ms << incident.closed_at.unix_ms
          << stored_number(incident.keys) << incident.facts;
    return query.run();
}

Result<void> SqliteTx::update(const IncidentRow& incident) {
    Query query(connection_,
                "UPDATE incidents SET state = ?, payment = ?, closed_at = ?, keys = ?,"
                " facts = ? WHERE id = ?");
    query << stored_number(incident.state) << incident.payment << incident.closed_at.unix_ms
          << stored_number(incident.keys) << incident.facts << incident.id;
    return touch(connection_, query);
}

Reader::Found<CommandRow> SqliteTx::command(std::string_view terminal, const Id128& id) {
    Query query(connection_, SELECT_COMMAND "WHERE terminal = ? AND id = ?");
    query << terminal << id;
    return one(query, read_command);
}

Reader::List<CommandRow> SqliteTx::open_commands(std::string_view terminal, Instant now) {
    Query query(connection_, SELECT_COMMAND
                "WHERE terminal = ? AND state = 1 AND not_after > ? ORDER BY number LIMIT ?");
    query << terminal << now.unix_ms << rows_of(page_rows_max);
    return all(query, read_command);
}

Reader::List<CommandRow> SqliteTx::commands_of(std::string_view terminal, const NumberPage& page) {
    Query query(connection_,
                SELECT_COMMAND "WHERE terminal = ? AND number > ? ORDER BY number LIMIT ?");
    query << terminal << stored_number(page.after) << rows_of(page.rows_max);
    return all(query, read_command);
}

Result<void> SqliteTx::insert(const CommandRow& command) {
    Query query(connection_,
                "INSERT INTO commands (terminal, number, id, action, state, issued_at, not_after,"
                " done_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    query << command.terminal << stored_number(command.number) << command.id << command.action
          << stored_number(command.state) << command.issued_at.unix_ms << command.not_after.unix_ms
          << command.done_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::update(const CommandRow& command) {
    Query query(connection_,
                "UPDATE commands SET state = ?, done_at = ? WHERE terminal = ? AND number = ?");
    query << stored_number(command.state) << command.done_at.unix_ms << command.terminal
          << stored_number(command.number);
    return touch(connection_, query);
}

Reader::Found<PolicyRow> SqliteTx::policy(std::uint32_t version) {
    Query query(connection_, SELECT_POLICY "WHERE version = ?");
    query << version;
    return one(query, read_policy);
}

Reader::Found<PolicyRow> SqliteTx::policy_in_force() {
    Query query(connection_, SELECT_POLICY
                "WHERE activated_at > 0 ORDER BY activated_at DESC, version DESC LIMIT 1");
    return one(query, read_policy);
}

Reader::List<PolicyRow> SqliteTx::policies() {
    Query query(connection_, SELECT_POLICY "ORDER BY version LIMIT ?");
    query << rows_of(page_rows_max);
    return all(query, read_policy);
}

Result<void> SqliteTx::insert(const PolicyRow& policy) {
    Query query(connection_,
                "INSERT INTO policies (version, text, signature, uploaded_at, activated_at)"
                " VALUES (?, ?, ?, ?, ?)");
    query << policy.version << policy.text << Bytes(policy.signature) << policy.uploaded_at.unix_ms
          << policy.activated_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::update(const PolicyRow& policy) {
    Query query(connection_, "UPDATE policies SET activated_at = ? WHERE version = ?");
    query << policy.activated_at.unix_ms << policy.version;
    return touch(connection_, query);
}

}  // namespace softpos::store
