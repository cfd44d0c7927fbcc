// The vault's end of the wire: a message in, a message out.
#pragma once

#include "platform/keys/remote_callers.h"
#include "platform/keys/vault_core.h"

#include <utility>

namespace softpos::keys {

// Keeps a reference to the vault, which must outlive it. As safe between threads as the vault is.
//
//     VaultService service(vault->core());
//     server->serve([&](Bytes request, const host::PeerId& peer) {
//         return service.handle(request, Caller::of_uid(peer.uid));
//     });
class VaultService {
public:
    // Without callers nobody has a right through a door.
    explicit VaultService(VaultCore& vault, RemoteCallers callers = {})
        : vault_(vault), callers_(std::move(callers)) {}

    // Never empty: what cannot be read is answered with a failure that says so.
    Buffer handle(Bytes request, const Caller& caller);

    // From a process that is a door: each message must say for whom (protocol/vault_door.h), and
    // none is taken for the door's own.
    Buffer handle_from_door(Bytes message);

private:
    VaultCore& vault_;
    RemoteCallers callers_;
};

}  // namespace softpos::keys
