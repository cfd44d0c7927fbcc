// Symmetric keys by their size, asymmetric ones by what the library says of them.
#include "crypto/key_strength.h"

#include "crypto/owned.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>

namespace softpos::crypto {
namespace {

constexpr unsigned single_des_bits = 56;
constexpr unsigned two_key_tdes_bits = 80;
constexpr unsigned three_key_tdes_bits = 112;
constexpr std::size_t der_bytes_max = 8192;

using PKey = Owned<EVP_PKEY, EVP_PKEY_free>;

// Parity bits do not make two keys differ.
bool same_des_key(Bytes a, Bytes b) {
    unsigned difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference |= static_cast<unsigned>((a[i] ^ b[i]) & 0xFE);
    }
    return difference == 0;
}

// Two equal neighbours cancel each other out. With 16 bytes the first part comes again as third.
unsigned tdes_bits(Bytes key) {
    constexpr std::size_t part = 8;
    if (key.size() == part) return single_des_bits;
    if (key.size() != 2 * part && key.size() != 3 * part) return 0;
    const Bytes first = key.first(part), second = key.subspan(part, part);
    const Bytes third = key.size() == 3 * part ? key.last(part) : first;
    if (same_des_key(first, second) || same_des_key(second, third)) return single_des_bits;
    return same_des_key(first, third) ? two_key_tdes_bits : three_key_tdes_bits;
}

PKey read(Bytes der) {
    const auto size = static_cast<long>(der.size());
    const std::uint8_t* const end = der.data() + der.size();
    const std::uint8_t* cursor = der.data();
    PKey key(d2i_AutoPrivateKey(nullptr, &cursor, size));
    if (key && cursor == end) return key;
    cursor = der.data();
    key.reset(d2i_PUBKEY(nullptr, &cursor, size));
    if (key && cursor == end) return key;
    cursor = der.data();
    key.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &cursor, size));
    if (key && cursor == end) return key;
    return nullptr;
}

}  // namespace

unsigned key_strength_bits(Cipher cipher, Bytes key) {
    switch (cipher) {
        case Cipher::tdes:
            return tdes_bits(key);
        case Cipher::aes:
            if (key.size() != 16 && key.size() != 24 && key.size() != 32) return 0;
            return static_cast<unsigned>(key.size() * 8);
        case Cipher::sm4:
            return key.size() == 16 ? 128 : 0;
    }
    return 0;
}

Result<unsigned> asymmetric_strength_bits(Bytes der) {
    if (der.empty() || der.size() > der_bytes_max) {
        return fail(ErrorKind::malformed, "key: size of der");
    }
    const PKey key = read(der);
    ERR_clear_error();
    if (!key) return fail(ErrorKind::malformed, "key: no key in der");
    return static_cast<unsigned>(std::max(EVP_PKEY_get_security_bits(key.get()), 0));
}

}  // namespace softpos::crypto
