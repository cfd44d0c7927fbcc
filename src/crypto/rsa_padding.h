// How both halves of an RSA key set the library's padding: for the module's own source files.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

struct evp_pkey_ctx_st;  // NOLINT(readability-identifier-naming): the library's name.

namespace softpos::crypto {

// `init` is the library's, for encrypting or decrypting.
Result<void> set_oaep_sha256(evp_pkey_ctx_st* context, Bytes label, int (*init)(evp_pkey_ctx_st*));

// RSASSA-PSS with a salt as long as the digest; false where the library refuses.
bool set_pss(evp_pkey_ctx_st* context);

}  // namespace softpos::crypto
