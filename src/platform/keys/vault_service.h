// The vault's end of the wire: a message in, a message out.
#pragma once

#include "platform/keys/vault_core.h"

namespace softpos::keys {

// Keeps a reference to the vault, which must outlive it. As safe between threads as the vault is.
//
//     VaultService service(vault->core());
//     server->serve([&](Bytes request, const host::PeerId& peer) {
//         return service.handle(request, Caller::of_uid(peer.uid));
//     });
class VaultService {
public:
    explicit VaultService(VaultCore& vault) : vault_(vault) {}

    // Never empty: what cannot be read is answered with a failure that says so.
    Buffer handle(Bytes request, const Caller& caller);

private:
    VaultCore& vault_;
};

}  // namespace softpos::keys
