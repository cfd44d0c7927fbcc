// Permits, reports, and what follows when neither comes.
#include "base/money.h"
#include "crypto/hash.h"
#include "platform/monitor/appraise_parts.h"

#include <algorithm>

namespace softpos::monitor {
namespace {

using protocol::Capability;
using protocol::CapabilitySet;
using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

void see(Findings& to, FindingCode code, std::uint32_t detail = 0) {
    add_finding(to, {code, TrustClass::server, detail});
}

// What the place of a message in the chain says.
void add_order(Findings& to, Order order, std::uint64_t missing) {
    switch (order) {
        case Order::next:
        case Order::repeated:
            return;
        case Order::gap:
            return see(to, FindingCode::gap,
                       static_cast<std::uint32_t>(std::min<std::uint64_t>(missing, UINT32_MAX)));
        case Order::replayed:
            return see(to, FindingCode::replay);
        case Order::forked:
            return see(to, FindingCode::clone);
    }
}

bool in_turn(Order order) {
    return order == Order::next || order == Order::gap;
}

// Which part of a phone a message shows again.
struct Shown {
    // What core and app find; not where the message is an old one: that tells what was wrong then,
    // and not what is well now.
    bool itself = false;
    bool identity = false;  // Place, versions, and what the registry says of the terminal.
    bool evidence = false;  // Of the maker.
};

bool is_shown_again(const Finding& finding, const Shown& shown) {
    switch (finding.origin) {
        case TrustClass::hardware:
            return shown.evidence;
        case TrustClass::server:
            if (finding.code == FindingCode::silence) return shown.itself;
            if (finding.code == FindingCode::version_old ||
                finding.code == FindingCode::patch_old) {
                return shown.identity && shown.evidence;
            }
            return shown.identity;
        case TrustClass::core:
        case TrustClass::app:
            return shown.itself;
    }
    return true;
}

// What was found before, and this message does not look at again. Not behind a latch that a person
// released: what latched the phone is known, and must not latch it a second time.
void keep_standing(Findings& to, const DeviceRecord& device, const Shown& shown) {
    if (device.latch && device.latch->released) return;
    for (const Finding& one : device.standing) {
        if (!is_shown_again(one, shown)) add_finding(to, one);
    }
}

std::uint64_t missing_before(const DeviceRecord& device, std::uint64_t sequence) {
    return sequence > device.last_sequence + 1 ? sequence - device.last_sequence - 1 : 0;
}

bool refuses(const Policy& policy, const Findings& findings, CapabilitySet bit) {
    return std::ranges::any_of(findings, [&](const Finding& one) {
        return (policy.rule(one.code, one.origin).refuses & bit) != 0;
    });
}

// The smallest class that fits, within what capability and state allow. What moves no money asks
// for 0 and may get 0.
std::optional<std::int64_t> amount_for(const Policy& policy, std::int64_t wanted,
                                       std::int64_t limit) {
    if (wanted > limit) return std::nullopt;
    for (const AmountClass& one : policy.amounts) {
        if (wanted <= one.amount_minor_max) return std::min(one.amount_minor_max, limit);
    }
    return std::nullopt;
}

PermitRefusal judge(const Policy& policy, const protocol::PermitRequest& request, Instant now,
                    PermitDecision& out) {
    const DeviceRecord& device = out.decision.next;
    const Capability capability = capability_of(request.purpose);
    const CapabilitySet bit = protocol::bit_of(capability);
    const CapabilityRule& rule = policy.capability[static_cast<std::size_t>(capability)];
    if (device.state == DeviceState::new_device || device.state == DeviceState::suspended ||
        device.state == DeviceState::retired) {
        return PermitRefusal::suspended;
    }
    // A policy that trusts a kind of key less than before means the phones that have it, too.
    const std::uint8_t home_max = policy.home_grade_max[static_cast<std::size_t>(device.pins.home)];
    const CapabilitySet can =
        policy.grade[std::min(device.grade, home_max)] & device.hardware & request.hardware;
    if ((can & bit) == 0) return PermitRefusal::capability;
    if (refuses(policy, out.decision.findings, bit)) return PermitRefusal::finding;
    std::int64_t limit = rule.amount_minor_max;
    CapabilitySet allowed = can;
    if (const ReducedRule* const reduced = reduced_rule(policy, device.state)) {
        allowed = static_cast<CapabilitySet>(allowed & reduced->capabilities);
        limit = std::min(limit, reduced->amount_minor_max);
        if ((allowed & bit) == 0) return PermitRefusal::state;
    }
    if (!policy.accepts(capability, device.pins.kind) ||
        !is_young_enough(rule, device.last_evidence, now)) {
        return PermitRefusal::evidence;
    }
    const auto amount = amount_for(policy, request.amount_minor, limit);
    const bool yuan = request.currency == static_cast<std::uint16_t>(Currency::cny);
    if (!amount || !yuan) return PermitRefusal::amount;
    out.amount_minor_max = *amount;
    // A permit opens one thing. That of a tap also tells the card whether a PIN may follow it.
    const bool tap = request.purpose == protocol::PermitPurpose::tap;
    const CapabilitySet told = tap ? protocol::bit_of(Capability::card_pin) : CapabilitySet{0};
    out.allowed = static_cast<CapabilitySet>(allowed & (bit | told));
    const bool pin = request.purpose == protocol::PermitPurpose::pin;
    out.seconds = pin ? policy.pin_permit_s : policy.permit_s;
    return PermitRefusal::none;
}

Findings findings_of(const Policy& policy, const DeviceRecord& device, const PermitCase& asked,
                     const ServerView& view, Order order) {
    const protocol::PermitRequest& request = asked.request;
    Findings found;
    add_told(found, request.findings);
    add_verdicts(found, asked.verdicts);
    const attest::Verdict* const best = best_of(asked.verdicts);
    const bool fresh = in_turn(order);
    keep_standing(found, device,
                  {.itself = fresh, .identity = fresh, .evidence = fresh && best != nullptr});
    for (const Finding& one : view.found) add_finding(found, one);
    if (view.revocation_stale) see(found, FindingCode::evidence_stale);
    if (best != nullptr) compare_pins(found, device, *best);
    check_versions(found, policy,
                   {.os_version = best == nullptr ? 0 : best->os_version,
                    .os_patch = best == nullptr ? 0 : best->os_patch,
                    .app_version = request.claims.app_version,
                    .sdk_version = request.claims.sdk_version},
                   view.now);
    if (request.claims.app_version < device.marks.app_version ||
        request.claims.sdk_version < device.marks.sdk_version) {
        see(found, FindingCode::version_old, request.claims.app_version);
    }
    if (request.claims.app_package != device.pins.app_package) see(found, FindingCode::repackaged);
    if (device.phone_policy < policy.phone_policy_min) {
        see(found, FindingCode::policy_old, device.phone_policy);
    }
    check_clock(found, policy, request.phone_time, view.now);
    check_place(found, policy.location,
                {.now = request.location,
                 .registered = view.registered_place,
                 .last = device.last_location,
                 .at = view.now,
                 .last_at = device.last_location_at});
    return found;
}

// What the message showed about the phone, beyond findings.
void note_request(const Policy& policy, const PermitCase& asked, const ServerView& view,
                  DeviceRecord& next) {
    const protocol::PermitRequest& request = asked.request;
    next.last_address = view.address;
    // A place that is only roughly known would hide where the phone was before.
    if (is_usable(policy.location, request.location)) {
        next.last_location = request.location;
        next.last_location_at = measured_at(*request.location, view.now);
    }
    next.marks.app_version = std::max(next.marks.app_version, request.claims.app_version);
    next.marks.sdk_version = std::max(next.marks.sdk_version, request.claims.sdk_version);
    note_counters(asked.verdicts, next.keys);
    if (const attest::Verdict* const best = best_of(asked.verdicts)) {
        next.last_evidence = view.now;
        next.pins.kind = best->kind;
        next.marks.os_version = std::max(next.marks.os_version, best->os_version);
        next.marks.os_patch = std::max(next.marks.os_patch, best->os_patch);
    }
}

void grant(const Policy& policy, const protocol::PermitRequest& request, const ServerView& view,
           PermitDecision& out) {
    DeviceRecord& next = out.decision.next;
    DeviceEvent event{.kind = DeviceEventKind::permit, .finding = std::nullopt};
    event.policy_version = policy.version;
    event.evidence_digest = view.evidence_digest;
    const auto taken = step(next, event, view.now);
    if (!taken) {
        out.refusal = PermitRefusal::suspended;
        return;
    }
    if (taken->transition && !out.decision.transition) out.decision.transition = taken->transition;
    next = taken->next;
    next.last_permit = view.now;
    next.phone_policy = policy.version;  // The permit names it.
    next.open = OpenPermit{request.purpose, request.amount_minor, request.currency, view.now};
}

}  // namespace

PermitDecision appraise_permit(const Policy& policy, const DeviceRecord& device,
                               const PermitCase& asked, const ServerView& view) {
    const protocol::PermitRequest& request = asked.request;
    PermitDecision out;
    out.decision.next = device;
    const Arrival arrival{request.sequence, request.journal_head, crypto::sha256(asked.body),
                          view.now};
    const Order order = order_of(policy, device, arrival);
    if (order == Order::repeated) {
        out.refusal = PermitRefusal::repeated;
        out.decision.findings = device.standing;
        out.decision.score = score_of(policy, device.score, view.now);
        return out;
    }
    Findings found = findings_of(policy, device, asked, view, order);
    add_order(found, order, missing_before(device, request.sequence));
    if (in_turn(order)) {
        note_arrival(out.decision.next, arrival, asked.body);
        note_request(policy, asked, view, out.decision.next);
    }
    const bool pin = request.purpose == protocol::PermitPurpose::pin;
    weigh({policy, view, pin}, found, out.decision);
    out.refusal = in_turn(order) ? judge(policy, request, view.now, out) : PermitRefusal::evidence;
    if (out.decision.next.state == DeviceState::suspended) out.refusal = PermitRefusal::suspended;
    if (out.refusal == PermitRefusal::none) grant(policy, request, view, out);
    if (out.refusal != PermitRefusal::none) {
        out.allowed = 0;
        out.amount_minor_max = 0;
        out.seconds = 0;
    }
    return out;
}

// Lines of the core's journal come until the platform has seen them, and count once. What the core
// only mentions costs nothing; what it calls critical is what it says of itself.
Decision appraise_report(const Policy& policy, const DeviceRecord& device, const ReportCase& told,
                         const ServerView& view) {
    const protocol::Report& report = told.report;
    Decision decision;
    decision.next = device;
    const Arrival arrival{report.sequence, report.journal_head, crypto::sha256(told.body),
                          view.now};
    const Order order = order_of(policy, device, arrival);
    if (order == Order::repeated) {
        decision.findings = device.standing;
        decision.score = score_of(policy, device.score, view.now);
        return decision;
    }
    Findings found;
    add_told(found, report.findings);
    keep_standing(found, device, {.itself = in_turn(order)});
    for (const Finding& one : view.found) add_finding(found, one);
    for (const protocol::CoreEvent& event : report.events) {
        if (event.sequence <= device.last_event) continue;
        decision.next.last_event = std::max(decision.next.last_event, event.sequence);
        if (event.severity != protocol::Severity::critical) continue;
        add_finding(found, {event.code, TrustClass::core, event.detail});
    }
    add_order(found, order, missing_before(device, report.sequence));
    if (in_turn(order)) {
        note_arrival(decision.next, arrival, told.body);
        decision.next.last_address = view.address;
    }
    weigh({policy, view}, found, decision);
    return decision;
}

Decision appraise_seen(const Policy& policy, const DeviceRecord& device, const Finding& finding,
                       Instant now) {
    Decision decision;
    decision.next = device;
    Findings found;
    add_finding(found, finding);
    keep_standing(found, device, {});
    ServerView view;
    view.now = now;
    view.evidence_digest = device.evidence_digest;
    weigh({policy, view}, found, decision);
    return decision;
}

Decision appraise_silence(const Policy& policy, const DeviceRecord& device, Instant now) {
    Decision decision;
    decision.next = device;
    decision.findings = device.standing;
    decision.score = score_of(policy, device.score, now);
    const bool in_use =
        device.last_permit.unix_ms != 0 &&
        now.unix_ms - device.last_permit.unix_ms < std::int64_t{policy.in_use_s} * 1000;
    const bool late = policy.silence_s != 0 && now.unix_ms - device.last_seen.unix_ms >
                                                   std::int64_t{policy.silence_s} * 1000;
    if (!in_use || !late || device.silent) return decision;
    Findings found = device.standing;
    see(found, FindingCode::silence);
    ServerView view;
    view.now = now;
    view.evidence_digest = device.evidence_digest;
    weigh({policy, view}, found, decision);
    decision.next.silent = true;
    return decision;
}

}  // namespace softpos::monitor
