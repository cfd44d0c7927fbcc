// Permits, reports and commands: what the core says about itself over its own signature, and what
// it lets the platform decide.
#include "phone/trust/core_parts.h"

#include <algorithm>

namespace softpos::trust {
namespace {

using protocol::CommandAction;
using protocol::CoreMode;
using protocol::Finding;
using protocol::FindingCode;
using protocol::PermitPurpose;
using protocol::Severity;
using protocol::TrustClass;
using protocol::TrustedAnswer;
using protocol::TrustedFailure;
using protocol::TrustedFault;

constexpr std::int64_t us_of_ms = 1000;

// Slow people and slow networks are no attack.
Severity severity_of(PermitFlaw flaw) {
    const bool usual = flaw == PermitFlaw::platform_said_no || flaw == PermitFlaw::nothing_open ||
                       flaw == PermitFlaw::late;
    return usual ? Severity::warning : Severity::critical;
}

}  // namespace

// Where there are more than there are places, the hard ones go first.
std::vector<Finding> TrustedCore::own_findings() {
    std::vector<Finding> seen = platform_.findings();
    if (platform_.protection() == protocol::Protection::software) {
        seen.push_back({FindingCode::software_key, TrustClass::core, 0});
    }
    constexpr std::size_t own_max = protocol::findings_max - protocol::app_findings_max;
    std::vector<Finding> told;
    for (const bool hard : {true, false}) {
        for (Finding one : seen) {
            if (is_hard(one.code) != hard || told.size() == own_max) continue;
            one.origin = TrustClass::core;
            told.push_back(one);
        }
    }
    return told;
}

// Whatever origin the caller gave: what the app says is of the app.
std::vector<Finding> TrustedCore::all_findings(const std::vector<Finding>& app) {
    std::vector<Finding> all = app;
    for (Finding& one : all) one.origin = TrustClass::app;
    for (const Finding& one : own_findings()) all.push_back(one);
    return all;
}

std::optional<FindingCode> TrustedCore::hard_finding() {
    for (const Finding& one : platform_.findings()) {
        if (is_hard(one.code)) return one.code;
    }
    return std::nullopt;
}

// The number and the head are on disk before there is a signature.
Result<protocol::SignedBody> TrustedCore::sign(const protocol::SpaBody& body) {
    protocol::SignedBody told;
    told.body = protocol::encode(body);
    TRY_VOID(journal_.enter(platform_, told.body));
    told.signature = terminal_->sign_key.sign(protocol::core_signed_message(told.body));
    return told;
}

void TrustedCore::let_go(PermitFlaw flaw) {
    open_.reset();
    tap_.reset();
    awaited_pin_.reset();
    journal_.add(FindingCode::permit_refused, severity_of(flaw), static_cast<std::uint32_t>(flaw));
    // Not to be lost with the process; where it cannot be written it goes with the next message.
    (void)journal_.save(platform_);
}

TrustedAnswer TrustedCore::on(const protocol::PermitPrepareRequest& request) {
    tap_.reset();
    open_.reset();
    if (const auto fault = not_ready()) return TrustedFailure{*fault, 0};
    const bool pin = request.purpose == PermitPurpose::pin;
    if (pin && !can_take_pin()) return TrustedFailure{TrustedFault::pin_unavailable, 0};
    if (pin && !awaited_pin_) return TrustedFailure{TrustedFault::permit_refused, 0};
    if (!pin) awaited_pin_.reset();

    protocol::PermitRequest body;
    body.terminal_id = terminal_->state.terminal_id;
    body.nonce = platform_.random().take<32>();
    body.sequence = journal_.next_sequence();
    body.journal_head = journal_.head();
    body.purpose = request.purpose;
    body.amount_minor = request.amount_minor;
    body.currency = request.currency;
    if (pin) body.parent = awaited_pin_->tap_permit;
    body.claims = request.posture.claims;
    body.hardware = request.posture.hardware;
    body.findings = all_findings(request.posture.findings);
    body.location = request.posture.location;
    body.phone_time = request.posture.phone_time;
    const OpenRequest open{body.nonce, platform_.ticks(), body.purpose, body.parent};
    auto told = sign(protocol::SpaBody(std::move(body)));
    if (!told) return TrustedFailure{TrustedFault::storage_failed, 0};
    open_ = open;
    auto evidence =
        evidence_of(EvidenceUse::permit, terminal_->sign_key, request.posture.claims.app_version,
                    protocol::permit_evidence_message(told->body));
    return protocol::PermitPrepareAnswer{std::move(*told), std::move(evidence)};
}

TrustedAnswer TrustedCore::on(const protocol::PermitRefusedRequest&) {
    let_go(PermitFlaw::platform_said_no);
    return protocol::PermitRefusedAnswer{};
}

// A permit that fits is used up, whatever becomes of what it was for.
std::optional<protocol::Permit> TrustedCore::use_permit(const protocol::SignedBody& shown,
                                                        const PermitUse& use) {
    PermitVerdict verdict = check_permit(shown, *options_.platform_key, open_, use);
    if (verdict.flaw == PermitFlaw::none && hard_finding()) verdict.flaw = PermitFlaw::finding;
    if (verdict.flaw != PermitFlaw::none) {
        let_go(verdict.flaw);
        return std::nullopt;
    }
    open_.reset();
    note_server_time(verdict.permit.issued_at);
    return std::move(verdict.permit);
}

TrustedAnswer TrustedCore::on(const protocol::ReportMakeRequest& request) {
    if (load_fault_) return TrustedFailure{*load_fault_, 0};
    if (!terminal_) return TrustedFailure{TrustedFault::not_enrolled, 0};
    for (const protocol::AppEvent& event : request.events) {
        journal_.add(event.code, event.severity, event.detail);
    }
    protocol::Report body;
    body.terminal_id = terminal_->state.terminal_id;
    body.sequence = journal_.next_sequence();
    body.journal_head = journal_.head();
    body.events = journal_.events();
    body.findings = all_findings(request.findings);
    body.done = journal_.done();
    auto told = sign(protocol::SpaBody(std::move(body)));
    if (!told) return TrustedFailure{TrustedFault::storage_failed, 0};
    return protocol::ReportMakeAnswer{std::move(*told)};
}

// No earlier than this: what the platform last signed, and what passed since by our own clock.
Instant TrustedCore::server_time_now() {
    const std::int64_t passed_us = platform_.ticks().us - server_time_seen_.us;
    return {journal_.server_time().unix_ms + std::max<std::int64_t>(passed_us, 0) / us_of_ms};
}

void TrustedCore::note_server_time(Instant signed_at) {
    if (signed_at < server_time_now()) return;
    journal_.note_server_time(signed_at);
    server_time_seen_ = platform_.ticks();
}

// True where it was done. Memory gives way before storage does, so that a failure leaves the core
// with less and never with more; the number counts only once all is stored, so that the platform
// can send the command again.
Result<bool> TrustedCore::obey(const protocol::Command& command) {
    CoreState& state = terminal_->state;
    const CoreMode before = state.mode;
    switch (command.action) {
        case CommandAction::suspend:
        case CommandAction::re_enrol:  // Nothing until the device enrolled again.
            if (state.mode == CoreMode::ready) state.mode = CoreMode::suspended;
            break;
        case CommandAction::resume:
            if (state.wiped()) return false;
            state.mode = CoreMode::ready;
            break;
        case CommandAction::wipe_keys:
            terminal_->working.reset();
            state.wipe_keys();
            break;
        case CommandAction::update_policy:
        case CommandAction::collect:
            break;  // The device's work; what the core adds is its next report.
    }
    if (state.mode != CoreMode::ready) {
        tap_.reset();
        open_.reset();
        awaited_pin_.reset();
    }
    const std::uint64_t last = std::exchange(state.last_command, command.number);
    const auto saved = save(*terminal_);
    if (saved) return true;
    state.last_command = last;
    if (command.action == CommandAction::resume) state.mode = before;
    return std::unexpected(saved.error());
}

TrustedAnswer TrustedCore::on(const protocol::CommandObeyRequest& request) {
    if (load_fault_) return TrustedFailure{*load_fault_, 0};
    if (!terminal_) return TrustedFailure{TrustedFault::not_enrolled, 0};
    if (!options_.platform_key) return TrustedFailure{TrustedFault::platform_key, 0};
    const auto command = read_command(request.command, *options_.platform_key);
    if (!command || command->terminal_id != terminal_->state.terminal_id) {
        return TrustedFailure{TrustedFault::command_refused, 0};
    }
    for (const protocol::CommandDone& known : journal_.done()) {
        if (known.id == command->id) return protocol::CommandObeyAnswer{known};
    }
    protocol::CommandDone done{command->id, false};
    // The last one was obeyed, only nobody could be told. An older one that comes again is nobody's
    // command: it is answered and not reported.
    const std::uint64_t last = terminal_->state.last_command;
    if (command->number < last) return protocol::CommandObeyAnswer{done};
    if (command->number == last) {
        done.obeyed = true;
    } else if (command->not_after >= server_time_now()) {
        const auto obeyed = obey(*command);
        if (!obeyed) return TrustedFailure{fault_of(obeyed.error()), 0};
        done.obeyed = *obeyed;
    }
    journal_.add(done);
    if (!journal_.save(platform_)) return TrustedFailure{TrustedFault::storage_failed, 0};
    return protocol::CommandObeyAnswer{done};
}

}  // namespace softpos::trust
