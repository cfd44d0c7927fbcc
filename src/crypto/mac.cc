// Padding is fed block by block, so that nothing is copied and nothing is allocated.
#include "crypto/mac.h"

#include "base/check.h"
#include "crypto/owned.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <string_view>

namespace softpos::crypto {
namespace {

using Block = std::array<std::uint8_t, block_bytes_max>;

void xor_into(std::span<std::uint8_t> to, Bytes from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
        to[i] = static_cast<std::uint8_t>(to[i] ^ from[i]);
    }
}

// Calls step(block) for every block of the padded message. Spec: [ISO-9797-1] 6.3.
template <typename Step>
void for_each_padded_block(Bytes data, Padding padding, std::size_t size, Step step) {
    Block buffer{};
    const std::span<std::uint8_t> block = std::span(buffer).first(size);
    if (padding == Padding::length) {
        std::uint64_t bits = std::uint64_t{data.size()} * 8;
        for (std::size_t i = size; i-- > 0 && bits != 0; bits >>= 8) {
            block[i] = static_cast<std::uint8_t>(bits & 0xFF);
        }
        step(Bytes(block));
    }
    const bool empty = data.empty();
    for (; data.size() >= size; data = data.subspan(size)) step(data.first(size));
    // Method 1 makes one block of an empty message; method 3 has its length block already.
    if (data.empty() && padding != Padding::bit && !(empty && padding == Padding::zeros)) return;
    std::ranges::fill(block, std::uint8_t{0});
    std::ranges::copy(data, block.begin());
    if (padding == Padding::bit) block[data.size()] = 0x80;
    step(Bytes(block));
}

// The chain of all mechanisms but CMAC; `first` sees each block's output to change the first one.
template <typename First>
MacBlock chain(const BlockKey& key, Bytes data, Padding padding, First after_first) {
    MacBlock state(key.block_size());
    bool is_first = true;
    for_each_padded_block(data, padding, key.block_size(), [&](Bytes block) {
        xor_into(state.writable(), block);
        key.encrypt_block(state.bytes(), state.writable());
        if (is_first) after_first(state.writable());
        is_first = false;
    });
    return state;
}

constexpr auto leave_alone = [](std::span<std::uint8_t>) {};

const char* cbc_name(Cipher cipher, std::size_t key_bytes) {
    switch (cipher) {
        case Cipher::tdes:
            return key_bytes == 16 || key_bytes == 24 ? "DES-EDE3-CBC" : nullptr;
        case Cipher::aes:
            if (key_bytes == 16) return "AES-128-CBC";
            if (key_bytes == 24) return "AES-192-CBC";
            return key_bytes == 32 ? "AES-256-CBC" : nullptr;
        case Cipher::sm4:
            return key_bytes == 16 ? "SM4-CBC" : nullptr;
    }
    return nullptr;
}

using MacContext = Owned<EVP_MAC_CTX, EVP_MAC_CTX_free>;

OSSL_PARAM text_parameter(const char* name, const char* value) {
    return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);  // Only read.
}

void run(EVP_MAC_CTX* context, Bytes key, Bytes data, const OSSL_PARAM* parameters,
         std::span<std::uint8_t> out) {
    std::size_t written = 0;
    CHECK(EVP_MAC_init(context, key.data(), key.size(), parameters) == 1);
    CHECK(EVP_MAC_update(context, data.data(), data.size()) == 1);
    CHECK(EVP_MAC_final(context, out.data(), &written, out.size()) == 1);
    CHECK(written == out.size());
}

// As upper-case hex.
template <std::size_t count>
void write_hex(Bytes bytes, std::span<std::uint8_t, count> out) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (std::size_t i = 0; i < out.size(); ++i) {
        const unsigned byte = bytes[i / 2];
        out[i] = static_cast<std::uint8_t>(digits[i % 2 == 0 ? byte >> 4 : byte & 0xF]);
    }
}

}  // namespace

UnionpayMac unionpay_ecb_mac(const BlockKey& mak, Bytes data) {
    const std::size_t size = mak.block_size();
    Block folded{};
    for (; data.size() > size; data = data.subspan(size)) xor_into(folded, data.first(size));
    xor_into(folded, data);  // The rest, as if filled with zeros.

    std::array<std::uint8_t, 2 * block_bytes_max> hex{};
    write_hex<2 * block_bytes_max>(folded, hex);
    const std::span<std::uint8_t> state = std::span(hex).first(size);
    mak.encrypt_block(state, state);
    xor_into(state, Bytes(hex).subspan(size, size));
    mak.encrypt_block(state, state);

    UnionpayMac mac{};
    write_hex<8>(state, mac);
    return mac;
}

MacBlock iso9797_alg1(const BlockKey& key, Bytes data, Padding padding) {
    return chain(key, data, padding, leave_alone);
}

MacBlock iso9797_alg2(const BlockKey& key, const BlockKey& second, Bytes data, Padding padding) {
    MacBlock state = chain(key, data, padding, leave_alone);
    second.encrypt_block(state.bytes(), state.writable());
    return state;
}

MacBlock iso9797_alg3(const BlockKey& key, const BlockKey& second, Bytes data, Padding padding) {
    MacBlock state = chain(key, data, padding, leave_alone);
    second.decrypt_block(state.bytes(), state.writable());
    key.encrypt_block(state.bytes(), state.writable());
    return state;
}

Result<std::array<std::uint8_t, 8>> iso9797_alg3(Bytes key16, Bytes data, Padding padding) {
    if (key16.size() != 16) return fail(ErrorKind::malformed, "retail mac: key size");
    const BlockKey left = TRY(BlockKey::make(Cipher::tdes, key16.first(8)));
    const BlockKey right = TRY(BlockKey::make(Cipher::tdes, key16.last(8)));
    std::array<std::uint8_t, 8> out{};
    std::ranges::copy(iso9797_alg3(left, right, data, padding).bytes(), out.begin());
    return out;
}

Result<MacBlock> iso9797_alg4(const BlockKey& key, Bytes second, Bytes data, Padding padding) {
    // The third key is the second with every other half byte complemented. Spec: [ISO-9797-1] 7.5.
    SecretBytes third_bytes = SecretBytes::copy_of(second);
    for (std::uint8_t& byte : third_bytes.writable()) {
        byte = static_cast<std::uint8_t>(byte ^ 0xF0);
    }
    const BlockKey outer = TRY(BlockKey::make(key.cipher(), second));
    const BlockKey third = TRY(BlockKey::make(key.cipher(), third_bytes.bytes()));
    MacBlock state = chain(key, data, padding, [&third](std::span<std::uint8_t> block) {
        third.encrypt_block(block, block);
    });
    outer.encrypt_block(state.bytes(), state.writable());
    return state;
}

Result<MacBlock> cmac(Cipher cipher, Bytes key, Bytes data) {
    static EVP_MAC* const fetched = EVP_MAC_fetch(nullptr, "CMAC", nullptr);
    const char* name = cbc_name(cipher, key.size());
    if (name == nullptr) return fail(ErrorKind::malformed, "cmac: key size");
    SecretBytes whole = SecretBytes::copy_of(key);
    if (cipher == Cipher::tdes && key.size() == 16) {
        whole = SecretBytes(24);
        for (std::size_t i = 0; i < 24; ++i) whole.writable()[i] = key[i % 16];
    }
    const MacContext context(EVP_MAC_CTX_new(fetched));
    CHECK(context != nullptr);
    const std::array<OSSL_PARAM, 2> parameters{text_parameter(OSSL_MAC_PARAM_CIPHER, name),
                                               OSSL_PARAM_construct_end()};
    MacBlock mac(block_bytes(cipher));
    run(context.get(), whole.bytes(), data, parameters.data(), mac.writable());
    return mac;
}

namespace {

std::array<std::uint8_t, 32> hmac(const char* digest, Bytes key, Bytes data) {
    static EVP_MAC* const fetched = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    static const std::uint8_t no_key = 0;  // A null pointer would mean "the key of before".
    const MacContext context(EVP_MAC_CTX_new(fetched));
    CHECK(context != nullptr);
    const std::array<OSSL_PARAM, 2> parameters{text_parameter(OSSL_MAC_PARAM_DIGEST, digest),
                                               OSSL_PARAM_construct_end()};
    std::array<std::uint8_t, 32> mac{};
    run(context.get(), key.empty() ? Bytes(&no_key, 0) : key, data, parameters.data(), mac);
    return mac;
}

}  // namespace

Sha256Digest hmac_sha256(Bytes key, Bytes data) {
    return hmac("SHA256", key, data);
}

Sm3Digest hmac_sm3(Bytes key, Bytes data) {
    return hmac("SM3", key, data);
}

}  // namespace softpos::crypto
