// Answers in time, late, twice and to nothing; and that memory is bounded.
#include "platform/channel/answer_matcher.h"

#include "platform/channel/channel_test_data.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <set>

namespace softpos::channel {
namespace {

using codec::cup_pos;
using codec::IsoMessage;

Id128 id(std::uint8_t number) {
    Id128 made;
    made.bytes[0] = number;
    return made;
}

class Matcher : public ::testing::Test {
protected:
    const IsoMessage& request(std::uint32_t trace) {
        CHECK(build_echo(terminal(), trace, request_).has_value());
        return request_;
    }
    const IsoMessage& answer(std::uint32_t trace) {
        set_fields(answer_, answer_to(request(trace), {{39, "00"}}));
        return answer_;
    }
    Arrival arrival(std::uint32_t trace) { return matcher_.match(answer(trace)).value().arrival; }

    IsoMessage request_{cup_pos()};
    IsoMessage answer_{cup_pos()};
    AnswerMatcher matcher_{{.pending_max = 3, .remembered_max = 4}};
};

TEST_F(Matcher, AnAnswerFindsItsRequest) {
    ASSERT_TRUE(matcher_.add(request(1), id(1), {100}));
    ASSERT_TRUE(matcher_.add(request(2), id(2), {100}));
    const auto matched = matcher_.match(answer(2)).value();
    EXPECT_EQ(matched.arrival, Arrival::answer);
    EXPECT_EQ(matched.request->reference, id(2));
    EXPECT_EQ(matched.request->expected.mti, "0830");
    EXPECT_EQ(matcher_.pending(), 1U);
}

TEST_F(Matcher, ASecondAnswerIsADuplicate) {
    ASSERT_TRUE(matcher_.add(request(1), id(1), {100}));
    EXPECT_EQ(arrival(1), Arrival::answer);
    const auto again = matcher_.match(answer(1)).value();
    EXPECT_EQ(again.arrival, Arrival::duplicate);
    EXPECT_EQ(again.request->reference, id(1));
}

TEST_F(Matcher, AnAnswerBehindTheDeadlineIsLateOnce) {
    ASSERT_TRUE(matcher_.add(request(1), id(1), {100}));
    EXPECT_TRUE(matcher_.expire({99}).empty());
    EXPECT_EQ(matcher_.expire({100}).at(0).reference, id(1));
    EXPECT_EQ(arrival(1), Arrival::late);
    EXPECT_EQ(arrival(1), Arrival::duplicate);
}

TEST_F(Matcher, AnAnswerToNothingIsUnknown) {
    const auto matched = matcher_.match(answer(9)).value();
    EXPECT_EQ(matched.arrival, Arrival::unknown);
    EXPECT_FALSE(matched.request);
    answer_.clear(41);
    EXPECT_EQ(matcher_.match(answer_).error().kind, ErrorKind::malformed);
}

TEST_F(Matcher, OneKeyIsOnItsWayOnce) {
    ASSERT_TRUE(matcher_.add(request(1), id(1), {100}));
    EXPECT_EQ(matcher_.add(request(1), id(2), {100}).error().kind, ErrorKind::conflict);
    matcher_.withdraw(request(1));
    EXPECT_EQ(arrival(1), Arrival::unknown);
    EXPECT_TRUE(matcher_.add(request(1), id(2), {100}));
}

// A reversal is sent again under the same trace; its answer is an answer, not a duplicate.
TEST_F(Matcher, ARepeatedRequestIsANewOne) {
    ASSERT_TRUE(matcher_.add(request(1), id(1), {100}));
    matcher_.expire({100});
    ASSERT_TRUE(matcher_.add(request(1), id(1), {200}));
    EXPECT_EQ(arrival(1), Arrival::answer);
}

TEST_F(Matcher, BothMemoriesAreBounded) {
    for (std::uint32_t trace = 1; trace <= 3; ++trace) {
        ASSERT_TRUE(matcher_.add(request(trace), id(1), {100}));
    }
    EXPECT_EQ(matcher_.add(request(4), id(1), {100}).error().kind, ErrorKind::denied);
    matcher_.expire({100});
    for (std::uint32_t trace = 4; trace <= 6; ++trace) {
        ASSERT_TRUE(matcher_.add(request(trace), id(1), {200}));
    }
    matcher_.expire({200});
    EXPECT_EQ(arrival(2), Arrival::unknown);  // Forgotten: only four are remembered.
    EXPECT_EQ(arrival(3), Arrival::late);
    EXPECT_EQ(arrival(6), Arrival::late);
}

TEST_F(Matcher, DeadlinesComeInOrder) {
    EXPECT_FALSE(matcher_.next_deadline());
    ASSERT_TRUE(matcher_.add(request(1), id(1), {300}));
    ASSERT_TRUE(matcher_.add(request(2), id(2), {100}));
    EXPECT_EQ(matcher_.next_deadline()->unix_ms, 100);
    const auto expired = matcher_.expire({1'000});
    EXPECT_EQ(expired.at(0).reference, id(2));
    EXPECT_EQ(expired.at(1).reference, id(1));
}

// Each request ends exactly once: answered, expired or withdrawn.
TEST(AnswerMatcher, EachRequestEndsOnce) {
    auto prng = testing::Prng::from_environment();
    AnswerMatcher matcher({.pending_max = 50, .remembered_max = 20});
    IsoMessage request(cup_pos());
    IsoMessage answer(cup_pos());
    std::set<std::string> open;  // Traces.
    for (int step = 0; step < 4'000; ++step) {
        ASSERT_TRUE(build_echo(terminal(), 1 + prng.below(60), request));
        const std::string trace(*request.text(11));
        switch (prng.below(4)) {
            case 0: {
                const bool added = matcher.add(request, {}, {step + 100}).has_value();
                ASSERT_EQ(added, !open.contains(trace) && open.size() < 50);
                if (added) open.insert(trace);
                break;
            }
            case 1: {
                set_fields(answer, answer_to(request, {{39, "00"}}));
                const bool was_open = open.erase(trace) == 1;
                ASSERT_EQ(matcher.match(answer).value().arrival == Arrival::answer, was_open)
                    << "SEED=" << prng.seed();
                break;
            }
            case 2:
                matcher.withdraw(request);
                open.erase(trace);
                break;
            default:
                for (const auto& expired : matcher.expire({step})) {
                    ASSERT_EQ(open.erase(expired.expected.trace), 1U);
                }
                break;
        }
        ASSERT_EQ(matcher.pending(), open.size()) << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::channel
