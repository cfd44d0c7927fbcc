// Keys out of shared secrets.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <string_view>

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

struct CounterKdfInput {
    Bytes secret;
    std::string_view label;
    Bytes context = {};
};

// Counter mode with HMAC-SHA-256: a number of four bytes, the label, a zero byte, the context, and
// the size in bits in four bytes. What a TPM calls KDFa. Spec: [SP800-108] 4.1, [TPM2-1] 11.4.10.2.
// malformed where `size` is 0 or above counter_kdf_bytes_max.
constexpr std::size_t counter_kdf_bytes_max = 1024;
Result<SecretBytes> counter_kdf_sha256(const CounterKdfInput& input, std::size_t size);

}  // namespace softpos::crypto
