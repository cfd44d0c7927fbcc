// Hex to and from bytes, upper case. Not constant time: never for keys in a product path.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace softpos {

std::string to_hex(Bytes bytes);

// Accepts both cases and blanks between pairs. malformed, with the offset, on anything else.
Result<Buffer> from_hex(std::string_view text);

// A tag or code without leading zero bytes: 0x9F02 is "9F02".
std::string hex_number(std::uint32_t number);

}  // namespace softpos
