// Who may do what with which key: one table in front of every use of a key.
#pragma once

#include "base/result.h"
#include "platform/keys/key_attributes.h"

#include <cstdint>

namespace softpos::keys {

enum class Operation : std::uint8_t {
    derive_initial_key,    // With a base key, for a phone.
    derive_card_key,       // With a base key, for one sealed card.
    derive_pin_key,        // With a base key of PINs, for one sealed PIN.
    wrap_key,              // With a zone key, around a terminal master key.
    leave_under_zone_key,  // Of a terminal master key, once, when it is made.
    unwrap_working_keys,   // With a terminal master key.
    use_working_keys,      // Of the terminal whose master key it is, classic or not.
    generate_mac,
    verify_mac,
    encrypt_pin,  // For the acquirer's network, under the terminal's PIN key.
    sign,
    leave_to_phone,  // Of a serial key, in an envelope.
    prove_serial,    // With a serial key: whether a terminal has it.
    wrap_block,      // With a key of key blocks.
    unwrap_block,
    leave_in_block,  // Of a key that may.
    verify_cryptogram,
    answer_cryptogram,
    derive_terminal_pin_key,  // With a base key of TDES, for a terminal of the field.
    derive_terminal_mac_key,
    wrap_working_keys,  // With a classic terminal's master key, when they are made.
    decrypt_pin,        // Of a classic terminal, to be encrypted for the network at once.
};
constexpr unsigned operation_count = 22;

// denied unless the key is active, its attributes are a row of the table, and the row has the
// operation. What leaves must be exportable besides.
Result<void> authorise(Operation operation, const KeyAttributes& attributes, KeyState state);

}  // namespace softpos::keys
