// What both wallets share: RSA over text, in base64. Not for other modules.
#pragma once

#include "base/result.h"
#include "crypto/public_key.h"
#include "crypto/rsa_key.h"

#include <string>
#include <string_view>

namespace softpos::wallet {

// RSA with PKCS #1 v1.5 and SHA-256, in base64. Spec: [RFC-8017] 8.2.
Result<std::string> sign_text(const crypto::RsaKey& key, std::string_view text);

// denied where the signature is none over the text.
Result<void> verify_text(const crypto::PublicKey& key, std::string_view text,
                         std::string_view signature_base64);

// Whether a value may stand in a header between quotes or commas: printable ASCII without '"', ','
// and blanks, not empty.
bool is_header_token(std::string_view text);

}  // namespace softpos::wallet
