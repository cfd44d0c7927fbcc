// Fault scripts: what they say, and when a fault is due.
#include "world/card/card_faults.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::card {
namespace {

TEST(CardFaults, EmptyScriptHasNone) {
    EXPECT_TRUE(CardFaults::parse("").value().empty());
    EXPECT_TRUE(CardFaults::parse("   ").value().empty());
}

TEST(CardFaults, FaultIsDueAtItsStepOnly) {
    auto faults = CardFaults::parse("sw@3=6F00").value();
    EXPECT_FALSE(faults.take(FaultKind::sw, 2));
    EXPECT_FALSE(faults.take(FaultKind::leave, 3));
    EXPECT_EQ(faults.take(FaultKind::sw, 3), 0x6F00U);
    EXPECT_EQ(faults.take(FaultKind::sw, 3), 0x6F00U);  // On every tap.
}

TEST(CardFaults, FaultHappensAsOftenAsItSays) {
    auto faults = CardFaults::parse("leave@2*2").value();
    EXPECT_TRUE(faults.take(FaultKind::leave, 2));
    EXPECT_TRUE(faults.take(FaultKind::leave, 2));
    EXPECT_FALSE(faults.take(FaultKind::leave, 2));
    EXPECT_TRUE(faults.empty());
}

TEST(CardFaults, SeePhoneHappensOnce) {
    auto faults = CardFaults::parse("see-phone").value();
    EXPECT_TRUE(faults.take(FaultKind::see_phone, 3));
    EXPECT_FALSE(faults.take(FaultKind::see_phone, 3));
    EXPECT_TRUE(CardFaults::parse("see-phone*2").value().take(FaultKind::see_phone, 1));
}

TEST(CardFaults, SeveralFaultsOfAKindFollowEachOther) {
    auto faults = CardFaults::parse("slow@3=100*1  slow@3=200").value();
    EXPECT_EQ(faults.take(FaultKind::slow, 3), 100U);
    EXPECT_EQ(faults.take(FaultKind::slow, 3), 200U);
}

TEST(CardFaults, MissingTagIsForItsTag) {
    auto faults = CardFaults::parse("missing-tag=9F10 missing-tag@2=57*1").value();
    EXPECT_TRUE(faults.takes_tag(0x9F10, 1));
    EXPECT_FALSE(faults.takes_tag(0x57, 1));
    EXPECT_TRUE(faults.takes_tag(0x57, 2));
    EXPECT_FALSE(faults.takes_tag(0x57, 2));
}

TEST(CardFaults, BrokenItemsAreRefusedWithTheirPlace) {
    for (const char* item : {"frobnicate",
                             "sw=6F00",
                             "sw@3",
                             "sw@3=",
                             "sw@3=10000",
                             "sw@0=6F00",
                             "sw@1001=6F00",
                             "sw@x=6F00",
                             "leave",
                             "leave@2=1",
                             "leave@2*0",
                             "leave@2*",
                             "leave@2*1x",
                             "slow@2=60001",
                             "slow@2=-1",
                             "truncate@2=256",
                             "tc=1",
                             "tc@",
                             "see-phone*1000001",
                             "sw@3=6F00@3"}) {
        const auto faults = CardFaults::parse(std::string("aac ") + item);
        ASSERT_FALSE(faults) << item;
        EXPECT_EQ(faults.error().at, 4U) << item;
    }
}

TEST(CardFaults, NumberOfItemsHasALimit) {
    std::string script;
    for (std::size_t i = 0; i < CardFaults::items_max; ++i) script += "tc ";
    EXPECT_TRUE(CardFaults::parse(script));
    EXPECT_EQ(CardFaults::parse(script + "tc").error().kind, ErrorKind::denied);
}

TEST(CardFaults, AnyTextIsAnswered) {
    auto prng = testing::Prng::from_environment();
    SCOPED_TRACE("SEED=" + std::to_string(prng.seed()));
    constexpr std::string_view letters = "sw@=*0369F leavtcr-g";
    for (int i = 0; i < 20'000; ++i) {
        std::string text;
        for (unsigned size = prng.below(24); size > 0; --size) {
            text += letters[prng.below(static_cast<unsigned>(letters.size()))];
        }
        [[maybe_unused]] const auto faults = CardFaults::parse(text);
    }
}

}  // namespace
}  // namespace softpos::card
