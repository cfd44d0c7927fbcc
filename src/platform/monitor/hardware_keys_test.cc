// What hardware counts goes up, whatever order messages are judged in.
#include "platform/monitor/hardware_keys.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace softpos::monitor {
namespace {

using attest::Outcome;
using attest::Verdict;
using protocol::EvidenceKind;

Verdict apple(std::uint32_t counter, std::uint8_t key = 1) {
    Verdict verdict;
    verdict.kind = EvidenceKind::app_attest;
    verdict.outcome = Outcome::pass;
    verdict.device_key = Buffer(91, key);
    verdict.counter = counter;
    return verdict;
}

Verdict tpm(std::uint32_t resets) {
    Verdict verdict;
    verdict.kind = EvidenceKind::tpm_quote;
    verdict.outcome = Outcome::pass;
    verdict.tpm = attest::TpmState{Buffer(34, 2), resets, 0};
    return verdict;
}

TEST(HardwareKeys, OnlyWhatPassedIsPinned) {
    std::array<Verdict, 2> verdicts{apple(0), tpm(5)};
    const HardwareKeys keys = keys_of(verdicts);
    EXPECT_EQ(keys.apple_key, Buffer(91, 1));
    EXPECT_EQ(keys.tpm_name, Buffer(34, 2));
    EXPECT_EQ(keys.tpm_resets, 5U);
    verdicts[0].outcome = Outcome::fail;
    verdicts[1].outcome = Outcome::review;
    EXPECT_EQ(keys_of(verdicts), HardwareKeys{});
}

// Shows: A10
TEST(HardwareKeys, ACounterThatWasThereBeforeFailsAlsoWithinOneMessage) {
    HardwareKeys keys = keys_of(std::array{apple(4)});
    const auto judged = [&keys](Verdict verdict) {
        std::array one{std::move(verdict)};
        hold_to_keys(one, keys);
        note_counters(one, keys);
        return std::string(one[0].reason);
    };
    EXPECT_EQ(judged(apple(4)), "COUNTER");
    EXPECT_EQ(judged(apple(5)), "");
    EXPECT_EQ(judged(apple(5)), "COUNTER");
    EXPECT_EQ(judged(apple(6, 9)), "KEY_MISMATCH");
    EXPECT_EQ(keys.apple_counter, 5U);
    std::array two{apple(6), apple(6)};
    hold_to_keys(two, keys);
    EXPECT_EQ(two[0].outcome, Outcome::pass);
    EXPECT_EQ(two[1].reason, "COUNTER");
    ASSERT_EQ(two[1].findings.size(), 1U);
    EXPECT_EQ(two[1].findings[0].code, protocol::FindingCode::replay);
}

TEST(HardwareKeys, ATpmThatForgotItsStartsFails) {
    HardwareKeys keys = keys_of(std::array{tpm(3)});
    std::array same{tpm(3)}, more{tpm(8)}, fewer{tpm(2)};
    hold_to_keys(same, keys);
    EXPECT_EQ(same[0].outcome, Outcome::pass);
    hold_to_keys(more, keys);
    note_counters(more, keys);
    EXPECT_EQ(keys.tpm_resets, 8U);
    hold_to_keys(fewer, keys);
    EXPECT_EQ(fewer[0].reason, "RESETS");
    note_counters(fewer, keys);
    EXPECT_EQ(keys.tpm_resets, 8U);
}

TEST(HardwareKeys, CountersNeverFallAndNoneServesTwice) {
    auto random = softpos::testing::Prng::from_environment();
    HardwareKeys keys = keys_of(std::array{apple(0)});
    std::vector<std::uint32_t> taken;
    for (int round = 0; round < 2000; ++round) {
        std::array one{apple(random.below(500))};
        const std::uint32_t before = keys.apple_counter;
        hold_to_keys(one, keys);
        note_counters(one, keys);
        ASSERT_GE(keys.apple_counter, before) << "SEED=" << random.seed();
        if (one[0].outcome != Outcome::pass) continue;
        ASSERT_EQ(std::ranges::find(taken, one[0].counter), taken.end()) << random.seed();
        taken.push_back(one[0].counter);
    }
}

}  // namespace
}  // namespace softpos::monitor
