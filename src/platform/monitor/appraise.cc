// From findings to a state: hard ones first, then points, then what a standing finding does not
// allow the phone to be.
#include "platform/monitor/appraise.h"

#include "base/check.h"
#include "crypto/hash.h"
#include "platform/monitor/appraise_parts.h"

#include <algorithm>
#include <array>

namespace softpos::monitor {
namespace {

using protocol::CommandAction;
using protocol::Finding;

bool is_hard(const Policy& policy, const Finding& finding, bool in_pin) {
    const FindingRule& rule = policy.rule(finding.code, finding.origin);
    return rule.hard || (in_pin && rule.hard_in_pin);
}

DeviceState least_of(const Policy& policy, const Findings& findings) {
    DeviceState least = DeviceState::active;
    for (const Finding& one : findings) {
        switch (policy.rule(one.code, one.origin).least) {
            case LeastState::none:
                break;
            case LeastState::degraded:
                least = std::max(least, DeviceState::degraded);
                break;
            case LeastState::review:
                least = std::max(least, DeviceState::review);
                break;
        }
    }
    return least;
}

// Points of a phone, and those among them that somebody else than its app vouches for.
struct Points {
    std::uint32_t all = 0, without_app = 0;
};

// Between `recover` and `degraded` a phone that is not well is not yet well again, so that it does
// not flap. What the app says brings nobody down to suspended where the others have nothing to say
// against the phone.
DeviceState by_points(const Thresholds& at, Points points, DeviceState before) {
    if (points.all >= at.suspend && points.without_app >= at.degraded) {
        return DeviceState::suspended;
    }
    if (points.all >= at.review) return DeviceState::review;
    if (points.all >= at.degraded) return DeviceState::degraded;
    const bool reduced = before == DeviceState::degraded || before == DeviceState::review ||
                         before == DeviceState::suspended;
    return reduced && points.all >= at.recover ? DeviceState::degraded : DeviceState::active;
}

// What weighs most, to name in the transition.
std::optional<Finding> heaviest(const Policy& policy, const Findings& findings) {
    if (findings.empty()) return std::nullopt;
    return *std::ranges::max_element(
        findings, {}, [&](const Finding& one) { return policy.rule(one.code, one.origin).weight; });
}

// A step that there is from every state but retired, which never gets here.
void take(Decision& decision, const DeviceEvent& event, Instant now) {
    auto taken = step(decision.next, event, now);
    CHECK(taken.has_value());
    decision.next = std::move(taken->next);
    if (taken->transition) decision.transition = taken->transition;
}

}  // namespace

void weigh(const Weighing& with, const Findings& findings, Decision& decision) {
    const Policy& policy = with.policy;
    const Instant now = with.view.now;
    DeviceRecord& next = decision.next;
    const DeviceState before = next.state;
    decision.findings = findings;
    next.score = scored(policy, next.score, findings, now);
    decision.score = score_of(policy, next.score, now);
    next.standing.clear();
    for (const Finding& one : findings) {
        if (!is_event(one.code)) next.standing.push_back(one);
    }
    if (before == DeviceState::retired || before == DeviceState::new_device) return;

    DeviceEvent event;
    event.policy_version = policy.version;
    event.evidence_digest = with.view.evidence_digest;
    const auto hard = std::ranges::find_if(
        findings, [&](const Finding& one) { return is_hard(policy, one, with.in_pin); });
    if (hard != findings.end()) {
        const bool latched = next.latch.has_value() && !next.latch->released;
        event.kind = DeviceEventKind::hard;
        event.finding = *hard;
        take(decision, event, now);
        // Once: what follows from the first one has followed.
        if (latched) return;
        decision.incident = true;
        decision.revoke_keys = true;
        decision.commands = {CommandAction::wipe_keys};
        return;
    }
    event.kind = DeviceEventKind::appraise;
    const Points points{decision.score, score_without_app(policy, next.score, now)};
    event.target =
        std::max(by_points(policy.thresholds, points, before), least_of(policy, findings));
    event.finding = heaviest(policy, findings);
    take(decision, event, now);
    const bool suspended = next.state == DeviceState::suspended;
    if (suspended == (before == DeviceState::suspended)) return;
    decision.incident = suspended;
    decision.commands = {suspended ? CommandAction::suspend : CommandAction::resume};
}

void note_arrival(DeviceRecord& device, const Arrival& arrival, Bytes body) {
    device.last_sequence = arrival.sequence;
    device.last_body = arrival.body;
    device.journal_head = next_journal_head(arrival.head, body);
    device.last_seen = arrival.at;
    device.silent = false;
}

const ReducedRule* reduced_rule(const Policy& policy, DeviceState state) {
    if (state == DeviceState::degraded) return &policy.degraded;
    if (state == DeviceState::review) return &policy.review;
    return nullptr;
}

bool is_young_enough(const CapabilityRule& rule, Instant last, Instant now) {
    if (rule.evidence_age_s_max == 0) return last == now;  // It came with this message.
    return now.unix_ms - last.unix_ms <= std::int64_t{rule.evidence_age_s_max} * 1000;
}

std::string_view name_of(PermitRefusal refusal) {
    constexpr std::array<std::string_view, 8> names = {
        "none", "suspended", "state", "capability", "finding", "amount", "evidence", "repeated"};
    return names[static_cast<std::size_t>(refusal)];
}

protocol::Capability capability_of(protocol::PermitPurpose purpose) {
    switch (purpose) {
        case protocol::PermitPurpose::tap:
            return protocol::Capability::card_no_pin;
        case protocol::PermitPurpose::pin:
            return protocol::Capability::card_pin;
        case protocol::PermitPurpose::qr_show:
            return protocol::Capability::qr_show;
        case protocol::PermitPurpose::qr_scan:
            return protocol::Capability::qr_scan;
        case protocol::PermitPurpose::identity:
            return protocol::Capability::identity;
    }
    CHECK(false);
}

protocol::Digest32 next_journal_head(const protocol::Digest32& head, Bytes body) {
    Buffer both(head.begin(), head.end());
    append(both, crypto::sha256(body));
    return crypto::sha256(both);
}

}  // namespace softpos::monitor
