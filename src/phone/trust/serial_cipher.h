// How a terminal proves its serial number in a payment: a code over the number and the card, by a
// key that only this terminal and the registry have.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace softpos::trust {

using SerialCipher = std::array<std::uint8_t, 8>;  // Upper-case hex digits.

// SM4 ECB-MAC over the serial number and the last six digits of the card number in track 2 (57).
// malformed where the key has not 16 bytes or the track holds no card number.
Result<SerialCipher> serial_cipher(Bytes sm4_key, std::string_view serial_number, Bytes track2);

// The same over digits that are at hand. Spec: [CUP-POS] field 59, usage A2.
Result<SerialCipher> serial_cipher_over(Bytes sm4_key, std::string_view serial_number,
                                        std::string_view factor);

}  // namespace softpos::trust
