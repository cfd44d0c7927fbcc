// A key as the vault keeps it: what it is, and the body that its backend knows to use.
#pragma once

#include "base/secret.h"
#include "platform/keys/key_attributes.h"

#include <string>

namespace softpos::keys {

// Where the key itself is.
enum class Protection : std::uint8_t {
    soft,          // The body is the key.
    wrapped_soft,  // The body is the key under one that never leaves a token.
    token,         // The body is its number in a token.
};
constexpr unsigned protections = 3;

struct KeyBody {
    Protection protection = Protection::soft;
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
