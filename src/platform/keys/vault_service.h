// The vault's end of the wire: a message in, a message out.
#pragma once

#include "platform/keys/key_vault.h"

namespace softpos::keys {

// Keeps a reference to the vault, which must outlive it. As safe between threads as the vault is.
//
//     VaultService service(*vault);
//     server->serve([&](Bytes request, const host::PeerId&) { return service.handle(request); });
class VaultService {
public:
    explicit VaultService(KeyVault& vault) : vault_(vault) {}

    // Never empty: what cannot be read is answered with a failure that says so.
    Buffer handle(Bytes request);

private:
    KeyVault& vault_;
};

}  // namespace softpos::keys
