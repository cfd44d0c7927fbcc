// Diversification out of digits, session keys out of counters.
#include "crypto/emv_keys.h"

#include "base/check.h"
#include "crypto/cipher.h"
#include "crypto/hash.h"
#include "crypto/mac.h"

#include <algorithm>
#include <bit>
#include <string>

namespace softpos::crypto {
namespace {

constexpr std::size_t key_bytes = 16;
constexpr std::size_t pan_digits_min = 12;
constexpr std::size_t pan_digits_max = 19;
constexpr std::size_t seed_digits = 16;

using Seed = std::array<std::uint8_t, 8>;

bool all_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// PAN and sequence number in one; at most 21 digits.
Result<SecretBytes> card_digits(std::string_view pan, std::string_view psn) {
    if (pan.size() < pan_digits_min || pan.size() > pan_digits_max || !all_digits(pan)) {
        return fail(ErrorKind::malformed, "emv key: pan");
    }
    if (psn.size() != 2 || !all_digits(psn)) return fail(ErrorKind::malformed, "emv key: psn");
    SecretBytes digits(pan.size() + psn.size());
    std::ranges::copy(bytes_of(pan), digits.writable().begin());
    std::ranges::copy(bytes_of(psn), digits.writable().last(psn.size()).begin());
    return digits;
}

// Packs ASCII digits two a byte, with a zero in front where `out` has room for more.
void pack_digits(Bytes digits, std::span<std::uint8_t> out) {
    std::ranges::fill(out, std::uint8_t{0});
    std::size_t place = out.size() * 2;
    for (std::size_t i = digits.size(); i-- > 0;) {
        --place;
        const unsigned digit = digits[i] - unsigned{'0'};
        out[place / 2] |= static_cast<std::uint8_t>(place % 2 == 0 ? digit << 4 : digit);
    }
}

Seed seed_option_a(Bytes digits) {
    Seed seed{};
    pack_digits(digits.size() > seed_digits ? digits.last(seed_digits) : digits, seed);
    return seed;
}

// The first 16 half bytes of the hash that are decimal digits; where there are too few, the
// letters in their order follow with a as 0. Spec: [EMV-B2] A1.4.2.
Seed seed_option_b(Bytes digits) {
    std::array<std::uint8_t, 11> packed{};
    const std::size_t packed_bytes = (digits.size() + 1) / 2;
    pack_digits(digits, std::span(packed).first(packed_bytes));
    const Sha1Digest hash = sha1(Bytes(packed).first(packed_bytes));
    wipe(packed);
    Seed seed{};
    std::size_t found = 0;
    const auto collect = [&](bool letters) {
        for (std::size_t i = 0; i < 2 * hash.size() && found < seed_digits; ++i) {
            const unsigned nibble = i % 2 == 0 ? hash[i / 2] >> 4U : hash[i / 2] & 0xFU;
            if ((nibble > 9) != letters) continue;
            const unsigned digit = letters ? nibble - 10 : nibble;
            seed[found / 2] |= static_cast<std::uint8_t>(found % 2 == 0 ? digit << 4 : digit);
            ++found;
        }
    };
    collect(false);
    collect(true);
    return seed;
}

void set_odd_parity(std::span<std::uint8_t> key) {
    for (std::uint8_t& byte : key) {
        if (std::popcount(byte) % 2 == 0) byte = static_cast<std::uint8_t>(byte ^ 1);
    }
}

// Both halves encrypted under one key: every derivation here ends so.
Result<SecretBytes> encrypt_halves(Bytes key, const Seed& left, const Seed& right) {
    if (key.size() != key_bytes) return fail(ErrorKind::malformed, "emv key: key size");
    const BlockKey block_key = TRY(BlockKey::make(Cipher::tdes, key));
    SecretBytes out(key_bytes);
    block_key.encrypt_block(left, out.writable().first(left.size()));
    block_key.encrypt_block(right, out.writable().last(right.size()));
    return out;
}

Result<SecretBytes> card_key(Bytes mdk, const Seed& seed, KeyParity parity) {
    Seed complement = seed;
    for (std::uint8_t& byte : complement) byte = static_cast<std::uint8_t>(~byte);
    SecretBytes key = TRY(encrypt_halves(mdk, seed, complement));
    if (parity == KeyParity::odd) set_odd_parity(key.writable());
    return key;
}

std::uint8_t high(std::uint16_t number) {
    return static_cast<std::uint8_t>(number >> 8);
}
std::uint8_t low(std::uint16_t number) {
    return static_cast<std::uint8_t>(number & 0xFF);
}

}  // namespace

Result<SecretBytes> card_key_option_a(Bytes mdk, std::string_view pan, std::string_view psn,
                                      KeyParity parity) {
    const SecretBytes digits = TRY(card_digits(pan, psn));
    return card_key(mdk, seed_option_a(digits.bytes()), parity);
}

Result<SecretBytes> card_key_option_b(Bytes mdk, std::string_view pan, std::string_view psn,
                                      KeyParity parity) {
    const SecretBytes digits = TRY(card_digits(pan, psn));
    const bool long_pan = pan.size() > 16;
    return card_key(mdk, long_pan ? seed_option_b(digits.bytes()) : seed_option_a(digits.bytes()),
                    parity);
}

Result<SecretBytes> unionpay_card_key(Bytes mdk, std::string_view pan, std::string_view psn) {
    return card_key_option_a(mdk, pan, psn, KeyParity::as_computed);
}

Result<SecretBytes> unionpay_session_key(Bytes udk, std::uint16_t atc) {
    const auto inverse = static_cast<std::uint16_t>(~atc);
    const Seed left{0, 0, 0, 0, 0, 0, high(atc), low(atc)};
    const Seed right{0, 0, 0, 0, 0, 0, high(inverse), low(inverse)};
    return encrypt_halves(udk, left, right);
}

Result<SecretBytes> emv_session_key(Bytes udk, std::uint16_t atc) {
    const Seed left{high(atc), low(atc), 0xF0, 0, 0, 0, 0, 0};
    const Seed right{high(atc), low(atc), 0x0F, 0, 0, 0, 0, 0};
    return encrypt_halves(udk, left, right);
}

Cryptogram application_cryptogram(Bytes session_key, Bytes data) {
    const auto mac = iso9797_alg3(session_key, data, Padding::bit);
    CHECK(mac.has_value());
    return *mac;
}

Cryptogram arpc_method1(Bytes session_key, const Cryptogram& arqc,
                        std::array<std::uint8_t, 2> response_code) {
    Cryptogram block = arqc;
    block[0] = static_cast<std::uint8_t>(block[0] ^ response_code[0]);
    block[1] = static_cast<std::uint8_t>(block[1] ^ response_code[1]);
    const auto key = BlockKey::make(Cipher::tdes, session_key);
    CHECK(key.has_value());
    key->encrypt_block(block, block);
    return block;
}

}  // namespace softpos::crypto
