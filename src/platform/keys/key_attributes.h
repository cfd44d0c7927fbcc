// What a key is: attributes that never change while it lives, and the state that does.
#pragma once

#include "protocol/vault_keys.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace softpos::keys {

using protocol::KeyAlgorithm;
using protocol::KeyState;
using protocol::KeyUsage;

// Mode of use, in the letters of ANSI X9.143: a second lock besides the usage. Spec: [X9.143] 7.
enum class KeyMode : char {
    derive = 'X',
    encrypt = 'E',
    wrap = 'B',      // Encrypts and decrypts keys.
    unwrap = 'D',    // Decrypts keys only.
    mac_both = 'C',  // Makes and checks.
    sign = 'S',
    verify = 'V',
};
constexpr char key_modes[] = {'X', 'E', 'B', 'D', 'C', 'S', 'V'};

// Spec: [X9.143] 7.
enum class Exportability : char {
    trusted = 'E',    // Under another key, in a key block or as the road of its usage says.
    none = 'N',       // Stays where it was made.
    sensitive = 'S',  // Only inside an envelope to the one device that it is for.
};
constexpr char exportabilities[] = {'E', 'N', 'S'};

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
