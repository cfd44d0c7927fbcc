// Keys and cryptograms of chip cards, issuer side and card side alike. Only the virtual card and
// the issuer of the simulator compute them: an acceptor never holds such keys.
//
// Spec: [EMV-B2] A1 and 8, [JRT-0025] 5 and 7.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <array>
#include <string_view>

namespace softpos::crypto {

enum class KeyParity : std::uint8_t { as_computed, odd };

// Both take a two-key TDES issuer master key of 16 bytes, a PAN of 12 to 19 digits and a sequence
// number of exactly two ("00" where the card has none). malformed otherwise.
// Spec: [EMV-B2] A1.4.1: the rightmost 16 digits of PAN and sequence number, and their complement.
Result<SecretBytes> card_key_option_a(Bytes mdk, std::string_view pan, std::string_view psn,
                                      KeyParity parity);
// Spec: [EMV-B2] A1.4.2: for a PAN above 16 digits 16 decimal digits of a SHA-1, else option A.
Result<SecretBytes> card_key_option_b(Bytes mdk, std::string_view pan, std::string_view psn,
                                      KeyParity parity);

// UnionPay: option A without parity adjustment. Spec: [JRT-0025] 7.
Result<SecretBytes> unionpay_card_key(Bytes mdk, std::string_view pan, std::string_view psn);

// 000000000000 ATC and 000000000000 ~ATC, each encrypted under the card's key (16 bytes).
Result<SecretBytes> unionpay_session_key(Bytes udk, std::uint16_t atc);

// The EMV common session key for application cryptograms. Spec: [EMV-B2] A1.3.1.
Result<SecretBytes> emv_session_key(Bytes udk, std::uint16_t atc);

using Cryptogram = std::array<std::uint8_t, 8>;

// MAC algorithm 3 with padding method 2 over what the card collected. The key has 16 bytes, which
// is CHECKed: it comes from one of the above. Spec: [EMV-B2] 8.1.2.
Cryptogram application_cryptogram(Bytes session_key, Bytes data);

// The issuer's answer: the session key over ARQC xor response code. Spec: [EMV-B2] 8.2.1.
Cryptogram arpc_method1(Bytes session_key, const Cryptogram& arqc,
                        std::array<std::uint8_t, 2> response_code);

}  // namespace softpos::crypto
