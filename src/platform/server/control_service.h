// The control service as one whole: store, vault client, network link, payments, and the two doors
// (phones with certificates, the acquirer with API keys).
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "net/http_server.h"
#include "platform/door/vault_place.h"
#include "platform/monitor/policy.h"
#include "platform/pay/wallet_machine.h"
#include "platform/server/outside.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace softpos::server {

// What server.json in the service's folder says. Everything else in that folder was made by
// set_up(): ca.pem, ca.key, server.pem, server.key, number.key, platform.db, permit.pub (the point
// that phones' cores pin, in hex), policy.pub (the point of whoever signs trust policies), and
// policy.key, which belongs to that person and not on this machine. An operator may add
// switch.conf (channel/switch_plan.h): lines and routes. Without it there is one plain line
// to network_host.
struct ServerConfig {
    std::string folder;
    std::string address = "127.0.0.1";
    std::uint16_t phone_port = 8443;     // 0 takes any free one.
    std::uint16_t acquirer_port = 8444;  // 0 takes any free one.
    // Where classic terminals come in, by cup-pos over TCP; none: such a door is not opened. Under
    // TLS with the service's own certificate, unless the line is closed to strangers anyway.
    std::optional<std::uint16_t> classic_port = std::nullopt;  // 0 takes any free one.
    bool classic_tls = true;
    std::string vault_socket;  // Or https://HOST:PORT of a softpos-vault-door, with:
    std::string vault_cert = {};
    std::string vault_key = {};
    std::string vault_ca = {};
    std::string network_host = "127.0.0.1";
    std::uint16_t network_port = 0;
    std::string acquirer_code = "826";
    std::string maker_id = "000099";  // Of serial numbers; six digits.
    std::string network_licence;      // Filed with each terminal; may be empty.
    monitor::Environment environment = monitor::Environment::production;
    std::int64_t answer_ms = 45'000;    // How long the network may take.
    std::uint32_t round_ms = 15'000;    // Between two looks for phones that have gone silent.
    std::string close_at = {};          // "2310": when days are closed; empty: by calls only.
    pay::TradeRules wallet_rules = {};  // Not in the file: how wallets are asked.

    door::VaultPlace vault_place() const { return {vault_socket, vault_cert, vault_key, vault_ca}; }
};

// bad JSON, unknown or missing fields are malformed; Error.what says which kind.
Result<ServerConfig> read_config(const std::string& folder);
Result<void> write_config(const ServerConfig& config);

struct SetupOptions {
    ServerConfig config;
    std::string acquirer_name;
    // The zone master key that the network's terminal keys travel under, in two components of 32
    // hex digits, as two custodians would bring them.
    std::string zone_component_1;
    std::string zone_component_2;
    // The key that classic terminals' master keys travel under, to whoever loads them; the same
    // way. Empty: no such terminals can be made.
    std::string classic_component_1 = {};
    std::string classic_component_2 = {};
};
struct SetupResult {
    std::string api_key;            // Shown once; only its hash is kept.
    std::string zone_key_check;     // To compare with the network's.
    std::string classic_key_check;  // To compare with the loader's; empty where there is none.
};

// Makes a new acquirer's folder, certificates, base keys in the vault (which must be running) and
// first API key. conflict where the folder holds a service already.
Result<SetupResult> set_up(const SetupOptions& options, const Clock& clock, Random& random);

class ControlService {
public:
    static Result<std::unique_ptr<ControlService>> start(const ServerConfig& config,
                                                         const Clock& clock, Random& random);
    static Result<std::unique_ptr<ControlService>> start(const ServerConfig& config,
                                                         const Clock& clock, Random& random,
                                                         Outside outside);
    ~ControlService();

    // What comes in by the doors, for whoever brings it otherwise.
    void phone(net::HttpRequest request, net::Responder respond);
    void acquirer(net::HttpRequest request, net::Responder respond);

    std::uint16_t phone_port() const;
    std::uint16_t acquirer_port() const;
    std::uint16_t classic_port() const;  // 0 where that door is not open.

private:
    struct Impl;
    explicit ControlService(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::server
