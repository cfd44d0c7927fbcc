// Randomness for keys.
#pragma once

#include "base/random.h"
#include "base/secret.h"

namespace softpos::crypto {

// The library's private DRBG (CTR with AES-256, seeded by the kernel, safe across fork). A failure
// of it is a CHECK: there is no way on without keys. Spec: [SP800-90A] 10.2.1.
class KeyRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override;
};

// A fresh key. With KeyRandom in the product, with a seeded Random in tests.
SecretBytes random_secret(Random& random, std::size_t size);

// A fresh two-key TDES key: odd parity, and halves that differ, since equal ones are single DES.
SecretBytes random_tdes_key(Random& random);

}  // namespace softpos::crypto
