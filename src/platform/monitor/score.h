// How many points stand against a phone. Points halve in the time that the policy gives; whole
// numbers only, so that every machine and every replay comes to the same sum.
#pragma once

#include "base/clock.h"
#include "platform/monitor/policy.h"
#include "protocol/finding.h"

#include <cstdint>
#include <span>
#include <vector>

namespace softpos::monitor {

constexpr std::uint64_t milli_points_max = 4'000'000;

// One finding of one class. What is left of it follows from when it was last found.
struct ScoreItem {
    protocol::FindingCode code{};
    protocol::TrustClass origin{};
    std::uint64_t milli_points = 0;  // As of `at`.
    Instant at;

    friend bool operator==(const ScoreItem&, const ScoreItem&) = default;
};

// What is left of `milli_points` after `elapsed_ms`, rounded down; at most 1/10000 off. Never
// decays with half_life_s 0, nor where time ran backwards.
std::uint64_t decayed(std::uint64_t milli_points, std::uint32_t half_life_s,
                      std::int64_t elapsed_ms);

// Codes that happen rather than stand: each time adds its weight. All others only bring their
// points back to the weight, however often a phone says the same.
bool is_event(protocol::FindingCode code);

// Brings findings into the items, drops what has decayed to nothing. Sorted by code and class. An
// item to which nothing is added keeps its points and its time: whoever sends a thousand messages
// has no more rounded off than whoever sends one.
std::vector<ScoreItem> scored(const Policy& policy, std::span<const ScoreItem> items,
                              std::span<const protocol::Finding> findings, Instant now);

// Points, rounded down: of each code the class that counts most.
std::uint32_t score_of(const Policy& policy, std::span<const ScoreItem> items, Instant now);
// The same of what maker, core and platform say.
std::uint32_t score_without_app(const Policy& policy, std::span<const ScoreItem> items,
                                Instant now);

}  // namespace softpos::monitor
