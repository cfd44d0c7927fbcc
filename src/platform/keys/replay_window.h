// Which key serial numbers of one device were used, and for what.
#pragma once

#include "base/bytes.h"

#include <array>
#include <cstdint>
#include <vector>

namespace softpos::keys {

// What a serial number was used for: the sealed card and what it is bound to, hashed.
using CardDigest = std::array<std::uint8_t, 16>;

enum class ReplayVerdict : std::uint8_t {
    fresh,
    repeated,  // The same card data again: an answer was lost on its way.
    reused,    // Other card data under a used number: never.
    too_old,
};

// The last counters that were used, each with its digest. Counters need not come in order: a phone
// may send a payment late. What falls out of the window at its lower end takes everything below it
// along.
class ReplayWindow {
public:
    static constexpr std::size_t entries_max = 16;

    struct Entry {
        std::uint32_t counter;
        CardDigest digest;
    };

    ReplayVerdict judge(std::uint32_t counter, const CardDigest& digest) const;
    void remember(std::uint32_t counter, const CardDigest& digest);  // Nothing where not fresh.

    // Nothing at or below it will be accepted.
    void raise_floor(std::uint32_t floor);
    std::uint32_t floor() const { return floor_; }
    const std::vector<Entry>& entries() const { return entries_; }  // Ascending.

private:
    std::uint32_t floor_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace softpos::keys
