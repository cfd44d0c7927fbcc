// The trust policy: what follows from what is found out about a phone. Versioned, signed data
// (data/policy/*.policy.json), checked when loaded. Everything that the monitor decides, it decides
// with one of these in hand, and every decision names its version.
//
// Findings and claims can only take trust away. A policy in which one could add it, in which the
// app alone could suspend a phone, or in which a production platform lets software keys reach a
// card, is refused.
#pragma once

#include "base/bytes.h"
#include "base/refusal.h"
#include "platform/attest/verdict.h"
#include "protocol/finding.h"
#include "protocol/spa.h"

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::monitor {

constexpr std::size_t policy_bytes_max = 128 * 1024;
constexpr std::uint32_t weight_max = 1000;
constexpr std::uint32_t half_life_seconds_max = 366U * 24 * 3600;
constexpr std::size_t measurements_max = 64;
constexpr std::size_t amount_classes_max = 8;
constexpr unsigned grades = 6;  // L0 to L5.
constexpr unsigned key_homes = 4;

// sandbox: for trying things out without hardware. A production platform refuses such a policy.
enum class Environment : std::uint8_t { production = 1, sandbox };
std::string_view name_of(Environment environment);

// The state below which a phone must not stand while a finding stands.
enum class LeastState : std::uint8_t { none, degraded, review };

// What one finding means, said by one class.
struct FindingRule {
    bool hard = false;         // Suspended at once, latched.
    bool hard_in_pin = false;  // The same while a PIN is asked for.
    LeastState least = LeastState::none;
    protocol::CapabilitySet refuses = 0;  // No permit for these while the finding stands.
    std::uint32_t weight = 0;             // Points.
    std::uint32_t half_life_s = 0;        // After it half of the points are left. 0: none decay.

    friend bool operator==(const FindingRule&, const FindingRule&) = default;
};

// Points at which a phone is degraded, looked at, suspended; below `recover` it is active again.
struct Thresholds {
    std::uint32_t recover = 0, degraded = 0, review = 0, suspend = 0;
    friend bool operator==(const Thresholds&, const Thresholds&) = default;
};

// What a capability asks of evidence.
struct CapabilityRule {
    std::uint8_t kinds = 0;                // Bit (kind - 1): accepted. See accepts().
    std::uint32_t evidence_age_s_max = 0;  // 0: evidence with each permit.
    std::int64_t amount_minor_max = 0;
    friend bool operator==(const CapabilityRule&, const CapabilityRule&) = default;
};

struct AmountClass {
    std::string name;  // "small"
    std::int64_t amount_minor_max = 0;
    friend bool operator==(const AmountClass&, const AmountClass&) = default;
};

// What a phone may do that is not well and not suspended.
struct ReducedRule {
    protocol::CapabilitySet capabilities = 0;
    std::int64_t amount_minor_max = 0;
    friend bool operator==(const ReducedRule&, const ReducedRule&) = default;
};

struct LocationRules {
    bool required = false;             // LOCATION_MISSING where the phone tells none of use.
    std::uint32_t place_m_max = 0;     // MOVED farther from the registered place. 0: any.
    std::uint32_t jump_m_min = 0;      // Nearer than this is no jump, at any speed.
    std::uint32_t speed_kmh_max = 0;   // GEO_JUMP above it.
    std::uint32_t accuracy_m_max = 0;  // Worse is as good as none.
    std::uint32_t age_s_max = 0;       // So is an older one. 0: any.
    friend bool operator==(const LocationRules&, const LocationRules&) = default;
};

// Who gets something new first, and what ends it. See canary.h.
struct CanaryRules {
    std::uint32_t share_per_mille = 0;  // Of the terminals, by a stable hash.
    std::uint32_t count_min = 0;        // Less in either group proves nothing.
    std::uint32_t approval_drop_per_mille = 0;
    std::uint32_t attestation_rise_per_mille = 0;
    std::uint32_t z_milli = 0;  // How far beyond chance, in thousandths of a standard error.
    friend bool operator==(const CanaryRules&, const CanaryRules&) = default;
};

struct Policy {
    std::uint32_t version = 0;
    std::string name;
    Environment environment = Environment::production;

    // [code - 1][class - 1]
    std::array<std::array<FindingRule, protocol::trust_classes>, protocol::finding_codes> rules{};
    Thresholds thresholds;
    ReducedRule degraded, review;

    std::array<CapabilityRule, protocol::capabilities> capability{};
    std::array<protocol::CapabilitySet, grades> grade{};  // What a phone of the grade can do.
    std::array<std::uint8_t, key_homes> home_grade_max{};
    std::vector<AmountClass> amounts;  // Rising. A permit is for the smallest that fits.

    std::uint32_t os_version_min = 0;  // 130000; of evidence that tells one.
    std::uint32_t patch_months_max = 0;
    std::uint32_t app_version_min = 0, sdk_version_min = 0;
    std::uint32_t phone_policy_min = 0;  // POLICY_OLD below it.
    bool any_measurement = false;        // Sandbox only.
    std::vector<protocol::Digest32> measurements;

    std::uint32_t permit_s = 0, pin_permit_s = 0;
    std::uint32_t heartbeat_s = 0;       // What the phone is asked to keep.
    std::uint32_t silence_s = 0;         // SILENCE after it, while in use.
    std::uint32_t in_use_s = 0;          // A phone is in use for so long after a permit.
    std::uint32_t resend_s = 0;          // The very same message again is a repeat, not a replay.
    std::uint32_t command_s = 0;         // How long a command stays good.
    std::uint32_t revocation_s_max = 0;  // EVIDENCE_STALE where our list is older.
    std::uint32_t time_skew_s_max = 0;  // TIME_SKEW where the phone's clock is farther off. 0: any.
    LocationRules location;
    CanaryRules canary;

    const FindingRule& rule(protocol::FindingCode code, protocol::TrustClass origin) const;
    bool accepts(protocol::Capability of, protocol::EvidenceKind kind) const;
    // The lowest grade that has it; grades where none does.
    std::uint8_t grade_of(protocol::Capability capability) const;

    friend bool operator==(const Policy&, const Policy&) = default;
};

enum class PolicyFaultKind : std::uint8_t {
    json,          // `refusal` says what: syntax, a field unknown, missing, of the wrong type.
    missing_rule,  // A finding code without a rule.
    raises_trust,  // A weight below zero.
    app_hard,      // Hard, or a state, on nothing but the app's word.
    soft_code,     // A code that production must take as hard and does not.
    order,         // Thresholds, amounts or ages that contradict each other.
    unsafe,        // What only a sandbox may allow.
    signature,     // Not of the key that signs policies.
    version,       // Not above the one in force.
    environment,   // A sandbox policy for a production platform.
};
std::string_view name_of(PolicyFaultKind kind);  // "RAISES_TRUST"

struct PolicyFault {
    PolicyFaultKind kind{};
    Refusal refusal = Refusal::none;
    std::string path;  // "findings.ROOT.app.weight"
};

// The text of a policy, checked, and not yet believed.
std::expected<Policy, PolicyFault> parse_policy(std::string_view json);

// What a signature is over: the meaning, not the text, so that blanks and order do not count.
// Deterministic CBOR behind "spos-policy/1".
Buffer canonical_bytes(const Policy& policy);
protocol::Digest32 digest_of(const Policy& policy);  // SHA-256 of these.

struct PolicyOffer {
    std::string_view json;
    Bytes signature_der;  // ECDSA P-256 with SHA-256 over canonical_bytes.
    Bytes signer_point;   // 65 bytes: whom this platform believes.
    Environment platform = Environment::production;
    std::uint32_t version_in_force = 0;  // 0: none yet.
};
// The only way to a policy in force. A version that is not above the one in force is refused,
// so that nobody brings back an old one.
//
//     const auto policy = accept_policy({.json = text, .signature_der = signature, ...});
//     if (!policy) return refuse(policy.error().kind, policy.error().path);
std::expected<Policy, PolicyFault> accept_policy(const PolicyOffer& offer);

// Home as policies and JSON write it: "trusted_environment".
std::string_view policy_name_of(attest::KeyHome home);

}  // namespace softpos::monitor
