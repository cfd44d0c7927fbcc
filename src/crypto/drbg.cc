// Takes keys from the library's private generator and from nowhere else.
#include "crypto/drbg.h"

#include "base/check.h"

#include <openssl/rand.h>

namespace softpos::crypto {

void KeyRandom::fill(std::span<std::uint8_t> out) {
    if (out.empty()) return;
    CHECK(RAND_priv_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

SecretBytes random_secret(Random& random, std::size_t size) {
    SecretBytes secret(size);
    random.fill(secret.writable());
    return secret;
}

}  // namespace softpos::crypto
