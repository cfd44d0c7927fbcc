// Block cipher modes over whole messages, without authentication: for formats that bring their own
// MAC, and for those of others. Our own messages use crypto/aead.h.
#pragma once

#include "crypto/cipher.h"

namespace softpos::crypto {

enum class BlockMode : std::uint8_t {
    cbc,  // Whole blocks only.
    ctr,  // The whole block counts, from the initial vector on.
    cfb,  // With feedback of a whole block.
    ofb,
};

// What a message is encrypted with. `iv` has one block; with ctr and ofb it never comes twice under
// one key.
struct ModeKey {
    Cipher cipher;
    BlockMode mode;
    Bytes key;
    Bytes iv;
};

// As long as what goes in. malformed where a size does not fit: the key, the vector, or with cbc
// data that is not whole blocks. unsupported for tdes with another mode than cbc.
Result<Buffer> mode_encrypt(const ModeKey& with, Bytes plain);
Result<SecretBytes> mode_decrypt(const ModeKey& with, Bytes text);

// CBC filled up to whole blocks: n bytes of value n. malformed for sizes. On decryption every wrong
// filling is the same error, denied; a MAC must have been checked before, or the answer itself
// tells. Spec: [RFC-5652] 6.3.
Result<Buffer> cbc_padded_encrypt(const ModeKey& with, Bytes plain);
Result<SecretBytes> cbc_padded_decrypt(const ModeKey& with, Bytes text);

}  // namespace softpos::crypto
