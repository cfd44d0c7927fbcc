// The key vault of another machine, through its door.
#pragma once

#include "base/clock.h"
#include "net/http_client.h"
#include "platform/keys/calling_vault.h"

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace softpos::door {

// A pool of kept connections in TLS 1.3, each with our certificate; a thread that finds none free
// waits for one. No connection, no answer in time, a door that lets us in no more or has no vault:
// ErrorKind::unavailable, and the payment is declined. What was sent is never sent again.
//
//     auto vault = TRY(HttpsVault::connect({.host = "vault.bank.example", .port = 8470, ...}));
class HttpsVault final : public keys::CallingVault {
public:
    struct Options {
        std::string host{};  // Also the name that the door's certificate must have.
        std::uint16_t port = 0;
        std::string cert_pem{};
        std::string key_pem{};
        std::string ca_pem{};
        unsigned connections_max = 4;
        std::uint32_t timeout_ms = 5000;  // For a call, once it has a connection.
        // A connection that was still for so long is made anew: the door may be closing it.
        std::int64_t still_ms_max = 30'000;
    };

    // Asks the vault for its status once. malformed where the certificates cannot be used.
    static Result<std::unique_ptr<HttpsVault>> connect(Options options);

private:
    struct Connection {
        std::unique_ptr<net::HttpClient> client;
        Ticks used{};
        std::uint64_t breaks = 0;  // As many as there were when it was made.
    };

    explicit HttpsVault(const Options& options) : still_us_max_(options.still_ms_max * 1000) {}
    Result<protocol::VaultAnswer> exchange(const protocol::VaultRequest& request) override;
    Connection* take();
    void give_back(Connection* connection, bool broke);

    const std::int64_t still_us_max_;
    std::uint32_t timeout_ms_ = 0;
    SystemClock clock_;
    std::vector<std::unique_ptr<Connection>> connections_{};
    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<Connection*> free_{};
    std::uint64_t breaks_ = 0;
};

}  // namespace softpos::door
