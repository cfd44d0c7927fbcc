// AES-256-GCM under a key of its own for each message: for one key that seals any number of them.
#pragma once

#include "crypto/aead.h"
#include "crypto/cipher.h"

namespace softpos::crypto {

constexpr std::size_t xaes_key_bytes = 32;
constexpr std::size_t xaes_nonce_bytes = 24;

// Nonces are random: 24 bytes do not meet again. The first half and the key give the key of the
// message, by two blocks of CMAC; the second half is GCM's nonce. Spec: [C2SP-XAES].
//
// As BlockKey: one thread at a time, const or not.
//
//     const auto key = TRY(XaesGcm::make(key32));
//     const Buffer sealed = TRY(key.seal(random.take<xaes_nonce_bytes>(), aad, plain));
class XaesGcm {
public:
    static Result<XaesGcm> make(Bytes key32);

    // Ciphertext || tag. malformed where the nonce has another size.
    Result<Buffer> seal(Bytes nonce24, Bytes aad, Bytes plain) const;
    // malformed where a size is wrong, denied where the tag is.
    Result<SecretBytes> open(Bytes nonce24, Bytes aad, Bytes sealed);

private:
    explicit XaesGcm(BlockKey key);
    Result<SecretBytes> message_key(Bytes nonce24) const;

    BlockKey key_;
    SecretBytes subkey_;  // CMAC's K1.
    GcmOpener opener_;
};

}  // namespace softpos::crypto
