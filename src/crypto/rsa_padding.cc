// OAEP and PSS, each in the one form that is spoken here.
#include "crypto/rsa_padding.h"

#include "base/check.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>

namespace softpos::crypto {

Result<void> set_oaep_sha256(evp_pkey_ctx_st* context, Bytes label, int (*init)(evp_pkey_ctx_st*)) {
    const EVP_MD* const sha256 = EVP_sha256();
    const bool good = init(context) == 1 &&
                      EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
                      EVP_PKEY_CTX_set_rsa_oaep_md(context, sha256) == 1 &&
                      EVP_PKEY_CTX_set_rsa_mgf1_md(context, sha256) == 1;
    if (!good) {
        ERR_clear_error();
        return fail(ErrorKind::denied, "oaep: unusable key");
    }
    if (label.empty()) return {};
    // The library takes the copy over, and wants to free it itself.
    auto* copy = static_cast<std::uint8_t*>(OPENSSL_malloc(label.size()));
    CHECK(copy != nullptr);
    std::ranges::copy(label, copy);
    CHECK(EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, static_cast<int>(label.size())) == 1);
    return {};
}

bool set_pss(evp_pkey_ctx_st* context) {
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

}  // namespace softpos::crypto
