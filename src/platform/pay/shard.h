// Where a merchant's rows live. A shard never needs another one to commit: payments, transfers and
// balances of a merchant share one, and hot accounts have a sub-account in each.
#pragma once

#include "base/clock.h"
#include "base/ids.h"

#include <cstdint>
#include <string_view>

namespace softpos::pay {

using Shard = std::uint16_t;
constexpr Shard shard_count = 64;  // Fixed: stored rows depend on it.

// FNV-1a over the merchant number. The same everywhere and for ever.
Shard shard_of(std::string_view merchant);

// An identifier that names its own shard in the first two bytes and its millisecond in the next
// six, so that a bare id finds its rows and new rows land beside each other.
//
//     payment.id = new_id(payment.merchant, clock.now(), random);
Id128 new_id(std::string_view merchant, Instant now, Random& random);
Shard shard_of(const Id128& id);

}  // namespace softpos::pay
