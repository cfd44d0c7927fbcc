// Who may do what with which key: one table in front of every use of a key.
#pragma once

#include "base/result.h"
#include "protocol/vault_call.h"

#include <cstdint>
#include <optional>

namespace softpos::keys {

using protocol::KeyAlgorithm;
using protocol::KeyState;
using protocol::KeyUsage;

enum class Operation : std::uint8_t {
    derive_initial_key,   // With a base key, for a phone.
    derive_card_key,      // With a base key, for one sealed card.
    wrap_key,             // With a zone key, around a terminal master key.
    leave_under_key,      // Of a terminal master key, once, when it is made.
    unwrap_working_keys,  // With a terminal master key.
    use_working_keys,     // Of the terminal whose master key it is.
    generate_mac,
    verify_mac,
};
constexpr unsigned operation_count = 8;

// Mode of use, in the letters of ANSI X9.143: a second lock besides the usage.
enum class KeyMode : char {
    derive = 'X',
    encrypt = 'E',
    wrap = 'B',     // Encrypts and decrypts keys.
    unwrap = 'D',   // Decrypts keys only.
    mac_both = 'C'  // Makes and checks.
};

// Never change while the key lives; a key that must do something else is another key.
struct KeyAttributes {
    KeyUsage usage;
    KeyAlgorithm algorithm;
    KeyMode mode;

    friend bool operator==(const KeyAttributes&, const KeyAttributes&) = default;
};

// What a key of this usage and algorithm must look like. nullopt where there is none such.
std::optional<KeyAttributes> attributes_for(KeyUsage usage, KeyAlgorithm algorithm);

// denied unless the key is active, its attributes are a row of the table, and the row has the
// operation.
Result<void> authorise(Operation operation, const KeyAttributes& attributes, KeyState state);

}  // namespace softpos::keys
