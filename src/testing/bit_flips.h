// Every good message with one bit turned, one after the other.
#pragma once

#include "base/bytes.h"

#include <cstdint>

namespace softpos::testing {

// Calls try_it(bytes, bit) with each bit of `bytes` turned; bit 0 is the lowest of the first byte.
// The bytes are the same object each time, whole again in between.
template <typename Container, typename Try>
void for_each_turned_bit(Container bytes, Try try_it) {
    using Unit = typename Container::value_type;
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        const Unit whole = bytes[bit / 8];
        bytes[bit / 8] = static_cast<Unit>(static_cast<std::uint8_t>(whole) ^ 1U << bit % 8);
        try_it(bytes, bit);
        bytes[bit / 8] = whole;
    }
}

}  // namespace softpos::testing
