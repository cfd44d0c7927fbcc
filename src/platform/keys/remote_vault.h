// The key vault of another process of this machine.
#pragma once

#include "host/seqpacket.h"
#include "platform/keys/calling_vault.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace softpos::keys {

// A pool of connections, so that several threads call at once; one that finds none free waits for
// one. No connection, a break, or no answer in time: ErrorKind::unavailable, and the payment is
// declined. What was sent is never sent again: the vault may have acted on it.
//
//     auto vault = TRY(RemoteVault::connect({.path = "/run/softpos/vault.sock"}));
class RemoteVault final : public CallingVault {
public:
    struct Options {
        std::string path{};
        unsigned connections_max = 4;
        unsigned timeout_ms = 5000;         // For a call, once it has a connection.
        std::optional<uid_t> server_uid{};  // The vault must run as this one.
    };

    // Asks the vault for its status once, so that a wrong path is seen at start.
    static Result<std::unique_ptr<RemoteVault>> connect(const Options& options);

private:
    explicit RemoteVault(const Options& options);
    Result<protocol::VaultAnswer> exchange(const protocol::VaultRequest& request) override;

    std::vector<std::unique_ptr<host::SeqpacketClient>> connections_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<host::SeqpacketClient*> free_;
};

}  // namespace softpos::keys
