// A load of purchases from many phones at once, each waiting for its answer before it taps again.
// Taps are prepared before the clock starts: what is measured is the platform.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "world/sim/fleet_phone.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace softpos::sim {

struct PreparedTap {
    Id128 key;
    std::int64_t amount_minor = 0;
    std::string body;
};

// What a phone was told; 0 and empty where there was no answer.
struct LoadAnswer {
    Id128 key;
    std::int64_t amount_minor = 0;
    unsigned status = 0;
    std::string result;  // "approved", "declined", "indeterminate"
    std::int64_t latency_us = 0;
};

struct LoadResult {
    std::vector<LoadAnswer> answers;
    std::int64_t duration_us = 0;

    std::uint64_t count(std::string_view result) const;
    std::int64_t percentile_us(unsigned percent) const;  // Of the answered ones.
    std::int64_t per_second() const;                     // Approved ones.
};

using Fleet = std::vector<std::unique_ptr<FleetPhone>>;

// Taps for each phone; taps[i] belong to phone i. Each was permitted by the platform: how long that
// took is told, from the core's request to the permit in hand, the phone's own part included.
struct PreparedTaps {
    std::vector<std::vector<PreparedTap>> taps;
    std::vector<std::int64_t> permit_us;  // Sorted.
    std::int64_t duration_us = 0;

    std::int64_t permit_percentile_us(unsigned percent) const;
    std::int64_t permits_per_second() const;
};
// All phones at once, each on a thread of its own. `random` is asked by all of them. Permits last a
// minute: so many taps are prepared as are used within it.
Result<PreparedTaps> prepare_taps(Fleet& fleet, std::size_t taps_each, Random& random,
                                  const Clock& clock);

// Sends everything, one connection a phone. `stop` ends it early; what was not sent then is not in
// the result.
Result<LoadResult> run_load(const Fleet& fleet, std::vector<std::vector<PreparedTap>> taps,
                            const Clock& clock, const std::atomic<bool>* stop = nullptr);

}  // namespace softpos::sim
