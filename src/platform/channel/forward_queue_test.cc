// Order within a terminal, none between terminals.
#include "platform/channel/forward_queue.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace softpos::channel {
namespace {

Id128 id(std::uint8_t number) {
    Id128 made;
    made.bytes[15] = number;
    return made;
}

TEST(ForwardQueue, GoesOldestFirstOneAtATime) {
    ForwardQueue queue;
    queue.add("T1", 20, id(2));
    queue.add("T1", 10, id(1));
    queue.add("T2", 30, id(3));
    EXPECT_EQ(queue.next("T1"), id(1));
    EXPECT_EQ(queue.next("T1"), std::nullopt) << "one is on its way";
    EXPECT_EQ(queue.next("T2"), id(3)) << "another terminal does not wait";
    EXPECT_TRUE(queue.done("T1", id(1)));
    EXPECT_EQ(queue.next("T1"), id(2));
    EXPECT_EQ(queue.size(), 2U);
}

TEST(ForwardQueue, WhatWasNotAnsweredStaysFirst) {
    ForwardQueue queue;
    queue.add("T1", 10, id(1));
    queue.add("T1", 20, id(2));
    ASSERT_EQ(queue.next("T1"), id(1));
    EXPECT_TRUE(queue.later("T1", id(1)));
    EXPECT_TRUE(queue.is_first("T1", id(1)));
    EXPECT_EQ(queue.next("T1"), id(1));
}

TEST(ForwardQueue, SameAgainChangesNothing) {
    ForwardQueue queue;
    queue.add("T1", 10, id(1));
    queue.add("T1", 10, id(1));
    queue.add("T1", 99, id(1));
    EXPECT_EQ(queue.size(), 1U);
    EXPECT_TRUE(queue.done("T1", id(1)));
    EXPECT_FALSE(queue.done("T1", id(1)));
    EXPECT_FALSE(queue.later("T1", id(1)));
    EXPECT_EQ(queue.next("T1"), std::nullopt);
    EXPECT_FALSE(queue.is_first("T1", id(1)));
}

TEST(ForwardQueue, DoneWithoutHavingLeftMakesRoomForNobodyElse) {
    ForwardQueue queue;
    queue.add("T1", 10, id(1));
    queue.add("T1", 20, id(2));
    queue.add("T1", 30, id(3));
    ASSERT_EQ(queue.next("T1"), id(1));
    EXPECT_TRUE(queue.done("T1", id(2)));
    EXPECT_EQ(queue.next("T1"), std::nullopt);
    EXPECT_TRUE(queue.done("T1", id(1)));
    EXPECT_EQ(queue.next("T1"), id(3));
}

// Whatever comes in between: what is finished was, within its terminal, finished in order, where
// everything was added before.
TEST(ForwardQueue, KeepsOrderThroughEveryRetry) {
    auto random = testing::Prng::from_environment();
    SCOPED_TRACE(random.seed());
    ForwardQueue queue;
    for (std::uint8_t i = 1; i <= 200; ++i) queue.add("T" + std::to_string(i % 5), i, id(i));
    std::map<std::string, std::uint8_t> last;
    while (queue.size() > 0) {
        const std::string terminal = "T" + std::to_string(random.below(5));
        const auto next = queue.next(terminal);
        if (!next) continue;
        if (random.below(3) == 0) {
            ASSERT_TRUE(queue.later(terminal, *next));
            continue;
        }
        ASSERT_TRUE(queue.done(terminal, *next));
        EXPECT_GT(next->bytes[15], last[terminal]);
        last[terminal] = next->bytes[15];
    }
}

}  // namespace
}  // namespace softpos::channel
