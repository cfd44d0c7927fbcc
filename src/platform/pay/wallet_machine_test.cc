// Single roads first; then a wallet that keeps its own books, answers in any order, twice, late or
// not at all, and a platform that forgets everything but what was durable: at the end both say the
// same about the money.
#include "platform/pay/wallet_machine.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::pay {
namespace {

constexpr std::string_view merchant = "826290053110001";
constexpr Instant start{1'790'000'000'000};

WalletTrade new_trade(WalletWay way = WalletWay::scan) {
    SeededRandom random(7);
    WalletTrade trade;
    trade.id = new_id(merchant, start, random);
    trade.way = way;
    trade.merchant = merchant;
    trade.terminal = "82600001";
    trade.amount_minor = 1'880;
    trade.fee = {.merchant_minor = 7, .issuer_minor = 4, .network_minor = 0};
    trade.fee_return = FeeReturn::proportional;
    trade.created_at = start;
    return trade;
}

// A trade and what its last step wanted.
struct Road {
    TradeContext context;
    TradeTransition last = {};
    Balances books = {};

    explicit Road(WalletWay way = WalletWay::scan) { context.trade = new_trade(way); }
    WalletTrade& trade() { return context.trade; }

    bool feed(TradeEvent event, std::int64_t at_ms) {
        event.at = {start.unix_ms + at_ms};
        auto to = step(context, event);
        if (!to) return false;
        last = *std::move(to);
        if (!last.changed) return true;
        EXPECT_EQ(last.next.version, context.trade.version + 1);
        EXPECT_TRUE(fold(last.postings, books));
        context.trade = last.next;
        if (last.original) context.original = last.original;
        return true;
    }
    bool answer(WalletCall call, WalletWord word, std::int64_t at_ms) {
        return feed({.kind = TradeEventKind::answered,
                     .call = call,
                     .word = word,
                     .attempt = trade().attempts,
                     .code = call == WalletCall::make_code ? "https://qr.example/1" : ""},
                    at_ms);
    }
    bool due(std::int64_t at_ms) {
        return feed({.kind = TradeEventKind::due, .attempt = trade().attempts + 1}, at_ms);
    }
    bool wants(WalletCall call) const {
        return std::ranges::any_of(last.effects, [&](const TradeEffect& effect) {
            return effect.kind == TradeEffect::Kind::call && effect.call == call;
        });
    }
    bool answers_caller() const {
        return std::ranges::any_of(last.effects, [](const TradeEffect& effect) {
            return effect.kind == TradeEffect::Kind::answer_caller;
        });
    }
    std::int64_t owed() const {
        return total_of(books, AccountCode::merchant_payable).credit_net();
    }
};

TEST(WalletMachine, PaidAtOnceIsPostedWithItsFee) {
    Road road;
    ASSERT_TRUE(road.feed({.kind = TradeEventKind::submit}, 0));
    EXPECT_TRUE(road.wants(WalletCall::pay));
    ASSERT_TRUE(road.answer(WalletCall::pay, WalletWord::paid, 900));
    EXPECT_EQ(road.trade().state, TradeState::paid);
    EXPECT_TRUE(road.answers_caller());
    EXPECT_EQ(road.owed(), 1'873);
    EXPECT_EQ(total_of(road.books, AccountCode::wallet_receivable).debit_net(), 1'880);
    EXPECT_EQ(trial_balance(road.books), 0);
}

TEST(WalletMachine, RefusedAtOnceIsFailed) {
    Road road;
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::pay, WalletWord::refused, 900);
    EXPECT_EQ(road.trade().state, TradeState::failed);
    EXPECT_EQ(road.trade().refusal, Refusal::wallet_declined);
    EXPECT_TRUE(road.books.empty());
}

TEST(WalletMachine, AsksEveryFourSecondsWhileThePayerConfirms) {
    Road road;
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::pay, WalletWord::waiting, 500);
    EXPECT_EQ(road.trade().next_at.unix_ms, start.unix_ms + 4'500);
    road.due(4'500);
    EXPECT_TRUE(road.wants(WalletCall::query));
    road.answer(WalletCall::query, WalletWord::waiting, 4'600);
    EXPECT_EQ(road.trade().next_at.unix_ms, start.unix_ms + 8'600);
    road.due(8'600);
    road.answer(WalletCall::query, WalletWord::paid, 8'700);
    EXPECT_EQ(road.trade().state, TradeState::paid);
}

TEST(WalletMachine, CancelsInTheStepOfTheLastAnswer) {
    Road road;
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::pay, WalletWord::unknown, 59'000);
    EXPECT_EQ(road.trade().next_at.unix_ms, start.unix_ms + 60'000);
    road.due(60'000);
    EXPECT_TRUE(road.wants(WalletCall::query));
    road.answer(WalletCall::query, WalletWord::waiting, 60'100);
    EXPECT_EQ(road.trade().state, TradeState::closing);
    EXPECT_TRUE(road.wants(WalletCall::cancel));
    road.answer(WalletCall::cancel, WalletWord::unknown, 60'200);
    EXPECT_EQ(road.trade().state, TradeState::closing);
    road.due(64'200);
    EXPECT_TRUE(road.wants(WalletCall::cancel));
    road.answer(WalletCall::cancel, WalletWord::done, 64'300);
    EXPECT_EQ(road.trade().state, TradeState::cancelled);
    EXPECT_EQ(road.trade().refusal, Refusal::wallet_not_paid);
    EXPECT_TRUE(road.books.empty());
}

TEST(WalletMachine, LastAnswerMayStillSayPaid) {
    Road road;
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::pay, WalletWord::unknown, 500);
    road.due(60'000);
    road.answer(WalletCall::query, WalletWord::paid, 60'100);
    EXPECT_EQ(road.trade().state, TradeState::paid);
}

TEST(WalletMachine, ShownCodeIsAnsweredBeforeItIsPaidAndTheNoticeEndsIt) {
    Road road(WalletWay::show);
    road.feed({.kind = TradeEventKind::submit}, 0);
    EXPECT_TRUE(road.wants(WalletCall::make_code));
    road.answer(WalletCall::make_code, WalletWord::done, 300);
    EXPECT_TRUE(road.answers_caller());
    EXPECT_EQ(road.trade().state, TradeState::waiting);
    EXPECT_EQ(road.trade().code, "https://qr.example/1");
    ASSERT_TRUE(road.feed({.kind = TradeEventKind::notified, .amount_minor = 1'880}, 2'000));
    EXPECT_EQ(road.trade().state, TradeState::paid);
    const WalletTrade before = road.trade();
    ASSERT_TRUE(road.feed({.kind = TradeEventKind::notified, .amount_minor = 1'880}, 2'100));
    EXPECT_FALSE(road.last.changed);
    EXPECT_EQ(road.trade(), before);
    EXPECT_EQ(road.owed(), 1'873);
}

TEST(WalletMachine, CodeThatDidNotReachUsIsCancelled) {
    Road road(WalletWay::show);
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::make_code, WalletWord::unknown, 30'000);
    EXPECT_EQ(road.trade().state, TradeState::closing);
    EXPECT_TRUE(road.wants(WalletCall::cancel));
}

TEST(WalletMachine, NoticeOfAnotherAmountIsNoneAndAnAnswerOfOneGivesItBack) {
    Road road(WalletWay::show);
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::make_code, WalletWord::done, 300);
    EXPECT_FALSE(road.feed({.kind = TradeEventKind::notified, .amount_minor = 1'881}, 2'000));
    EXPECT_EQ(road.trade().state, TradeState::waiting);
    road.due(4'300);
    road.feed({.kind = TradeEventKind::answered,
               .call = WalletCall::query,
               .word = WalletWord::paid,
               .attempt = road.trade().attempts,
               .amount_minor = 1},
              4'400);
    EXPECT_EQ(road.trade().state, TradeState::closing);
    EXPECT_TRUE(road.books.empty());
}

TEST(WalletMachine, MoneyThatComesBehindTheCancellationIsGivenBackOnce) {
    Road road(WalletWay::show);
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::make_code, WalletWord::done, 300);
    road.feed({.kind = TradeEventKind::give_up}, 1'000);
    EXPECT_TRUE(road.wants(WalletCall::query));
    road.answer(WalletCall::query, WalletWord::not_found, 1'100);
    road.answer(WalletCall::cancel, WalletWord::not_found, 1'200);
    EXPECT_EQ(road.trade().state, TradeState::cancelled);
    road.feed({.kind = TradeEventKind::notified, .amount_minor = 1'880}, 2'000);
    EXPECT_TRUE(road.wants(WalletCall::cancel));
    EXPECT_TRUE(road.trade().late_paid);
    road.answer(WalletCall::cancel, WalletWord::done, 2'100);
    EXPECT_EQ(road.trade().state, TradeState::cancelled);
    road.feed({.kind = TradeEventKind::notified, .amount_minor = 1'880}, 2'200);
    EXPECT_FALSE(road.last.changed);
    EXPECT_TRUE(road.books.empty());
}

TEST(WalletMachine, MoneyOverThePayersLimitIsGivenBack) {
    Road road;
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.feed({.kind = TradeEventKind::answered,
               .call = WalletCall::pay,
               .word = WalletWord::paid,
               .over_limit = true},
              100);
    EXPECT_TRUE(road.wants(WalletCall::cancel));
    road.answer(WalletCall::cancel, WalletWord::done, 200);
    EXPECT_EQ(road.trade().state, TradeState::cancelled);
    EXPECT_EQ(road.trade().refusal, Refusal::qr_limit);
    EXPECT_TRUE(road.books.empty());
}

TEST(WalletMachine, CancellationThatIsNeverAnsweredEndsWithAPerson) {
    Road road;
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::pay, WalletWord::waiting, 500);
    road.due(60'000);
    road.answer(WalletCall::query, WalletWord::unknown, 60'100);
    for (int i = 0; i < 1'000 && road.trade().state == TradeState::closing; ++i) {
        road.due(road.trade().next_at.unix_ms - start.unix_ms);
    }
    EXPECT_EQ(road.trade().state, TradeState::stuck);
    EXPECT_EQ(result_of(road.trade()), PaymentResult::indeterminate);
}

Road give_back(const WalletTrade& sale, PaymentKind kind, std::int64_t amount_minor) {
    Road road;
    road.trade().kind = kind;
    road.trade().amount_minor = amount_minor;
    road.trade().fee = {};
    road.context.original = sale;
    return road;
}

WalletTrade paid_sale() {
    Road road;
    road.feed({.kind = TradeEventKind::submit}, 0);
    road.answer(WalletCall::pay, WalletWord::paid, 100);
    return road.trade();
}

TEST(WalletMachine, RefundsNeverPassTheSale) {
    WalletTrade sale = paid_sale();
    Road first = give_back(sale, PaymentKind::refund, 1'000);
    first.feed({.kind = TradeEventKind::submit}, 1'000);
    EXPECT_TRUE(first.wants(WalletCall::give_back));
    EXPECT_EQ(first.context.original->refunding_minor, 1'000);
    Road second = give_back(*first.context.original, PaymentKind::refund, 881);
    second.feed({.kind = TradeEventKind::submit}, 1'100);
    EXPECT_EQ(second.trade().refusal, Refusal::refund_over_sale);
    first.answer(WalletCall::give_back, WalletWord::unknown, 1'200);
    EXPECT_EQ(first.trade().state, TradeState::waiting);
    first.due(6'000);
    first.answer(WalletCall::give_back, WalletWord::done, 6'100);
    EXPECT_EQ(first.trade().state, TradeState::paid);
    EXPECT_EQ(first.context.original->refunded_minor, 1'000);
    EXPECT_EQ(first.context.original->refunding_minor, 0);
    EXPECT_EQ(first.owed(), -(1'000 - first.trade().fee.merchant_minor));
}

TEST(WalletMachine, VoidIsForTheWholeAmountOfTheSameDay) {
    const WalletTrade sale = paid_sale();
    Road part = give_back(sale, PaymentKind::void_sale, 1);
    part.feed({.kind = TradeEventKind::submit}, 1'000);
    EXPECT_EQ(part.trade().refusal, Refusal::not_voidable);
    Road late = give_back(sale, PaymentKind::void_sale, 1'880);
    late.feed({.kind = TradeEventKind::submit}, trade_ms_max);
    EXPECT_EQ(late.trade().refusal, Refusal::not_voidable);
    Road whole = give_back(sale, PaymentKind::void_sale, 1'880);
    whole.feed({.kind = TradeEventKind::submit}, 1'000);
    whole.answer(WalletCall::give_back, WalletWord::done, 1'100);
    EXPECT_TRUE(whole.context.original->voided);
    Road again = give_back(*whole.context.original, PaymentKind::refund, 1);
    again.feed({.kind = TradeEventKind::submit}, 2'000);
    EXPECT_EQ(again.trade().refusal, Refusal::already_voided);
}

// A wallet with books of its own.
struct Wallet {
    bool known = false, paid = false, closed = false;

    void take(WalletCall call) {
        if (call == WalletCall::pay || call == WalletCall::make_code) known = true;
        if (call == WalletCall::cancel) closed = true, paid = false;
    }
    void payer_confirms() {
        if (known && !closed) paid = true;
    }
    WalletWord word(WalletCall call) const {
        if (call == WalletCall::make_code) return closed ? WalletWord::refused : WalletWord::done;
        if (call == WalletCall::cancel) return WalletWord::done;
        if (paid) return WalletWord::paid;
        if (closed) return WalletWord::closed;
        if (!known) return WalletWord::not_found;
        return WalletWord::waiting;
    }
};

struct Pending {
    std::int64_t at_ms;
    TradeEvent event;
};

// One whole life. Timers and answers under way are forgotten in a crash; what was durable is not.
class Life {
public:
    explicit Life(testing::Prng& prng)
        : prng_(prng), road_(prng.below(2) == 0 ? WalletWay::scan : WalletWay::show) {
        apply({.kind = TradeEventKind::submit});
    }

    void run() {
        for (unsigned steps = 0; steps < 4'000; ++steps) {
            if (pending_.empty() && !is_open(road_.trade().state)) return;
            if (pending_.empty() || prng_.below(40) == 0) restart();
            if (pending_.empty()) return;
            const auto next = std::ranges::min_element(pending_, {}, &Pending::at_ms);
            const Pending one = *next;
            pending_.erase(next);
            now_ms_ = std::max(now_ms_, one.at_ms);
            if (prng_.below(8) == 0) wallet_.payer_confirms();
            if (prng_.below(60) == 0) apply({.kind = TradeEventKind::give_up});
            if (wallet_.paid && prng_.below(6) == 0) notify();
            apply(one.event);
            if (prng_.below(10) == 0) apply(one.event);
        }
        FAIL() << "does not end";
    }
    void check() const {
        EXPECT_TRUE(is_final(trade_.state)) << name_of(trade_.state);
        EXPECT_EQ(trade_.state == TradeState::paid, wallet_.paid) << name_of(trade_.state);
        EXPECT_EQ(total_of(road_.books, AccountCode::wallet_receivable).debit_net(),
                  wallet_.paid ? 1'880 : 0);
        EXPECT_EQ(trial_balance(road_.books), 0);
        EXPECT_FALSE(saw_paid_ && saw_cancelled_);
    }

private:
    void apply(TradeEvent event) {
        if (!road_.feed(event, now_ms_)) return;
        trade_ = road_.trade();
        saw_paid_ = saw_paid_ || trade_.state == TradeState::paid;
        saw_cancelled_ = saw_cancelled_ || trade_.state == TradeState::cancelled;
        if (!road_.last.changed) return;
        if (prng_.below(30) == 0) return restart();  // Durable, and not acted on.
        for (const TradeEffect& effect : road_.last.effects) perform(effect);
    }
    void perform(const TradeEffect& effect) {
        if (effect.kind == TradeEffect::Kind::arm) {
            pending_.push_back({effect.at.unix_ms - start.unix_ms,
                                {.kind = TradeEventKind::due, .attempt = trade_.attempts + 1}});
        }
        if (effect.kind != TradeEffect::Kind::call) return;
        const bool lost = prng_.below(6) == 0;
        if (!lost) wallet_.take(effect.call);
        TradeEvent answer{
            .kind = TradeEventKind::answered,
            .call = effect.call,
            .word = lost || prng_.below(6) == 0 ? WalletWord::unknown : wallet_.word(effect.call),
            .attempt = trade_.attempts};
        if (answer.word == WalletWord::done) answer.code = "code";
        pending_.push_back({now_ms_ + 50 + prng_.below(3'000), answer});
    }
    void notify() {
        pending_.push_back({now_ms_ + prng_.below(90'000),
                            {.kind = TradeEventKind::notified, .amount_minor = 1'880}});
    }
    void restart() {
        std::erase_if(pending_, [](const Pending& one) {
            return one.event.kind != TradeEventKind::notified;  // Those the wallet sends.
        });
        if (const auto event = recovery_event(road_.trade(), {start.unix_ms + now_ms_})) {
            pending_.push_back({now_ms_ + 1, *event});
        }
    }

    testing::Prng& prng_;
    Road road_;
    WalletTrade trade_ = {};
    Wallet wallet_ = {};
    std::vector<Pending> pending_ = {};
    std::int64_t now_ms_ = 0;
    bool saw_paid_ = false;
    bool saw_cancelled_ = false;
};

TEST(WalletMachine, WhateverComesInWhateverOrderBothSidesSayTheSame) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 3'000; ++round) {
        Life life(prng);
        life.run();
        life.check();
        if (HasFailure()) FAIL() << "seed " << prng.seed() << " round " << round;
    }
}

}  // namespace
}  // namespace softpos::pay
