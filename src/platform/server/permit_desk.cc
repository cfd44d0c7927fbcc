// Check, decide and write, sign.
#include "platform/server/permit_desk.h"

#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "platform/attest/evidence.h"
#include "platform/pay/shard.h"
#include "platform/server/device_codec.h"
#include "platform/server/terminal_identity.h"

#include <algorithm>
#include <utility>

namespace softpos::server {
namespace {

protocol::SpaRefused refused(std::string reference, bool try_again = false) {
    return {.reference = std::move(reference), .try_again = try_again, .commands = {}};
}

// A body of the kind that is asked for, of this terminal, signed by its core.
template <typename Body>
Result<Body> read_signed(const protocol::SignedBody& sent, const merchant::Terminal& terminal) {
    TRY_VOID(crypto::p256_verify(terminal.trusted_point, protocol::core_signed_message(sent.body),
                                 sent.signature));
    auto body = TRY(protocol::decode_spa_body(sent.body));
    auto* wanted = std::get_if<Body>(&body);
    if (wanted == nullptr) return fail(ErrorKind::malformed, "spa: not the body that was to come");
    if (wanted->terminal_id != terminal.number) {
        return fail(ErrorKind::denied, "spa: another terminal's body");
    }
    return std::move(*wanted);
}

void hold_to(attest::EvidenceQuestion& question, const monitor::HardwareKeys& keys) {
    if (!keys.tpm_name.empty()) question.known_ak = keys.tpm_name;
    question.known_resets = keys.tpm_resets;
    if (!keys.apple_key.empty()) question.known_apple_key = keys.apple_key;
    question.known_apple_counter = keys.apple_counter;
}

store::PermitRow row_of_permit(const protocol::Permit& permit,
                               const protocol::PermitRequest& request,
                               const store::Digest& request_digest) {
    store::PermitRow row{.id = permit.id, .terminal = permit.terminal_id};
    row.purpose = static_cast<std::uint8_t>(permit.purpose);
    row.amount_minor_max = permit.amount_minor_max;
    row.currency = permit.currency;
    row.allowed = permit.allowed;
    row.parent = request.parent.value_or(Id128{});
    row.issued_at = permit.issued_at;
    row.expires_at = {permit.issued_at.unix_ms + std::int64_t{permit.seconds} * 1000};
    row.policy_version = permit.policy_version;
    row.request_digest = request_digest;
    return row;
}

}  // namespace

struct PermitDesk::Case {
    Caller caller;
    protocol::SignedBody sent;
    std::vector<protocol::Evidence> evidences;
    std::vector<attest::Verdict> verdicts;
    store::Digest digest{};  // Of the signed body.
    protocol::PermitRequest request;
    protocol::Report report;
    // Written by the work:
    Written written;
    std::optional<protocol::Permit> permit;
    bool unknown = false;  // The terminal has no phone that ever enrolled.
    TrialSide side = TrialSide::none;
    bool counted = false;  // A new request, and not one that was answered before.
};

void PermitDesk::ask(protocol::PermitAsk asked, Caller caller, Answer answer) {
    const auto one = std::make_shared<Case>();
    auto request = read_signed<protocol::PermitRequest>(asked.request, caller.terminal);
    if (!request) {
        log(LogLevel::warning, "permit: request refused", request.error());
        return answer(refused("request"));
    }
    one->caller = std::move(caller);
    one->sent = std::move(asked.request);
    one->evidences = std::move(asked.evidences);
    one->request = *std::move(request);
    one->digest = crypto::sha256(one->sent.body);
    if (const auto looked = look_at_evidence(*one); !looked) {
        log(LogLevel::error, "permit: phone not read", looked.error());
        return answer(refused("busy", true));
    }
    parts_.store.submit(
        [this, one](store::Tx& tx) { return decide(tx, *one); },
        [this, one, answer = std::move(answer)](const Result<void>& durable) {
            if (!durable) {
                log(LogLevel::error, "permit: not written", durable.error());
                return answer(refused("busy", true));
            }
            if (one->counted) {
                parts_.trials.count_permit(one->caller.terminal.number, one->side,
                                           one->permit.has_value());
            }
            parts_.devices.finish(one->written, [this, one, answer] {
                parts_.workers.post_always([this, one, answer] { answer_permit(*one, answer); });
            });
        });
}

// Evidence that is held to what was stored needs the phone's row; whatever changes in it until the
// work runs is looked at there once more.
Result<void> PermitDesk::look_at_evidence(Case& one) {
    if (one.evidences.empty()) return {};
    protocol::Point65 point{};
    protocol::Digest32 measurement{};
    const merchant::Terminal& terminal = one.caller.terminal;
    std::copy_n(terminal.trusted_point.begin(),
                std::min(terminal.trusted_point.size(), point.size()), point.begin());
    std::copy_n(terminal.measurement.begin(),
                std::min(terminal.measurement.size(), measurement.size()), measurement.begin());
    attest::EvidenceQuestion question{
        .challenge = crypto::sha256(protocol::permit_evidence_message(one.sent.body)),
        .core_sign_point = point,
        .measurement = measurement,
        .revocation_s_max = parts_.policies.in_force()->revocation_s_max,
        .now = parts_.clock.now()};
    const bool held = std::ranges::any_of(one.evidences, [](const protocol::Evidence& evidence) {
        return evidence.kind == protocol::EvidenceKind::tpm_quote ||
               evidence.kind == protocol::EvidenceKind::app_attest;
    });
    if (held) {
        TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
            const DeviceCase device = TRY(DeviceDesk::read(reader, terminal));
            if (device.record) hold_to(question, device.record->keys);
            return {};
        }));
    }
    one.verdicts = attest::check_evidence(one.evidences, question, parts_.evidence);
    return {};
}

// On the store's writer: reads the phone's row, decides, writes all that follows.
Result<void> PermitDesk::decide(store::Tx& tx, Case& one) {
    const merchant::Terminal& terminal = one.caller.terminal;
    const auto policy = parts_.policies.in_force();
    const Instant now = parts_.clock.now();
    DeviceCase device = TRY(DeviceDesk::read(tx, terminal));
    if (!device.record) {
        one.unknown = true;
        return {};
    }
    monitor::hold_to_keys(one.verdicts, device.record->keys);
    const auto identity = TRY(look_up_identity(tx, terminal, parts_.acquirer_code));
    monitor::ServerView view;
    view.now = now;
    view.address = crypto::sha256(bytes_of(one.caller.peer_address));
    view.registered_place = identity.place;
    view.revocation_stale = attest::is_revocation_stale(parts_.evidence, device.record->pins.kind,
                                                        policy->revocation_s_max, now);
    if (identity.finding) view.found.push_back(*identity.finding);
    view.evidence_digest = one.digest;
    const monitor::PermitCase asked{one.request, one.sent.body, one.verdicts};
    auto decision = monitor::appraise_permit(*policy, *device.record, asked, view);
    if (decision.refusal == monitor::PermitRefusal::repeated) {
        return repeat(tx, one, device.row.last_permit);
    }
    const auto place = parts_.trials.place_of(*device.record);
    one.side = place.side;
    one.counted = true;
    if (place.policy) {
        answer_by_trial(decision,
                        monitor::appraise_permit(*place.policy, *device.record, asked, view));
    }
    const std::uint32_t version = place.policy ? place.policy->version : policy->version;
    const bool granted = decision.refusal == monitor::PermitRefusal::none;
    if (granted) {
        one.permit = protocol::Permit{.id = pay::new_id(terminal.merchant, now, parts_.random),
                                      .terminal_id = terminal.number,
                                      .nonce = one.request.nonce,
                                      .purpose = one.request.purpose,
                                      .amount_minor_max = decision.amount_minor_max,
                                      .currency = one.request.currency,
                                      .allowed = decision.allowed,
                                      .issued_at = now,
                                      .seconds = decision.seconds,
                                      .policy_version = version};
        TRY_VOID(tx.insert(row_of_permit(*one.permit, one.request, one.digest)));
        device.row.last_permit = one.permit->id;
    }
    const Judged judged{.entry = EvidenceEntry::permit,
                        .at = now,
                        .outcome = granted ? permit_outcome(one.permit->id)
                                           : "refused: " + std::string(name_of(decision.refusal)),
                        .policy_version = version,
                        .body = one.sent.body,
                        .signature = one.sent.signature,
                        .evidences = one.evidences,
                        .verdicts = one.verdicts,
                        .findings = decision.decision.findings};
    one.written = TRY(parts_.devices.write(tx, device, {one.caller, decision.decision, judged}));
    return {};
}

// The answer was lost: the same permit once more, where it was given for this very request and is
// still good for something.
Result<void> PermitDesk::repeat(store::Tx& tx, Case& one, const Id128& last_permit) {
    const auto row = TRY(tx.permit(last_permit));
    const Instant now = parts_.clock.now();
    const bool same = row && row->request_digest == one.digest && row->payment == Id128{} &&
                      now < row->expires_at;
    one.written.reference = one.caller.terminal.number + "-again";
    if (!same) return {};
    one.permit = protocol::Permit{.id = row->id,
                                  .terminal_id = row->terminal,
                                  .nonce = one.request.nonce,
                                  .purpose = one.request.purpose,
                                  .amount_minor_max = row->amount_minor_max,
                                  .currency = row->currency,
                                  .allowed = row->allowed,
                                  .issued_at = row->issued_at,
                                  .seconds = static_cast<std::uint32_t>(
                                      (row->expires_at.unix_ms - row->issued_at.unix_ms) / 1000),
                                  .policy_version = row->policy_version};
    return {};
}

std::vector<protocol::SignedBody> PermitDesk::sign_all(
    const std::vector<protocol::Command>& commands) {
    std::vector<protocol::SignedBody> signed_commands;
    for (const protocol::Command& command : commands) {
        auto one = parts_.signer.sign(command);
        // The next answer carries it.
        if (!one) {
            log(LogLevel::warning, "spa: command not signed", one.error());
            break;
        }
        signed_commands.push_back(*std::move(one));
    }
    return signed_commands;
}

void PermitDesk::answer_permit(const Case& one, const Answer& answer) {
    if (one.unknown) return answer(refused("unknown"));
    if (one.permit) {
        auto permit = parts_.signer.sign(*one.permit);
        if (!permit) {
            log(LogLevel::warning, "permit: not signed", permit.error());
            return answer(refused(one.written.reference, true));
        }
        return answer(protocol::PermitGiven{.permit = *std::move(permit),
                                            .commands = sign_all(one.written.commands)});
    }
    answer(protocol::SpaRefused{.reference = one.written.reference,
                                .try_again = false,
                                .commands = sign_all(one.written.commands)});
}

void PermitDesk::report(protocol::ReportSent sent, Caller caller, Answer answer) {
    const auto one = std::make_shared<Case>();
    auto report = read_signed<protocol::Report>(sent.report, caller.terminal);
    if (!report) {
        log(LogLevel::warning, "report: refused", report.error());
        return answer(refused("report"));
    }
    one->caller = std::move(caller);
    one->sent = std::move(sent.report);
    one->report = *std::move(report);
    one->digest = crypto::sha256(one->sent.body);
    parts_.store.submit(
        [this, one](store::Tx& tx) { return take_report(tx, *one); },
        [this, one, answer = std::move(answer)](const Result<void>& durable) {
            if (!durable) {
                log(LogLevel::error, "report: not written", durable.error());
                return answer(refused("busy", true));
            }
            parts_.devices.finish(one->written, [this, one, answer] {
                parts_.workers.post_always([this, one, answer] {
                    if (one->unknown) return answer(refused("unknown"));
                    answer(protocol::ReportTaken{.commands = sign_all(one->written.commands)});
                });
            });
        });
}

Result<void> PermitDesk::take_report(store::Tx& tx, Case& one) {
    const merchant::Terminal& terminal = one.caller.terminal;
    const auto policy = parts_.policies.in_force();
    const Instant now = parts_.clock.now();
    DeviceCase device = TRY(DeviceDesk::read(tx, terminal));
    if (!device.record) {
        one.unknown = true;
        return {};
    }
    for (const protocol::CommandDone& done : one.report.done) {
        auto command = TRY(tx.command(terminal.number, done.id));
        if (!command || command->state != store::CommandState::issued) continue;
        command->state = done.obeyed ? store::CommandState::obeyed : store::CommandState::refused;
        command->done_at = now;
        TRY_VOID(tx.update(*command));
    }
    monitor::ServerView view;
    view.now = now;
    view.address = crypto::sha256(bytes_of(one.caller.peer_address));
    view.evidence_digest = one.digest;
    const auto decision =
        monitor::appraise_report(*policy, *device.record, {one.report, one.sent.body}, view);
    const Judged judged{.entry = EvidenceEntry::report,
                        .at = now,
                        .outcome = "taken",
                        .policy_version = policy->version,
                        .body = one.sent.body,
                        .signature = one.sent.signature,
                        .findings = decision.findings};
    one.written = TRY(parts_.devices.write(tx, device, {one.caller, decision, judged}));
    return {};
}

}  // namespace softpos::server
