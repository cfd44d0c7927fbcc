// Which request a rule hits, and what becomes of its answer.
#include "world/sim/faults.h"

#include <gtest/gtest.h>

#include <array>

namespace softpos::sim {
namespace {

using enum FaultAction;

constexpr std::array actions = {no_request, no_answer, late_answer, twice, garbage, cut, wrong_mac};
const std::string terminal = "10000001";

FaultAction hit(FaultScript& script, std::string_view mti = "0200", std::int64_t amount = 100) {
    return script.match(mti, amount, terminal).action;
}

TEST(FaultAction, EveryNameComesBack) {
    for (const FaultAction action : actions) {
        EXPECT_EQ(fault_action_of(name_of(action)), action) << name_of(action);
    }
    EXPECT_EQ(fault_action_of("none"), std::nullopt) << "a rule without effect helps nobody";
    EXPECT_EQ(fault_action_of(""), std::nullopt);
    EXPECT_EQ(fault_action_of("cu"), std::nullopt);
    EXPECT_EQ(name_of(none), "none");
}

TEST(FaultScript, LeavesEverythingAloneWithoutRules) {
    FaultScript script;
    EXPECT_EQ(hit(script), none);
    EXPECT_EQ(script.size(), 0U);
}

TEST(FaultScript, HitsOnceUnlessToldOtherwise) {
    FaultScript script;
    ASSERT_TRUE(script.add({.action = cut}));
    EXPECT_EQ(hit(script), cut);
    EXPECT_EQ(hit(script), none);
    EXPECT_EQ(script.size(), 0U);
}

TEST(FaultScript, HitsAsOftenAsTold) {
    FaultScript script;
    ASSERT_TRUE(script.add({.action = garbage, .times = 3}));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(hit(script), garbage) << i;
    EXPECT_EQ(hit(script), none);
}

TEST(FaultScript, HitsForEverWhereTimesIsZero) {
    FaultScript script;
    ASSERT_TRUE(script.add({.action = no_answer, .times = 0}));
    for (int i = 0; i < 1'000; ++i) ASSERT_EQ(hit(script), no_answer) << i;
    script.clear();
    EXPECT_EQ(hit(script), none);
}

TEST(FaultScript, LetsTheFirstOnesPass) {
    FaultScript script;
    ASSERT_TRUE(script.add({.action = cut, .skip = 2}));
    EXPECT_EQ(hit(script), none);
    EXPECT_EQ(hit(script), none);
    EXPECT_EQ(hit(script), cut);
}

TEST(FaultScript, LooksAtMessageAmountAndTerminal) {
    FaultScript script;
    ASSERT_TRUE(
        script.add({.action = cut, .mti = "0400", .amount_minor = 500, .terminal_id = terminal}));
    EXPECT_EQ(script.match("0200", 500, terminal).action, none);
    EXPECT_EQ(script.match("0400", 501, terminal).action, none);
    EXPECT_EQ(script.match("0400", 500, "10000002").action, none);
    EXPECT_EQ(script.match("0400", 500, terminal).action, cut);
}

TEST(FaultScript, LetsTheFirstRuleThatMatchesDecide) {
    FaultScript script;
    ASSERT_TRUE(script.add({.action = twice, .mti = "0400"}));
    ASSERT_TRUE(script.add({.action = cut}));
    ASSERT_TRUE(script.add({.action = garbage}));
    EXPECT_EQ(hit(script, "0200"), cut);
    EXPECT_EQ(hit(script, "0400"), twice);
    EXPECT_EQ(hit(script, "0400"), garbage);
}

TEST(FaultScript, HasALimitOfRules) {
    FaultScript script;
    for (std::size_t i = 0; i < FaultScript::rules_max; ++i) ASSERT_TRUE(script.add({}));
    EXPECT_FALSE(script.add({}));
    EXPECT_EQ(script.size(), FaultScript::rules_max);
}

const Buffer answer{1, 2, 3, 4};

TEST(FaultOutcome, DeliversAnUndisturbedAnswer) {
    const FaultOutcome outcome = FaultScript::apply({}, answer);
    ASSERT_EQ(outcome.deliveries.size(), 1U);
    EXPECT_EQ(outcome.deliveries[0].message, answer);
    EXPECT_EQ(outcome.deliveries[0].delay_ms, 0U);
    EXPECT_FALSE(outcome.close);
}

TEST(FaultOutcome, LosesTheAnswer) {
    for (const FaultAction action : {no_request, no_answer}) {
        const FaultOutcome outcome = FaultScript::apply({.action = action}, answer);
        EXPECT_TRUE(outcome.deliveries.empty());
        EXPECT_FALSE(outcome.close);
    }
}

TEST(FaultOutcome, DelaysTheAnswer) {
    const auto outcome = FaultScript::apply({.action = late_answer, .delay_ms = 700}, answer);
    ASSERT_EQ(outcome.deliveries.size(), 1U);
    EXPECT_EQ(outcome.deliveries[0].delay_ms, 700U);
    EXPECT_EQ(outcome.deliveries[0].message, answer);
}

TEST(FaultOutcome, DeliversTheSameTwice) {
    const FaultOutcome outcome = FaultScript::apply({.action = twice}, answer);
    ASSERT_EQ(outcome.deliveries.size(), 2U);
    EXPECT_EQ(outcome.deliveries[0].message, answer);
    EXPECT_EQ(outcome.deliveries[1].message, answer);
}

TEST(FaultOutcome, DeliversOtherBytes) {
    const FaultOutcome outcome = FaultScript::apply({.action = garbage}, answer);
    ASSERT_EQ(outcome.deliveries.size(), 1U);
    EXPECT_NE(outcome.deliveries[0].message, answer);
    EXPECT_FALSE(outcome.deliveries[0].message.empty());
}

TEST(FaultOutcome, ClosesWithoutAnAnswer) {
    const FaultOutcome outcome = FaultScript::apply({.action = cut}, answer);
    EXPECT_TRUE(outcome.deliveries.empty());
    EXPECT_TRUE(outcome.close);
}

TEST(FaultOutcome, SpoilsTheMac) {
    const FaultOutcome outcome = FaultScript::apply({.action = wrong_mac}, answer);
    ASSERT_EQ(outcome.deliveries.size(), 1U);
    EXPECT_EQ(outcome.deliveries[0].message, (Buffer{1, 2, 3, 5}));
    EXPECT_TRUE(FaultScript::apply({.action = wrong_mac}, {}).deliveries[0].message.empty());
}

}  // namespace
}  // namespace softpos::sim
