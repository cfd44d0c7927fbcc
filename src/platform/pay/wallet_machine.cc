// One function an event. Whatever ends a trade goes through finish(), so that it is posted once.
#include "platform/pay/wallet_machine.h"

#include <algorithm>

namespace softpos::pay {
namespace {

using enum TradeState;
using enum WalletCall;
using Kind = TradeEffect::Kind;

class Stepper {
public:
    Stepper(const TradeContext& context, const TradeEvent& event)
        : context_(context), event_(event), next_(out_.next) {
        out_.next = context.trade;
        out_.original = context.original;
    }
    Result<void> run();
    TradeTransition take();

private:
    const TradeContext& context_;
    const TradeEvent& event_;
    TradeTransition out_;
    WalletTrade& next_;
    bool original_changed_ = false;

    bool is(TradeState state) const { return context_.trade.state == state; }
    bool gives_back() const { return next_.kind != PaymentKind::purchase; }
    bool time_is_over() const { return event_.at >= next_.deadline_at; }
    bool says_paid() const {
        return !event_.amount_minor || *event_.amount_minor == next_.amount_minor;
    }
    WalletTrade& original() {
        original_changed_ = true;
        return *out_.original;
    }
    void effect(Kind kind, WalletCall call = {}, Instant at = {}) {
        out_.effects.push_back({kind, call, at});
    }
    void enter(TradeState state) {
        next_.state = state;
        out_.changed = true;
    }
    void arm(std::int64_t delay_ms) {
        next_.next_at = {event_.at.unix_ms + delay_ms};
        out_.changed = true;
        effect(Kind::arm, {}, next_.next_at);
    }
    void call(WalletCall what, std::int64_t silent_ms) {
        effect(Kind::call, what);
        arm(silent_ms);
    }
    std::int64_t repeat_ms() const {
        const unsigned doublings = std::min<std::uint32_t>(next_.attempts, 16);
        return std::min(context_.rules.cancel_ms << doublings, context_.rules.cancel_ms_max);
    }

    Result<void> submit();
    Result<void> answered();
    Result<void> notified();
    Result<void> due();
    Result<void> give_up();

    void note_answer();
    void first_answer();
    void query_answer();
    void cancel_answer();
    void back_answer();
    void wait_on();
    void repeat_sooner();
    void close();
    void late_money();
    void money_came();
    void finish(TradeState state, Refusal refusal);
};

TradeTransition Stepper::take() {
    if (out_.changed) ++next_.version;
    if (original_changed_) ++out_.original->version;
    if (!original_changed_) out_.original.reset();
    return std::move(out_);
}

Result<void> Stepper::run() {
    if (gives_back() && !context_.original) {
        return fail(ErrorKind::internal, "a void or refund needs its payment");
    }
    switch (event_.kind) {
        case TradeEventKind::submit:
            return submit();
        case TradeEventKind::answered:
            return answered();
        case TradeEventKind::notified:
            return notified();
        case TradeEventKind::due:
            return due();
        case TradeEventKind::give_up:
            return give_up();
    }
    return fail(ErrorKind::internal, "no such event of a trade");
}

Result<void> Stepper::submit() {
    if (!is(received)) return {};
    Refusal refusal = Refusal::none;
    if (next_.amount_minor <= 0 || next_.amount_minor > amount_minor_max) {
        refusal = Refusal::bad_value;
    } else if (gives_back()) {
        refusal = may_give_back(next_, *context_.original, event_.at);
    }
    if (refusal != Refusal::none) {
        next_.refusal = refusal;
        next_.answered_at = event_.at;
        enter(failed);
        effect(Kind::answer_caller);
        return {};
    }
    const bool shown = next_.way == WalletWay::show;
    const std::int64_t payer_ms = shown ? context_.rules.show_ms : context_.rules.scan_ms;
    next_.deadline_at = {event_.at.unix_ms + payer_ms};
    if (gives_back()) original().refunding_minor += next_.amount_minor;
    enter(started);
    call(gives_back() ? WalletCall::give_back : shown ? make_code : pay, context_.rules.answer_ms);
    return {};
}

void Stepper::note_answer() {
    if (!event_.wallet_trade.empty()) next_.wallet_trade = event_.wallet_trade;
    if (!event_.payer.empty()) next_.payer = event_.payer;
    if (!event_.wallet_code.empty()) next_.wallet_code = event_.wallet_code;
}

Result<void> Stepper::answered() {
    if (is(received)) return fail(ErrorKind::conflict, "an answer to what was not sent");
    switch (event_.call) {
        case pay:
        case make_code:
            first_answer();
            return {};
        case query:
            query_answer();
            return {};
        case cancel:
            cancel_answer();
            return {};
        case WalletCall::give_back:
            back_answer();
            return {};
    }
    return fail(ErrorKind::internal, "no such call to a wallet");
}

// The answer to the request itself. One that comes after we began to ask may still say that it was
// paid; anything else the questions will find out.
void Stepper::first_answer() {
    if (gives_back()) return;
    const bool money = event_.word == WalletWord::paid && event_.call == pay;
    if (money && !is(started) && !is(waiting)) return late_money();
    if (money) return money_came();
    if (!is(started)) return;
    note_answer();
    if (event_.word == WalletWord::refused) {
        const bool said = event_.refusal != Refusal::none;
        return finish(failed, said ? event_.refusal : Refusal::wallet_declined);
    }
    if (event_.call == make_code) {
        // Nobody has seen a code that did not reach us, and nobody shall.
        if (event_.word != WalletWord::done || event_.code.empty()) return close();
        next_.code = event_.code;
    }
    enter(waiting);
    next_.attempts = 0;
    // A code to show, or word that the payer has to confirm.
    effect(Kind::answer_caller);
    wait_on();
}

// The last question is asked when the time is over, not before it.
void Stepper::wait_on() {
    const std::int64_t left = next_.deadline_at.unix_ms - event_.at.unix_ms;
    arm(std::clamp<std::int64_t>(left, 0, context_.rules.poll_ms));
}

void Stepper::query_answer() {
    if (gives_back()) return;
    if (event_.word == WalletWord::paid && !is(waiting)) return late_money();
    if (!is(waiting)) return;
    if (event_.word == WalletWord::paid) return money_came();
    if (event_.attempt != next_.attempts) return;  // Asked again since, or answered before.
    note_answer();
    if (event_.word == WalletWord::closed) return finish(cancelled, Refusal::wallet_not_paid);
    if (time_is_over()) return close();
    // One answer to a question is enough: the number is used up with it.
    ++next_.attempts;
    wait_on();
}

// Right behind the last answer, with nothing in between in which the payer could still pay unseen.
void Stepper::close() {
    enter(closing);
    next_.attempts = 1;
    call(cancel, repeat_ms() + context_.rules.answer_ms);
}

void Stepper::cancel_answer() {
    if (gives_back() || !is(closing)) return;
    note_answer();
    const bool gone = event_.word == WalletWord::done || event_.word == WalletWord::closed ||
                      event_.word == WalletWord::not_found;
    const bool over_limit = next_.refusal == Refusal::qr_limit;
    if (gone) {
        return finish(cancelled, over_limit ? Refusal::qr_limit : Refusal::wallet_not_paid);
    }
    repeat_sooner();
}

// Known not to be done: no need to wait as long as for an answer.
void Stepper::repeat_sooner() {
    const bool newest = event_.attempt == next_.attempts;
    if (newest && event_.at.unix_ms + repeat_ms() < next_.next_at.unix_ms) arm(repeat_ms());
}

void Stepper::back_answer() {
    if (!gives_back() || !is_open(next_.state)) return;
    if (event_.word == WalletWord::done) {
        note_answer();
        return finish(paid, Refusal::none);
    }
    if (event_.word == WalletWord::refused) {
        note_answer();
        const bool said = event_.refusal != Refusal::none;
        return finish(failed, said ? event_.refusal : Refusal::not_refundable);
    }
    if (is(started)) {
        next_.refusal = Refusal::wallet_unavailable;
        next_.attempts = 1;
        enter(waiting);
        effect(Kind::answer_caller);
        return arm(repeat_ms());
    }
    repeat_sooner();
}

Result<void> Stepper::notified() {
    if (is(received)) return fail(ErrorKind::conflict, "told of what was not sent");
    if (gives_back()) return fail(ErrorKind::conflict, "money given back is not told of so");
    if (!says_paid()) return fail(ErrorKind::conflict, "told of another amount");
    if (is(started) || is(waiting)) {
        money_came();
    } else {
        late_money();
    }
    return {};
}

// The cancellation wins. Where it was over already the money came behind it, and one more
// cancellation gives it back.
void Stepper::late_money() {
    if (is(paid) || next_.late_paid) return;
    next_.late_paid = true;
    out_.changed = true;
    if (is(closing) || is(stuck)) return;
    effect(Kind::call_operator);
    close();
}

// Another amount than we asked for is nothing of ours: it is given back.
void Stepper::money_came() {
    note_answer();
    if (says_paid() && !event_.over_limit) return finish(paid, Refusal::none);
    if (says_paid()) next_.refusal = Refusal::qr_limit;
    if (!says_paid()) effect(Kind::call_operator);
    close();
}

Result<void> Stepper::due() {
    if (!is_open(next_.state) || is(received)) return {};
    if (event_.attempt != next_.attempts + 1) return {};
    const bool old = event_.at.unix_ms - next_.created_at.unix_ms >= trade_ms_max;
    const bool enough = old || next_.attempts >= trade_attempts_max;
    const bool asks = !gives_back() && !is(closing);
    if (asks && (enough || (next_.way == WalletWay::show && next_.code.empty()))) {
        close();
        return {};
    }
    if (enough) {
        next_.next_at = {};
        enter(stuck);
        effect(Kind::call_operator);
        return {};
    }
    ++next_.attempts;
    if (is(started)) enter(waiting);
    if (asks) {
        call(query, context_.rules.answer_ms);
    } else {
        call(is(closing) ? cancel : WalletCall::give_back, repeat_ms() + context_.rules.answer_ms);
    }
    return {};
}

Result<void> Stepper::give_up() {
    if (gives_back()) return fail(ErrorKind::conflict, "what is given back is not given up");
    if (!is(started) && !is(waiting)) return {};
    if (next_.deadline_at <= event_.at) return {};
    next_.deadline_at = event_.at;
    out_.changed = true;
    if (is(started)) return {};  // Its answer comes first.
    ++next_.attempts;
    call(query, context_.rules.answer_ms);
    return {};
}

void Stepper::finish(TradeState state, Refusal refusal) {
    next_.answered_at = event_.at;
    next_.next_at = {};
    next_.refusal = refusal;
    if (state == paid) {
        next_.settlement_date = china_date(event_.at);
        if (gives_back()) {
            WalletTrade& sale = original();
            next_.fee = fee_returned({.charged = sale.fee,
                                      .rule = sale.fee_return,
                                      .sale_minor = sale.amount_minor,
                                      .refunded_minor = sale.refunded_minor,
                                      .refund_minor = next_.amount_minor});
            sale.refunding_minor -= next_.amount_minor;
            sale.refunded_minor += next_.amount_minor;
            sale.voided = next_.kind == PaymentKind::void_sale;
            out_.postings = post_wallet_refund(next_);
        } else {
            out_.postings = post_wallet_sale(next_);
        }
    } else if (gives_back()) {
        original().refunding_minor -= next_.amount_minor;
    }
    enter(state);
    effect(Kind::answer_caller);
}

}  // namespace

Result<TradeTransition> step(const TradeContext& context, const TradeEvent& event) {
    Stepper stepper(context, event);
    TRY_VOID(stepper.run());
    return stepper.take();
}

Refusal may_give_back(const WalletTrade& trade, const WalletTrade& original, Instant now) {
    if (original.merchant != trade.merchant || original.kind != PaymentKind::purchase) {
        return Refusal::not_found;
    }
    if (is_open(original.state)) return Refusal::payment_in_progress;
    if (original.voided) return Refusal::already_voided;
    if (original.state != paid) return Refusal::not_refundable;
    if (trade.kind == PaymentKind::void_sale) {
        if (original.refunding_minor > 0) return Refusal::payment_in_progress;
        const bool whole =
            original.refunded_minor == 0 && trade.amount_minor == original.amount_minor;
        const bool same_day = original.settlement_date == china_date(now);
        return whole && same_day ? Refusal::none : Refusal::not_voidable;
    }
    const std::int64_t left =
        original.amount_minor - original.refunded_minor - original.refunding_minor;
    return trade.amount_minor <= left ? Refusal::none : Refusal::refund_over_sale;
}

// Whatever was on its way counts as unanswered.
std::optional<TradeEvent> recovery_event(const WalletTrade& trade, Instant now) {
    if (!is_open(trade.state)) return std::nullopt;
    if (trade.state == received) return TradeEvent{.kind = TradeEventKind::submit, .at = now};
    return TradeEvent{.kind = TradeEventKind::due, .at = now, .attempt = trade.attempts + 1};
}

}  // namespace softpos::pay
