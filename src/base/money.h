// Money is a whole number of minor units (fen 分 for CNY) and a currency; it never meets a float.
#pragma once

#include <cstdint>

namespace softpos {

enum class Currency : std::uint16_t { cny = 156, hkd = 344, usd = 840 };  // ISO 4217 numbers.

struct Money {
    std::int64_t minor = 0;
    Currency currency = Currency::cny;

    friend bool operator==(const Money&, const Money&) = default;
};

// The largest amount that an n12 field carries.
constexpr std::int64_t amount_minor_max = 999'999'999'999;

}  // namespace softpos
