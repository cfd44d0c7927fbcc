// The armour of certificates and keys: base64 between two lines that name what it is.
//
// Spec: [RFC-7468] 2.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <string_view>
#include <vector>

namespace softpos::crypto {

constexpr std::size_t pem_text_bytes_max = 1024UL * 1024;

// The blocks of that label ("CERTIFICATE", "PUBLIC KEY") in the order in which they stand; text
// around them is passed over. malformed where one is broken, denied above count_max; none is no
// fault. Not for private keys: the text is not wiped.
Result<std::vector<Buffer>> pem_blocks(std::string_view text, std::string_view label,
                                       std::size_t count_max);

}  // namespace softpos::crypto
