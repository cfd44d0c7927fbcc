// Every state meets every event; then the rules of voids, refunds and reversals one by one.
#include "platform/pay/payment_machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace softpos::pay {
namespace {

using enum PaymentState;

constexpr Instant now{1'763'000'000'000};
constexpr BusinessDate today{20261122};

Payment sale_in(PaymentState state) {
    Payment sale;
    sale.id.bytes[15] = 1;
    sale.merchant = "898310058120001";
    const Shard shard = shard_of(sale.merchant);
    sale.id.bytes[1] = static_cast<std::uint8_t>(shard);
    sale.terminal = "00000001";
    sale.state = state;
    sale.amount_minor = 10'000;
    sale.batch = 7;
    sale.stan = 42;
    sale.fee = {.merchant_minor = 60, .issuer_minor = 45, .network_minor = 3};
    sale.sent_at = now;
    if (state == approved || state == voided) sale.settlement_date = today;
    if (state == reversal_pending) sale.attempts = 1, sale.next_attempt_at = {now.unix_ms + 1000};
    if (state == reversal_failed) sale.attempts = 9;
    return sale;
}

Payment part_of(const Payment& sale, PaymentKind kind, PaymentState state) {
    Payment payment = sale_in(state);
    payment.id.bytes[15] = 2;
    payment.kind = kind;
    payment.original = sale.id;
    payment.stan = 43;
    payment.fee = {};
    return payment;
}

PaymentContext context_of(const Payment& payment, std::optional<Payment> original = {}) {
    return {.payment = payment,
            .original = std::move(original),
            .current_date = today,
            .current_batch = 7};
}

PaymentEvent event_of(EventKind kind, std::string_view code = {}) {
    PaymentEvent event{.kind = kind, .at = now};
    event.response_code = code;
    event.settlement_date = today;
    event.attempt = 2;
    return event;
}

bool has(const Transition& to, EffectKind kind) {
    return std::ranges::find(to.effects, kind, &Effect::kind) != to.effects.end();
}

// 'x' is a conflict, '.' no change, anything else the state that follows.
char outcome(PaymentState state, EventKind kind, std::string_view code) {
    const std::map<PaymentState, char> letters{{received, 'R'}, {sent, 'S'},
                                               {approved, 'A'}, {declined, 'D'},
                                               {unknown, 'U'},  {reversal_pending, 'P'},
                                               {reversed, 'V'}, {reversal_failed, 'F'},
                                               {voided, 'O'}};
    const auto to = step(context_of(sale_in(state)), event_of(kind, code));
    if (!to) return 'x';
    if (!to->changed) {
        EXPECT_EQ(to->next, sale_in(state));
        EXPECT_TRUE(to->effects.empty() && to->postings.empty());
        return '.';
    }
    EXPECT_EQ(to->next.version, 1U);
    return letters.at(to->next.state);
}

TEST(PaymentMachine, EveryStateMeetsEveryEvent) {
    struct Row {
        EventKind kind;
        std::string_view code;
        std::string_view outcomes;  // R S A D U P V F O
    };
    using enum EventKind;
    const std::vector<Row> rows{
        {submit, "", "S........"},
        {answer, "00", "xA..UPVF."},
        {answer, "51", "xD..UPVF."},
        {answer, "91", "xU..UPVF."},
        {answer, "10", "xU..UPVF."},
        {bad_answer, "", "xU......."},
        {deadline_passed, "", "xU......."},
        {start_reversal, "", "xx..P...."},
        {retry_due, "", ".....P..."},
        {reversal_answer, "00", "xx..xV.V."},
        {reversal_answer, "25", "xx..xV.V."},
        {reversal_answer, "96", "xx..x...."},
        {undo, "", "xxP.x...."},
        {resolve_done, "", "xx..xx.A."},
        {resolve_not_done, "", "xx..xx.V."},
        {not_sent, "", "DD......."},
    };
    const std::vector<PaymentState> states{
        received,         sent,     approved,        declined, unknown,
        reversal_pending, reversed, reversal_failed, voided};
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < states.size(); ++i) {
            EXPECT_EQ(outcome(states[i], row.kind, row.code), row.outcomes[i])
                << name_of(states[i]) << " meets " << name_of(row.kind) << " " << row.code;
        }
    }
}

TEST(PaymentMachine, SubmitSendsAndArmsTheDeadline) {
    const auto to = step(context_of(sale_in(received)), event_of(EventKind::submit));
    ASSERT_TRUE(to);
    EXPECT_EQ(to->next.deadline_at.unix_ms, now.unix_ms + 45'000);
    EXPECT_EQ(to->effects, (std::vector<Effect>{{EffectKind::send_request},
                                                {EffectKind::arm_deadline, to->next.deadline_at}}));
    EXPECT_TRUE(to->postings.empty());
}

TEST(PaymentMachine, SubmitNeedsATraceNumber) {
    Payment sale = sale_in(received);
    sale.stan = 0;
    EXPECT_EQ(step(context_of(sale), event_of(EventKind::submit)).error().kind,
              ErrorKind::conflict);
}

TEST(PaymentMachine, AnAmountOutOfRangeIsDeclinedWithoutSending) {
    Payment sale = sale_in(received);
    sale.amount_minor = 0;
    const auto to = step(context_of(sale), event_of(EventKind::submit));
    ASSERT_TRUE(to);
    EXPECT_EQ(to->next.state, declined);
    EXPECT_EQ(to->next.refusal, Refusal::bad_value);
    EXPECT_FALSE(has(*to, EffectKind::send_request));
}

TEST(PaymentMachine, ApprovalPostsTheSaleAndItsFees) {
    auto event = event_of(EventKind::answer, "00");
    event.rrn = "232612345678";
    const auto to = step(context_of(sale_in(sent)), event);
    ASSERT_TRUE(to);
    EXPECT_EQ(to->postings.size(), 3U);
    EXPECT_EQ(to->next.settlement_date, today);
    EXPECT_EQ(to->next.rrn, "232612345678");
    EXPECT_EQ(result_of(to->next), PaymentResult::approved);
}

TEST(PaymentMachine, AnApprovalOfAnotherAmountIsReversed) {
    auto event = event_of(EventKind::answer, "00");
    event.amount_minor = 9'999;
    const auto to = step(context_of(sale_in(sent)), event);
    ASSERT_TRUE(to);
    EXPECT_EQ(to->next.state, unknown);
    EXPECT_TRUE(has(*to, EffectKind::start_reversal));
    EXPECT_EQ(reversal_code(to->next.reversal_reason), "06");
}

TEST(PaymentMachine, AnAnswerWithAWrongMacIsReversedWithA0) {
    const auto to = step(context_of(sale_in(sent)), event_of(EventKind::bad_answer));
    ASSERT_TRUE(to);
    EXPECT_EQ(reversal_code(to->next.reversal_reason), "A0");
}

TEST(PaymentMachine, ALateApprovalIsRecordedAndDoesNotResurrect) {
    const auto to = step(context_of(sale_in(reversal_pending)), event_of(EventKind::answer, "00"));
    ASSERT_TRUE(to);
    EXPECT_EQ(to->next.state, reversal_pending);
    EXPECT_EQ(to->next.late_response_code, "00");
    EXPECT_TRUE(to->effects.empty() && to->postings.empty());
    const auto again = step(context_of(to->next), event_of(EventKind::answer, "00"));
    ASSERT_TRUE(again);
    EXPECT_FALSE(again->changed);
}

TEST(PaymentMachine, ReversalIsRetriedOnItsScheduleAndGivenUpAfterADay) {
    Payment sale = sale_in(unknown);
    auto to = step(context_of(sale), event_of(EventKind::start_reversal));
    std::vector<std::int64_t> delays;
    Instant at = now;
    while (to && to->changed && to->next.state == reversal_pending) {
        EXPECT_TRUE(has(*to, EffectKind::send_reversal));
        delays.push_back(to->next.next_attempt_at.unix_ms - at.unix_ms);
        at = to->next.next_attempt_at;
        PaymentEvent event{.kind = EventKind::retry_due, .at = at};
        event.attempt = to->next.attempts + 1;
        to = step(context_of(to->next), event);
    }
    ASSERT_TRUE(to && to->changed);
    EXPECT_EQ(to->next.state, reversal_failed);
    EXPECT_TRUE(has(*to, EffectKind::call_operator));
    EXPECT_EQ(std::vector(delays.begin(), delays.begin() + 5),
              (std::vector<std::int64_t>{1'000, 5'000, 30'000, 60'000, 60'000}));
    EXPECT_GE(at.unix_ms - now.unix_ms, reversal_ms_max);
    EXPECT_LT(at.unix_ms - now.unix_ms, reversal_ms_max + 60'001);
}

TEST(PaymentMachine, ARetryWithAnotherNumberIsAReplay) {
    auto event = event_of(EventKind::retry_due);
    event.attempt = 1;
    const auto to = step(context_of(sale_in(reversal_pending)), event);
    ASSERT_TRUE(to);
    EXPECT_FALSE(to->changed);
}

TEST(PaymentMachine, UndoingAnApprovalTakesItOffTheBooksAtOnce) {
    const auto to = step(context_of(sale_in(approved)), event_of(EventKind::undo));
    ASSERT_TRUE(to);
    Balances balances;
    ASSERT_TRUE(fold(post_sale(sale_in(approved)), balances));
    ASSERT_TRUE(fold(to->postings, balances));
    for (const auto& [key, balance] : balances) EXPECT_EQ(balance.debit_net(), 0);
    EXPECT_TRUE(has(*to, EffectKind::send_reversal));
}

TEST(PaymentMachine, AVoidTakesTheSaleOffTheBooks) {
    const Payment sale = sale_in(approved);
    const Payment voiding = part_of(sale, PaymentKind::void_sale, received);
    const auto submitted = step(context_of(voiding, sale), event_of(EventKind::submit));
    ASSERT_TRUE(submitted && submitted->original);
    EXPECT_EQ(submitted->original->void_status, VoidStatus::in_flight);
    const auto done =
        step(context_of(submitted->next, submitted->original), event_of(EventKind::answer, "00"));
    ASSERT_TRUE(done && done->original);
    EXPECT_EQ(done->original->state, voided);
    EXPECT_EQ(done->original->version, 2U);
    Balances balances;
    ASSERT_TRUE(fold(post_sale(sale), balances));
    ASSERT_TRUE(fold(done->postings, balances));
    for (const auto& [key, balance] : balances) EXPECT_EQ(balance.debit_net(), 0);
}

TEST(PaymentMachine, AReversedVoidLeavesTheSaleAsItWas) {
    Payment sale = sale_in(approved);
    sale.void_status = VoidStatus::in_flight;
    const Payment voiding = part_of(sale, PaymentKind::void_sale, reversal_pending);
    const auto to = step(context_of(voiding, sale), event_of(EventKind::reversal_answer, "00"));
    ASSERT_TRUE(to && to->original);
    EXPECT_EQ(to->next.state, reversed);
    EXPECT_EQ(to->original->state, approved);
    EXPECT_EQ(to->original->void_status, VoidStatus::none);
}

TEST(PaymentMachine, OnlyAnApprovedSaleOfTheOpenBatchAndDayIsVoided) {
    const Payment sale = sale_in(approved);
    const Payment voiding = part_of(sale, PaymentKind::void_sale, received);
    const auto refusal_with = [&](auto change) {
        PaymentContext context = context_of(voiding, sale);
        change(context);
        return may_void(context);
    };
    using C = PaymentContext;
    EXPECT_EQ(refusal_with([](C&) {}), Refusal::none);
    EXPECT_EQ(refusal_with([](C& c) { c.current_batch = 8; }), Refusal::not_voidable);
    EXPECT_EQ(refusal_with([](C& c) { c.current_date = {20261123}; }), Refusal::not_voidable);
    EXPECT_EQ(refusal_with([](C& c) { c.payment.terminal = "00000002"; }), Refusal::not_voidable);
    EXPECT_EQ(refusal_with([](C& c) { c.payment.amount_minor = 1; }), Refusal::bad_value);
    EXPECT_EQ(refusal_with([](C& c) { c.payment.merchant = "x"; }), Refusal::not_found);
    EXPECT_EQ(refusal_with([](C& c) { c.original.reset(); }), Refusal::not_found);
    EXPECT_EQ(refusal_with([](C& c) { c.original->state = voided; }), Refusal::already_voided);
    EXPECT_EQ(refusal_with([](C& c) { c.original->state = sent; }), Refusal::payment_in_progress);
    EXPECT_EQ(refusal_with([](C& c) { c.original->state = declined; }), Refusal::not_voidable);
    EXPECT_EQ(refusal_with([](C& c) { c.original->state = reversal_pending; }),
              Refusal::reversal_pending);
    EXPECT_EQ(refusal_with([](C& c) { c.original->refunding_minor = 1; }),
              Refusal::payment_in_progress);
    EXPECT_EQ(refusal_with([](C& c) { c.original->refunded_minor = 1; }), Refusal::not_voidable);
    EXPECT_EQ(refusal_with([](C& c) { c.original->void_status = VoidStatus::in_flight; }),
              Refusal::payment_in_progress);
    EXPECT_EQ(refusal_with([](C& c) { c.original->kind = PaymentKind::refund; }),
              Refusal::not_voidable);
}

TEST(PaymentMachine, RefundsTogetherAreNeverAboveTheSale) {
    const Payment sale = sale_in(approved);
    Payment refund = part_of(sale, PaymentKind::refund, received);
    refund.amount_minor = 4'000;
    PaymentContext context = context_of(refund, sale);
    EXPECT_EQ(may_refund(context), Refusal::not_refundable);  // A void is still possible.
    context.rules.refund_window = RefundWindow::any_time;
    EXPECT_EQ(may_refund(context), Refusal::none);
    context.rules.refund_window = RefundWindow::other_batch_or_day;
    context.current_batch = 8;
    EXPECT_EQ(may_refund(context), Refusal::none);
    context.original->refunded_minor = 3'000;
    context.original->refunding_minor = 3'001;
    EXPECT_EQ(may_refund(context), Refusal::refund_over_sale);
    context.original->refunding_minor = 3'000;
    EXPECT_EQ(may_refund(context), Refusal::none);
    context.original->void_status = VoidStatus::in_flight;
    EXPECT_EQ(may_refund(context), Refusal::payment_in_progress);
}

TEST(PaymentMachine, AnUnansweredRefundIsRepeatedUntilAnswered) {
    Payment sale = sale_in(approved);
    sale.refunding_minor = 10'000;
    const Payment refund = part_of(sale, PaymentKind::refund, sent);
    const auto lost = step(context_of(refund, sale), event_of(EventKind::deadline_passed));
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->next.state, unknown);
    EXPECT_FALSE(has(*lost, EffectKind::start_reversal));
    auto retry = event_of(EventKind::retry_due);
    retry.attempt = 1;
    const auto repeat = step(context_of(lost->next, sale), retry);
    ASSERT_TRUE(repeat);
    EXPECT_TRUE(has(*repeat, EffectKind::send_repeat));
    const auto done = step(context_of(repeat->next, sale), event_of(EventKind::answer, "00"));
    ASSERT_TRUE(done && done->original);
    EXPECT_EQ(done->next.state, approved);
    EXPECT_EQ(done->original->refunded_minor, 10'000);
    EXPECT_EQ(done->original->refunding_minor, 0);
}

TEST(PaymentMachine, ARefundThatCouldNotLeaveIsForwardedLater) {
    Payment sale = sale_in(approved);
    sale.refunding_minor = 10'000;
    const Payment refund = part_of(sale, PaymentKind::refund, sent);
    auto not_sent = event_of(EventKind::not_sent);
    not_sent.refusal = Refusal::network_unavailable;
    const auto kept = step(context_of(refund, sale), not_sent);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->next.state, unknown);
    EXPECT_TRUE(has(*kept, EffectKind::arm_retry));
    EXPECT_TRUE(has(*kept, EffectKind::answer_caller));
    // A vault that is away is another matter: nothing could ever be built of it.
    not_sent.refusal = Refusal::vault_unavailable;
    const auto declined_now = step(context_of(refund, sale), not_sent);
    ASSERT_TRUE(declined_now && declined_now->original);
    EXPECT_EQ(declined_now->next.state, declined);
    EXPECT_EQ(declined_now->original->refunding_minor, 0);
}

TEST(PaymentMachine, RecoveryKnowsWhatToDoWithEveryOpenState) {
    const auto kind_for = [](const Payment& payment) {
        const auto event = recovery_event(payment, now);
        return event ? std::optional(event->kind) : std::nullopt;
    };
    EXPECT_EQ(kind_for(sale_in(received)), EventKind::not_sent);
    EXPECT_EQ(kind_for(sale_in(sent)), EventKind::deadline_passed);
    EXPECT_EQ(kind_for(sale_in(unknown)), EventKind::start_reversal);
    EXPECT_EQ(kind_for(sale_in(reversal_pending)), EventKind::retry_due);
    for (const auto state : {approved, declined, reversed, reversal_failed, voided}) {
        EXPECT_EQ(kind_for(sale_in(state)), std::nullopt);
    }
    const auto event = recovery_event(sale_in(reversal_pending), now);
    EXPECT_EQ(event->attempt, 2U);
    EXPECT_EQ(event->at.unix_ms, now.unix_ms + 1000);
}

}  // namespace
}  // namespace softpos::pay
