// The same calls as over a socket, without the socket.
#include "platform/keys/soft_vault.h"

#include "platform/keys/soft_backend.h"

#include <unistd.h>

namespace softpos::keys {

Result<std::unique_ptr<SoftVault>> SoftVault::open(const std::string& directory, Random& random,
                                                   const Options& options) {
    auto core =
        TRY(VaultCore::open({.directory = directory,
                             .random = random,
                             .backend = std::make_unique<SoftBackend>(random),
                             .log_bytes_before_snapshot = options.log_bytes_before_snapshot}));
    return std::unique_ptr<SoftVault>(new SoftVault(std::move(core)));
}

Result<protocol::VaultAnswer> SoftVault::exchange(const protocol::VaultRequest& request) {
    return core_->handle(request, {.uid = ::getuid()});
}

}  // namespace softpos::keys
