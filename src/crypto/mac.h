// Message authentication codes of terminals, cards and our own links. Each is a composition of
// BlockKey or the library's own MAC.
#pragma once

#include "base/result.h"
#include "crypto/cipher.h"
#include "crypto/hash.h"

#include <array>

namespace softpos::crypto {

// A MAC before truncation: one block, 8 bytes with TDES, 16 with AES and SM4.
class MacBlock {
public:
    explicit MacBlock(std::size_t size) : size_(size) {}

    Bytes bytes() const { return Bytes(block_).first(size_); }
    Bytes first(std::size_t count) const { return bytes().first(count); }
    std::span<std::uint8_t> writable() { return std::span(block_).first(size_); }

private:
    std::array<std::uint8_t, block_bytes_max> block_{};
    std::size_t size_;
};

// Field 64 of a UnionPay terminal message: 8 characters of upper-case hex over "message type to
// field 63 as sent". The blocks are XORed before anything is encrypted, so their order is not
// protected: only for acquirers whose specification demands it. The key's cipher and size decide
// between DES, two-key TDES and SM4. Spec: [CUP-POS] field 64.
using UnionpayMac = std::array<std::uint8_t, 8>;
UnionpayMac unionpay_ecb_mac(const BlockKey& mak, Bytes data);

// Spec: [ISO-9797-1] 6.3.
enum class Padding : std::uint8_t {
    zeros = 1,   // Method 1: up to a whole block; an empty message becomes one block.
    bit = 2,     // Method 2: 80, then zeros; always adds something.
    length = 3,  // Method 3: a block with the length in bits in front, then zeros.
};

// Algorithm 1: CBC-MAC. With a single DES key ANSI X9.9; with SM4 GB/T 15852.1 mechanism 1.
MacBlock iso9797_alg1(const BlockKey& key, Bytes data, Padding padding);

// Algorithm 2 (EMAC): the CBC-MAC encrypted once more under the second key.
MacBlock iso9797_alg2(const BlockKey& key, const BlockKey& second, Bytes data, Padding padding);

// Algorithm 3 (retail MAC, X9.19): the CBC-MAC decrypted under `second`, encrypted under `key`.
MacBlock iso9797_alg3(const BlockKey& key, const BlockKey& second, Bytes data, Padding padding);

// Algorithm 3 with the two halves of a TDES key. malformed unless the key has 16 bytes.
Result<std::array<std::uint8_t, 8>> iso9797_alg3(Bytes key16, Bytes data, Padding padding);

// Algorithm 4 (MacDES): the first block is encrypted under a key derived from the second one as
// well, the last under the second. The raw second key is needed to derive from.
Result<MacBlock> iso9797_alg4(const BlockKey& key, Bytes second, Bytes data, Padding padding);

// CMAC with AES, TDES (16 or 24 bytes) or SM4. Spec: [SP800-38B] 6.2.
Result<MacBlock> cmac(Cipher cipher, Bytes key, Bytes data);

// HMAC with SHA-256. Spec: [RFC-2104] 2.
Sha256Digest hmac_sha256(Bytes key, Bytes data);
Sm3Digest hmac_sm3(Bytes key, Bytes data);  // Spec: [GMT-0042] annex D.

}  // namespace softpos::crypto
