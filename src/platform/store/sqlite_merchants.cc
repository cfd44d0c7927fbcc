// Merchants, terminals, activation codes and API keys.
#include "platform/pay/shard.h"
#include "platform/store/sqlite_tx.h"

#define MERCHANT_COLUMNS                                                                           \
    "number, state, name, licence_kind, licence_masked, licence_digest, licence_sealed, mcc, "     \
    "region, phone_masked, bank_name, account_holder, account_masked, account_digest, "            \
    "account_sealed, address, limit_class, applied_at, changed_at"
#define SELECT_MERCHANT "SELECT " MERCHANT_COLUMNS " FROM merchants "

#define TERMINAL_COLUMNS                                                                           \
    "id, number, merchant, state, device_model, device_os, app_version, trusted_point, "           \
    "measurement, initial_key_id, certificate_fingerprint, created_at, enrolled_at, serial"
#define SELECT_TERMINAL "SELECT " TERMINAL_COLUMNS " FROM terminals "

namespace softpos::store {
namespace {

using merchant::ActivationCode;
using merchant::Merchant;
using merchant::Terminal;
using Digest = std::array<std::uint8_t, 32>;

template <typename Enum>
std::int64_t number(Enum value) {
    return static_cast<std::int64_t>(value);
}

merchant::ProtectedNumber read_protected(Query& row) {
    merchant::ProtectedNumber number;
    number.masked = row.text();
    number.digest = row.bytes<32>();
    number.sealed = row.blob();
    return number;
}

void bind(Query& query, const merchant::ProtectedNumber& number) {
    query << number.masked << Bytes(number.digest) << Bytes(number.sealed);
}

Merchant read_merchant(Query& row) {
    Merchant merchant;
    merchant.number = row.text();
    merchant.state = row.whole<merchant::MerchantState>();
    merchant.name = row.text();
    merchant.licence_kind = row.whole<merchant::LicenceKind>();
    merchant.licence = read_protected(row);
    merchant.mcc = row.text();
    merchant.region = row.text();
    merchant.phone_masked = row.text();
    merchant.bank_name = row.text();
    merchant.account_holder = row.text();
    merchant.bank_account = read_protected(row);
    merchant.address = row.text();
    merchant.limit_class = row.text();
    merchant.applied_at = {row.number()};
    merchant.changed_at = {row.number()};
    return merchant;
}

// All but the number, in column order.
void bind(Query& query, const Merchant& merchant) {
    query << number(merchant.state) << merchant.name << number(merchant.licence_kind);
    bind(query, merchant.licence);
    query << merchant.mcc << merchant.region << merchant.phone_masked << merchant.bank_name
          << merchant.account_holder;
    bind(query, merchant.bank_account);
    query << merchant.address << merchant.limit_class << merchant.applied_at.unix_ms
          << merchant.changed_at.unix_ms;
}

Terminal read_terminal(Query& row) {
    Terminal terminal;
    terminal.id = row.id();
    terminal.number = row.text();
    terminal.merchant = row.text();
    terminal.state = row.whole<merchant::TerminalState>();
    terminal.device_model = row.text();
    terminal.device_os = row.text();
    terminal.app_version = row.text();
    terminal.trusted_point = row.blob();
    terminal.measurement = row.blob();
    terminal.initial_key_id = row.bytes<8>();
    terminal.certificate_fingerprint = row.text();
    terminal.created_at = {row.number()};
    terminal.enrolled_at = {row.number()};
    terminal.serial = row.text();
    return terminal;
}

void bind(Query& query, const Terminal& terminal) {
    query << terminal.number << terminal.merchant << number(terminal.state) << terminal.device_model
          << terminal.device_os << terminal.app_version << Bytes(terminal.trusted_point)
          << Bytes(terminal.measurement) << Bytes(terminal.initial_key_id)
          << terminal.certificate_fingerprint << terminal.created_at.unix_ms
          << terminal.enrolled_at.unix_ms << terminal.serial;
}

ApiKey read_api_key(Query& row) {
    ApiKey key;
    key.digest = row.bytes<32>();
    key.id = row.id();
    key.name = row.text();
    key.role = row.text();
    key.merchant = row.text();
    key.created_at = {row.number()};
    key.revoked_at = {row.number()};
    return key;
}

}  // namespace

Reader::Found<Merchant> SqliteTx::merchant(std::string_view number) {
    Query query(connection_, SELECT_MERCHANT "WHERE number = ?");
    query << number;
    return one(query, read_merchant);
}

Reader::Found<Merchant> SqliteTx::merchant_by_licence(const Digest& digest) {
    Query query(connection_,
                SELECT_MERCHANT "WHERE licence_digest = ? ORDER BY applied_at DESC LIMIT 1");
    query << Bytes(digest);
    return one(query, read_merchant);
}

Reader::List<Merchant> SqliteTx::merchants(const TextPage& page) {
    Query query(connection_, SELECT_MERCHANT "WHERE number > ? ORDER BY number LIMIT ?");
    query << page.after << rows_of(page.rows_max);
    return all(query, read_merchant);
}

Result<void> SqliteTx::insert(const Merchant& merchant) {
    Query query(connection_,
                "INSERT INTO merchants (shard, " MERCHANT_COLUMNS
                ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << pay::shard_of(merchant.number) << merchant.number;
    bind(query, merchant);
    return query.run();
}

Result<void> SqliteTx::update(const Merchant& merchant) {
    Query query(connection_,
                "UPDATE merchants SET state = ?, name = ?, licence_kind = ?, licence_masked = ?,"
                " licence_digest = ?, licence_sealed = ?, mcc = ?, region = ?, phone_masked = ?,"
                " bank_name = ?, account_holder = ?, account_masked = ?, account_digest = ?,"
                " account_sealed = ?, address = ?, limit_class = ?, applied_at = ?,"
                " changed_at = ? WHERE number = ?");
    bind(query, merchant);
    query << merchant.number;
    return touch(connection_, query);
}

Reader::Found<Terminal> SqliteTx::terminal(const Id128& id) {
    Query query(connection_, SELECT_TERMINAL "WHERE shard = ? AND id = ?");
    query << pay::shard_of(id) << id;
    return one(query, read_terminal);
}

Reader::Found<Terminal> SqliteTx::terminal_by_number(std::string_view number) {
    Query query(connection_, SELECT_TERMINAL "WHERE number = ?");
    query << number;
    return one(query, read_terminal);
}

Reader::List<Terminal> SqliteTx::terminals_of(std::string_view merchant) {
    Query query(connection_, SELECT_TERMINAL "WHERE merchant = ? ORDER BY number LIMIT ?");
    query << merchant << rows_of(page_rows_max);
    return all(query, read_terminal);
}

Result<void> SqliteTx::insert(const Terminal& terminal) {
    if (pay::shard_of(terminal.id) != pay::shard_of(terminal.merchant)) {
        return fail(ErrorKind::internal, "a terminal's id must come from new_id()");
    }
    Query query(connection_, "INSERT INTO terminals (shard, " TERMINAL_COLUMNS
                             ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    query << pay::shard_of(terminal.id) << terminal.id;
    bind(query, terminal);
    return query.run();
}

Result<void> SqliteTx::update(const Terminal& terminal) {
    Query query(connection_,
                "UPDATE terminals SET number = ?, merchant = ?, state = ?, device_model = ?,"
                " device_os = ?, app_version = ?, trusted_point = ?, measurement = ?,"
                " initial_key_id = ?, certificate_fingerprint = ?, created_at = ?,"
                " enrolled_at = ?, serial = ? WHERE shard = ? AND id = ?");
    bind(query, terminal);
    query << pay::shard_of(terminal.id) << terminal.id;
    return touch(connection_, query);
}

Reader::Found<ActivationCode> SqliteTx::activation_code(const Digest& digest) {
    Query query(connection_,
                "SELECT digest, terminal, merchant, expires_at, used_at FROM activation_codes"
                " WHERE digest = ?");
    query << Bytes(digest);
    return one(query, [](Query& row) {
        ActivationCode code;
        code.digest = row.bytes<32>();
        code.terminal = row.id();
        code.merchant = row.text();
        code.expires_at = {row.number()};
        code.used_at = {row.number()};
        return code;
    });
}

Result<void> SqliteTx::insert(const ActivationCode& code) {
    Query query(connection_,
                "INSERT INTO activation_codes (digest, terminal, merchant, expires_at, used_at)"
                " VALUES (?, ?, ?, ?, ?)");
    query << Bytes(code.digest) << code.terminal << code.merchant << code.expires_at.unix_ms
          << code.used_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::update(const ActivationCode& code) {
    Query query(connection_,
                "UPDATE activation_codes SET expires_at = ?, used_at = ? WHERE digest = ?");
    query << code.expires_at.unix_ms << code.used_at.unix_ms << Bytes(code.digest);
    return touch(connection_, query);
}

Reader::Found<ApiKey> SqliteTx::api_key(const Digest& digest) {
    Query query(connection_,
                "SELECT digest, id, name, role, merchant, created_at, revoked_at FROM api_keys"
                " WHERE digest = ?");
    query << Bytes(digest);
    return one(query, read_api_key);
}

Reader::List<ApiKey> SqliteTx::api_keys() {
    Query query(connection_,
                "SELECT digest, id, name, role, merchant, created_at, revoked_at FROM api_keys"
                " ORDER BY created_at, id LIMIT ?");
    query << rows_of(page_rows_max);
    return all(query, read_api_key);
}

Result<void> SqliteTx::insert(const ApiKey& key) {
    Query query(connection_,
                "INSERT INTO api_keys (digest, id, name, role, merchant, created_at, revoked_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)");
    query << Bytes(key.digest) << key.id << key.name << key.role << key.merchant
          << key.created_at.unix_ms << key.revoked_at.unix_ms;
    return query.run();
}

Result<void> SqliteTx::update(const ApiKey& key) {
    Query query(connection_,
                "UPDATE api_keys SET name = ?, role = ?, revoked_at = ? WHERE digest = ?");
    query << key.name << key.role << key.revoked_at.unix_ms << Bytes(key.digest);
    return touch(connection_, query);
}

}  // namespace softpos::store
