// The door of a vault: ends TLS on the vault's machine, so that the vault itself needs no network.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace softpos::door {

// POST /v1/vault with a call as the body (protocol/vault_call.h): 200 and the vault's answer. Who
// calls is the common name of the certificate, and what he may is the vault's own affair
// (keys/remote_callers.h). Refusals of the door itself, in JSON as everywhere:
//
//     403 FORBIDDEN          the certificate is revoked, or its name is none that a vault knows
//     503 VAULT_UNAVAILABLE  no vault, no answer in time, or the list of revoked certificates
//                            cannot be read
//     503 SERVER_UNAVAILABLE too many calls wait
//
// Without a certificate of the authority no handshake ends. A body is a call and nothing is kept or
// logged of it, but it passes in clear: a door is trusted with card data, and with no key.
//
//     auto door = TRY(Door::start({.cert_pem = ..., .vault_socket = "/run/softpos/vault.sock"}));
class Door {
public:
    static constexpr const char* call_path = "/v1/vault";
    static constexpr const char* content_type = "application/octet-stream";
    static constexpr std::size_t answer_bytes_max = 64UL * 1024;

    struct Options {
        std::string address = "127.0.0.1";
        std::uint16_t port = 0;  // 0 takes any free one.
        std::string cert_pem{};
        std::string key_pem{};
        std::string client_ca_pem{};  // Vouches for callers of this vault and for nobody else.
        std::string revoked_path{};   // Looked at for each call; empty: there is no list.
        std::string vault_socket{};
        // The vault must have been started as this one: the kernel remembers who listened.
        std::optional<uid_t> vault_uid{};
        unsigned workers = 4;  // Each with a connection to the vault.
        std::size_t waiting_max = 256;
        std::uint32_t vault_ms = 5000;
    };

    // malformed for certificates that cannot be used. The vault may come later.
    static Result<std::unique_ptr<Door>> start(Options options);
    ~Door();
    Door(const Door&) = delete;
    Door& operator=(const Door&) = delete;

    std::uint16_t port() const;

private:
    struct Impl;
    explicit Door(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::door
