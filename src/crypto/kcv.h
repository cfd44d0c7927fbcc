// Key check values: enough of a key's image to see that two sides hold the same one, too little to
// find it. The two kinds are not comparable; a record says which one it is.
#pragma once

#include "base/result.h"
#include "crypto/cipher.h"

#include <array>

namespace softpos::crypto {

// What an interface may give out. Above this a check value begins to help a search.
constexpr std::size_t kcv_bytes = 3;

// Leftmost bytes of one encrypted block of zeros. Hosts compare 3 bytes, UnionPay terminals the 4
// that come with a working key. Spec: [CUP-POS] field 62.
using ZeroBlockKcv = std::array<std::uint8_t, 4>;
Result<ZeroBlockKcv> zero_block_kcv(Cipher cipher, Bytes key);

// Leftmost bytes of the CMAC of one block of zeros, for AES. Spec: [X9.24-1] A.3.
using CmacKcv = std::array<std::uint8_t, 5>;
Result<CmacKcv> cmac_kcv(Bytes aes_key);

}  // namespace softpos::crypto
