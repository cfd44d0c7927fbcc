// One table of steps; nothing else changes a state.
#include "platform/monitor/device.h"

#include "base/check.h"

#include <array>

namespace softpos::monitor {
namespace {

std::unexpected<Error> no_step() {
    return fail(ErrorKind::conflict, "monitor: no such step from this state");
}

bool held(const DeviceRecord& device) {
    return device.latch.has_value() || device.operator_hold;
}

Result<DeviceRecord> enrolled(DeviceRecord device) {
    if (device.operator_hold || (device.latch && !device.latch->released)) return no_step();
    device.latch.reset();
    device.state = DeviceState::enrolled;
    return device;
}

Result<DeviceRecord> permitted(DeviceRecord device) {
    if (device.state == DeviceState::new_device || device.state == DeviceState::suspended) {
        return no_step();
    }
    if (device.state == DeviceState::enrolled) device.state = DeviceState::active;
    return device;
}

Result<DeviceRecord> appraised(DeviceRecord device, DeviceState target) {
    CHECK(target == DeviceState::active || target == DeviceState::degraded ||
          target == DeviceState::review || target == DeviceState::suspended);
    if (device.state == DeviceState::new_device) return no_step();
    if (held(device)) return device;
    // A phone that has not paid yet becomes active with its first permit.
    if (device.state == DeviceState::enrolled && target == DeviceState::active) return device;
    device.state = target;
    return device;
}

Result<DeviceRecord> resumed(DeviceRecord device) {
    if (!device.operator_hold || device.latch) return no_step();
    device.operator_hold = false;
    device.state = DeviceState::active;
    return device;
}

Result<DeviceRecord> released(DeviceRecord device) {
    if (!device.latch || device.latch->released) return no_step();
    device.latch->released = true;
    device.operator_hold = false;
    return device;
}

Result<DeviceRecord> after(const DeviceRecord& before, const DeviceEvent& event, Instant now) {
    if (before.state == DeviceState::retired) return no_step();
    DeviceRecord device = before;
    switch (event.kind) {
        case DeviceEventKind::enrol:
            return enrolled(std::move(device));
        case DeviceEventKind::permit:
            return permitted(std::move(device));
        case DeviceEventKind::appraise:
            return appraised(std::move(device), event.target);
        case DeviceEventKind::hard:
            CHECK(event.finding.has_value());
            // The first one stays: it is why.
            if (!device.latch || device.latch->released) device.latch = Latch{*event.finding, now};
            device.state = DeviceState::suspended;
            return device;
        case DeviceEventKind::suspend:
            device.operator_hold = true;
            device.state = DeviceState::suspended;
            return device;
        case DeviceEventKind::resume:
            return resumed(std::move(device));
        case DeviceEventKind::release:
            return released(std::move(device));
        case DeviceEventKind::retire:
            device.state = DeviceState::retired;
            return device;
    }
    return no_step();
}

}  // namespace

std::string_view name_of(DeviceState state) {
    constexpr std::array<std::string_view, device_states> names = {
        "NEW", "ENROLLED", "ACTIVE", "DEGRADED", "REVIEW", "SUSPENDED", "RETIRED"};
    return names[static_cast<std::size_t>(state) - 1];
}

std::optional<DeviceState> device_state(std::uint64_t stored) {
    if (stored < 1 || stored > device_states) return std::nullopt;
    return static_cast<DeviceState>(stored);
}

std::string_view name_of(DeviceEventKind kind) {
    constexpr std::array<std::string_view, 8> names = {"enrol",  "permit",  "appraise", "hard",
                                                       "suspend", "resume", "release",  "retire"};
    return names[static_cast<std::size_t>(kind) - 1];
}

Result<DeviceStep> step(const DeviceRecord& device, const DeviceEvent& event, Instant now) {
    auto next = after(device, event, now);
    if (!next) return std::unexpected(next.error());
    next->policy_version = event.policy_version;
    next->evidence_digest = event.evidence_digest;
    DeviceStep out{std::move(*next), std::nullopt};
    if (out.next.state != device.state || out.next.latch != device.latch ||
        out.next.operator_hold != device.operator_hold) {
        out.transition =
            Transition{device.state,         out.next.state,        event.kind, event.finding,
                       event.policy_version, event.evidence_digest, now};
    }
    return out;
}

}  // namespace softpos::monitor
