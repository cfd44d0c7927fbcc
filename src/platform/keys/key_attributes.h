// What a key is: attributes that never change while it lives, and the state that does.
#pragma once

#include "protocol/vault_keys.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace softpos::keys {

using protocol::exportabilities;
using protocol::Exportability;
using protocol::key_modes;
using protocol::KeyAlgorithm;
using protocol::KeyMode;
using protocol::KeyState;
using protocol::KeyUsage;

constexpr std::uint8_t key_version_max = 99;  // Two digits in a key block.

// A key that must do something else is another key.
struct KeyAttributes {
    KeyUsage usage{};
    KeyAlgorithm algorithm{};
    KeyMode mode{};
    Exportability exportability = Exportability::none;
    std::uint8_t version = 0;
    // Import, export and destruction need the approvals of operators.
    bool dual_control = false;

    friend bool operator==(const KeyAttributes&, const KeyAttributes&) = default;
};

// Two letters or digits of ANSI X9.143; numbers are ours, as the standard leaves them to us.
std::string_view tr31_usage(KeyUsage usage);
char tr31_algorithm(KeyAlgorithm algorithm);  // 'A'ES, 'T'DES, 'D'ES, 'E'C; '4' is ours for SM4.

// What a key of this usage and algorithm looks like where nobody asked for anything else. nullopt
// where there is none such.
std::optional<KeyAttributes> attributes_for(KeyUsage usage, KeyAlgorithm algorithm);

// Whether any key may look so.
bool is_legal(const KeyAttributes& attributes);

// Spec: [SP800-57] 7.3. A state never follows itself, and nothing follows destroyed.
bool may_follow(KeyState before, KeyState after);

}  // namespace softpos::keys
