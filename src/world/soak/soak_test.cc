// Some days of a simulated world, each with everything that can go wrong.
#include "world/soak/soak.h"

#include <gtest/gtest.h>

namespace softpos::soak {
namespace {

std::string told(const SoakReport& report) {
    std::string text = report.failure;
    for (const std::string& note : report.last_notes) text += "\n" + note;
    return text;
}

class Soak : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Soak, EveryTradeEndsAndEveryFenIsFound) {
    const auto report = run_soak({.seed = GetParam(), .days = 3});
    ASSERT_TRUE(report) << report.error().what.c_str();
    EXPECT_EQ(report->failure, "") << told(*report);
    EXPECT_EQ(report->days, 3U);
    EXPECT_GT(report->payments, 10U);
    EXPECT_GT(report->wallet_payments, 5U);
    EXPECT_GT(report->paid_out_minor, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Soak, ::testing::Range<std::uint64_t>(1, 7));

TEST(SoakRuns, TheSameSeedIsTheSameWorld) {
    const auto one = run_soak({.seed = 11, .days = 1});
    const auto two = run_soak({.seed = 11, .days = 1});
    const auto other = run_soak({.seed = 12, .days = 1});
    ASSERT_TRUE(one && two && other);
    EXPECT_EQ(one->digest, two->digest);
    EXPECT_EQ(one->events, two->events);
    EXPECT_NE(one->digest, other->digest);
}

TEST(SoakRuns, AFenThatIsMissingIsFound) {
    const auto report = run_soak({.seed = 2, .days = 2, .stolen_minor = 1});
    ASSERT_TRUE(report) << report.error().what.c_str();
    EXPECT_TRUE(report->failure.starts_with("cardholders have paid ")) << report->failure;
    EXPECT_EQ(report->days, 0U);
    EXPECT_FALSE(report->last_notes.empty());
}

TEST(SoakRuns, WithoutFaultsNothingIsRefused) {
    const auto report = run_soak({.seed = 3, .days = 1, .faults = Faults::none()});
    ASSERT_TRUE(report) << report.error().what.c_str();
    EXPECT_EQ(report->failure, "") << told(*report);
    EXPECT_EQ(report->crashes, 0U);
    EXPECT_GT(report->approved, 10U);
}

}  // namespace
}  // namespace softpos::soak
