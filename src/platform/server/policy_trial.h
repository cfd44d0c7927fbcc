// A proposed trust policy against everything that phones have shown: who would be cut off, and how
// much turnover with them. Nothing is changed.
#pragma once

#include "platform/attest/evidence.h"
#include "platform/monitor/replay.h"
#include "platform/store/store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace softpos::server {

struct Turnover {
    std::uint64_t payments = 0;  // Approved purchases.
    std::int64_t amount_minor = 0;

    friend bool operator==(const Turnover&, const Turnover&) = default;
};

// One phone's past, judged twice: by what happened, and by the proposal.
struct PhoneTrial {
    std::string terminal, merchant;
    monitor::DeviceState now{}, then{};  // then: new_device where it would never have been let in.
    // Where it may collect now and could not under the proposal.
    std::optional<monitor::Replay::CutOff> cut_off;
    std::uint64_t permits = 0;         // Requests in the period.
    std::uint64_t refused_then = 0;    // Of those, granted in truth and refused by the proposal.
    std::uint64_t granted_then = 0;    // And the other way round.
    std::string refusal;               // Why the first one of `refused_then`.
    Turnover turnover, turnover_lost;  // Of the period.
};

struct TrialScope {
    std::string after;            // Terminal number; empty: from the first.
    Instant from, now;            // What is counted. Judged is everything since the enrolment.
    std::size_t phones_max = 20;  // Each may have a long past: an answer must not take long.
};
struct TrialPage {
    std::vector<PhoneTrial> phones;
    std::uint64_t messages = 0;
    std::uint64_t unreadable = 0;  // Rows that are not what was written; left out.
    std::string next;              // `after` of the next page; empty behind the last.
};

// Reads a snapshot a phone. Evidence is parsed once more for what it says of versions; whether it
// was good stays what was found then, so that only the policy differs.
Result<TrialPage> try_policy(store::Store& store, const attest::EvidenceTrust& trust,
                             const monitor::Policy& policy, const TrialScope& scope);

// {"phones": 2, "messages": 31, "turnover": {…}, "turnover_lost": {…}, "changed": […], "next": …}
std::string trial_json(const monitor::Policy& policy, const TrialPage& page);

}  // namespace softpos::server
