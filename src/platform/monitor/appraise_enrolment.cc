// Who becomes a terminal's phone, with what pinned, and what it can do.
#include "platform/monitor/appraise_parts.h"
#include "platform/monitor/grade.h"

#include <algorithm>

namespace softpos::monitor {
namespace {

using protocol::EnrolStatement;
using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

bool is_known_program(const Policy& policy, const protocol::Digest32& measurement) {
    return policy.any_measurement ||
           std::ranges::find(policy.measurements, measurement) != policy.measurements.end();
}

Findings findings_of(const Policy& policy, const EnrolStatement& statement,
                     std::span<const attest::Verdict> verdicts, const ServerView& view) {
    Findings found;
    add_told(found, statement.findings);
    add_verdicts(found, verdicts);
    for (const Finding& one : view.found) add_finding(found, one);
    if (!is_known_program(policy, statement.measurement)) {
        add_finding(found, {FindingCode::repackaged, TrustClass::server, 0});
    }
    if (view.revocation_stale) {
        add_finding(found, {FindingCode::evidence_stale, TrustClass::server, 0});
    }
    Versions versions{.app_version = statement.claims.app_version,
                      .sdk_version = statement.claims.sdk_version};
    if (const auto* best = best_of(verdicts)) {
        versions.os_version = best->os_version;
        versions.os_patch = best->os_patch;
    }
    check_versions(found, policy, versions, view.now);
    check_clock(found, policy, statement.phone_time, view.now);
    check_place(found, policy.location,
                {.now = statement.location,
                 .registered = view.registered_place,
                 .last = std::nullopt,
                 .at = view.now,
                 .last_at = {}});
    return found;
}

Pins pins_of(const EnrolStatement& statement, const attest::Verdict& best, Instant now) {
    Pins pins;
    pins.core_sign_point = statement.core_sign_point;
    pins.core_seal_point = statement.core_seal_point;
    pins.measurement = statement.measurement;
    pins.kind = best.kind;
    pins.home = best.home;
    pins.device_key = best.device_key;
    pins.device_id = best.device_id;
    pins.boot_key = best.boot_key;
    pins.root_serial = best.serials.empty() ? std::string() : best.serials.back();
    pins.model = statement.claims.model;
    pins.app_package = statement.claims.app_package;
    pins.at = now;
    return pins;
}

// The phone as it is now. Of the one before it only what belongs to the terminal stays.
void take_phone(DeviceRecord& next, const Policy& policy, const EnrolStatement& statement,
                const attest::Verdict& best, const ServerView& view) {
    next.pins = pins_of(statement, best, view.now);
    next.marks = {best.os_version, best.os_patch,
                  std::max(best.app_version, statement.claims.app_version),
                  statement.claims.sdk_version};
    next.hardware = statement.hardware;
    next.grade = grade_for(policy, best.home, statement.hardware);
    next.score.clear();
    next.standing.clear();
    next.last_sequence = 0;
    next.last_event = 0;
    next.last_body = {};
    next.journal_head = {};
    next.last_seen = view.now;
    next.last_permit = {};
    next.last_evidence = view.now;
    next.last_address = view.address;
    next.last_location.reset();
    if (is_usable(policy.location, statement.location)) next.last_location = statement.location;
    next.last_location_at = view.now;
    next.silent = false;
    next.open.reset();
    next.phone_policy = policy.version;
}

std::string reason_of(std::string_view what, std::string_view which) {
    return std::string(what) + " " + std::string(which);
}

}  // namespace

// A phone that is refused changes nothing about the one that the terminal has.
EnrolmentDecision appraise_enrolment(const Policy& policy, const std::string& terminal,
                                     const std::optional<DeviceRecord>& before,
                                     const EnrolStatement& statement,
                                     std::span<const attest::Verdict> verdicts,
                                     const ServerView& view) {
    EnrolmentDecision out;
    DeviceRecord known = before.value_or(DeviceRecord{});
    known.terminal = terminal;
    out.decision.next = known;
    const Findings found = findings_of(policy, statement, verdicts, view);
    out.decision.findings = found;
    const auto hard = std::ranges::find_if(
        found, [&](const Finding& one) { return policy.rule(one.code, one.origin).hard; });
    if (hard != found.end()) {
        out.reason = reason_of("finding", protocol::name_of(hard->code));
        return out;
    }
    const attest::Verdict* const best = best_of(verdicts);
    if (best == nullptr) {
        out.reason = reason_of("evidence", verdicts.empty() ? "missing" : verdicts.front().reason);
        return out;
    }
    DeviceEvent event{.kind = DeviceEventKind::enrol, .finding = std::nullopt};
    event.policy_version = policy.version;
    event.evidence_digest = view.evidence_digest;
    auto taken = step(known, event, view.now);
    if (!taken) {
        out.reason = known.state == DeviceState::retired ? "state retired" : "state latched";
        return out;
    }
    Decision decision;
    decision.next = std::move(taken->next);
    take_phone(decision.next, policy, statement, *best, view);
    decision.next.keys = keys_of(verdicts);
    if (decision.next.grade == 0) {
        out.reason = reason_of("grade", policy_name_of(best->home));
        return out;
    }
    weigh({policy, view}, found, decision);
    if (decision.next.state == DeviceState::suspended) {
        out.reason = "points";
        return out;
    }
    // The step that counts is that of the enrolment, also where the phone starts reduced.
    if (taken->transition) {
        taken->transition->to = decision.next.state;
        decision.transition = taken->transition;
    }
    decision.commands.clear();
    out.accepted = true;
    out.grade = decision.next.grade;
    out.decision = std::move(decision);
    return out;
}

}  // namespace softpos::monitor
