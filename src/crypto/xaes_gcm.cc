// Two blocks more than GCM itself.
#include "crypto/xaes_gcm.h"

#include <array>

namespace softpos::crypto {
namespace {

constexpr std::size_t aes_block_bytes = 16;
constexpr std::size_t half_nonce_bytes = xaes_nonce_bytes / 2;
constexpr std::uint8_t context = 0x58;  // "X".

// Times x in the field of CMAC. Spec: [SP800-38B] 6.1.
void double_block(std::span<std::uint8_t> block) {
    const bool carry = (block.front() & 0x80) != 0;
    for (std::size_t i = 0; i + 1 < block.size(); ++i) {
        block[i] = static_cast<std::uint8_t>(block[i] << 1 | block[i + 1] >> 7);
    }
    block.back() = static_cast<std::uint8_t>(block.back() << 1 ^ (carry ? 0x87 : 0));
}

}  // namespace

XaesGcm::XaesGcm(BlockKey key) : key_(std::move(key)), subkey_(aes_block_bytes) {
    const std::array<std::uint8_t, aes_block_bytes> zeros{};
    key_.encrypt_block(zeros, subkey_.writable());
    double_block(subkey_.writable());
}

Result<XaesGcm> XaesGcm::make(Bytes key32) {
    if (key32.size() != xaes_key_bytes) return fail(ErrorKind::malformed, "xaes: key size");
    return XaesGcm(TRY(BlockKey::make(Cipher::aes, key32)));
}

Result<SecretBytes> XaesGcm::message_key(Bytes nonce24) const {
    if (nonce24.size() != xaes_nonce_bytes) return fail(ErrorKind::malformed, "xaes: nonce size");
    SecretBytes key(xaes_key_bytes);
    const auto out = key.writable();
    for (std::size_t half = 0; half < 2; ++half) {
        const auto block = out.subspan(half * aes_block_bytes, aes_block_bytes);
        block[1] = static_cast<std::uint8_t>(half + 1);
        block[2] = context;
        for (std::size_t i = 0; i < half_nonce_bytes; ++i) block[4 + i] = nonce24[i];
        for (std::size_t i = 0; i < aes_block_bytes; ++i) {
            block[i] = static_cast<std::uint8_t>(block[i] ^ subkey_.bytes()[i]);
        }
    }
    key_.encrypt(key.bytes(), key.writable());
    return key;
}

Result<Buffer> XaesGcm::seal(Bytes nonce24, Bytes aad, Bytes plain) const {
    const SecretBytes key = TRY(message_key(nonce24));
    return gcm_seal(key.bytes(), nonce24.last(half_nonce_bytes), aad, plain);
}

Result<SecretBytes> XaesGcm::open(Bytes nonce24, Bytes aad, Bytes sealed) {
    const SecretBytes key = TRY(message_key(nonce24));
    return opener_.open(key.bytes(), nonce24.last(half_nonce_bytes), aad, sealed);
}

}  // namespace softpos::crypto
