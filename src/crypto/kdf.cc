// HKDF and the counter mode as the library has them.
#include "crypto/kdf.h"

#include "base/check.h"
#include "crypto/owned.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>

namespace softpos::crypto {
namespace {

OSSL_PARAM octets(const char* name, Bytes bytes) {
    // The library takes a mutable pointer and only reads it. It refuses null even where size is 0.
    static std::uint8_t nothing = 0;
    auto* data = bytes.empty() ? &nothing : const_cast<std::uint8_t*>(bytes.data());
    return OSSL_PARAM_construct_octet_string(name, data, bytes.size());
}

}  // namespace

Result<SecretBytes> hkdf_sha256(const HkdfInput& input, std::size_t size) {
    static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    if (size == 0 || size > hkdf_bytes_max) return fail(ErrorKind::malformed, "hkdf: output size");
    const Owned<EVP_KDF_CTX, EVP_KDF_CTX_free> context(EVP_KDF_CTX_new(kdf));
    CHECK(context != nullptr);
    std::array<char, 7> digest{'S', 'H', 'A', '2', '5', '6', 0};
    const std::array<OSSL_PARAM, 5> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        octets(OSSL_KDF_PARAM_KEY, input.secret), octets(OSSL_KDF_PARAM_SALT, input.salt),
        octets(OSSL_KDF_PARAM_INFO, input.info), OSSL_PARAM_construct_end()};
    SecretBytes out(size);
    CHECK(EVP_KDF_derive(context.get(), out.writable().data(), size, parameters.data()) == 1);
    return out;
}

Result<SecretBytes> counter_kdf_sha256(const CounterKdfInput& input, std::size_t size) {
    static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "KBKDF", nullptr);
    if (size == 0 || size > counter_kdf_bytes_max || input.secret.empty()) {
        return fail(ErrorKind::malformed, "kdf: size");
    }
    const Owned<EVP_KDF_CTX, EVP_KDF_CTX_free> context(EVP_KDF_CTX_new(kdf));
    CHECK(context != nullptr);
    std::array<char, 7> digest{'S', 'H', 'A', '2', '5', '6', 0};
    std::array<char, 5> mac{'H', 'M', 'A', 'C', 0};
    const std::array<OSSL_PARAM, 6> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac.data(), 0),
        octets(OSSL_KDF_PARAM_KEY, input.secret),
        // The library's names for label and context.
        octets(OSSL_KDF_PARAM_SALT, bytes_of(input.label)),
        octets(OSSL_KDF_PARAM_INFO, input.context), OSSL_PARAM_construct_end()};
    SecretBytes out(size);
    CHECK(EVP_KDF_derive(context.get(), out.writable().data(), size, parameters.data()) == 1);
    return out;
}

}  // namespace softpos::crypto
