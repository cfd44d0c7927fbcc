// The same calls as over a socket, without the socket.
#include "platform/keys/soft_vault.h"

#include "platform/keys/soft_backend.h"

#include <unistd.h>

namespace softpos::keys {

SoftVault::SoftVault() : caller_(Caller::of_uid(::getuid())) {}

Result<std::unique_ptr<SoftVault>> SoftVault::open(const std::string& directory, Random& random,
                                                   Options options) {
    std::unique_ptr<SoftVault> vault(new SoftVault);
    if (!options.backend) options.backend = std::make_unique<SoftBackend>(random);
    vault->core_ =
        TRY(VaultCore::open({.directory = directory,
                             .random = random,
                             .clock = vault->clock_,
                             .backend = std::move(options.backend),
                             .log_bytes_before_snapshot = options.log_bytes_before_snapshot}));
    return vault;
}

Result<protocol::VaultAnswer> SoftVault::exchange(const protocol::VaultRequest& request) {
    return core_->handle(request, caller_);
}

}  // namespace softpos::keys
