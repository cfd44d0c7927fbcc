// Where the values of a JSON object lie in its text: some partners sign the bytes of one member,
// and bytes cannot be made again from a value that was read.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace softpos::codec {

struct JsonSlice {
    std::string name;
    std::string_view bytes;  // As they stand, quotes and braces included; borrowed.
};

constexpr std::size_t json_slices_bytes_max = 256UL * 1024;
constexpr std::size_t json_slices_max = 64;

// The members of the outermost object whose values are texts, objects or arrays, in their order.
// malformed, with the offset, where the whole text is no object, or a name stands in the outermost
// object twice; denied over a limit.
Result<std::vector<JsonSlice>> json_slices(std::string_view text);

}  // namespace softpos::codec
