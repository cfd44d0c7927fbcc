// AES Key Wrap: one key under another, with a check value in it. For formats of others that
// demand it; our own keys travel in key blocks (tr31.h) and envelopes.
//
// Spec: [RFC-3394] 2.2.
#pragma once

#include "base/result.h"
#include "base/secret.h"

namespace softpos::crypto {

constexpr std::size_t wrapped_key_bytes_max = 72;  // A key of 64 bytes.

// `kek` of 16, 24 or 32 bytes, `key` of 16 to 64 in whole 8. malformed for another size.
Result<Buffer> aes_key_wrap(Bytes kek, Bytes key);

// malformed for another size, denied where the check value is wrong.
Result<SecretBytes> aes_key_unwrap(Bytes kek, Bytes wrapped);

}  // namespace softpos::crypto
