// A new acquirer: folder, authority, certificates, keys in the vault, the first API key.
#include "base/hex.h"
#include "base/money.h"
#include "codec/strict_json.h"
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "crypto/x509.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "platform/door/vault_place.h"
#include "platform/server/control_service.h"
#include "platform/server/day_closer.h"
#include "platform/server/platform_signer.h"
#include "platform/server/upstream.h"
#include "platform/store/sqlite_store.h"

#include <boost/json.hpp>

#include <filesystem>

namespace softpos::server {
namespace {

namespace json = boost::json;

constexpr std::size_t config_bytes_max = 16 * 1024;
constexpr unsigned ca_days = 3650;
constexpr unsigned server_days = 398;
constexpr mode_t secret_mode = 0600;
constexpr mode_t open_mode = 0644;

Result<void> write(const std::string& folder, const char* name, std::string_view text,
                   mode_t mode) {
    return host::write_durably(folder + "/" + name, bytes_of(text), mode);
}

Result<void> make_certificates(const SetupOptions& options, Instant now) {
    const std::string& folder = options.config.folder;
    const auto ca = TRY(crypto::make_ca(options.acquirer_name + " SoftPOS CA", now, ca_days));
    const auto server = TRY(crypto::issue_server(
        ca, {.common_name = "softpos-server", .dns = {"localhost"}, .ip = {options.config.address}},
        now, server_days));
    TRY_VOID(write(folder, "ca.pem", ca.cert_pem, open_mode));
    TRY_VOID(write(folder, "ca.key", ca.key_pem, secret_mode));
    TRY_VOID(write(folder, "server.pem", server.cert_pem, open_mode));
    return write(folder, "server.key", server.key_pem, secret_mode);
}

// The key of whoever signs policies, and the first policy under it. That person takes policy.key
// away; the service knows the point only.
Result<store::PolicyRow> make_first_policy(const SetupOptions& options, Instant now) {
    const std::string& folder = options.config.folder;
    const bool sandbox = options.config.environment == monitor::Environment::sandbox;
    const std::string text = TRY(host::read_data(sandbox ? "policy/trust-sandbox.policy.json"
                                                         : "policy/trust-production.policy.json"));
    const auto key = TRY(crypto::P256Key::generate());
    const auto policy = monitor::parse_policy(text);
    if (!policy) return fail(ErrorKind::malformed, "setup: the trust policy is not sound");
    store::PolicyRow row{.version = policy->version,
                         .text = text,
                         .signature = key.sign(monitor::canonical_bytes(*policy)),
                         .uploaded_at = now,
                         .activated_at = now};
    TRY_VOID(write(folder, "policy.key", key.private_pem(), secret_mode));
    TRY_VOID(write(folder, "policy.pub", to_hex(key.public_point()), open_mode));
    return row;
}

// Gives the check value, in hex.
Result<std::string> import_zone_key(keys::KeyVault& vault, std::string_view alias,
                                    const std::string& component_1,
                                    const std::string& component_2) {
    std::vector<SecretBytes> components;
    for (const std::string* hex : {&component_1, &component_2}) {
        Buffer part = TRY(from_hex(*hex));
        components.push_back(SecretBytes::copy_of(part));
        wipe(part);
    }
    return to_hex(TRY(vault.import_zmk_components(alias, components)));
}

}  // namespace

Result<ServerConfig> read_config(const std::string& folder) {
    const Buffer text = TRY(host::read_file(folder + "/server.json", config_bytes_max));
    codec::StrictJson json(text_of(text));
    ServerConfig config;
    config.folder = folder;
    config.address = json.text("address", 64);
    config.phone_port = static_cast<std::uint16_t>(json.integer("phone_port", 0, 65535));
    config.acquirer_port = static_cast<std::uint16_t>(json.integer("acquirer_port", 0, 65535));
    if (const auto port = json.optional_integer("classic_port", 0, 65535)) {
        config.classic_port = static_cast<std::uint16_t>(*port);
        config.classic_tls = json.boolean("classic_tls");
    }
    config.vault_socket = json.text("vault_socket", 256);
    config.vault_cert = json.optional_text("vault_cert", 256).value_or("");
    config.vault_key = json.optional_text("vault_key", 256).value_or("");
    config.vault_ca = json.optional_text("vault_ca", 256).value_or("");
    config.network_host = json.text("network_host", 256);
    config.network_port = static_cast<std::uint16_t>(json.integer("network_port", 1, 65535));
    config.acquirer_code = json.text("acquirer_code", 3);
    config.answer_ms = json.integer("answer_ms", 100, 120'000);
    config.maker_id = json.text("maker_id", 6);
    config.network_licence = json.optional_text("network_licence", 5).value_or("");
    config.close_at = json.optional_text("close_at", 4).value_or("");
    if (!config.close_at.empty() && !close_minute(config.close_at)) {
        json.fault(Refusal::bad_value, "close_at");
    }
    const std::string environment = json.text("environment", 16);
    config.environment = environment == name_of(monitor::Environment::sandbox)
                             ? monitor::Environment::sandbox
                             : monitor::Environment::production;
    if (environment != name_of(config.environment)) {
        json.fault(Refusal::bad_value, "environment");
    }
    if (json.finish()) return fail(ErrorKind::malformed, "server.json: not what it should be");
    return config;
}

Result<void> write_config(const ServerConfig& config) {
    json::object body{{"address", config.address},
                      {"phone_port", config.phone_port},
                      {"acquirer_port", config.acquirer_port},
                      {"vault_socket", config.vault_socket},
                      {"network_host", config.network_host},
                      {"network_port", config.network_port},
                      {"acquirer_code", config.acquirer_code},
                      {"maker_id", config.maker_id},
                      {"network_licence", config.network_licence},
                      {"environment", name_of(config.environment)},
                      {"answer_ms", config.answer_ms}};
    if (!config.close_at.empty()) body["close_at"] = config.close_at;
    if (config.classic_port) {
        body["classic_port"] = *config.classic_port;
        body["classic_tls"] = config.classic_tls;
    }
    if (!config.vault_cert.empty()) {
        body["vault_cert"] = config.vault_cert;
        body["vault_key"] = config.vault_key;
        body["vault_ca"] = config.vault_ca;
    }
    return write(config.folder, "server.json", json::serialize(body), open_mode);
}

Result<SetupResult> set_up(const SetupOptions& options, const Clock& clock, Random& random) {
    const std::string& folder = options.config.folder;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return fail(ErrorKind::unavailable, "setup: folder cannot be made");
    if (std::filesystem::exists(folder + "/server.json")) {
        return fail(ErrorKind::conflict, "setup: the folder holds a service already");
    }
    auto vault = TRY(door::connect_vault(options.config.vault_place(), 1));
    const auto zone = TRY(import_zone_key(*vault, zone_key_alias, options.zone_component_1,
                                          options.zone_component_2));
    std::string classic;
    if (!options.classic_component_1.empty()) {
        classic = TRY(import_zone_key(*vault, classic_zone_key_alias, options.classic_component_1,
                                      options.classic_component_2));
    }
    TRY_VOID(vault->create_bdk(phone_bdk_alias));
    TRY_VOID(vault->create_pin_bdk(pin_bdk_alias));
    const auto permit_point = TRY(vault->create_signing_key(permit_key_alias));
    TRY_VOID(write(folder, "permit.pub", to_hex(permit_point), open_mode));
    const store::PolicyRow policy = TRY(make_first_policy(options, clock.now()));
    TRY_VOID(make_certificates(options, clock.now()));

    crypto::KeyRandom key_random;
    SecretBytes number_key(32);
    key_random.fill(number_key.writable());
    TRY_VOID(host::write_durably(folder + "/number.key", number_key.bytes(), secret_mode));
    const auto secret = key_random.take<24>();
    SetupResult result;
    result.api_key = "spk_" + to_hex(secret);
    result.zone_key_check = zone;
    result.classic_key_check = classic;
    const auto store = TRY(store::open_sqlite({.path = folder + "/platform.db"}));
    const store::ApiKey key{.id = Id128::make(random),
                            .digest = crypto::sha256(bytes_of(result.api_key)),
                            .name = "first key",
                            .role = "acquirer",
                            .merchant = {},
                            .created_at = clock.now(),
                            .revoked_at = {}};
    TRY_VOID(store->run([&](store::Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(key));
        return tx.insert(policy);
    }));
    TRY_VOID(write_config(options.config));  // Last: it says that the rest is whole.
    return result;
}

}  // namespace softpos::server
