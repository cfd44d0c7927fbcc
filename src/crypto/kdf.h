// Keys out of shared secrets.
#pragma once

#include "base/result.h"
#include "base/secret.h"

namespace softpos::crypto {

constexpr std::size_t hkdf_bytes_max = 255UL * 32;

struct HkdfInput {
    Bytes secret;
    Bytes salt = {};
    Bytes info = {};
};

// HKDF with SHA-256, extract and expand. Spec: [RFC-5869] 2.
// malformed where `size` is 0 or above hkdf_bytes_max.
Result<SecretBytes> hkdf_sha256(const HkdfInput& input, std::size_t size);

}  // namespace softpos::crypto
