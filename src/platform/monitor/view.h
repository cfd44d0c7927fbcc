// What the platform itself finds in a message of a phone: findings of class server, and of what
// evidence says. For the monitor's own source files.
#pragma once

#include "platform/monitor/appraise.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace softpos::monitor {

using Findings = std::vector<protocol::Finding>;

void add_finding(Findings& to, protocol::Finding finding);  // Each code of a class once.

// What the phone says. Nobody but makers and platform speaks with their origins.
void add_told(Findings& to, std::span<const protocol::Finding> told);

// The best verdict that is not a failure: the one of the highest home, the first of those.
const attest::Verdict* best_of(std::span<const attest::Verdict> verdicts);

// Of the makers, and that a piece of evidence failed.
void add_verdicts(Findings& to, std::span<const attest::Verdict> verdicts);

// Evidence of a phone that enrolled with other one: another device, another boot, older software.
void compare_pins(Findings& to, const DeviceRecord& device, const attest::Verdict& verdict);

// What the policy asks of versions.
struct Versions {
    std::uint32_t os_version = 0, os_patch = 0;  // Proven; 0 where not told.
    std::uint32_t app_version = 0, sdk_version = 0;
};
void check_versions(Findings& to, const Policy& policy, const Versions& versions, Instant now);

// TIME_SKEW where the phone's wall clock is not ours. A phone that tells no time is not blamed.
void check_clock(Findings& to, const Policy& policy, const std::optional<Instant>& phone_time,
                 Instant now);

// Measured, well enough and not too long ago.
bool is_usable(const LocationRules& rules, const std::optional<protocol::Location>& place);
Instant measured_at(const protocol::Location& place, Instant now);

// MOVED, GEO_JUMP, LOCATION_MISSING and LOCATION_MOCKED. `at`: when it was told; `last_at`: when
// the last place was measured.
struct Place {
    std::optional<protocol::Location> now, registered, last;
    Instant at, last_at;
};
void check_place(Findings& to, const LocationRules& rules, const Place& place);

// How a message stands to those before it.
enum class Order : std::uint8_t {
    next,      // Or nothing is known yet.
    gap,       // Some before it never came.
    repeated,  // The last one once more, soon after.
    replayed,  // An earlier one, or the last one much later.
    forked,    // Two messages under one number, or after one: two phones with one key.
};
struct Arrival {
    std::uint64_t sequence = 0;
    protocol::Digest32 head{};  // That it names.
    protocol::Digest32 body{};  // SHA-256.
    Instant at;
};
Order order_of(const Policy& policy, const DeviceRecord& device, const Arrival& arrival);

}  // namespace softpos::monitor
