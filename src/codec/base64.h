// Base64 in its two alphabets, each in one form only: what is accepted encodes to the same text.
//
// Spec: [RFC-4648] 4 and 5.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace softpos::codec {

std::string to_base64(Bytes bytes);     // '+' and '/', padded.
std::string to_base64url(Bytes bytes);  // '-' and '_', not padded: as tokens have it.

// malformed, with the offset, for any other character (blanks and line ends among them), padding
// where there is none or the other way round, and bits behind the last byte that are not zero.
Result<Buffer> from_base64(std::string_view text);
Result<Buffer> from_base64url(std::string_view text);

}  // namespace softpos::codec
