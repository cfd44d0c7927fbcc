// Identifiers of 128 bits, made by the client that first needs one, and printed as 32 hex digits.
#pragma once

#include "base/random.h"
#include "base/result.h"

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace softpos {

struct Id128 {
    std::array<std::uint8_t, 16> bytes{};

    static Id128 make(Random& random) { return {random.take<16>()}; }
    static Result<Id128> parse(std::string_view hex);  // Exactly 32 hex digits.
    std::string text() const;                          // Lower case.

    friend auto operator<=>(const Id128&, const Id128&) = default;
};

}  // namespace softpos

template <>
struct std::hash<softpos::Id128> {
    std::size_t operator()(const softpos::Id128& id) const noexcept {
        std::size_t value = 0;  // The bytes are random already.
        for (std::size_t i = 0; i < sizeof value; ++i) value = value << 8 | id.bytes[i];
        return value;
    }
};
