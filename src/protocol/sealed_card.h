// Card data and PINs on their way from the trusted core of a phone to the key vault of the
// platform: the only forms in which they leave the core.
#pragma once

#include "base/bytes.h"
#include "base/ids.h"
#include "base/money.h"
#include "codec/ber_tlv.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace softpos::protocol {

constexpr std::size_t sealed_card_bytes_max = 1024;

// AES-128-GCM under the DUKPT AES data-encryption key (usage 3000) of the KSN. The nonce is the KSN
// itself: one key serves one message, and each counter one key. Spec: [X9.24-3] 6.3.
struct SealedCard {
    std::array<std::uint8_t, 12> ksn{};
    Buffer ciphertext;  // With the tag of 16 bytes.

    friend bool operator==(const SealedCard&, const SealedCard&) = default;
};

// A PIN as it leaves the trusted core: a block of ISO 9564-1 format 4 under the AES-128 DUKPT key
// for PINs (usage 1000) of the serial number, whose initial key is that of PINs.
struct SealedPin {
    std::array<std::uint8_t, 12> ksn{};
    std::array<std::uint8_t, 16> block{};

    friend bool operator==(const SealedPin&, const SealedPin&) = default;
};

// What the plaintext of a SealedCard is a list of, in this order; 5F24 only where the card gave it,
// the serial cipher only where the terminal has a key for it.
namespace sealed_tag {
constexpr codec::Tag track2{0x57};
constexpr codec::Tag pan_sequence{0x5F34};
constexpr codec::Tag expiry{0x5F24};
constexpr codec::Tag field55{0xDF8155};
constexpr codec::Tag entry_mode{0xDF8157};     // Field 22, of a classic terminal's card only.
constexpr codec::Tag serial_cipher{0xDF8156};  // 8 characters; where the terminal has a serial key.
}  // namespace sealed_tag

// What a sealed card is good for, and nothing else.
struct SealedFor {
    std::string_view terminal_id;  // 8 characters.
    std::int64_t amount_minor = 0;
    std::uint16_t currency = 156;
    Id128 permit;  // Of the tap.
};
// terminal_id (8 bytes), minor units (8), currency (2), permit (16).
std::array<std::uint8_t, 34> sealed_card_aad(const SealedFor& what);

// What the envelope of an initial key is bound to: "softpos-ik/1" and the initial key id.
Buffer initial_key_envelope_info(Bytes initial_key_id8);
// The same for the key of the serial cipher: "softpos-sk/1" and the terminal's 8 characters.
Buffer serial_key_envelope_info(std::string_view terminal_id);

}  // namespace softpos::protocol
