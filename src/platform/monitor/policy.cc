// From text to a policy: every field is known, every number has its range, and what a policy must
// not say is refused by name.
#include "platform/monitor/policy.h"

#include "codec/strict_json.h"
#include "platform/monitor/policy_check.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace softpos::monitor {
namespace {

using codec::StrictJson;
using protocol::CapabilitySet;

constexpr std::size_t words_bytes_max = 8 * 1024;
constexpr std::int64_t seconds_max = 366LL * 24 * 3600;
constexpr std::int64_t amount_max = 1'000'000'000'00;

constexpr std::string_view home_names[key_homes] = {"software", "trusted_environment",
                                                    "secure_element", "tpm"};
constexpr std::string_view grade_names[grades] = {"L0", "L1", "L2", "L3", "L4", "L5"};

// Words between blanks, each of which must be known.
template <typename Take>
void each_word(StrictJson& json, std::string_view field, std::string_view words, Take take) {
    while (true) {
        const std::size_t begin = words.find_first_not_of(' ');
        if (begin == std::string_view::npos) return;
        words.remove_prefix(begin);
        const std::size_t end = std::min(words.find(' '), words.size());
        if (!take(words.substr(0, end))) return json.fault(Refusal::bad_value, field);
        words.remove_prefix(end);
    }
}

// A list that may be empty is one that may be missing.
std::string words_of(StrictJson& json, std::string_view field) {
    return json.optional_text(field, words_bytes_max).value_or("");
}

std::optional<CapabilitySet> capability_bit(std::string_view name) {
    for (unsigned i = 0; i < protocol::capabilities; ++i) {
        const auto one = static_cast<protocol::Capability>(i);
        if (protocol::name_of(one) == name) return protocol::bit_of(one);
    }
    return std::nullopt;
}

CapabilitySet take_capabilities(StrictJson& json, std::string_view field, std::string_view words) {
    CapabilitySet set = 0;
    each_word(json, field, words, [&set](std::string_view word) {
        const auto bit = capability_bit(word);
        if (bit) set = static_cast<CapabilitySet>(set | *bit);
        return bit.has_value();
    });
    return set;
}

std::uint32_t number(StrictJson& json, std::string_view field, std::int64_t max) {
    return static_cast<std::uint32_t>(json.integer(field, 0, max));
}

// Which classes a list names, as bits (class - 1).
unsigned take_classes(StrictJson& json, std::string_view field) {
    unsigned set = 0;
    each_word(json, field, words_of(json, field), [&set](std::string_view word) {
        for (unsigned i = 0; i < protocol::trust_classes; ++i) {
            if (protocol::name_of(static_cast<protocol::TrustClass>(i + 1)) != word) continue;
            set |= 1U << i;
            return true;
        }
        return false;
    });
    return set;
}

LeastState take_least(StrictJson& json) {
    const std::string text = json.optional_text("least", 16).value_or("none");
    if (text == "degraded") return LeastState::degraded;
    if (text == "review") return LeastState::review;
    if (text != "none") json.fault(Refusal::bad_value, "least");
    return LeastState::none;
}

// What the reading itself finds wrong beyond shape.
struct Worst {
    std::optional<PolicyFault> fault;
    void note(PolicyFaultKind kind, std::string path) {
        if (!fault) fault = PolicyFault{kind, Refusal::bad_value, std::move(path)};
    }
};

void take_rule(StrictJson json, std::string_view code, Worst& worst,
               std::array<FindingRule, protocol::trust_classes>& rules) {
    const std::string path = "findings." + std::string(code);
    const unsigned hard = take_classes(json, "hard");
    const unsigned hard_in_pin = take_classes(json, "hard_in_pin");
    const std::int64_t weight = json.integer("weight", -std::int64_t{weight_max}, weight_max);
    const auto half_life = static_cast<std::uint32_t>(
        json.optional_integer("half_life_s", 0, half_life_seconds_max).value_or(0));
    const LeastState least = take_least(json);
    const CapabilitySet refuses = take_capabilities(json, "refuses", words_of(json, "refuses"));
    if (weight < 0) return worst.note(PolicyFaultKind::raises_trust, path + ".weight");
    const unsigned app = 1U << (static_cast<unsigned>(protocol::TrustClass::app) - 1);
    if (((hard | hard_in_pin) & app) != 0) {
        return worst.note(PolicyFaultKind::app_hard, path + ".hard");
    }
    for (unsigned i = 0; i < protocol::trust_classes; ++i) {
        const bool is_app = (1U << i) == app;
        rules[i] = {(hard >> i & 1U) != 0,
                    (hard_in_pin >> i & 1U) != 0,
                    is_app ? LeastState::none : least,
                    refuses,
                    static_cast<std::uint32_t>(weight),
                    half_life};
    }
}

void take_findings(StrictJson json, Worst& worst, Policy& policy) {
    for (unsigned i = 0; i < protocol::finding_codes; ++i) {
        const auto name = protocol::name_of(static_cast<protocol::FindingCode>(i + 1));
        if (!json.has(name)) {
            worst.note(PolicyFaultKind::missing_rule, "findings." + std::string(name));
            continue;
        }
        take_rule(json.object(name), name, worst, policy.rules[i]);
    }
}

CapabilityRule take_capability_rule(StrictJson json) {
    CapabilityRule rule;
    each_word(json, "evidence", json.text("evidence", words_bytes_max),
              [&rule](std::string_view word) {
                  const auto kind = protocol::evidence_kind_named(word);
                  if (!kind) return false;
                  const unsigned bit = 1U << (static_cast<unsigned>(*kind) - 1);
                  rule.kinds = static_cast<std::uint8_t>(rule.kinds | bit);
                  return true;
              });
    rule.evidence_age_s_max = number(json, "evidence_age_s_max", seconds_max);
    rule.amount_minor_max = json.integer("amount_minor_max", 0, amount_max);
    return rule;
}

ReducedRule take_reduced(StrictJson json) {
    ReducedRule rule;
    rule.capabilities =
        take_capabilities(json, "capabilities", json.text("capabilities", words_bytes_max));
    rule.amount_minor_max = json.integer("amount_minor_max", 0, amount_max);
    return rule;
}

void take_measurements(StrictJson json, Policy& policy) {
    policy.any_measurement = json.boolean("any");
    // A set: in whatever order it is written, it means the same and is signed as the same.
    each_word(json, "list", words_of(json, "list"), [&policy](std::string_view word) {
        protocol::Digest32 digest{};
        if (word.size() != 64 || policy.measurements.size() == measurements_max) return false;
        for (std::size_t i = 0; i < digest.size(); ++i) {
            const char* at = word.data() + 2 * i;
            const auto end = std::from_chars(at, at + 2, digest[i], 16);
            if (end.ec != std::errc() || end.ptr != at + 2) return false;
        }
        policy.measurements.push_back(digest);
        return true;
    });
    std::ranges::sort(policy.measurements);
    const auto twice = std::ranges::unique(policy.measurements);
    policy.measurements.erase(twice.begin(), twice.end());
}

void take_times(StrictJson json, Policy& policy) {
    policy.permit_s =
        static_cast<std::uint32_t>(json.integer("permit_s", 1, protocol::permit_seconds_max));
    policy.pin_permit_s =
        static_cast<std::uint32_t>(json.integer("pin_permit_s", 1, protocol::permit_seconds_max));
    policy.heartbeat_s = number(json, "heartbeat_s", seconds_max);
    policy.silence_s = number(json, "silence_s", seconds_max);
    policy.in_use_s = number(json, "in_use_s", seconds_max);
    policy.resend_s = number(json, "resend_s", 600);
    policy.command_s = number(json, "command_s", seconds_max);
    policy.revocation_s_max = number(json, "revocation_s_max", seconds_max);
    policy.time_skew_s_max = number(json, "time_skew_s_max", seconds_max);
}

void take_minimum(StrictJson json, Policy& policy) {
    policy.os_version_min = number(json, "os_version", UINT32_MAX);
    policy.patch_months_max = number(json, "patch_months_max", 120);
    policy.app_version_min = number(json, "app_version", UINT32_MAX);
    policy.sdk_version_min = number(json, "sdk_version", UINT32_MAX);
    policy.phone_policy_min = number(json, "phone_policy", UINT32_MAX);
}

LocationRules take_location(StrictJson json) {
    LocationRules rules;
    rules.required = json.boolean("required");
    rules.place_m_max = number(json, "place_m_max", 20'000'000);
    rules.jump_m_min = number(json, "jump_m_min", 20'000'000);
    rules.speed_kmh_max = number(json, "speed_kmh_max", 100'000);
    rules.accuracy_m_max = number(json, "accuracy_m_max", 1'000'000);
    rules.age_s_max = number(json, "age_s_max", seconds_max);
    return rules;
}

CanaryRules take_canary(StrictJson json) {
    CanaryRules rules;
    rules.share_per_mille = number(json, "share_per_mille", 1000);
    rules.count_min = number(json, "count_min", 1'000'000);
    rules.approval_drop_per_mille = number(json, "approval_drop_per_mille", 1000);
    rules.attestation_rise_per_mille = number(json, "attestation_rise_per_mille", 1000);
    rules.z_milli = number(json, "z_milli", 100'000);
    return rules;
}

void take_parts(StrictJson& json, Worst& worst, Policy& policy) {
    policy.version = static_cast<std::uint32_t>(json.integer("version", 1, UINT32_MAX));
    policy.name = json.text("name", 64);
    const std::string environment = json.text("environment", 16);
    if (environment == "sandbox") {
        policy.environment = Environment::sandbox;
    } else if (environment != "production") {
        json.fault(Refusal::bad_value, "environment");
    }
    auto thresholds = json.object("thresholds");
    policy.thresholds = {
        number(thresholds, "recover", 100'000), number(thresholds, "degraded", 100'000),
        number(thresholds, "review", 100'000), number(thresholds, "suspend", 100'000)};
    policy.degraded = take_reduced(json.object("degraded"));
    policy.review = take_reduced(json.object("review"));
    auto capability = json.object("capability");
    for (unsigned i = 0; i < protocol::capabilities; ++i) {
        const auto name = protocol::name_of(static_cast<protocol::Capability>(i));
        policy.capability[i] = take_capability_rule(capability.object(name));
    }
    auto grade = json.object("grades");
    for (unsigned i = 0; i < grades; ++i) {
        policy.grade[i] = take_capabilities(grade, grade_names[i], words_of(grade, grade_names[i]));
    }
    auto homes = json.object("homes");
    for (unsigned i = 0; i < key_homes; ++i) {
        policy.home_grade_max[i] =
            static_cast<std::uint8_t>(homes.integer(home_names[i], 0, grades - 1));
    }
    for (StrictJson& one : json.objects("amounts", amount_classes_max)) {
        AmountClass amount{one.text("name", 32), one.integer("amount_minor_max", 1, amount_max)};
        policy.amounts.push_back(std::move(amount));
    }
    take_minimum(json.object("minimum"), policy);
    take_measurements(json.object("measurements"), policy);
    take_times(json.object("times"), policy);
    policy.location = take_location(json.object("location"));
    policy.canary = take_canary(json.object("canary"));
    take_findings(json.object("findings"), worst, policy);
}

}  // namespace

std::expected<Policy, PolicyFault> parse_policy(std::string_view text) {
    if (text.size() > policy_bytes_max) {
        return std::unexpected(PolicyFault{PolicyFaultKind::json, Refusal::body_too_large, ""});
    }
    StrictJson json(text);
    Policy policy;
    Worst worst;
    take_parts(json, worst, policy);
    // A missing rule is a missing field as well, and says more; of what is no JSON nothing is said.
    const auto fault = json.finish();
    if (fault && (!worst.fault || fault->refusal == Refusal::bad_json)) {
        return std::unexpected(PolicyFault{PolicyFaultKind::json, fault->refusal, fault->field});
    }
    if (worst.fault) return std::unexpected(*worst.fault);
    if (auto broken = what_is_wrong(policy)) return std::unexpected(std::move(*broken));
    return policy;
}

std::string_view policy_name_of(attest::KeyHome home) {
    return home_names[static_cast<std::size_t>(home)];
}

std::string_view name_of(Environment environment) {
    return environment == Environment::sandbox ? "sandbox" : "production";
}

std::string_view name_of(PolicyFaultKind kind) {
    constexpr std::array<std::string_view, 10> names = {
        "JSON",  "MISSING_RULE", "RAISES_TRUST", "APP_HARD", "SOFT_CODE",
        "ORDER", "UNSAFE",       "SIGNATURE",    "VERSION",  "ENVIRONMENT"};
    return names[static_cast<std::size_t>(kind)];
}

}  // namespace softpos::monitor
