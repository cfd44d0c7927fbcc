// Takes keys from the library's private generator and from nowhere else.
#include "crypto/drbg.h"

#include "base/check.h"

#include <openssl/rand.h>

#include <bit>

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

SecretBytes random_tdes_key(Random& random) {
    constexpr std::size_t half = 8;
    SecretBytes key;
    do {
        key = random_secret(random, 2 * half);
        for (std::uint8_t& byte : key.writable()) {
            if (std::popcount(byte) % 2 == 0) byte = static_cast<std::uint8_t>(byte ^ 1);
        }
    } while (equal_constant_time(key.bytes().first(half), key.bytes().last(half)));
    return key;
}

}  // namespace softpos::crypto
