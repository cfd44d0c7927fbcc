// AES-GCM: secrecy and integrity in one, with a tag of 16 bytes behind the ciphertext.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <memory>

namespace softpos::crypto {

constexpr std::size_t gcm_nonce_bytes = 12;
constexpr std::size_t gcm_tag_bytes = 16;

// Key of 16, 24 or 32 bytes. A nonce must never come twice under one key: GCM loses everything
// then, not only the secrecy of two messages. Gives ciphertext || tag. Spec: [SP800-38D] 7.1.
Result<Buffer> gcm_seal(Bytes key, Bytes nonce12, Bytes aad, Bytes plain);

// malformed where a size is wrong, denied where the tag is; nothing of the plaintext gets out then.
Result<SecretBytes> gcm_open(Bytes key, Bytes nonce12, Bytes aad, Bytes sealed);

// The same for who opens many, each under another key: the context is made once. The last key stays
// in it until the next or the end.
class GcmOpener {
public:
    GcmOpener();
    GcmOpener(GcmOpener&&) noexcept;
    GcmOpener& operator=(GcmOpener&&) noexcept;
    ~GcmOpener();

    Result<SecretBytes> open(Bytes key, Bytes nonce12, Bytes aad, Bytes sealed);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace softpos::crypto
