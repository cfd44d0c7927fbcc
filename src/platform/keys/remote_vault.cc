// Sends and waits; messages are wiped.
#include "platform/keys/remote_vault.h"

#include <algorithm>

namespace softpos::keys {

RemoteVault::RemoteVault(const Options& options) {
    for (unsigned i = 0; i < std::max(1U, options.connections_max); ++i) {
        connections_.push_back(std::make_unique<host::SeqpacketClient>(
            host::SeqpacketClient::Options{.path = options.path,
                                           .timeout_ms = options.timeout_ms,
                                           .server_uid = options.server_uid}));
        free_.push_back(connections_.back().get());
    }
}

Result<std::unique_ptr<RemoteVault>> RemoteVault::connect(const Options& options) {
    std::unique_ptr<RemoteVault> vault(new RemoteVault(options));
    TRY_VOID(vault->status());
    return vault;
}

Result<protocol::VaultAnswer> RemoteVault::exchange(const protocol::VaultRequest& request) {
    Buffer message = protocol::encode(request);
    host::SeqpacketClient* connection = nullptr;
    {
        std::unique_lock lock(mutex_);
        freed_.wait(lock, [this] { return !free_.empty(); });
        connection = free_.back();
        free_.pop_back();
    }
    auto answer = connection->call(message);
    {
        const std::lock_guard lock(mutex_);
        free_.push_back(connection);
    }
    freed_.notify_one();
    wipe(message);
    // Whatever went wrong on the way: the vault did not answer.
    const auto unavailable =
        std::unexpected(protocol::error_of(ErrorKind::unavailable, VaultFault::other));
    if (!answer) return unavailable;
    auto decoded = protocol::decode_vault_answer(*answer);
    wipe(*answer);
    if (!decoded) return unavailable;
    return decoded;
}

}  // namespace softpos::keys
