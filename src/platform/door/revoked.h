// Certificates that are to be let in no more, though they have not expired.
#pragma once

#include "base/result.h"

#include <string_view>

namespace softpos::door {

constexpr std::size_t revoked_bytes_max = 256UL * 1024;

// Whether a list has a certificate's fingerprint (net/http_message.h). A line has one, in 64
// lower-case hex digits, or is a remark behind '#', or is empty. malformed where any line is
// neither: a list with a slip in it must not let in who was meant.
Result<bool> is_revoked(std::string_view list, std::string_view fingerprint);

}  // namespace softpos::door
