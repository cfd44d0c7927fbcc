// Who gets something new first (an SDK, parameters, a policy), and what ends the trial: back for
// all, or out to all. Two groups are compared while they do the same work at the same time; chance
// is told from change by the test of two proportions, in whole numbers.
#pragma once

#include "platform/monitor/policy.h"

#include <cstdint>
#include <string_view>

namespace softpos::monitor {

// Whether the terminal is of the share. The same answer everywhere and always; who is in at 1 per
// cent is in at 5; and another trial asks others first.
bool is_canary(const CanaryRules& rules, std::string_view trial, std::string_view terminal);

// What a group did since the trial began.
struct GroupCounts {
    std::uint64_t payments = 0, approved = 0;
    std::uint64_t attestations = 0, attestations_failed = 0;
};

// One measure, canaries against all others.
struct CanaryMeasure {
    std::uint32_t others_per_mille = 0, canaries_per_mille = 0;
    // How much worse canaries fare, in thousandths of a standard error; below 0: better.
    std::int64_t z_milli = 0;
    bool enough = false;  // Both groups have the policy's count_min.

    friend bool operator==(const CanaryMeasure&, const CanaryMeasure&) = default;
};

enum class CanaryStep : std::uint8_t { go_on, roll_back, promote };
enum class CanaryReason : std::uint8_t {
    too_few,       // go_on
    unclear,       // go_on: neither worse nor shown to be as good.
    approvals,     // roll_back
    attestations,  // roll_back
    as_good,       // promote
};
std::string_view name_of(CanaryStep step);      // "roll_back"
std::string_view name_of(CanaryReason reason);  // "approvals"

struct CanaryVerdict {
    CanaryStep step = CanaryStep::go_on;
    CanaryReason reason = CanaryReason::too_few;
    CanaryMeasure approvals, attestations;

    friend bool operator==(const CanaryVerdict&, const CanaryVerdict&) = default;
};

// roll_back where a measure is worse by more than the policy allows, and by more than z_milli
// standard errors. promote where both are so well known that, z_milli standard errors to the bad
// side, they are still within what it allows. Looking often makes a false alarm likelier: z_milli
// is to be chosen for that (3000, not 1960).
CanaryVerdict judge_canary(const CanaryRules& rules, const GroupCounts& others,
                           const GroupCounts& canaries);

}  // namespace softpos::monitor
