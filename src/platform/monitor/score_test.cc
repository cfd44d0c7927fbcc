// Points: how they halve, what adds to them, and that nobody makes them go sooner.
#include "platform/monitor/score.h"

#include "platform/monitor/monitor_test_data.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <array>

namespace softpos::monitor {
namespace {

using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;
using testing::after_s;
using testing::start;

constexpr std::uint32_t half_life_s = 3600;

Policy flat(std::uint32_t weight) {
    Policy policy;
    for (auto& of_code : policy.rules) {
        for (auto& rule : of_code) {
            rule.weight = weight;
            rule.half_life_s = half_life_s;
        }
    }
    return policy;
}

const Finding adb{FindingCode::adb, TrustClass::app, 0};
const Finding gap{FindingCode::gap, TrustClass::server, 0};

TEST(Score, WholeHalfLivesAreExact) {
    std::uint64_t left = 4'000'000;
    for (std::int64_t n = 0; n <= 22; ++n) {
        EXPECT_EQ(decayed(4'000'000, 60, n * 60'000), left) << n;
        left /= 2;
    }
    EXPECT_EQ(decayed(milli_points_max, 60, 40 * 60'000), 0U);
    EXPECT_EQ(decayed(milli_points_max, half_life_seconds_max, INT64_MAX), 0U);
}

// 2^(-k/12) of a million, rounded: the twelve steps of an octave, computed elsewhere.
TEST(Score, PartsOfAHalfLifeAreWithinATenThousandth) {
    constexpr std::array<std::uint64_t, 13> octave = {1'000'000, 943'874, 890'899, 840'896, 793'701,
                                                      749'154,   707'107, 667'420, 629'961, 594'604,
                                                      561'231,   529'732, 500'000};
    for (std::size_t k = 0; k < octave.size(); ++k) {
        const std::uint64_t left = decayed(1'000'000, 1200, static_cast<std::int64_t>(k) * 100'000);
        const std::uint64_t off = left > octave[k] ? left - octave[k] : octave[k] - left;
        EXPECT_LE(off, 100U) << k << ": " << left;
    }
}

TEST(Score, NothingDecaysWithoutAHalfLifeNorBackwards) {
    EXPECT_EQ(decayed(100'000, 0, INT64_MAX), 100'000U);
    EXPECT_EQ(decayed(100'000, 60, 0), 100'000U);
    EXPECT_EQ(decayed(100'000, 60, -1), 100'000U);
    EXPECT_EQ(decayed(100'000, 60, INT64_MIN), 100'000U);
}

TEST(Score, PointsNeverGrowByWaiting) {
    auto random = softpos::testing::Prng::from_environment();
    for (int round = 0; round < 200; ++round) {
        const std::uint64_t points = random.below(unsigned{milli_points_max}) + 1;
        const std::uint32_t half_life = random.below(100'000) + 1;
        std::uint64_t last = points;
        std::int64_t at_ms = 0;
        for (int i = 0; i < 200; ++i) {
            at_ms += random.below(half_life * 100);
            const std::uint64_t left = decayed(points, half_life, at_ms);
            ASSERT_LE(left, last) << "seed " << random.seed() << " round " << round << " at "
                                  << at_ms;
            last = left;
        }
    }
}

TEST(Score, AStandingFindingCountsOnceAndAnEventEachTime) {
    const Policy policy = flat(10);
    auto items = scored(policy, {}, std::array{adb, gap}, start);
    items = scored(policy, items, std::array{adb, gap}, start);
    EXPECT_EQ(score_of(policy, items, start), 30U);
}

TEST(Score, EventsHaveACeiling) {
    const Policy policy = flat(weight_max);
    std::vector<ScoreItem> items;
    for (int i = 0; i < 10; ++i) items = scored(policy, items, std::array{gap}, start);
    EXPECT_EQ(items.at(0).milli_points, milli_points_max);
}

// Each message would round a little away, and a phone that chatters would be clean the sooner.
TEST(Score, ManyMessagesWashNothingAway) {
    const Policy policy = flat(30);
    const auto once = scored(policy, {}, std::array{adb}, start);
    auto often = once;
    for (std::int64_t s = 1; s <= half_life_s; ++s) often = scored(policy, often, {}, after_s(s));
    EXPECT_EQ(often, once);
    EXPECT_EQ(score_of(policy, often, after_s(half_life_s)), 15U);
}

TEST(Score, AClockThatIsSetBackNeitherGrowsNorAgesPoints) {
    const Policy policy = flat(10);
    auto items = scored(policy, {}, std::array{gap}, after_s(1000));
    items = scored(policy, items, std::array{gap}, start);
    EXPECT_EQ(score_of(policy, items, start), 20U);
    EXPECT_EQ(score_of(policy, items, after_s(1000)), 20U) << "they are of the later time";
    EXPECT_EQ(score_of(policy, items, after_s(1000 + half_life_s)), 10U);
}

TEST(Score, WhatHasDecayedToNothingIsForgotten) {
    const Policy policy = flat(10);
    const auto items = scored(policy, {}, std::array{adb, gap}, start);
    EXPECT_EQ(items.size(), 2U);
    EXPECT_TRUE(scored(policy, items, {}, after_s(41LL * half_life_s)).empty());
}

TEST(Score, OfOneCodeTheClassThatWeighsMostCounts) {
    Policy policy = flat(10);
    policy
        .rules[static_cast<std::size_t>(FindingCode::adb) - 1]
              [static_cast<std::size_t>(TrustClass::core) - 1]
        .weight = 25;
    const Finding by_core{FindingCode::adb, TrustClass::core, 0};
    const auto items = scored(policy, {}, std::array{by_core, adb, gap}, start);
    EXPECT_EQ(score_of(policy, items, start), 35U);
    EXPECT_EQ(score_without_app(policy, items, start), 35U);
    const auto said = scored(policy, {}, std::array{adb}, start);
    EXPECT_EQ(score_of(policy, said, start), 10U);
    EXPECT_EQ(score_without_app(policy, said, start), 0U);
}

TEST(Score, ItemsAreSortedWhateverTheOrderOfFindings) {
    const Policy policy = flat(10);
    EXPECT_EQ(scored(policy, {}, std::array{adb, gap}, start),
              scored(policy, {}, std::array{gap, adb}, start));
}

}  // namespace
}  // namespace softpos::monitor
