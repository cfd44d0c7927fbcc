// A key as the vault keeps it: what it is, and the body that its backend knows to use.
#pragma once

#include "base/secret.h"
#include "platform/keys/key_attributes.h"

#include <string>

namespace softpos::keys {

using protocol::KeyProtection;
using protocol::protections;

// The key, the key under one in the token, or its number and size in the token.
struct KeyBody {
    KeyProtection protection = KeyProtection::soft;
    SecretBytes bytes{};  // Empty of a key that was destroyed.
};

struct KeyEntry {
    std::string name{};  // An alias, or "alias/mac" for a working key.
    KeyAttributes attributes{};
    KeyState state = KeyState::active;
    KeyBody body{};

    KeyEntry clone() const {
        return {name, attributes, state, {body.protection, body.bytes.clone()}};
    }
};

}  // namespace softpos::keys
