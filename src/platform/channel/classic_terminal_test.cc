// Nothing is believed before its MAC was checked, nothing is allowed that the policy does not say,
// and nothing is done twice.
#include "platform/channel/classic_terminal.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace softpos::channel {
namespace {

constexpr std::uint32_t today = 20261126;
constexpr ClassicPolicy open_policy{
    .purchase = true, .void_sale = true, .refund = true, .amount_max_minor = 100'000};

CupRequest request_of(CupAsk ask, std::uint32_t trace = 1, std::int64_t amount = 1'000) {
    CupRequest request;
    request.ask = ask;
    request.terminal = "10000009";
    request.merchant = "847100053990002";
    request.batch = 7;
    request.trace = trace;
    request.amount_minor = amount;
    request.mac = MacText{'0', '1', '2', '3', '4', '5', '6', '7'};
    return request;
}

RequestDigest digest_of(std::uint8_t seed) {
    RequestDigest digest{};
    digest.fill(seed);
    return digest;
}

ClassicTerminal ready(const ClassicPolicy& policy = open_policy) {
    ClassicTerminal terminal("10000009", "847100053990002", policy);
    terminal.signed_in(7, today);
    return terminal;
}

TEST(ClassicTerminal, SignsInBeforeAnythingElse) {
    ClassicTerminal terminal("10000009", "847100053990002", open_policy);
    EXPECT_EQ(terminal.arrived(request_of(CupAsk::echo), today).code, "00");
    for (const CupAsk ask : {CupAsk::purchase, CupAsk::void_sale, CupAsk::refund, CupAsk::reversal,
                             CupAsk::settle, CupAsk::upload, CupAsk::sign_out}) {
        EXPECT_EQ(terminal.arrived(request_of(ask), today).code, "A8");
    }
    EXPECT_EQ(terminal.arrived(request_of(CupAsk::sign_in), today).step, DoorStep::give_keys);
    terminal.signed_in(7, today);
    EXPECT_EQ(terminal.arrived(request_of(CupAsk::purchase), today).step, DoorStep::check_mac);
    EXPECT_EQ(terminal.arrived(request_of(CupAsk::settle), today).step, DoorStep::check_repeat);
    EXPECT_EQ(terminal.arrived(request_of(CupAsk::sign_out), today).step, DoorStep::perform);
    EXPECT_EQ(terminal.arrived(request_of(CupAsk::purchase), today + 1).code, "A8");
    terminal.signed_out();
    EXPECT_EQ(terminal.arrived(request_of(CupAsk::purchase), today).code, "A8");
}

TEST(ClassicTerminal, AnotherTerminalOrMerchantIsUnknown) {
    const ClassicTerminal terminal = ready();
    CupRequest request = request_of(CupAsk::sign_in);
    request.terminal = "10000001";
    EXPECT_EQ(terminal.arrived(request, today).code, "97");
    request = request_of(CupAsk::purchase);
    request.merchant = "847100053990003";
    EXPECT_EQ(terminal.arrived(request, today).code, "97");
    EXPECT_EQ(terminal.arrived(request_of(CupAsk::other), today).code, "40");
}

TEST(ClassicTerminal, AWrongMacLeavesNothingBehind) {
    ClassicTerminal terminal = ready();
    CupRequest request = request_of(CupAsk::purchase);
    EXPECT_EQ(ClassicTerminal::disbelieved().code, "A0");
    EXPECT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::perform);
    request.trace = 2;
    request.mac.reset();
    EXPECT_EQ(terminal.arrived(request, today).code, "A0");
    EXPECT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::perform);
}

TEST(ClassicTerminal, TheSameIsAnsweredAsBefore) {
    ClassicTerminal terminal = ready();
    const CupRequest request = request_of(CupAsk::purchase);
    ASSERT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::perform);
    EXPECT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::silence);
    terminal.answered(request, {1, 2, 3});
    const Verdict again = terminal.believed(request, digest_of(1));
    EXPECT_EQ(again.step, DoorStep::repeat);
    EXPECT_EQ(again.before, (Buffer{1, 2, 3}));
    EXPECT_EQ(terminal.believed(request, digest_of(2)).code, "94");
    // A void cannot take the trace of a purchase; the purchase's reversal has it.
    EXPECT_EQ(terminal.believed(request_of(CupAsk::void_sale), digest_of(3)).code, "94");
    EXPECT_EQ(terminal.believed(request_of(CupAsk::reversal), digest_of(4)).step,
              DoorStep::perform);
    terminal.signed_in(7, today);  // New keys in the same batch: still known.
    EXPECT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::repeat);
}

TEST(ClassicTerminal, WhatWasGivenUpMayBeTriedAgain) {
    ClassicTerminal terminal = ready();
    const CupRequest request = request_of(CupAsk::purchase);
    ASSERT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::perform);
    terminal.given_up(request);
    EXPECT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::perform);
}

TEST(ClassicTerminal, ThePolicyAllowsNothingByItself) {
    ClassicTerminal none = ready({});
    for (const CupAsk ask : {CupAsk::purchase, CupAsk::void_sale, CupAsk::refund}) {
        EXPECT_EQ(none.believed(request_of(ask), digest_of(1)).code, "57");
    }
    EXPECT_EQ(none.believed(request_of(CupAsk::reversal), digest_of(1)).step, DoorStep::perform);
    ClassicTerminal small = ready({.purchase = true, .amount_max_minor = 1'000});
    EXPECT_EQ(small.believed(request_of(CupAsk::purchase, 1, 1'001), digest_of(1)).code, "61");
    EXPECT_EQ(small.believed(request_of(CupAsk::purchase, 1, 1'000), digest_of(1)).step,
              DoorStep::perform);
    EXPECT_EQ(small.believed(request_of(CupAsk::refund, 2), digest_of(1)).code, "57");
}

TEST(ClassicTerminal, AnOldBatchTakesOnlyReversals) {
    ClassicTerminal terminal = ready();
    const CupRequest request = request_of(CupAsk::purchase);
    ASSERT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::perform);
    terminal.answered(request, {1});
    terminal.signed_in(8, today);
    EXPECT_EQ(terminal.believed(request, digest_of(1)).code, "A8");
    // The answer to its settlement may have been lost.
    EXPECT_EQ(terminal.believed(request_of(CupAsk::settle), digest_of(2)).step, DoorStep::perform);
    CupRequest coming = request_of(CupAsk::settle, 2);
    coming.batch = 9;
    EXPECT_EQ(terminal.believed(coming, digest_of(2)).code, "A8");
    EXPECT_EQ(terminal.believed(request_of(CupAsk::reversal), digest_of(3)).step,
              DoorStep::perform);
}

TEST(ClassicTerminal, ASettledBatchTakesNoMorePayments) {
    ClassicTerminal terminal = ready();
    terminal.settled(7);
    EXPECT_EQ(terminal.believed(request_of(CupAsk::purchase), digest_of(1)).code, "A8");
    EXPECT_EQ(terminal.believed(request_of(CupAsk::settle), digest_of(1)).step, DoorStep::perform);
    terminal.signed_in(8, today);
    CupRequest next = request_of(CupAsk::purchase);
    next.batch = 8;
    EXPECT_EQ(terminal.believed(next, digest_of(1)).step, DoorStep::perform);
}

TEST(ClassicTerminal, WhatWasReversedFirstIsNotPaidAfterwards) {
    ClassicTerminal terminal = ready();
    ASSERT_EQ(terminal.believed(request_of(CupAsk::reversal), digest_of(1)).step,
              DoorStep::perform);
    EXPECT_EQ(terminal.believed(request_of(CupAsk::purchase), digest_of(2)).code, "B3");
    EXPECT_EQ(terminal.believed(request_of(CupAsk::purchase, 2), digest_of(2)).step,
              DoorStep::perform);
}

TEST(ClassicTerminal, KnowsWhatIsUnderWay) {
    ClassicTerminal terminal = ready();
    const CupRequest request = request_of(CupAsk::purchase);
    EXPECT_FALSE(terminal.is_paying(request.batch, request.trace));
    ASSERT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::perform);
    EXPECT_TRUE(terminal.is_paying(request.batch, request.trace));
    EXPECT_FALSE(terminal.is_paying(request.batch, request.trace + 1));
    terminal.answered(request, {1});
    EXPECT_FALSE(terminal.is_paying(request.batch, request.trace));
}

TEST(ClassicTerminal, AFullBatchMustBeSettled) {
    ClassicTerminal terminal = ready();
    for (std::uint32_t trace = 1; trace <= ClassicTerminal::remembered_max; ++trace) {
        const CupRequest request = request_of(CupAsk::purchase, trace);
        ASSERT_EQ(terminal.believed(request, digest_of(1)).step, DoorStep::perform);
        terminal.answered(request, {1});
    }
    EXPECT_EQ(terminal.believed(request_of(CupAsk::purchase, 5'000), digest_of(1)).code, "96");
    EXPECT_EQ(terminal.believed(request_of(CupAsk::purchase, 1), digest_of(1)).step,
              DoorStep::repeat);
    EXPECT_EQ(terminal.believed(request_of(CupAsk::settle, 5'001), digest_of(1)).step,
              DoorStep::perform);
}

// However requests, answers and sign-ins are mixed: a payment of one batch and trace is done once.
TEST(ClassicTerminal, NothingIsDoneTwice) {
    testing::Prng prng = testing::Prng::from_environment();
    SCOPED_TRACE(prng.seed());
    ClassicTerminal terminal = ready();
    std::uint32_t batch = 7;
    std::set<std::pair<std::uint32_t, std::uint32_t>> done;
    std::map<std::uint32_t, CupRequest> open;
    for (int round = 0; round < 20'000; ++round) {
        const std::uint32_t trace = 1 + prng.below(40);
        if (prng.below(500) == 0) {
            if (prng.below(2) == 0 && open.empty()) ++batch;
            terminal.signed_in(batch, today);
        } else if (prng.below(3) == 0 && open.contains(trace)) {
            terminal.answered(open.at(trace), {1});
            open.erase(trace);
        } else {
            CupRequest request = request_of(CupAsk::purchase, trace);
            request.batch = batch - prng.below(2);
            const auto digest = digest_of(static_cast<std::uint8_t>(prng.below(3)));
            if (terminal.believed(request, digest).step != DoorStep::perform) continue;
            EXPECT_TRUE(done.emplace(request.batch, trace).second) << trace;
            open.emplace(trace, request);
        }
    }
    EXPECT_GT(done.size(), 40U);
}

}  // namespace
}  // namespace softpos::channel
