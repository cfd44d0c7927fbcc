// Digests are fetched once for the process.
#include "crypto/hash.h"

#include "base/check.h"

#include <openssl/evp.h>

namespace softpos::crypto {

Md5Digest md5(Bytes message) {
    static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "MD5", nullptr);
    Md5Digest out{};
    CHECK(EVP_Digest(message.data(), message.size(), out.data(), nullptr, digest, nullptr) == 1);
    return out;
}

Sha1Digest sha1(Bytes message) {
    static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA1", nullptr);
    Sha1Digest out{};
    CHECK(EVP_Digest(message.data(), message.size(), out.data(), nullptr, digest, nullptr) == 1);
    return out;
}

Sha256Digest sha256(Bytes message) {
    static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    Sha256Digest out{};
    CHECK(EVP_Digest(message.data(), message.size(), out.data(), nullptr, digest, nullptr) == 1);
    return out;
}

Sm3Digest sm3(Bytes message) {
    static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SM3", nullptr);
    Sm3Digest out{};
    CHECK(EVP_Digest(message.data(), message.size(), out.data(), nullptr, digest, nullptr) == 1);
    return out;
}

}  // namespace softpos::crypto
