// What a key block says about its key, in types: the header of TR-31 and X9.143, and the road from
// and to its characters. Nothing here is secret and nothing is authenticated: that is
// crypto/tr31.h.
//
// Spec: [X9.143] 6.
#pragma once

#include "base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::crypto {

constexpr std::size_t key_block_characters_max = 9999;  // Four digits of length.
constexpr std::size_t key_block_header_characters = 16;
constexpr std::size_t optional_blocks_max = 99;  // Two digits.

// How the parts are bound to each other. Spec: [X9.143] 6.2, [ISO-20038] 6.
enum class KeyBlockVersion : char {
    variant_a = 'A',  // TDES, keys by XOR. Broken by design: import with a flag, never export.
    tdes = 'B',       // TDES, keys by derivation.
    variant_c = 'C',  // As A.
    aes_cbc = 'D',
    aes_ctr = 'E',
    sm4 = '1',  // Our own: as D with SM4 in the place of AES. docs/adr/0013.
};

constexpr std::uint16_t key_usage_code(char first, char second) {
    return static_cast<std::uint16_t>(static_cast<unsigned char>(first) << 8 |
                                      static_cast<unsigned char>(second));
}

// What the key may serve for. Spec: [X9.143] 6.3.1.
enum class KeyUsage : std::uint16_t {
    base_derivation = key_usage_code('B', '0'),  // DUKPT base key.
    initial_dukpt = key_usage_code('B', '1'),    // DUKPT initial key.
    base_variant = key_usage_code('B', '2'),
    derivation = key_usage_code('B', '3'),  // Outside DUKPT.
    card_verification = key_usage_code('C', '0'),
    data = key_usage_code('D', '0'),
    data_asymmetric = key_usage_code('D', '1'),
    data_decimalisation = key_usage_code('D', '2'),
    data_sensitive = key_usage_code('D', '3'),
    emv_cryptogram = key_usage_code('E', '0'),
    emv_confidentiality = key_usage_code('E', '1'),
    emv_integrity = key_usage_code('E', '2'),
    emv_data_authentication = key_usage_code('E', '3'),
    emv_dynamic_numbers = key_usage_code('E', '4'),
    emv_personalisation = key_usage_code('E', '5'),
    emv_other = key_usage_code('E', '6'),
    emv_pan_protection = key_usage_code('E', '7'),
    initial_vector = key_usage_code('I', '0'),
    key_encryption = key_usage_code('K', '0'),
    key_block_protection = key_usage_code('K', '1'),
    key_transport = key_usage_code('K', '2'),  // TR-34.
    key_agreement = key_usage_code('K', '3'),
    key_block_protection_iso20038 = key_usage_code('K', '4'),
    mac_16609 = key_usage_code('M', '0'),
    mac_alg1 = key_usage_code('M', '1'),  // ISO 9797-1.
    mac_alg2 = key_usage_code('M', '2'),
    mac_alg3 = key_usage_code('M', '3'),
    mac_alg4 = key_usage_code('M', '4'),
    mac_alg5_1999 = key_usage_code('M', '5'),
    mac_cmac = key_usage_code('M', '6'),
    mac_hmac = key_usage_code('M', '7'),
    mac_alg6 = key_usage_code('M', '8'),
    pin_encryption = key_usage_code('P', '0'),
    pin_generation = key_usage_code('P', '1'),
    signature = key_usage_code('S', '0'),
    signature_ca = key_usage_code('S', '1'),
    signature_other = key_usage_code('S', '2'),
    pin_verification = key_usage_code('V', '0'),
    pin_verification_3624 = key_usage_code('V', '1'),
    pin_verification_pvv = key_usage_code('V', '2'),
    pin_verification_x9132_1 = key_usage_code('V', '3'),
    pin_verification_x9132_2 = key_usage_code('V', '4'),
    pin_verification_x9132_3 = key_usage_code('V', '5'),
};

// What it is a key of. Spec: [X9.143] 6.3.2.
enum class KeyAlgorithm : char {
    aes = 'A',
    des = 'D',  // Single: import with the legacy flag only.
    elliptic_curve = 'E',
    hmac = 'H',
    rsa = 'R',
    dsa = 'S',
    tdes = 'T',
    sm2 = '2',  // These two only in our own version.
    sm4 = '4',
};

// Spec: [X9.143] 6.3.3.
enum class KeyMode : char {
    both_ways = 'B',  // Encrypts and decrypts, wraps and unwraps.
    mac_both_ways = 'C',
    decrypt = 'D',
    encrypt = 'E',
    generate = 'G',
    unrestricted = 'N',
    sign = 'S',
    sign_and_decrypt = 'T',
    verify = 'V',
    derive = 'X',
    variants = 'Y',
};

// Spec: [X9.143] 6.3.5.
enum class KeyExport : char {
    trusted = 'E',  // Under a key in a key block.
    never = 'N',
    sensitive = 'S',  // Under other forms too.
};

// Where the block may be kept. Spec: [X9.143] 6.2.
enum class KeyContext : char { any = '0', storage = '1', exchange = '2' };

// A part of the header beyond the sixteen characters: an identifier of two, and printable text.
struct OptionalBlock {
    std::array<char, 2> id{};
    std::string text;

    std::string_view name() const { return {id.data(), id.size()}; }
};

struct KeyBlockHeader {
    KeyBlockVersion version = KeyBlockVersion::aes_cbc;
    KeyUsage usage = KeyUsage::data;
    KeyAlgorithm algorithm = KeyAlgorithm::aes;
    KeyMode mode = KeyMode::both_ways;
    std::array<char, 2> key_version{'0', '0'};  // 00: none; "c" and a digit: a component.
    KeyExport exportability = KeyExport::never;
    KeyContext context = KeyContext::any;
    std::vector<OptionalBlock> optional;  // In the order of the block; padding (PB) among them.

    // The text of the first block of that name, such as "KS" (serial number), "IK" (initial key
    // id), "KC" and "KP" (check values of the key and of the one that wraps it), "TS" (when),
    // "LB" (label), "CT" (certificate), "KV" (version of its values).
    std::optional<std::string_view> find(std::string_view id) const;
    void add(std::string_view id2, std::string text);  // The id is CHECKed to have two characters.
};

// A block taken apart; borrows its text.
struct KeyBlockText {
    KeyBlockHeader header;
    std::string_view head;     // All of the header as it stands: what the MAC covers.
    std::string_view payload;  // Upper-case hex.
    std::string_view mac;      // Upper-case hex.
};

constexpr std::size_t key_block_mac_bytes(KeyBlockVersion version) {
    if (version == KeyBlockVersion::variant_a || version == KeyBlockVersion::variant_c) return 4;
    return version == KeyBlockVersion::tdes ? 8 : 16;
}
// What payload and header are filled up to.
constexpr std::size_t key_block_alignment(KeyBlockVersion version) {
    return key_block_mac_bytes(version) == 16 ? 16 : 8;
}

// malformed for whatever breaks the form, unsupported for a version, usage, algorithm or mode that
// is none of the above. Strict: every length right to the character, no lower-case hex, known
// values only, nothing behind the end.
Result<KeyBlockText> parse_key_block(std::string_view text);

// The header as it stands in a block whose payload has `payload_bytes`, filled up by a padding
// block where there are optional ones. malformed where an optional block cannot be written or the
// whole gets above key_block_characters_max.
Result<std::string> write_key_block_header(const KeyBlockHeader& header, std::size_t payload_bytes);

}  // namespace softpos::crypto
