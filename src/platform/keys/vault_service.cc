// Reads, hands over, writes.
#include "platform/keys/vault_service.h"

namespace softpos::keys {

using protocol::VaultAnswer;
using protocol::VaultFailure;

Buffer VaultService::handle(Bytes request, const Caller& caller) {
    const auto decoded = protocol::decode_vault_request(request);
    if (!decoded) {
        const bool version = decoded.error().kind == ErrorKind::unsupported;
        const auto fault =
            version ? VaultFault::version_unsupported : VaultFault::malformed_request;
        vault_.note_unreadable(caller, fault);
        return protocol::encode(VaultAnswer(VaultFailure{decoded.error().kind, fault}));
    }
    return protocol::encode(vault_.handle(*decoded, caller));
}

}  // namespace softpos::keys
