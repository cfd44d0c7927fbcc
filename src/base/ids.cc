// Text form of the 128-bit identifiers.
#include "base/ids.h"

#include "base/hex.h"

#include <algorithm>
#include <cctype>

namespace softpos {

Result<Id128> Id128::parse(std::string_view hex) {
    if (hex.size() != 32) return fail(ErrorKind::malformed, "id: not 32 hex digits");
    const Buffer bytes = TRY(from_hex(hex));
    if (bytes.size() != 16) return fail(ErrorKind::malformed, "id: not 32 hex digits");
    Id128 id;
    std::ranges::copy(bytes, id.bytes.begin());
    return id;
}

std::string Id128::text() const {
    std::string text = to_hex(bytes);
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

}  // namespace softpos
