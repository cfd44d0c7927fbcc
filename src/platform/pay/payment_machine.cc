// One function an event; each either builds the transition or leaves it as it is.
#include "platform/pay/payment_machine.h"

#include "base/check.h"
#include "platform/pay/response_code.h"

#include <algorithm>
#include <array>

namespace softpos::pay {
namespace {

using enum PaymentState;

// Builds one transition. The methods that end a payment touch the purchase it is about too.
class Stepper {
public:
    Stepper(const PaymentContext& context, const PaymentEvent& event)
        : context_(context), event_(event), next_(transition_.next) {
        transition_.next = context.payment;
        transition_.original = context.original;
    }

    Result<void> run();
    Transition take();

private:
    const PaymentContext& context_;
    const PaymentEvent& event_;
    Transition transition_;
    Payment& next_;
    bool original_changed_ = false;

    bool is(PaymentState state) const { return context_.payment.state == state; }
    bool is_refund() const { return next_.kind == PaymentKind::refund; }
    bool gave_up() const {
        return is(reversal_failed) || (is(unknown) && is_refund() && !waits_for_retry());
    }
    bool waits_for_retry() const { return next_.next_attempt_at != Instant{}; }
    Payment& original() {
        original_changed_ = true;
        return *transition_.original;
    }
    void effect(EffectKind kind, Instant at = {}) { transition_.effects.push_back({kind, at}); }
    void enter(PaymentState state) {
        next_.state = state;
        transition_.changed = true;
    }

    Result<void> submit();
    Result<void> answer();
    Result<void> bad_answer();
    Result<void> deadline_passed();
    Result<void> start_reversal();
    Result<void> retry_due();
    Result<void> reversal_answer();
    Result<void> undo();
    Result<void> resolve(bool done);
    Result<void> not_sent();

    void take_answer();
    void record_late_answer();
    void approve();
    void decline(Refusal refusal);
    void lose_track(ReversalReason reason);
    void begin_attempt(EffectKind what);
    void end_reversed();
    void release_original();
};

Transition Stepper::take() {
    if (transition_.changed) ++next_.version;
    if (original_changed_) ++transition_.original->version;
    if (!original_changed_) transition_.original.reset();
    return std::move(transition_);
}

Result<void> Stepper::run() {
    if (next_.kind != PaymentKind::purchase && !context_.original) {
        return fail(ErrorKind::internal, "a void or refund needs its purchase");
    }
    switch (event_.kind) {
        case EventKind::submit:
            return submit();
        case EventKind::answer:
            return answer();
        case EventKind::bad_answer:
            return bad_answer();
        case EventKind::deadline_passed:
            return deadline_passed();
        case EventKind::start_reversal:
            return start_reversal();
        case EventKind::retry_due:
            return retry_due();
        case EventKind::reversal_answer:
            return reversal_answer();
        case EventKind::undo:
            return undo();
        case EventKind::resolve_done:
            return resolve(true);
        case EventKind::resolve_not_done:
            return resolve(false);
        case EventKind::not_sent:
            return not_sent();
    }
    return fail(ErrorKind::internal, "no such payment event");
}

Refusal may_purchase(const Payment& payment) {
    const bool in_range = payment.amount_minor > 0 && payment.amount_minor <= amount_minor_max;
    return in_range ? Refusal::none : Refusal::bad_value;
}

Refusal may_submit(const PaymentContext& context) {
    switch (context.payment.kind) {
        case PaymentKind::purchase:
            return may_purchase(context.payment);
        case PaymentKind::void_sale:
            return may_void(context);
        case PaymentKind::refund:
            return may_refund(context);
    }
    return Refusal::internal;
}

Result<void> Stepper::submit() {
    if (!is(received)) return {};
    if (const Refusal refusal = may_submit(context_); refusal != Refusal::none) {
        next_.answered_at = event_.at;
        next_.refusal = refusal;
        enter(declined);
        effect(EffectKind::answer_caller);
        return {};
    }
    if (next_.stan == 0 || next_.batch == 0) {
        return fail(ErrorKind::conflict, "a payment needs a trace number before it is sent");
    }
    if (next_.kind == PaymentKind::void_sale) original().void_status = VoidStatus::in_flight;
    if (is_refund()) original().refunding_minor += next_.amount_minor;
    next_.sent_at = event_.at;
    next_.deadline_at = {event_.at.unix_ms + context_.rules.answer_ms};
    enter(sent);
    effect(EffectKind::send_request);
    effect(EffectKind::arm_deadline, next_.deadline_at);
    return {};
}

Result<void> Stepper::answer() {
    switch (next_.state) {
        case received:
            return fail(ErrorKind::conflict, "an answer to what was not sent");
        case sent:
            take_answer();
            return {};
        case unknown:
            if (is_refund())
                take_answer();
            else
                record_late_answer();
            return {};
        case reversal_pending:
        case reversed:
        case reversal_failed:
            record_late_answer();
            return {};
        case approved:
        case declined:
        case voided:
            return {};
    }
    return fail(ErrorKind::internal, "no such payment state");
}

// Never brings a payment back: the reversal wins, whatever the network said before it.
void Stepper::record_late_answer() {
    const bool seen_before = event_.response_code == next_.response_code;
    if (seen_before || !next_.late_response_code.empty()) return;
    next_.late_response_code = event_.response_code;
    transition_.changed = true;
}

void Stepper::take_answer() {
    const AnswerClass klass = classify(event_.response_code);
    // We never ask for a part of the amount, so an answer that approves one is not what we sent.
    const bool other_amount = event_.amount_minor && *event_.amount_minor != next_.amount_minor;
    const bool partial = event_.response_code == "10" && !event_.amount_minor;
    next_.response_code = event_.response_code;
    if (klass == AnswerClass::approve) {
        if (other_amount || partial) return lose_track(ReversalReason::other);
        return approve();
    }
    if (klass == AnswerClass::retry_later) return lose_track(ReversalReason::other);
    if (klass == AnswerClass::duplicate && is_refund() && next_.attempts > 0) {
        // The network took one of our repeats for another refund. Only a person can tell.
        if (!waits_for_retry()) return;
        next_.next_attempt_at = {};
        transition_.changed = true;
        return effect(EffectKind::call_operator);
    }
    decline(refusal_of_answer(event_.response_code));
    if (klass == AnswerClass::sign_in_again) effect(EffectKind::sign_in_again);
}

void Stepper::approve() {
    next_.answered_at = event_.at;
    next_.refusal = Refusal::none;
    next_.next_attempt_at = {};
    if (!event_.response_code.empty()) next_.response_code = event_.response_code;
    if (!event_.auth_code.empty()) next_.auth_code = event_.auth_code;
    if (!event_.rrn.empty()) next_.rrn = event_.rrn;
    next_.settlement_date = event_.settlement_date.known()  ? event_.settlement_date
                            : context_.current_date.known() ? context_.current_date
                                                            : china_date(event_.at);
    if (next_.kind == PaymentKind::purchase) {
        transition_.postings = post_sale(next_);
    } else if (next_.kind == PaymentKind::void_sale) {
        Payment& sale = original();
        transition_.postings = post_void(next_, sale);
        sale.state = voided;
        sale.void_status = VoidStatus::done;
    } else {
        Payment& sale = original();
        next_.fee = fee_returned({.charged = sale.fee,
                                  .rule = sale.fee_return,
                                  .sale_minor = sale.amount_minor,
                                  .refunded_minor = sale.refunded_minor,
                                  .refund_minor = next_.amount_minor});
        transition_.postings = post_refund(next_);
        sale.refunding_minor -= next_.amount_minor;
        sale.refunded_minor += next_.amount_minor;
    }
    enter(approved);
    effect(EffectKind::answer_caller);
}

void Stepper::decline(Refusal refusal) {
    next_.answered_at = event_.at;
    next_.refusal = refusal;
    next_.next_attempt_at = {};
    release_original();
    enter(declined);
    effect(EffectKind::answer_caller);
}

// The void or refund will not happen: another one may be tried.
void Stepper::release_original() {
    if (next_.kind == PaymentKind::void_sale) original().void_status = VoidStatus::none;
    if (is_refund()) original().refunding_minor -= next_.amount_minor;
}

// Nobody can say whether the money moved. A purchase or void is reversed; a refund has no
// reversal and is an advice, so it is repeated until the network answers.
void Stepper::lose_track(ReversalReason reason) {
    const bool first_time = is(sent);
    if (!first_time && next_.response_code == context_.payment.response_code) return;  // Again.
    next_.reversal_reason = reason;
    next_.refusal = next_.response_code.empty() ? Refusal::network_timeout
                                                : refusal_of_answer(next_.response_code);
    if (next_.refusal == Refusal::none) next_.refusal = Refusal::reversal_pending;
    enter(unknown);
    if (!first_time) return;  // A refund's repeat was answered with "not now": one is armed.
    effect(EffectKind::answer_caller);
    if (is_refund()) {
        next_.next_attempt_at = {event_.at.unix_ms + retry_delay_ms(0)};
        effect(EffectKind::arm_retry, next_.next_attempt_at);
    } else {
        effect(EffectKind::start_reversal);
    }
}

Result<void> Stepper::bad_answer() {
    if (is(received)) return fail(ErrorKind::conflict, "an answer to what was not sent");
    if (is(sent)) lose_track(ReversalReason::bad_answer);
    return {};
}

Result<void> Stepper::deadline_passed() {
    if (is(received)) return fail(ErrorKind::conflict, "no deadline runs before sending");
    if (is(sent)) lose_track(ReversalReason::no_answer);
    return {};
}

// The attempt is counted before it leaves, so that a crash in between sends at most once more.
void Stepper::begin_attempt(EffectKind what) {
    ++next_.attempts;
    next_.next_attempt_at = {event_.at.unix_ms + retry_delay_ms(next_.attempts)};
    transition_.changed = true;
    effect(what);
    effect(EffectKind::arm_retry, next_.next_attempt_at);
}

Result<void> Stepper::start_reversal() {
    if (is(received) || is(sent)) return fail(ErrorKind::conflict, "nothing to reverse yet");
    if (!is(unknown)) return {};
    if (is_refund()) return fail(ErrorKind::conflict, "a refund has no reversal");
    enter(reversal_pending);
    begin_attempt(EffectKind::send_reversal);
    return {};
}

Result<void> Stepper::retry_due() {
    const bool repeats = is(unknown) && is_refund() && waits_for_retry();
    if (!repeats && !is(reversal_pending)) return {};
    if (event_.attempt != next_.attempts + 1) return {};
    const bool late = event_.at.unix_ms - next_.sent_at.unix_ms >= reversal_ms_max;
    if (!late && next_.attempts < attempts_max) {
        begin_attempt(repeats ? EffectKind::send_repeat : EffectKind::send_reversal);
        return {};
    }
    next_.next_attempt_at = {};
    enter(repeats ? unknown : reversal_failed);
    effect(EffectKind::call_operator);
    return {};
}

Result<void> Stepper::reversal_answer() {
    if (is(received) || is(sent) || is(unknown)) {
        return fail(ErrorKind::conflict, "an answer to a reversal that was not sent");
    }
    if (!is(reversal_pending) && !is(reversal_failed)) return {};
    if (ends_reversal(event_.response_code)) end_reversed();
    return {};
}

void Stepper::end_reversed() {
    next_.answered_at = event_.at;
    next_.next_attempt_at = {};
    release_original();
    enter(reversed);
    effect(EffectKind::answer_caller);
}

Result<void> Stepper::undo() {
    if (is(received) || is(sent) || is(unknown)) {
        return fail(ErrorKind::conflict, "only what was approved can be undone");
    }
    if (!is(approved)) return {};
    const bool touched = next_.void_status != VoidStatus::none || next_.refunded_minor > 0 ||
                         next_.refunding_minor > 0;
    if (next_.kind != PaymentKind::purchase || touched) {
        return fail(ErrorKind::conflict, "only an untouched purchase can be undone");
    }
    transition_.postings = post_reversal(next_);
    next_.reversal_reason = ReversalReason::other;
    next_.refusal = Refusal::card_declined;
    enter(reversal_pending);
    effect(EffectKind::answer_caller);
    begin_attempt(EffectKind::send_reversal);
    return {};
}

Result<void> Stepper::resolve(bool done) {
    if (is_open(next_.state) && !gave_up()) {
        return fail(ErrorKind::conflict, "still being worked on");
    }
    if (!gave_up()) return {};
    // The sale behind an undone approval is off the books; putting it back is a new posting, and
    // transfers happen once. Such money is found and booked by reconciliation.
    const bool was_posted = next_.kind == PaymentKind::purchase && next_.settlement_date.known();
    if (done && was_posted) return fail(ErrorKind::conflict, "left to reconciliation");
    if (done)
        approve();
    else if (is_refund())
        decline(next_.refusal);
    else
        end_reversed();
    return {};
}

Result<void> Stepper::not_sent() {
    if (!is(received) && !is(sent)) return {};
    const Refusal why =
        event_.refusal == Refusal::none ? Refusal::network_unavailable : event_.refusal;
    // An advice is stored and forwarded: it leaves when the network is there again.
    if (is(sent) && is_refund() && why == Refusal::network_unavailable) {
        lose_track(ReversalReason::no_answer);
        return {};
    }
    if (is(sent)) {
        decline(why);
        return {};
    }
    next_.answered_at = event_.at;
    next_.refusal = why;
    enter(declined);
    effect(EffectKind::answer_caller);
    return {};
}

// Why a purchase that is not plainly approved can be neither voided nor refunded.
Refusal refusal_of_state(PaymentState state, Refusal otherwise) {
    if (state == voided) return Refusal::already_voided;
    if (state == reversal_pending) return Refusal::reversal_pending;
    return is_open(state) ? Refusal::payment_in_progress : otherwise;
}

bool in_open_batch(const PaymentContext& context) {
    const Payment& sale = *context.original;
    return sale.terminal == context.payment.terminal && sale.batch == context.current_batch &&
           sale.settlement_date == context.current_date;
}

}  // namespace

Result<Transition> step(const PaymentContext& context, const PaymentEvent& event) {
    Stepper stepper(context, event);
    TRY_VOID(stepper.run());
    return stepper.take();
}

Refusal may_void(const PaymentContext& context) {
    const Payment& voiding = context.payment;
    if (!context.original || context.original->merchant != voiding.merchant) {
        return Refusal::not_found;
    }
    const Payment& sale = *context.original;
    if (sale.kind != PaymentKind::purchase) return Refusal::not_voidable;
    if (sale.state != approved) return refusal_of_state(sale.state, Refusal::not_voidable);
    if (sale.void_status != VoidStatus::none) return Refusal::payment_in_progress;
    if (sale.refunding_minor > 0) return Refusal::payment_in_progress;
    if (sale.refunded_minor > 0 || !in_open_batch(context)) return Refusal::not_voidable;
    const bool whole =
        voiding.amount_minor == sale.amount_minor && voiding.currency == sale.currency;
    return whole ? Refusal::none : Refusal::bad_value;
}

Refusal may_refund(const PaymentContext& context) {
    const Payment& refund = context.payment;
    if (!context.original || context.original->merchant != refund.merchant) {
        return Refusal::not_found;
    }
    const Payment& sale = *context.original;
    if (sale.kind != PaymentKind::purchase) return Refusal::not_refundable;
    if (sale.state != approved) return refusal_of_state(sale.state, Refusal::not_refundable);
    if (sale.void_status != VoidStatus::none) return Refusal::payment_in_progress;
    const bool too_early = context.rules.refund_window == RefundWindow::other_batch_or_day;
    if (too_early && in_open_batch(context)) return Refusal::not_refundable;
    if (refund.amount_minor <= 0 || refund.currency != sale.currency) return Refusal::bad_value;
    const std::int64_t left = sale.amount_minor - sale.refunded_minor - sale.refunding_minor;
    return refund.amount_minor <= left ? Refusal::none : Refusal::refund_over_sale;
}

std::int64_t retry_delay_ms(std::uint32_t attempts) {
    constexpr std::array<std::int64_t, 4> first{1'000, 1'000, 5'000, 30'000};
    return attempts < first.size() ? first[attempts] : 60'000;
}

std::optional<PaymentEvent> recovery_event(const Payment& payment, Instant now) {
    PaymentEvent event{.at = now};
    switch (payment.state) {
        case received:
            event.kind = EventKind::not_sent;
            return event;
        case sent:
            event.kind = EventKind::deadline_passed;
            event.at = std::max(now, payment.deadline_at);
            return event;
        case unknown:
        case reversal_pending:
            if (payment.state == unknown && payment.kind != PaymentKind::refund) {
                event.kind = EventKind::start_reversal;
                return event;
            }
            if (payment.next_attempt_at == Instant{}) return std::nullopt;
            event.kind = EventKind::retry_due;
            event.attempt = payment.attempts + 1;
            event.at = std::max(now, payment.next_attempt_at);
            return event;
        case approved:
        case declined:
        case reversed:
        case reversal_failed:
        case voided:
            break;
    }
    return std::nullopt;
}

std::string_view name_of(EventKind kind) {
    switch (kind) {
        case EventKind::submit:
            return "submit";
        case EventKind::answer:
            return "answer";
        case EventKind::bad_answer:
            return "bad_answer";
        case EventKind::deadline_passed:
            return "deadline_passed";
        case EventKind::start_reversal:
            return "start_reversal";
        case EventKind::retry_due:
            return "retry_due";
        case EventKind::reversal_answer:
            return "reversal_answer";
        case EventKind::undo:
            return "undo";
        case EventKind::resolve_done:
            return "resolve_done";
        case EventKind::resolve_not_done:
            return "resolve_not_done";
        case EventKind::not_sent:
            return "not_sent";
    }
    return "unknown";
}

}  // namespace softpos::pay
