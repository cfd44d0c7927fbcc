// Webhooks with what is on its way to them, and the registry of terminals.
#include "platform/store/sqlite_tx.h"

#define SELECT_WEBHOOK "SELECT id, url, topics, secret, created_at, disabled_at FROM webhooks "
#define SELECT_DELIVERY                                                                            \
    "SELECT webhook, sequence, topic, body, created_at, state, attempts, next_at, last_status "    \
    "FROM deliveries "
#define REGISTRY_COLUMNS                                                                           \
    "terminal, serial, acquirer, merchant, licence, account, address, placed, latitude_e6, "       \
    "longitude_e6, model, status, version, changed_at"
#define SELECT_REGISTRY "SELECT " REGISTRY_COLUMNS " FROM registry "

namespace softpos::store {
namespace {

WebhookRow read_webhook(Query& row) {
    WebhookRow webhook;
    webhook.id = row.id();
    webhook.url = row.text();
    webhook.topics = row.text();
    webhook.secret = row.blob();
    webhook.created_at = {row.number()};
    webhook.disabled_at = {row.number()};
    return webhook;
}

DeliveryRow read_delivery(Query& row) {
    DeliveryRow delivery;
    delivery.webhook = row.id();
    delivery.sequence = row.number();
    delivery.topic = row.text();
    delivery.body = row.text();
    delivery.created_at = {row.number()};
    delivery.state = row.whole<DeliveryState>();
    delivery.attempts = row.whole<std::uint32_t>();
    delivery.next_at = {row.number()};
    delivery.last_status = row.whole<std::uint32_t>();
    return delivery;
}

RegistryRow read_registry(Query& row) {
    RegistryRow registered;
    registered.terminal = row.text();
    registered.serial = row.text();
    registered.acquirer = row.text();
    registered.merchant = row.text();
    registered.licence = row.bytes<32>();
    registered.account = row.bytes<32>();
    registered.address = row.text();
    registered.placed = row.number() != 0;
    registered.latitude_e6 = row.whole<std::int32_t>();
    registered.longitude_e6 = row.whole<std::int32_t>();
    registered.model = row.text();
    registered.status = row.whole<FilingStatus>();
    registered.version = row.whole<std::uint32_t>();
    registered.changed_at = {row.number()};
    return registered;
}

// In the order of REGISTRY_COLUMNS.
void bind(Query& query, const RegistryRow& row) {
    query << row.terminal << row.serial << row.acquirer << row.merchant << Bytes(row.licence)
          << Bytes(row.account) << row.address << (row.placed ? 1 : 0) << row.latitude_e6
          << row.longitude_e6 << row.model << stored_number(row.status) << row.version
          << row.changed_at.unix_ms;
}

Result<void> keep_history(Connection& connection, const RegistryChange& change) {
    Query query(connection, "INSERT INTO registry_history (" REGISTRY_COLUMNS
                            ", reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bind(query, change.row);
    query << change.reason;
    return query.run();
}

}  // namespace

Reader::Found<WebhookRow> SqliteTx::webhook(const Id128& id) {
    Query query(connection_, SELECT_WEBHOOK "WHERE id = ?");
    query << id;
    return one(query, read_webhook);
}

Reader::List<WebhookRow> SqliteTx::webhooks() {
    Query query(connection_, SELECT_WEBHOOK "ORDER BY created_at, id LIMIT ?");
    query << rows_of(page_rows_max);
    return all(query, read_webhook);
}

Reader::List<DeliveryRow> SqliteTx::deliveries_due(Instant now, std::size_t rows_max) {
    Query query(connection_, SELECT_DELIVERY
                "WHERE state = 1 AND next_at <= ? ORDER BY next_at, webhook, sequence LIMIT ?");
    query << now.unix_ms << rows_of(rows_max);
    return all(query, read_delivery);
}

Reader::List<DeliveryRow> SqliteTx::deliveries_of(const Id128& webhook, std::size_t rows_max) {
    Query query(connection_, SELECT_DELIVERY "WHERE webhook = ? ORDER BY sequence DESC LIMIT ?");
    query << webhook << rows_of(rows_max);
    return all(query, read_delivery);
}

Result<void> SqliteTx::insert(const WebhookRow& webhook) {
    Query query(connection_,
                "INSERT INTO webhooks (id, url, topics, secret, created_at, disabled_at)"
                " VALUES (?, ?, ?, ?, ?, ?)");
    query << webhook.id << webhook.url << webhook.topics << Bytes(webhook.secret)
          << webhook.created_at.unix_ms << webhook.disabled_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::update(const WebhookRow& webhook) {
    Query query(connection_,
                "UPDATE webhooks SET url = ?, topics = ?, disabled_at = ? WHERE id = ?");
    query << webhook.url << webhook.topics << webhook.disabled_at.unix_ms << webhook.id;
    return touch(connection_, query);
}

Result<void> SqliteTx::insert(const DeliveryRow& delivery) {
    Query query(connection_,
                "INSERT INTO deliveries (webhook, sequence, topic, body, created_at, state,"
                " attempts, next_at, last_status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << delivery.webhook << delivery.sequence << delivery.topic << delivery.body
          << delivery.created_at.unix_ms << stored_number(delivery.state) << delivery.attempts
          << delivery.next_at.unix_ms << delivery.last_status;
    return query.run();
}

Result<void> SqliteTx::update(const DeliveryRow& delivery) {
    Query query(connection_,
                "UPDATE deliveries SET state = ?, attempts = ?, next_at = ?, last_status = ?"
                " WHERE webhook = ? AND sequence = ?");
    query << stored_number(delivery.state) << delivery.attempts << delivery.next_at.unix_ms
          << delivery.last_status << delivery.webhook << delivery.sequence;
    return touch(connection_, query);
}

Reader::Found<RegistryRow> SqliteTx::registered(std::string_view terminal) {
    Query query(connection_, SELECT_REGISTRY "WHERE terminal = ?");
    query << terminal;
    return one(query, read_registry);
}

Reader::Found<RegistryRow> SqliteTx::registered_serial(std::string_view serial) {
    Query query(connection_, SELECT_REGISTRY "WHERE serial = ?");
    query << serial;
    return one(query, read_registry);
}

Reader::List<RegistryRow> SqliteTx::registry(std::string_view after, std::size_t rows_max) {
    Query query(connection_, SELECT_REGISTRY "WHERE terminal > ? ORDER BY terminal LIMIT ?");
    query << after << rows_of(rows_max);
    return all(query, read_registry);
}

Reader::List<RegistryChange> SqliteTx::registry_history(std::string_view terminal) {
    Query query(connection_, "SELECT " REGISTRY_COLUMNS
                             ", reason FROM registry_history WHERE terminal = ?"
                             " ORDER BY version LIMIT ?");
    query << terminal << rows_of(page_rows_max);
    return all(query, [](Query& row) {
        RegistryChange change;
        change.row = read_registry(row);
        change.reason = row.text();
        return change;
    });
}

Result<void> SqliteTx::insert(const RegistryChange& change) {
    {
        Query query(connection_, "INSERT INTO registry (" REGISTRY_COLUMNS
                                 ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
        bind(query, change.row);
        TRY_VOID(query.run());
    }
    return keep_history(connection_, change);
}

// The serial number stays with its terminal for good, so it is no column that could change.
Result<void> SqliteTx::update(const RegistryChange& change) {
    const RegistryRow& row = change.row;
    {
        Query query(connection_,
                    "UPDATE registry SET acquirer = ?, merchant = ?, licence = ?, account = ?,"
                    " address = ?, placed = ?, latitude_e6 = ?, longitude_e6 = ?, model = ?,"
                    " status = ?, version = ?, changed_at = ?"
                    " WHERE terminal = ? AND serial = ? AND version = ?");
        query << row.acquirer << row.merchant << Bytes(row.licence) << Bytes(row.account)
              << row.address << (row.placed ? 1 : 0) << row.latitude_e6 << row.longitude_e6
              << row.model << stored_number(row.status) << row.version << row.changed_at.unix_ms
              << row.terminal << row.serial << std::int64_t{row.version} - 1;
        TRY_VOID(query.run());
    }
    if (connection_.changes() == 0) {
        return fail(ErrorKind::conflict, "no entry of the version before this one");
    }
    return keep_history(connection_, change);
}

}  // namespace softpos::store
