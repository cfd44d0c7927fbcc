// The same functions that judge a phone when it speaks, and nothing of their own.
#include "platform/monitor/replay.h"

namespace softpos::monitor {
namespace {

bool may_collect(DeviceState state) {
    return state != DeviceState::new_device && state != DeviceState::suspended &&
           state != DeviceState::retired;
}

std::string reason_of(const Decision& decision) {
    if (!decision.transition) return std::string(name_of(decision.next.state));
    const Transition& last = *decision.transition;
    if (last.cause == DeviceEventKind::suspend) return "person";
    if (!last.finding) return "points";
    return std::string(protocol::name_of(last.finding->code));
}

}  // namespace

void Replay::take(const Decision& decision, Instant at) {
    phone_ = decision.next;
    if (may_collect(phone_->state) && !refused_) {
        cut_off_.reset();
    } else if (!cut_off_) {
        cut_off_ = CutOff{at, reason_of(decision)};
    }
}

void Replay::until(Instant at) {
    if (!is_in() || policy_.silence_s == 0) return;
    const Instant silent{phone_->last_seen.unix_ms + std::int64_t{policy_.silence_s} * 1000 + 1};
    if (silent < at) take(appraise_silence(policy_, *phone_, silent), silent);
}

void Replay::enrol(const protocol::EnrolStatement& statement,
                   std::span<const attest::Verdict> verdicts, const ServerView& view) {
    until(view.now);
    const auto decided = appraise_enrolment(policy_, terminal_, phone_, statement, verdicts, view);
    refused_ = !decided.accepted;
    if (decided.accepted) return take(decided.decision, view.now);
    cut_off_ = CutOff{view.now, decided.reason};
}

PermitDecision Replay::permit(const PermitCase& asked, const ServerView& view) {
    until(view.now);
    if (!is_in()) {
        PermitDecision none;
        none.refusal = PermitRefusal::suspended;
        return none;
    }
    auto decided = appraise_permit(policy_, *phone_, asked, view);
    if (decided.refusal != PermitRefusal::repeated) take(decided.decision, view.now);
    return decided;
}

void Replay::report(const ReportCase& told, const ServerView& view) {
    until(view.now);
    if (is_in()) take(appraise_report(policy_, *phone_, told, view), view.now);
}

void Replay::seen(const protocol::Finding& finding, Instant at) {
    until(at);
    if (is_in()) take(appraise_seen(policy_, *phone_, finding, at), at);
}

// Where there is no such step under this policy, such as a release without a latch, there is
// nothing to do.
void Replay::person(DeviceEventKind kind, Instant at) {
    until(at);
    if (!phone_) return;
    const DeviceEvent event{.kind = kind,
                            .target = DeviceState::active,
                            .finding = std::nullopt,
                            .policy_version = policy_.version,
                            .evidence_digest = {}};
    auto taken = step(*phone_, event, at);
    if (!taken) return;
    Decision decision;
    decision.next = std::move(taken->next);
    decision.transition = taken->transition;
    take(decision, at);
}

}  // namespace softpos::monitor
