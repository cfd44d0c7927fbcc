// The promises that stand above every policy, and the one form that is signed.
#include "platform/monitor/policy_check.h"

#include "codec/cbor.h"
#include "crypto/hash.h"
#include "crypto/p256.h"

#include <algorithm>

namespace softpos::monitor {
namespace {

using protocol::Capability;
using protocol::FindingCode;
using protocol::TrustClass;

// With what maker, core or platform say of these, no phone goes on.
constexpr FindingCode always_hard[] = {FindingCode::root,       FindingCode::boot_unlocked,
                                       FindingCode::boot_state, FindingCode::level,
                                       FindingCode::revoked,    FindingCode::chain,
                                       FindingCode::clone,      FindingCode::rollback,
                                       FindingCode::repackaged, FindingCode::text_diff};

PolicyFault wrong(PolicyFaultKind kind, std::string path) {
    return {kind, Refusal::bad_value, std::move(path)};
}

std::optional<PolicyFault> check_hard(const Policy& policy) {
    for (const FindingCode code : always_hard) {
        for (const TrustClass origin :
             {TrustClass::hardware, TrustClass::core, TrustClass::server}) {
            if (policy.rule(code, origin).hard) continue;
            return wrong(PolicyFaultKind::soft_code,
                         "findings." + std::string(protocol::name_of(code)) + ".hard");
        }
    }
    const FindingRule& debugger = policy.rule(FindingCode::debugger, TrustClass::core);
    if (!debugger.hard && !debugger.hard_in_pin) {
        return wrong(PolicyFaultKind::soft_code, "findings.DEBUGGER.hard_in_pin");
    }
    return std::nullopt;
}

std::optional<PolicyFault> check_order(const Policy& policy) {
    const Thresholds& at = policy.thresholds;
    if (at.recover == 0 || at.recover > at.degraded || at.degraded >= at.review ||
        at.review >= at.suspend) {
        return wrong(PolicyFaultKind::order, "thresholds");
    }
    for (std::size_t i = 1; i < policy.amounts.size(); ++i) {
        if (policy.amounts[i].amount_minor_max <= policy.amounts[i - 1].amount_minor_max) {
            return wrong(PolicyFaultKind::order, "amounts");
        }
    }
    if (policy.amounts.empty()) return wrong(PolicyFaultKind::order, "amounts");
    for (unsigned i = 1; i < grades; ++i) {
        // A higher grade has all that a lower one has.
        if ((policy.grade[i - 1] & ~policy.grade[i]) != 0) {
            return wrong(PolicyFaultKind::order, "grades");
        }
    }
    if (policy.grade[0] != 0) return wrong(PolicyFaultKind::order, "grades.L0");
    if (policy.silence_s != 0 && policy.silence_s <= policy.heartbeat_s) {
        return wrong(PolicyFaultKind::order, "times.silence_s");
    }
    return std::nullopt;
}

// What only a sandbox may allow: cards behind keys in software, and any program as the core.
std::optional<PolicyFault> check_safe(const Policy& policy) {
    if (policy.environment == Environment::sandbox) return std::nullopt;
    const std::size_t software = static_cast<std::size_t>(attest::KeyHome::software);
    const auto reached = policy.grade[policy.home_grade_max[software]];
    for (const Capability one :
         {Capability::card_no_pin, Capability::card_pin, Capability::identity}) {
        if ((reached & protocol::bit_of(one)) != 0) {
            return wrong(PolicyFaultKind::unsafe, "homes.software");
        }
        if (policy.accepts(one, protocol::EvidenceKind::dev_process)) {
            return wrong(PolicyFaultKind::unsafe,
                         "capability." + std::string(protocol::name_of(one)) + ".evidence");
        }
    }
    if (policy.any_measurement) return wrong(PolicyFaultKind::unsafe, "measurements.any");
    return std::nullopt;
}

using codec::CborWriter;

void put(CborWriter& out, const FindingRule& rule) {
    out.begin_array(6);
    out.put_bool(rule.hard);
    out.put_bool(rule.hard_in_pin);
    out.put_unsigned(static_cast<std::uint64_t>(rule.least));
    out.put_unsigned(rule.refuses);
    out.put_unsigned(rule.weight);
    out.put_unsigned(rule.half_life_s);
}

void put(CborWriter& out, const ReducedRule& rule) {
    out.begin_array(2);
    out.put_unsigned(rule.capabilities);
    out.put_integer(rule.amount_minor_max);
}

void put_numbers(CborWriter& out, std::initializer_list<std::uint64_t> numbers) {
    out.begin_array(numbers.size());
    for (const std::uint64_t one : numbers) out.put_unsigned(one);
}

void put_rules(CborWriter& out, const Policy& policy) {
    out.begin_array(policy.rules.size());
    for (const auto& of_code : policy.rules) {
        out.begin_array(of_code.size());
        for (const FindingRule& rule : of_code) put(out, rule);
    }
}

void put_capabilities(CborWriter& out, const Policy& policy) {
    out.begin_array(policy.capability.size());
    for (const CapabilityRule& rule : policy.capability) {
        out.begin_array(3);
        out.put_unsigned(rule.kinds);
        out.put_unsigned(rule.evidence_age_s_max);
        out.put_integer(rule.amount_minor_max);
    }
    out.begin_array(policy.grade.size());
    for (const auto set : policy.grade) out.put_unsigned(set);
    out.begin_array(policy.home_grade_max.size());
    for (const auto grade : policy.home_grade_max) out.put_unsigned(grade);
    out.begin_array(policy.amounts.size());
    for (const AmountClass& one : policy.amounts) {
        out.begin_array(2);
        out.put_text(one.name);
        out.put_integer(one.amount_minor_max);
    }
}

}  // namespace

std::optional<PolicyFault> what_is_wrong(const Policy& policy) {
    if (auto fault = check_hard(policy)) return fault;
    if (auto fault = check_order(policy)) return fault;
    return check_safe(policy);
}

const FindingRule& Policy::rule(protocol::FindingCode code, protocol::TrustClass origin) const {
    return rules[static_cast<std::size_t>(code) - 1][static_cast<std::size_t>(origin) - 1];
}

bool Policy::accepts(protocol::Capability of, protocol::EvidenceKind kind) const {
    const unsigned bit = 1U << (static_cast<unsigned>(kind) - 1);
    return (capability[static_cast<std::size_t>(of)].kinds & bit) != 0;
}

std::uint8_t Policy::grade_of(protocol::Capability wanted) const {
    for (unsigned i = 0; i < grades; ++i) {
        if ((grade[i] & protocol::bit_of(wanted)) != 0) return static_cast<std::uint8_t>(i);
    }
    return grades;
}

Buffer canonical_bytes(const Policy& policy) {
    Buffer bytes;
    append(bytes, bytes_of("spos-policy/1"));
    CborWriter out(bytes);
    out.begin_array(16);
    out.put_unsigned(policy.version);
    out.put_text(policy.name);
    out.put_unsigned(static_cast<std::uint64_t>(policy.environment));
    put_rules(out, policy);
    put_numbers(out, {policy.thresholds.recover, policy.thresholds.degraded,
                      policy.thresholds.review, policy.thresholds.suspend});
    put(out, policy.degraded);
    put(out, policy.review);
    put_capabilities(out, policy);
    put_numbers(out, {policy.os_version_min, policy.patch_months_max, policy.app_version_min,
                      policy.sdk_version_min, policy.phone_policy_min,
                      policy.any_measurement ? 1ULL : 0ULL});
    out.begin_array(policy.measurements.size());
    for (const auto& digest : policy.measurements) out.put_bytes(digest);
    put_numbers(out, {policy.permit_s, policy.pin_permit_s, policy.heartbeat_s, policy.silence_s,
                      policy.in_use_s, policy.resend_s, policy.command_s, policy.revocation_s_max,
                      policy.time_skew_s_max});
    put_numbers(out, {policy.location.required ? 1ULL : 0ULL, policy.location.place_m_max,
                      policy.location.jump_m_min, policy.location.speed_kmh_max,
                      policy.location.accuracy_m_max, policy.location.age_s_max});
    put_numbers(out, {policy.canary.share_per_mille, policy.canary.count_min,
                      policy.canary.approval_drop_per_mille,
                      policy.canary.attestation_rise_per_mille, policy.canary.z_milli});
    return bytes;
}

protocol::Digest32 digest_of(const Policy& policy) {
    return crypto::sha256(canonical_bytes(policy));
}

std::expected<Policy, PolicyFault> accept_policy(const PolicyOffer& offer) {
    auto policy = parse_policy(offer.json);
    if (!policy) return policy;
    if (!crypto::p256_verify(offer.signer_point, canonical_bytes(*policy), offer.signature_der)) {
        return std::unexpected(wrong(PolicyFaultKind::signature, ""));
    }
    if (policy->version <= offer.version_in_force) {
        return std::unexpected(wrong(PolicyFaultKind::version, "version"));
    }
    if (offer.platform == Environment::production &&
        policy->environment != Environment::production) {
        return std::unexpected(wrong(PolicyFaultKind::environment, "environment"));
    }
    return policy;
}

}  // namespace softpos::monitor
