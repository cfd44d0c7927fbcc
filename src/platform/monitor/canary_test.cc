// Groups as they fall, and trials as they end; the figures of the test were computed elsewhere.
#include "platform/monitor/canary.h"

#include "platform/monitor/monitor_test_data.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace softpos::monitor {
namespace {

CanaryRules rules() {
    return testing::production().canary;
}

std::string terminal(unsigned number) {
    return std::to_string(10'000'000 + number);
}

unsigned canaries_of(std::uint32_t share_per_mille, std::string_view trial) {
    CanaryRules with = rules();
    with.share_per_mille = share_per_mille;
    unsigned count = 0;
    for (unsigned i = 0; i < 10'000; ++i) count += is_canary(with, trial, terminal(i)) ? 1U : 0U;
    return count;
}

TEST(Canary, TheShareIsWhatItSays) {
    EXPECT_EQ(canaries_of(0, "policy 7"), 0U);
    EXPECT_EQ(canaries_of(1000, "policy 7"), 10'000U);
    for (const std::uint32_t share : {10U, 50U, 200U, 500U}) {
        // Four standard errors of a share of 10,000 are at most 200.
        EXPECT_NEAR(canaries_of(share, "policy 7"), share * 10, 200) << share;
    }
}

// Groups must not change with the program: a trial outlives a release of the platform.
TEST(Canary, TheGroupsOfATrialAreTheseForEver) {
    EXPECT_EQ(canaries_of(50, "policy 7"), 466U);
    EXPECT_EQ(canaries_of(50, "sdk 1.4"), 470U);
}

TEST(Canary, WhoIsInStaysInWhenTheShareGrows) {
    CanaryRules small = rules(), large = rules();
    small.share_per_mille = 10;
    large.share_per_mille = 100;
    for (unsigned i = 0; i < 10'000; ++i) {
        if (is_canary(small, "policy 7", terminal(i))) {
            EXPECT_TRUE(is_canary(large, "policy 7", terminal(i))) << i;
        }
    }
}

TEST(Canary, AnotherTrialAsksOthers) {
    CanaryRules half = rules();
    half.share_per_mille = 500;
    unsigned both = 0;
    for (unsigned i = 0; i < 10'000; ++i) {
        const bool a = is_canary(half, "policy 7", terminal(i));
        const bool b = is_canary(half, "policy 8", terminal(i));
        both += a && b ? 1U : 0U;
    }
    EXPECT_NEAR(both, 2'500, 200);
}

TEST(Canary, TheTestIsThatOfTwoProportions) {
    struct Row {
        GroupCounts others, canaries;
        std::int64_t approvals_z, attestations_z;
    };
    const Row rows[] = {
        {{10'000, 9'000, 10'000, 100}, {1'000, 850, 1'000, 10}, 4'927, 0},
        {{10'000, 9'000, 10'000, 100}, {1'000, 920, 1'000, 40}, -2'027, 8'069},
        {{200, 180, 200, 0}, {200, 170, 200, 4}, 1'512, 2'010},
        {{1'000'000, 900'000, 1, 0}, {1'000'000, 899'000, 1, 1}, 2'352, 1'414},
    };
    for (const Row& row : rows) {
        const auto verdict = judge_canary(rules(), row.others, row.canaries);
        EXPECT_LE(std::abs(verdict.approvals.z_milli - row.approvals_z), 2)
            << verdict.approvals.z_milli;
        EXPECT_LE(std::abs(verdict.attestations.z_milli - row.attestations_z), 2)
            << verdict.attestations.z_milli;
    }
}

TEST(Canary, ADropRollsBackAndSaysWhich) {
    const auto approvals =
        judge_canary(rules(), {10'000, 9'000, 10'000, 100}, {1'000, 850, 1'000, 10});
    EXPECT_EQ(name_of(approvals.step), "roll_back");
    EXPECT_EQ(name_of(approvals.reason), "approvals");
    EXPECT_EQ(approvals.approvals.others_per_mille, 900U);
    EXPECT_EQ(approvals.approvals.canaries_per_mille, 850U);
    const auto attestations =
        judge_canary(rules(), {10'000, 9'000, 10'000, 100}, {1'000, 920, 1'000, 40});
    EXPECT_EQ(name_of(attestations.step), "roll_back");
    EXPECT_EQ(name_of(attestations.reason), "attestations");
}

TEST(Canary, WhatIsCertainAndSmallDoesNotRollBackAndWhatIsLargeAndUncertainNeither) {
    const auto small = judge_canary(rules(), {1'000'000, 900'000, 1'000'000, 10'000},
                                    {1'000'000, 890'000, 1'000'000, 10'000});
    EXPECT_GT(small.approvals.z_milli, rules().z_milli);
    EXPECT_NE(small.step, CanaryStep::roll_back) << "one per cent is allowed";
    const auto few = judge_canary(rules(), {200, 180, 200, 2}, {200, 168, 200, 2});
    EXPECT_EQ(few.step, CanaryStep::go_on) << "six per cent, of 200";
    EXPECT_EQ(few.reason, CanaryReason::unclear);
}

TEST(Canary, TooFewProveNothing) {
    const auto none = judge_canary(rules(), {}, {});
    EXPECT_EQ(none.step, CanaryStep::go_on);
    EXPECT_EQ(none.reason, CanaryReason::too_few);
    const auto one_side = judge_canary(rules(), {100'000, 90'000, 100'000, 0}, {199, 0, 199, 199});
    EXPECT_EQ(one_side.reason, CanaryReason::too_few);
    EXPECT_GT(one_side.approvals.z_milli, 10'000) << "it is told all the same";
    const auto no_attestations =
        judge_canary(rules(), {100'000, 90'000, 100'000, 0}, {100'000, 90'000, 0, 0});
    EXPECT_EQ(no_attestations.reason, CanaryReason::too_few);
}

TEST(Canary, WhatIsShownToBeAsGoodIsPromoted) {
    const GroupCounts others{100'000, 90'000, 100'000, 1'000};
    EXPECT_EQ(judge_canary(rules(), others, {5'000, 4'500, 5'000, 50}).step, CanaryStep::promote);
    EXPECT_EQ(judge_canary(rules(), others, {300, 270, 300, 3}).reason, CanaryReason::unclear)
        << "as good as far as seen, and not far enough";
    EXPECT_EQ(judge_canary(rules(), {1'000, 1'000, 1'000, 0}, {1'000, 1'000, 1'000, 0}).step,
              CanaryStep::promote);
}

TEST(Canary, LargeCountsOverflowNothing) {
    constexpr std::uint64_t many = std::uint64_t{1} << 60U;
    const auto verdict = judge_canary(rules(), {many, many / 10 * 9, many, many / 100},
                                      {many, many / 10 * 8, many, many / 100});
    EXPECT_EQ(verdict.step, CanaryStep::roll_back);
    EXPECT_EQ(verdict.approvals.others_per_mille, 899U);
}

std::uint64_t draw(softpos::testing::Prng& random, unsigned of, unsigned per_mille) {
    std::uint64_t hits = 0;
    for (unsigned i = 0; i < of; ++i) hits += random.below(1000) < per_mille ? 1U : 0U;
    return hits;
}

// 400 trials of nothing, and 400 of something that declines one payment more in ten.
TEST(Canary, FalseAlarmsAreRareAndRealOnesAreFound) {
    auto random = softpos::testing::Prng::from_environment();
    unsigned false_alarms = 0, found = 0, promoted_bad = 0;
    for (int trial = 0; trial < 400; ++trial) {
        const GroupCounts others{4'000, draw(random, 4'000, 900), 4'000, 40};
        const GroupCounts same{1'000, draw(random, 1'000, 900), 1'000, 10};
        const GroupCounts worse{1'000, draw(random, 1'000, 800), 1'000, 10};
        false_alarms += judge_canary(rules(), others, same).step == CanaryStep::roll_back ? 1U : 0U;
        const auto bad = judge_canary(rules(), others, worse).step;
        found += bad == CanaryStep::roll_back ? 1U : 0U;
        promoted_bad += bad == CanaryStep::promote ? 1U : 0U;
    }
    EXPECT_LE(false_alarms, 4U) << "seed " << random.seed();
    EXPECT_GE(found, 396U) << "seed " << random.seed();
    EXPECT_EQ(promoted_bad, 0U) << "seed " << random.seed();
}

}  // namespace
}  // namespace softpos::monitor
