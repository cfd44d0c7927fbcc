// One work for each judgement; what cannot be part of it (the vault) is written down as due in it.
#include "platform/server/device_desk.h"

#include "base/log.h"
#include "platform/pay/shard.h"
#include "platform/server/device_codec.h"
#include "platform/server/incident_facts.h"
#include "platform/server/terminal_identity.h"

#include <boost/json.hpp>

#include <utility>

namespace softpos::server {
namespace {

namespace json = boost::json;
using monitor::DeviceRecord;

constexpr std::size_t evidence_in_case_max = 10;  // The last of the phone's chain.

std::uint8_t number(auto value) {
    return static_cast<std::uint8_t>(value);
}

store::TransitionRow transition_row(std::string_view terminal,
                                    const monitor::Transition& transition) {
    store::TransitionRow row{.terminal = std::string(terminal), .at = transition.at};
    row.from = number(transition.from);
    row.to = number(transition.to);
    row.cause = number(transition.cause);
    if (transition.finding) {
        row.code = number(transition.finding->code);
        row.origin = number(transition.finding->origin);
        row.detail = transition.finding->detail;
    }
    row.policy_version = transition.policy_version;
    row.evidence = transition.evidence_digest;
    return row;
}

std::string state_event(const merchant::Terminal& terminal, const monitor::Transition& transition) {
    json::object body{
        {"terminal_id", terminal.number},       {"merchant_id", terminal.merchant},
        {"from", name_of(transition.from)},     {"to", name_of(transition.to)},
        {"cause", name_of(transition.cause)},   {"policy_version", transition.policy_version},
        {"at", china_time(transition.at).iso()}};
    if (transition.finding) body["finding"] = json::parse(finding_json(*transition.finding));
    return json::serialize(body);
}

protocol::Command command_of(const store::CommandRow& row) {
    return {.id = row.id,
            .terminal_id = row.terminal,
            .number = row.number,
            .action = static_cast<protocol::CommandAction>(row.action),
            .not_after = row.not_after};
}

// Why the phone is suspended: what latched it, else what the transition names.
protocol::Finding reason_of(const monitor::Decision& decision) {
    if (decision.transition && decision.transition->finding) return *decision.transition->finding;
    if (decision.next.latch) return decision.next.latch->finding;
    if (!decision.findings.empty()) return decision.findings.front();
    return {.code = protocol::FindingCode::silence, .origin = protocol::TrustClass::server};
}

}  // namespace

Result<DeviceCase> DeviceDesk::read(store::Reader& reader, const merchant::Terminal& terminal) {
    DeviceCase device;
    auto row = TRY(reader.device(terminal.number));
    if (!row) {
        device.row.terminal = terminal.number;
        device.row.merchant = terminal.merchant;
        return device;
    }
    device.record = TRY(decode_device(row->record));
    device.row = *std::move(row);
    return device;
}

Result<void> DeviceDesk::issue(store::Tx& tx, DeviceRecord& record,
                               protocol::CommandAction action) {
    const Instant now = parts_.clock.now();
    const std::int64_t good_ms = std::int64_t{parts_.policies.in_force()->command_s} * 1000;
    ++record.command_number;
    return tx.insert(store::CommandRow{.terminal = record.terminal,
                                       .number = record.command_number,
                                       .id = Id128::make(parts_.random),
                                       .action = number(action),
                                       .issued_at = now,
                                       .not_after = {now.unix_ms + good_ms}});
}

Result<Written> DeviceDesk::write(store::Tx& tx, DeviceCase& device, const Judgement& judgement) {
    const monitor::Decision& decision = judgement.decision;
    const Instant now = judgement.judged.at;
    const bool first = !device.record.has_value();
    Written written;
    device.record = decision.next;
    for (const auto action : decision.commands) TRY_VOID(issue(tx, *device.record, action));
    const store::EvidenceRow evidence = next_evidence(judgement.judged, device.row);
    TRY_VOID(tx.append(evidence));
    written.reference = evidence.terminal + "-" + std::to_string(evidence.sequence);
    put_record(*device.record, decision.score, now, device.row);
    TRY_VOID(first ? tx.insert(device.row) : tx.update(device.row));
    if (decision.transition) {
        TRY_VOID(tx.append(transition_row(device.row.terminal, *decision.transition)));
        written.told = true;
        TRY_VOID(tx.enqueue({.topic = "device.state",
                             .body = state_event(judgement.caller.terminal, *decision.transition),
                             .created_at = now}));
    }
    if (decision.incident) {
        written.after = TRY(open_incident(tx, device, judgement));
        written.revoke_keys = decision.revoke_keys;
    }
    for (const store::CommandRow& row : TRY(tx.open_commands(device.row.terminal, now))) {
        if (written.commands.size() == protocol::commands_max) break;
        written.commands.push_back(command_of(row));
    }
    return written;
}

// The case with the device, the merchant and what was under way; the payments given up; the
// register marked; the acquirer told. All of it in the work that suspends the phone.
Result<std::function<void()>> DeviceDesk::open_incident(store::Tx& tx, DeviceCase& device,
                                                        const Judgement& judgement) {
    const merchant::Terminal& terminal = judgement.caller.terminal;
    const Instant now = judgement.judged.at;
    const protocol::Finding finding = reason_of(judgement.decision);
    auto abandoned = TRY(parts_.engine.abandon(tx, terminal.number));
    const std::uint64_t count = device.row.evidence_count;
    const store::NumberPage last{
        .after = count > evidence_in_case_max ? count - evidence_in_case_max : 0,
        .rows_max = evidence_in_case_max};
    const auto evidence = TRY(tx.evidence_of(terminal.number, last));
    const auto merchant = TRY(tx.merchant(terminal.merchant));
    const auto registered = TRY(tx.registered(terminal.number));
    const std::string reference = terminal.number + "-" + std::to_string(count);
    store::IncidentRow incident{.id = pay::new_id(terminal.merchant, now, parts_.random)};
    incident.terminal = terminal.number;
    incident.merchant = terminal.merchant;
    incident.code = number(finding.code);
    incident.origin = number(finding.origin);
    incident.detail = finding.detail;
    if (!abandoned.payments.empty()) incident.payment = abandoned.payments.back();
    incident.evidence = device.row.evidence_head;
    incident.opened_at = now;
    incident.keys = judgement.decision.revoke_keys ? store::KeyEnd::due : store::KeyEnd::none;
    incident.facts = incident_json({.finding = finding,
                                    .device = *device.record,
                                    .terminal = terminal,
                                    .merchant = merchant,
                                    .registered = registered,
                                    .findings = judgement.decision.findings,
                                    .verdicts = judgement.judged.verdicts,
                                    .last_evidence = evidence,
                                    .payments = abandoned.payments,
                                    .peer_address = judgement.caller.peer_address,
                                    .reference = reference});
    TRY_VOID(tx.insert(incident));
    TRY_VOID(file_status(tx, terminal.number, store::FilingStatus::disabled,
                         std::string("incident ") + std::string(name_of(finding.code)), now));
    const json::object event{{"incident_id", incident.id.text()},
                             {"terminal_id", terminal.number},
                             {"merchant_id", terminal.merchant},
                             {"finding", json::parse(finding_json(finding))},
                             {"reference", reference},
                             {"at", china_time(now).iso()}};
    TRY_VOID(tx.enqueue(
        {.topic = "incident.opened", .body = json::serialize(event), .created_at = now}));
    log(LogLevel::warning, "trust: phone suspended",
        {{"terminal", LogId(terminal.number)},
         {"finding", LogId(std::string(name_of(finding.code)))},
         {"incident", LogId(incident.id.text())}});
    return std::move(abandoned.after);
}

void DeviceDesk::finish(const Written& written, std::function<void()> done) {
    if (written.after) written.after();
    if (written.told) parts_.webhooks.nudge();
    if (!written.revoke_keys) return done();
    parts_.workers.post_always([this, done = std::move(done)] {
        revoke_due_keys();
        done();
    });
}

// What the vault cannot do now stays due: nothing opens under a permit that is not given, and the
// next round tries again.
void DeviceDesk::revoke_due_keys() {
    std::vector<std::pair<store::IncidentRow, merchant::Terminal>> due;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (store::IncidentRow& row : TRY(reader.incidents_with_keys())) {
            auto terminal = TRY(reader.terminal_by_number(row.terminal));
            if (terminal) due.emplace_back(std::move(row), *std::move(terminal));
        }
        return {};
    });
    if (!read) return log(LogLevel::error, "trust: cases not read", read.error());
    for (auto& [incident, terminal] : due) {
        // The phone that was enrolled after the case has other keys, and keeps them.
        const bool replaced = terminal.enrolled_at > incident.opened_at;
        const auto revoked =
            replaced ? Result<void>() : parts_.vault.revoke_terminal(terminal.initial_key_id);
        if (!revoked) {
            log(LogLevel::error, "trust: keys not revoked", revoked.error());
            continue;
        }
        incident.keys = store::KeyEnd::done;
        const auto written = parts_.store.run([&](store::Tx& tx) { return tx.update(incident); });
        if (!written) log(LogLevel::error, "trust: case not updated", written.error());
    }
}

void DeviceDesk::serial_refused(const merchant::Terminal& terminal, std::function<void()> done) {
    see({.code = protocol::FindingCode::serial_cipher, .origin = protocol::TrustClass::server},
        terminal, std::move(done));
}

// A finding of the platform's own, without a message of the phone: weighed like one in a message.
void DeviceDesk::see(const protocol::Finding& finding, const merchant::Terminal& terminal,
                     std::function<void()> done) {
    const auto written = std::make_shared<Written>();
    parts_.store.submit(
        [this, finding, terminal, written](store::Tx& tx) -> Result<void> {
            DeviceCase device = TRY(read(tx, terminal));
            if (!device.record) return {};
            const auto policy = parts_.policies.in_force();
            const Instant now = parts_.clock.now();
            const auto decision = monitor::appraise_seen(*policy, *device.record, finding, now);
            const Caller caller{.terminal = terminal, .peer_address = {}};
            const Judged judged{.entry = EvidenceEntry::seen,
                                .at = now,
                                .outcome = std::string(name_of(finding.code)),
                                .policy_version = policy->version,
                                .findings = decision.findings};
            *written = TRY(write(tx, device, {caller, decision, judged}));
            return {};
        },
        [this, written, done = std::move(done)](const Result<void>& durable) {
            if (!durable) log(LogLevel::error, "trust: finding not written", durable.error());
            finish(*written, done);
        });
}

}  // namespace softpos::server
