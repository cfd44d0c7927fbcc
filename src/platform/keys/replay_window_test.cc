// What a serial number may be used for again, and how far back.
#include "platform/keys/replay_window.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <map>

namespace softpos::keys {
namespace {

constexpr CardDigest one{1};
constexpr CardDigest two{2};

TEST(ReplayWindow, TheSameAgainIsARepeatAndAnotherIsNot) {
    ReplayWindow window;
    EXPECT_EQ(window.judge(5, one), ReplayVerdict::fresh);
    window.remember(5, one);
    EXPECT_EQ(window.judge(5, one), ReplayVerdict::repeated);
    EXPECT_EQ(window.judge(5, two), ReplayVerdict::reused);
    EXPECT_EQ(window.judge(4, two), ReplayVerdict::fresh) << "payments may come out of order";
    EXPECT_EQ(window.judge(0, two), ReplayVerdict::too_old);
}

TEST(ReplayWindow, WhatFallsOutTakesEverythingBelowAlong) {
    ReplayWindow window;
    const auto last = static_cast<std::uint32_t>(10 + ReplayWindow::entries_max);
    for (std::uint32_t counter = 10; counter <= last; ++counter) window.remember(counter, one);
    EXPECT_EQ(window.floor(), 10U);
    EXPECT_EQ(window.entries().size(), ReplayWindow::entries_max);
    EXPECT_EQ(window.judge(10, one), ReplayVerdict::too_old);
    EXPECT_EQ(window.judge(9, two), ReplayVerdict::too_old);
    EXPECT_EQ(window.judge(11, one), ReplayVerdict::repeated);
}

TEST(ReplayWindow, RememberingChangesNoUsedNumber) {
    ReplayWindow window;
    window.remember(5, one);
    window.remember(5, two);
    EXPECT_EQ(window.judge(5, one), ReplayVerdict::repeated);
    EXPECT_EQ(window.entries().size(), 1U);
}

// Whatever comes in whatever order: no number is ever fresh twice.
TEST(ReplayWindow, NoNumberIsFreshTwice) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 200; ++round) {
        ReplayWindow window;
        std::map<std::uint32_t, CardDigest> used;
        for (int i = 0; i < 200; ++i) {
            const std::uint32_t counter = 1 + prng.below(80);
            const CardDigest digest{static_cast<std::uint8_t>(prng.below(3))};
            const auto verdict = window.judge(counter, digest);
            if (verdict == ReplayVerdict::fresh) {
                ASSERT_FALSE(used.contains(counter)) << "SEED=" << prng.seed();
                used[counter] = digest;
            }
            if (verdict == ReplayVerdict::repeated) {
                ASSERT_EQ(used.at(counter), digest) << "SEED=" << prng.seed();
            }
            window.remember(counter, digest);
            ASSERT_LE(window.entries().size(), ReplayWindow::entries_max);
        }
    }
}

}  // namespace
}  // namespace softpos::keys
