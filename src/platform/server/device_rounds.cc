// What nobody calls for: persons' orders come from the API, silence from nobody at all.
#include "base/log.h"
#include "platform/server/device_codec.h"
#include "platform/server/device_desk.h"
#include "platform/server/terminal_identity.h"

#include <array>

namespace softpos::server {
namespace {

using monitor::DeviceEventKind;
using monitor::DeviceState;

std::optional<store::FilingStatus> filing_after(DeviceState state) {
    switch (state) {
        case DeviceState::suspended:
            return store::FilingStatus::disabled;
        case DeviceState::retired:
            return store::FilingStatus::cancelled;
        case DeviceState::active:
        case DeviceState::enrolled:
            return store::FilingStatus::enabled;
        default:
            return std::nullopt;
    }
}

}  // namespace

Result<DeviceState> DeviceDesk::person(const merchant::Terminal& terminal, DeviceEventKind kind) {
    DeviceState state{};
    auto written = std::make_shared<Written>();
    TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
        DeviceCase device = TRY(read(tx, terminal));
        if (!device.record) return fail(ErrorKind::not_found, "trust: the terminal has no phone");
        const auto policy = parts_.policies.in_force();
        const Instant now = parts_.clock.now();
        const monitor::DeviceEvent event{.kind = kind,
                                         .target = DeviceState::active,
                                         .finding = std::nullopt,
                                         .policy_version = policy->version,
                                         .evidence_digest = device.row.evidence_head};
        auto step = TRY(monitor::step(*device.record, event, now));
        monitor::Decision decision;
        decision.next = std::move(step.next);
        decision.transition = step.transition;
        decision.score = monitor::score_of(*policy, decision.next.score, now);
        state = decision.next.state;
        if (kind == DeviceEventKind::suspend) {
            decision.commands = {protocol::CommandAction::suspend};
        } else if (kind == DeviceEventKind::resume) {
            decision.commands = {protocol::CommandAction::resume};
        } else if (kind == DeviceEventKind::release) {
            decision.commands = {protocol::CommandAction::re_enrol};
        } else if (kind == DeviceEventKind::retire) {
            decision.commands = {protocol::CommandAction::wipe_keys};
        }
        if (const auto status = filing_after(state)) {
            TRY_VOID(file_status(tx, terminal.number, *status, name_of(kind), now));
        }
        const Caller caller{.terminal = terminal, .peer_address = {}};
        const Judged judged{.entry = EvidenceEntry::person,
                            .at = now,
                            .outcome = std::string(name_of(kind)),
                            .policy_version = policy->version};
        *written = TRY(write(tx, device, {caller, decision, judged}));
        return {};
    }));
    finish(*written, [] {});
    return state;
}

Result<std::uint64_t> DeviceDesk::command(const merchant::Terminal& terminal,
                                          protocol::CommandAction action) {
    std::uint64_t command = 0;
    TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
        DeviceCase device = TRY(read(tx, terminal));
        if (!device.record) return fail(ErrorKind::not_found, "trust: the terminal has no phone");
        monitor::Decision decision;
        decision.next = *device.record;
        decision.score = device.row.score;
        decision.commands = {action};
        const Caller caller{.terminal = terminal, .peer_address = {}};
        const Judged judged{.entry = EvidenceEntry::person,
                            .at = parts_.clock.now(),
                            .outcome = "command " + std::string(name_of(action)),
                            .policy_version = parts_.policies.in_force()->version};
        TRY(write(tx, device, {caller, decision, judged}));
        command = device.record->command_number;
        return {};
    }));
    return command;
}

void DeviceDesk::start_rounds() {
    parts_.timers.after(parts_.round_ms, [this] {
        revoke_due_keys();
        look_for_silence();
        start_rounds();
    });
}

// Only rows that could be silent by now are judged; whether they are, the monitor says.
void DeviceDesk::look_for_silence() {
    const auto policy = parts_.policies.in_force();
    const std::int64_t heard_before =
        parts_.clock.now().unix_ms - std::int64_t{policy->silence_s} * 1000;
    for (const auto state : {DeviceState::active, DeviceState::degraded, DeviceState::review}) {
        store::DevicePage page{.after = {},
                               .state = static_cast<std::uint8_t>(state),
                               .rows_max = store::page_rows_max};
        for (bool more = true; more;) {
            std::vector<store::DeviceRow> rows;
            const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
                rows = TRY(reader.devices(page));
                return {};
            });
            if (!read) return log(LogLevel::error, "trust: phones not read", read.error());
            more = rows.size() == page.rows_max;
            if (!rows.empty()) page.after = rows.back().terminal;
            for (const store::DeviceRow& row : rows) {
                if (row.last_seen.unix_ms < heard_before) judge_silence(row);
            }
        }
    }
}

void DeviceDesk::judge_silence(const store::DeviceRow& seen) {
    const auto policy = parts_.policies.in_force();
    const Instant now = parts_.clock.now();
    // Most that are quiet are only closed for the night: the writer is not asked for those.
    const auto known = decode_device(seen.record);
    const auto newly_silent = [&](const monitor::DeviceRecord& record) {
        return !record.silent && monitor::appraise_silence(*policy, record, now).next.silent;
    };
    if (!known || !newly_silent(*known)) return;
    const auto written = std::make_shared<Written>();
    parts_.store.submit(
        [this, policy, now, number = seen.terminal, written](store::Tx& tx) -> Result<void> {
            const auto terminal = TRY(tx.terminal_by_number(number));
            if (!terminal) return {};
            DeviceCase device = TRY(read(tx, *terminal));
            if (!device.record) return {};
            const auto decision = monitor::appraise_silence(*policy, *device.record, now);
            // It was heard meanwhile, or is known to be silent.
            if (device.record->silent || !decision.next.silent) return {};
            const Caller caller{.terminal = *terminal, .peer_address = {}};
            const Judged judged{.entry = EvidenceEntry::seen,
                                .at = now,
                                .outcome = "silence",
                                .policy_version = policy->version,
                                .findings = decision.findings};
            *written = TRY(write(tx, device, {caller, decision, judged}));
            return {};
        },
        [this, written](const Result<void>& durable) {
            if (!durable) log(LogLevel::error, "trust: silence not written", durable.error());
            finish(*written, [] {});
        });
}

}  // namespace softpos::server
