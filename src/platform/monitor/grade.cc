// The questions of a permit, all of them and not only up to the first no.
#include "platform/monitor/grade.h"

#include "platform/monitor/appraise_parts.h"

#include <algorithm>

namespace softpos::monitor {
namespace {

using protocol::Capability;
using protocol::CapabilitySet;
using protocol::Finding;
using enum RefusalClass;

// In the order of Obstacle; of `finding`, and of `suspended` by a latch, the finding's own is told.
constexpr std::array<Remedy, obstacles> remedies = {{
    {final, true, "This phone lacks the part for it, such as NFC.", "本设备缺少所需硬件（如 NFC）"},
    {final, true, "The keys of this phone are not protected well enough. Use another phone.",
     "本设备密钥保护等级不足，请更换设备"},
    {fix_now, true, "Enrol the phone again with a new activation code.",
     "请使用新的激活码重新激活设备"},
    {final, true, "What this phone can prove of itself is not enough for it.",
     "本设备的证明方式不支持该功能"},
    {retry, true, "The phone proves itself anew with the next request.",
     "设备将在下次请求时重新证明"},
    {contact, false, "A finding stands in the way.", "存在风险发现"},
    {contact, true, "The phone can do little for now. Clear what is found, or wait.",
     "设备处于受限状态，请处理风险项或稍候"},
    {contact, true, "This device cannot accept payments; see the reference.",
     "本设备无法受理支付，请凭编号联系收单机构"},
}};

Reason reason(Obstacle obstacle) {
    return {obstacle, std::nullopt, remedies[static_cast<std::size_t>(obstacle)]};
}

Reason reason(Obstacle obstacle, const Finding& finding) {
    return {obstacle, finding, remedy_of(finding.code)};
}

void add_ability(const Policy& policy, const Preflight& phone, std::uint8_t grade,
                 CapabilitySet bit, std::vector<Reason>& to) {
    if ((phone.hardware & bit) == 0) to.push_back(reason(Obstacle::hardware));
    const auto home_max = policy.home_grade_max[static_cast<std::size_t>(phone.home)];
    if ((policy.grade[home_max] & bit) == 0) to.push_back(reason(Obstacle::key_home));
    const bool lost = to.empty() && (policy.grade[grade] & bit) == 0;
    if (lost) to.push_back(reason(Obstacle::enrolment));
}

void add_state(const Policy& policy, const Preflight& phone, CapabilityReport& report) {
    if (phone.state == DeviceState::new_device || phone.state == DeviceState::suspended ||
        phone.state == DeviceState::retired) {
        report.reasons.push_back(phone.latch ? reason(Obstacle::suspended, *phone.latch)
                                             : reason(Obstacle::suspended));
        return;
    }
    const ReducedRule* const reduced = reduced_rule(policy, phone.state);
    if (reduced == nullptr) return;
    report.amount_minor_max = std::min(report.amount_minor_max, reduced->amount_minor_max);
    if ((reduced->capabilities & protocol::bit_of(report.capability)) == 0) {
        report.reasons.push_back(reason(Obstacle::state));
    }
}

CapabilityReport look(const Policy& policy, const Preflight& phone, std::uint8_t grade,
                      Capability capability) {
    const CapabilitySet bit = protocol::bit_of(capability);
    CapabilityReport report;
    report.capability = capability;
    const CapabilityRule& rule = policy.capability[static_cast<std::size_t>(capability)];
    report.amount_minor_max = rule.amount_minor_max;
    add_state(policy, phone, report);
    add_ability(policy, phone, grade, bit, report.reasons);
    for (const Finding& one : phone.standing) {
        const FindingRule& says = policy.rule(one.code, one.origin);
        // A phone that is not enrolled yet would not be, with a hard one.
        const bool stops = !phone.enrolled_grade && says.hard;
        if (stops || (says.refuses & bit) != 0) {
            report.reasons.push_back(reason(Obstacle::finding, one));
        }
    }
    if (!policy.accepts(capability, phone.kind)) {
        report.reasons.push_back(reason(Obstacle::evidence));
    } else if (!is_young_enough(rule, phone.last_evidence, phone.now)) {
        report.reasons.push_back(reason(Obstacle::evidence_age));
    }
    if (!report.available()) report.amount_minor_max = 0;
    return report;
}

// The lowest grade, up to `most`, that holds all of these that it can.
std::uint8_t lowest_with(const Policy& policy, unsigned most, CapabilitySet wanted) {
    for (unsigned i = most; i > 0; --i) {
        if ((policy.grade[i] & wanted) != (policy.grade[i - 1] & wanted)) {
            return static_cast<std::uint8_t>(i);
        }
    }
    return 0;
}

}  // namespace

std::uint8_t grade_for(const Policy& policy, attest::KeyHome home, CapabilitySet hardware) {
    return lowest_with(policy, policy.home_grade_max[static_cast<std::size_t>(home)], hardware);
}

Grading grade_phone(const Policy& policy, const Preflight& phone) {
    Grading out;
    out.possible = grade_for(policy, phone.home, phone.hardware);
    const std::uint8_t grade = phone.enrolled_grade.value_or(out.possible);
    CapabilitySet available = 0;
    for (unsigned i = 0; i < protocol::capabilities; ++i) {
        const auto capability = static_cast<Capability>(i);
        out.capabilities[i] = look(policy, phone, grade, capability);
        if (!out.capabilities[i].available()) continue;
        available = static_cast<CapabilitySet>(available | protocol::bit_of(capability));
    }
    out.now = lowest_with(policy, grades - 1, available);
    return out;
}

Preflight preflight_of(const DeviceRecord& device, Instant now) {
    Preflight phone;
    phone.hardware = device.hardware;
    phone.home = device.pins.home;
    phone.kind = device.pins.kind;
    phone.enrolled_grade = device.grade;
    phone.state = device.state;
    if (device.latch) phone.latch = device.latch->finding;
    phone.standing = device.standing;
    phone.last_evidence = device.last_evidence;
    phone.now = now;
    return phone;
}

std::string_view name_of(Obstacle obstacle) {
    constexpr std::array<std::string_view, obstacles> names = {
        "hardware",     "key_home", "enrolment", "evidence",
        "evidence_age", "finding",  "state",     "suspended"};
    return names[static_cast<std::size_t>(obstacle)];
}

}  // namespace softpos::monitor
