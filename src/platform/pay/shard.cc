// Shards from merchant numbers, and identifiers that carry them.
#include "platform/pay/shard.h"

#include "base/check.h"

namespace softpos::pay {

Shard shard_of(std::string_view merchant) {
    std::uint32_t hash = 2'166'136'261;
    for (const char c : merchant) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16'777'619U;
    return static_cast<Shard>(hash % shard_count);
}

Id128 new_id(std::string_view merchant, Instant now, Random& random) {
    Id128 id = Id128::make(random);
    const Shard shard = shard_of(merchant);
    id.bytes[0] = static_cast<std::uint8_t>(shard >> 8);
    id.bytes[1] = static_cast<std::uint8_t>(shard);
    CHECK(now.unix_ms >= 0);
    auto ms = static_cast<std::uint64_t>(now.unix_ms);
    for (std::size_t i = 7; i >= 2; --i, ms >>= 8) id.bytes[i] = static_cast<std::uint8_t>(ms);
    return id;
}

Shard shard_of(const Id128& id) {
    return static_cast<Shard>(id.bytes[0] << 8 | id.bytes[1]);
}

}  // namespace softpos::pay
