// A line that is well, in doubt, given up, and back.
#include "platform/channel/link_watch.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::channel {
namespace {

constexpr LinkWatchLimits limits{.idle_ms = 1'000, .answer_ms = 100, .misses_max = 2};

Ticks at(std::int64_t ms) {
    return {ms * 1000};
}

LinkWatch connected() {
    LinkWatch watch(limits);
    watch.connected(at(0));
    return watch;
}

TEST(LinkWatch, AsksNothingOfALineThatIsDown) {
    LinkWatch watch(limits);
    EXPECT_EQ(watch.health(), LinkHealth::down);
    EXPECT_FALSE(watch.wants_echo(at(10'000)));
    watch.heard(at(1));
    watch.echo_sent(at(2));
    EXPECT_EQ(watch.health(), LinkHealth::down) << "a frame of a line that is gone";
    EXPECT_FALSE(watch.tick(at(20'000)));
}

TEST(LinkWatch, AsksOnlyAfterQuiet) {
    LinkWatch watch = connected();
    EXPECT_FALSE(watch.wants_echo(at(999)));
    EXPECT_TRUE(watch.wants_echo(at(1'000)));
    watch.heard(at(900));
    EXPECT_FALSE(watch.wants_echo(at(1'899)));
    EXPECT_TRUE(watch.wants_echo(at(1'900)));
}

TEST(LinkWatch, AnAnswerMakesItWellAgain) {
    LinkWatch watch = connected();
    watch.echo_sent(at(1'000));
    EXPECT_FALSE(watch.wants_echo(at(1'050))) << "one at a time";
    EXPECT_FALSE(watch.tick(at(1'099)));
    EXPECT_EQ(watch.health(), LinkHealth::well);
    EXPECT_FALSE(watch.tick(at(1'100)));
    EXPECT_EQ(watch.health(), LinkHealth::doubtful);
    EXPECT_TRUE(watch.wants_echo(at(1'100))) << "asked again at once";
    watch.echo_sent(at(1'100));
    watch.heard(at(1'150));
    EXPECT_EQ(watch.health(), LinkHealth::well);
    EXPECT_FALSE(watch.tick(at(5'000)));
}

TEST(LinkWatch, MissesInARowEndIt) {
    LinkWatch watch = connected();
    watch.echo_sent(at(1'000));
    EXPECT_FALSE(watch.tick(at(1'100)));
    watch.echo_sent(at(1'100));
    EXPECT_TRUE(watch.tick(at(1'200)));
    EXPECT_EQ(watch.health(), LinkHealth::down);
    EXPECT_FALSE(watch.tick(at(1'300))) << "said once";
    watch.connected(at(2'000));
    watch.echo_sent(at(3'000));
    EXPECT_FALSE(watch.tick(at(3'100))) << "it counts from the start again";
}

// A peer that takes connections and says nothing must not be believed well again and again.
TEST(LinkWatch, WhatWasSilentIsInDoubtUntilItSpeaks) {
    LinkWatch watch = connected();
    watch.echo_sent(at(1'000));
    ASSERT_FALSE(watch.tick(at(1'100)));
    watch.echo_sent(at(1'100));
    ASSERT_TRUE(watch.tick(at(1'200)));
    watch.disconnected();  // As the link says it, too.
    watch.connected(at(2'000));
    EXPECT_EQ(watch.health(), LinkHealth::doubtful);
    EXPECT_TRUE(watch.wants_echo(at(2'000))) << "asked at once";
    watch.echo_sent(at(2'000));
    watch.heard(at(2'050));
    EXPECT_EQ(watch.health(), LinkHealth::well);
    watch.disconnected();  // A line that was merely cut comes back as it was.
    watch.connected(at(3'000));
    EXPECT_EQ(watch.health(), LinkHealth::well);
}

TEST(LinkWatch, WaitsWhereNobodyCanBeAskedFor) {
    LinkWatch watch = connected();
    ASSERT_TRUE(watch.wants_echo(at(1'000)));
    watch.cannot_ask(at(1'000));
    EXPECT_FALSE(watch.wants_echo(at(1'999)));
    EXPECT_EQ(watch.health(), LinkHealth::well);
}

// Whatever happens: a line is given up only after as many misses as allowed with nothing heard.
TEST(LinkWatch, NeverGivesUpALineThatTalks) {
    auto random = testing::Prng::from_environment();
    SCOPED_TRACE(random.seed());
    LinkWatch watch = connected();
    std::int64_t now = 0;
    unsigned echoes_since_heard = 0;
    for (int i = 0; i < 20'000; ++i) {
        now += random.below(80);
        if (random.below(20) == 0) {
            watch.heard(at(now));
            echoes_since_heard = 0;
        }
        if (watch.wants_echo(at(now))) {
            watch.echo_sent(at(now));
            ++echoes_since_heard;
        }
        if (watch.tick(at(now))) {
            EXPECT_GE(echoes_since_heard, limits.misses_max);
            watch.connected(at(now));
            echoes_since_heard = 0;
        }
    }
}

}  // namespace
}  // namespace softpos::channel
