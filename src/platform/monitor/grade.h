// What a phone can do, L0 to L5, and what stands in the way of the rest: each check with its reason
// and with what a person can do about it. It asks what a permit would ask, and decides nothing.
//
//     const Grading grading = grade_phone(policy, preflight_of(record, now));
//     for (const CapabilityReport& one : grading.capabilities) show(one);
#pragma once

#include "platform/monitor/device.h"
#include "platform/monitor/policy.h"
#include "platform/monitor/remedy.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace softpos::monitor {

enum class Obstacle : std::uint8_t {
    hardware,      // The phone has no such part.
    key_home,      // Its keys are not protected well enough.
    enrolment,     // It could, and enrolled when it could not: enrol again.
    evidence,      // This kind of evidence is not taken for it.
    evidence_age,  // Evidence is to be shown again, with the next request.
    finding,       // A finding stands that refuses it.
    state,         // Degraded or under review.
    suspended,     // Or not enrolled, or retired.
};
constexpr unsigned obstacles = 8;
std::string_view name_of(Obstacle obstacle);  // "key_home"

struct Reason {
    Obstacle obstacle{};
    std::optional<protocol::Finding> finding;  // finding; suspended: what latched it.
    Remedy remedy;                             // Of the finding, else of the obstacle.
};

struct CapabilityReport {
    protocol::Capability capability{};
    std::vector<Reason> reasons;  // Empty: the phone can, now.
    std::int64_t amount_minor_max = 0;

    bool available() const { return reasons.empty(); }
};

struct Grading {
    std::uint8_t possible = 0;  // What hardware and key are good for.
    std::uint8_t now = 0;       // With all that stands in the way.
    std::array<CapabilityReport, protocol::capabilities> capabilities;  // [Capability]
};

// What is looked at, of a phone that is enrolled or of one that asks whether it could be.
struct Preflight {
    protocol::CapabilitySet hardware = 0;
    attest::KeyHome home = attest::KeyHome::software;
    protocol::EvidenceKind kind = protocol::EvidenceKind::dev_process;
    std::optional<std::uint8_t> enrolled_grade;  // Empty: not enrolled yet.
    DeviceState state = DeviceState::active;
    std::optional<protocol::Finding> latch;
    std::vector<protocol::Finding> standing;
    Instant last_evidence, now;  // Equal: it comes with the request.
};
Preflight preflight_of(const DeviceRecord& device, Instant now);

Grading grade_phone(const Policy& policy, const Preflight& phone);

// The lowest grade that gives all that hardware and key can have; 0 where that is nothing.
std::uint8_t grade_for(const Policy& policy, attest::KeyHome home,
                       protocol::CapabilitySet hardware);

}  // namespace softpos::monitor
