// The platform's word towards phones: bodies signed by a key that stays in the vault.
#pragma once

#include "base/result.h"
#include "platform/keys/key_vault.h"
#include "protocol/spa.h"

#include <string_view>

namespace softpos::server {

// The key that signs permits, grants and commands; its point is pinned in every trusted core.
constexpr std::string_view permit_key_alias = "sign:permits";

class PlatformSigner {
public:
    explicit PlatformSigner(keys::KeyVault& vault) : vault_(vault) {}

    // Waits for the vault. unavailable where it is away.
    Result<protocol::SignedBody> sign(const protocol::SpaBody& body) const;

private:
    keys::KeyVault& vault_;
};

}  // namespace softpos::server
