// Block ciphers with a key in them, one block or many at a time. What is built out of blocks (MACs,
// DUKPT, EMV keys) stands on this and knows no library.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <cstdint>
#include <memory>

namespace softpos::crypto {

enum class Cipher : std::uint8_t { tdes, aes, sm4 };

constexpr std::size_t block_bytes_max = 16;

constexpr std::size_t block_bytes(Cipher cipher) {
    return cipher == Cipher::tdes ? 8 : 16;
}

// A cipher and its key, ready to use. Keys: tdes 8 (single DES, computed as K, K, K), 16 or 24
// bytes, parity ignored; aes 16, 24 or 32; sm4 16.
//
// The library's context is made once and used for every block. Calls on one BlockKey write that
// context and must not overlap, const or not: one BlockKey belongs to one thread at a time.
//
//     const auto key = TRY(BlockKey::make(Cipher::tdes, mak));
//     const auto mac = unionpay_ecb_mac(key, message);
class BlockKey {
public:
    // malformed where the size is not one of the above.
    static Result<BlockKey> make(Cipher cipher, Bytes key);

    BlockKey(BlockKey&&) noexcept;
    BlockKey& operator=(BlockKey&&) noexcept;
    ~BlockKey();

    // Another key for the same cipher; cheaper than a new BlockKey.
    Result<void> rekey(Bytes key);

    Cipher cipher() const;
    std::size_t block_size() const { return block_bytes(cipher()); }

    // Exactly one block each; `out` may be `in`.
    void encrypt_block(Bytes in, std::span<std::uint8_t> out) const;
    void decrypt_block(Bytes in, std::span<std::uint8_t> out) const;

    // ECB over whole blocks (CHECKed), `out` of the same size; `out` may be `in`.
    void encrypt(Bytes in, std::span<std::uint8_t> out) const;
    void decrypt(Bytes in, std::span<std::uint8_t> out) const;

private:
    struct Contexts;
    explicit BlockKey(std::unique_ptr<Contexts> contexts);
    std::unique_ptr<Contexts> contexts_;
};

// ECB without padding. malformed where the key has no legal size or the data is not whole blocks.
// For keys under keys use BlockKey::decrypt into SecretBytes: a Buffer is not wiped.
Result<Buffer> ecb_encrypt(Cipher cipher, Bytes key, Bytes data);
Result<Buffer> ecb_decrypt(Cipher cipher, Bytes key, Bytes data);

// The same into memory that is wiped: a working key out of its cryptogram.
Result<SecretBytes> ecb_decrypt_secret(Cipher cipher, Bytes key, Bytes data);

}  // namespace softpos::crypto
