// The two keys under the protection key, the MAC, and what an authentic payload must look like.
#include "crypto/tr31.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/block_modes.h"
#include "crypto/kcv.h"
#include "crypto/key_strength.h"
#include "crypto/mac.h"

#include <algorithm>

namespace softpos::crypto {
namespace {

constexpr std::size_t length_bytes = 2;        // In front of the key: how many bits it has.
constexpr std::size_t hmac_bytes_filled = 64;  // What HMAC keys are filled up to at export.
constexpr unsigned hmac_bits_max = 256;

constexpr std::uint8_t variant_encryption = 0x45;      // 'E'
constexpr std::uint8_t variant_authentication = 0x4D;  // 'M'

struct BlockKeys {
    SecretBytes encryption;
    SecretBytes authentication;
};

bool is_variant(KeyBlockVersion version) {
    return version == KeyBlockVersion::variant_a || version == KeyBlockVersion::variant_c;
}

Cipher cipher_of(KeyBlockVersion version) {
    if (version == KeyBlockVersion::sm4) return Cipher::sm4;
    return key_block_alignment(version) == 16 ? Cipher::aes : Cipher::tdes;
}

// Which key it will be. Spec: [TR-31] 5.3.2, [ISO-20038] 6.
enum class DerivedFor : std::uint8_t { encryption_cbc = 0, authentication = 1, encryption_ctr = 2 };

std::uint16_t derivation_algorithm(Cipher cipher, std::size_t key_bytes) {
    if (cipher == Cipher::sm4) return 0x8001;  // Ours: docs/adr/0013.
    if (cipher == Cipher::tdes) return key_bytes == 16 ? 0x0000 : 0x0001;
    return static_cast<std::uint16_t>(key_bytes / 8);  // 2, 3, 4 for 128, 192, 256 bits.
}

// CMACs of a counter and what the key is for, as many as it takes. Spec: [TR-31] 5.3.2.
Result<SecretBytes> derive(Cipher cipher, Bytes kbpk, DerivedFor purpose) {
    const std::uint16_t algorithm = derivation_algorithm(cipher, kbpk.size());
    const std::size_t bits = kbpk.size() * 8;
    std::array<std::uint8_t, 8> data{1,
                                     0,
                                     static_cast<std::uint8_t>(purpose),
                                     0,
                                     static_cast<std::uint8_t>(algorithm >> 8),
                                     static_cast<std::uint8_t>(algorithm & 0xFF),
                                     static_cast<std::uint8_t>(bits >> 8),
                                     static_cast<std::uint8_t>(bits & 0xFF)};
    SecretBytes key(kbpk.size());
    for (std::size_t done = 0; done < key.size(); done += block_bytes(cipher)) {
        MacBlock block = TRY(cmac(cipher, kbpk, data));
        const std::size_t count = std::min(block_bytes(cipher), key.size() - done);
        std::ranges::copy(block.first(count), key.writable().subspan(done).begin());
        wipe(block.writable());
        ++data[0];
    }
    return key;
}

SecretBytes variant(Bytes kbpk, std::uint8_t constant) {
    SecretBytes key = SecretBytes::copy_of(kbpk);
    for (std::uint8_t& byte : key.writable()) byte = static_cast<std::uint8_t>(byte ^ constant);
    return key;
}

Result<BlockKeys> keys_of(KeyBlockVersion version, Bytes kbpk) {
    const Cipher cipher = cipher_of(version);
    // Single DES protects nothing, under no flag.
    if (key_strength_bits(cipher, kbpk) == 0 || kbpk.size() < 16) {
        return fail(ErrorKind::malformed, "key block: size of the protection key");
    }
    if (is_variant(version)) {
        return BlockKeys{variant(kbpk, variant_encryption), variant(kbpk, variant_authentication)};
    }
    const auto purpose = version == KeyBlockVersion::aes_ctr ? DerivedFor::encryption_ctr
                                                             : DerivedFor::encryption_cbc;
    BlockKeys keys;
    keys.encryption = TRY(derive(cipher, kbpk, purpose));
    keys.authentication = TRY(derive(cipher, kbpk, DerivedFor::authentication));
    return keys;
}

ModeKey payload_mode(KeyBlockVersion version, const BlockKeys& keys, Bytes iv) {
    return {.cipher = cipher_of(version),
            .mode = version == KeyBlockVersion::aes_ctr ? BlockMode::ctr : BlockMode::cbc,
            .key = keys.encryption.bytes(),
            .iv = iv};
}

// Header and clear payload one after the other; for A and C header and ciphertext.
Result<MacBlock> mac_of(KeyBlockVersion version, const BlockKeys& keys, std::string_view head,
                        Bytes payload) {
    SecretBytes whole(head.size() + payload.size());
    std::ranges::copy(bytes_of(head), whole.writable().begin());
    std::ranges::copy(payload, whole.writable().subspan(head.size()).begin());
    if (!is_variant(version)) {
        return cmac(cipher_of(version), keys.authentication.bytes(), whole.bytes());
    }
    const BlockKey key = TRY(BlockKey::make(Cipher::tdes, keys.authentication.bytes()));
    return iso9797_alg1(key, whole.bytes(), Padding::zeros);
}

std::unexpected<Error> wrong_mac() {
    return fail(ErrorKind::denied, "key block: mac");
}

// The clear payload, once it is known to be authentic. With A and C the MAC covers the ciphertext
// and the vector is the start of the header; with the others the MAC is the vector.
// Spec: [TR-31] 5.3.2, [ISO-20038] 6.
Result<SecretBytes> open_payload(const KeyBlockText& block, const BlockKeys& keys) {
    const KeyBlockVersion version = block.header.version;
    const Buffer text = TRY(from_hex(block.payload));
    const Buffer mac = TRY(from_hex(block.mac));
    if (is_variant(version)) {
        const MacBlock expected = TRY(mac_of(version, keys, block.head, text));
        if (!equal_constant_time(expected.first(mac.size()), mac)) return wrong_mac();
        return mode_decrypt(payload_mode(version, keys, bytes_of(block.head).first(8)), text);
    }
    SecretBytes payload = TRY(mode_decrypt(payload_mode(version, keys, mac), text));
    const MacBlock expected = TRY(mac_of(version, keys, block.head, payload.bytes()));
    if (!equal_constant_time(expected.bytes(), mac)) return wrong_mac();
    return payload;
}

bool is_symmetric(KeyAlgorithm algorithm) {
    using enum KeyAlgorithm;
    return algorithm == aes || algorithm == des || algorithm == tdes || algorithm == sm4;
}

Cipher cipher_of(KeyAlgorithm algorithm) {
    if (algorithm == KeyAlgorithm::aes) return Cipher::aes;
    return algorithm == KeyAlgorithm::sm4 ? Cipher::sm4 : Cipher::tdes;
}

// malformed where it is no key of the algorithm. Blocks of old call single DES 'T' as well.
Result<unsigned> strength_of(KeyAlgorithm algorithm, Bytes key) {
    if (algorithm == KeyAlgorithm::hmac) {
        return std::min(static_cast<unsigned>(key.size() * 8), hmac_bits_max);
    }
    if (!is_symmetric(algorithm)) return asymmetric_strength_bits(key);
    const unsigned bits = key_strength_bits(cipher_of(algorithm), key);
    const bool single = key.size() == 8;
    if (bits == 0 || (algorithm == KeyAlgorithm::des && !single)) {
        return fail(ErrorKind::malformed, "key block: size of the key");
    }
    return bits;
}

Result<void> check_strength(KeyBlockVersion version, Bytes kbpk, KeyAlgorithm algorithm, Bytes key,
                            const KeyBlockPolicy& policy) {
    constexpr unsigned single_des_bits = 56;
    const unsigned bits = TRY(strength_of(algorithm, key));
    if (is_symmetric(algorithm) && bits <= single_des_bits && !policy.legacy) {
        return fail(ErrorKind::denied, "key block: single des");
    }
    if (bits > key_strength_bits(cipher_of(version), kbpk) && !policy.weak_kbpk) {
        return fail(ErrorKind::denied, "key block: protection key weaker than the key");
    }
    return {};
}

// Two digits say how it was computed, the rest is its start. What we do not compute is passed over:
// the MAC vouches for it. Spec: [X9.143] 6.3.6, blocks KC and KP.
Result<void> check_value(std::optional<std::string_view> text, Cipher cipher, Bytes key) {
    constexpr std::size_t kind_digits = 2;
    if (!text || text->size() <= kind_digits) return {};
    const Buffer stated = TRY(from_hex(text->substr(kind_digits)));
    Buffer computed;
    if (text->starts_with("00")) {
        const ZeroBlockKcv value = TRY(zero_block_kcv(cipher, key));
        computed.assign(value.begin(), value.end());
    } else if (text->starts_with("01") && cipher == Cipher::aes) {
        const CmacKcv value = TRY(cmac_kcv(key));
        computed.assign(value.begin(), value.end());
    } else {
        return {};
    }
    const std::size_t count = std::min(stated.size(), computed.size());
    if (!equal_constant_time(Bytes(stated).first(count), Bytes(computed).first(count))) {
        return fail(ErrorKind::malformed, "key block: check value");
    }
    return {};
}

Result<void> check_values(const KeyBlockHeader& header, Bytes kbpk, Bytes key) {
    TRY_VOID(check_value(header.find("KP"), cipher_of(header.version), kbpk));
    if (!is_symmetric(header.algorithm)) return {};
    return check_value(header.find("KC"), cipher_of(header.algorithm), key);
}

// The longest key of the algorithm that goes into the same block; asymmetric keys as they are.
std::size_t filled_bytes(KeyAlgorithm algorithm, std::size_t key_bytes) {
    using enum KeyAlgorithm;
    if (algorithm == aes) return 32;
    if (algorithm == tdes || algorithm == des) return 24;
    if (algorithm == hmac) return std::max(key_bytes, hmac_bytes_filled);
    return key_bytes;
}

}  // namespace

Result<UnwrappedKey> import_key_block(Bytes kbpk, std::string_view text,
                                      const KeyBlockPolicy& policy) {
    KeyBlockText block = TRY(parse_key_block(text));
    const KeyBlockVersion version = block.header.version;
    if ((is_variant(version) && !policy.legacy) ||
        (version == KeyBlockVersion::sm4 && !policy.own_sm4)) {
        return fail(ErrorKind::denied, "key block: version");
    }
    const BlockKeys keys = TRY(keys_of(version, kbpk));
    const SecretBytes payload = TRY(open_payload(block, keys));
    const Bytes clear = payload.bytes();
    if (clear.size() <= length_bytes) return fail(ErrorKind::malformed, "key block: no key");
    const std::size_t bits = static_cast<std::size_t>(clear[0]) << 8 | clear[1];
    if (bits == 0 || bits % 8 != 0 || bits / 8 > clear.size() - length_bytes) {
        return fail(ErrorKind::malformed, "key block: length of the key");
    }
    UnwrappedKey out;
    out.key = SecretBytes::copy_of(clear.subspan(length_bytes, bits / 8));
    TRY_VOID(check_strength(version, kbpk, block.header.algorithm, out.key.bytes(), policy));
    TRY_VOID(check_values(block.header, kbpk, out.key.bytes()));
    out.header = std::move(block.header);
    return out;
}

Result<std::string> export_key_block(Bytes kbpk, const KeyBlockHeader& header, Bytes key,
                                     Random& random) {
    const KeyBlockVersion version = header.version;
    if (is_variant(version)) return fail(ErrorKind::denied, "key block: version");
    const BlockKeys keys = TRY(keys_of(version, kbpk));
    if (key.empty() || key.size() > key_block_characters_max / 2) {
        return fail(ErrorKind::malformed, "key block: size of the key");
    }
    TRY_VOID(check_strength(version, kbpk, header.algorithm, key, {}));
    const std::size_t alignment = key_block_alignment(version);
    const std::size_t content = length_bytes + filled_bytes(header.algorithm, key.size());
    SecretBytes payload((content + alignment - 1) / alignment * alignment);
    const std::size_t bits = key.size() * 8;
    const auto clear = payload.writable();
    clear[0] = static_cast<std::uint8_t>(bits >> 8);
    clear[1] = static_cast<std::uint8_t>(bits & 0xFF);
    std::ranges::copy(key, clear.subspan(length_bytes).begin());
    random.fill(clear.subspan(length_bytes + key.size()));

    std::string out = TRY(write_key_block_header(header, payload.size()));
    const MacBlock mac = TRY(mac_of(version, keys, out, payload.bytes()));
    const Buffer text =
        TRY(mode_encrypt(payload_mode(version, keys, mac.bytes()), payload.bytes()));
    return out + to_hex(text) + to_hex(mac.bytes());
}

}  // namespace softpos::crypto
