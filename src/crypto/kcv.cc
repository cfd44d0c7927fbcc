// Check values out of one block.
#include "crypto/kcv.h"

#include "crypto/mac.h"

#include <algorithm>

namespace softpos::crypto {

Result<ZeroBlockKcv> zero_block_kcv(Cipher cipher, Bytes key) {
    const BlockKey block_key = TRY(BlockKey::make(cipher, key));
    std::array<std::uint8_t, block_bytes_max> block{};
    const auto used = std::span(block).first(block_key.block_size());
    block_key.encrypt_block(used, used);
    ZeroBlockKcv kcv{};
    std::copy_n(block.begin(), kcv.size(), kcv.begin());
    return kcv;
}

Result<CmacKcv> cmac_kcv(Bytes aes_key) {
    const std::array<std::uint8_t, block_bytes_max> zeros{};
    const MacBlock mac = TRY(cmac(Cipher::aes, aes_key, zeros));
    CmacKcv kcv{};
    std::ranges::copy(mac.first(kcv.size()), kcv.begin());
    return kcv;
}

}  // namespace softpos::crypto
