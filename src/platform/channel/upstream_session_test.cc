// Every event in every state of a terminal's session.
#include "platform/channel/upstream_session.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::channel {
namespace {

constexpr Instant start{1'000'000};

CupAnswer good_answer() {
    CupAnswer answer;
    answer.klass = AnswerClass::approve;
    answer.batch = 25;
    answer.keys = Buffer(40, 0x5A);
    return answer;
}

Instant later(std::int64_t ms) {
    return {start.unix_ms + ms};
}

void sign_in(UpstreamSession& session) {
    ASSERT_TRUE(session.begin_sign_in(1, start));
    ASSERT_TRUE(session.answered(1, good_answer(), start));
    ASSERT_TRUE(session.keys_loaded());
}

TEST(UpstreamSession, SignsInAndPays) {
    UpstreamSession session;
    EXPECT_TRUE(session.wants_sign_in(start));
    EXPECT_FALSE(session.may_pay());
    ASSERT_TRUE(session.begin_sign_in(7, start));
    EXPECT_FALSE(session.wants_sign_in(start));
    const CupAnswer answer = good_answer();
    EXPECT_EQ(session.answered(7, answer, start).value().pin_key.cryptogram.size(), 16U);
    EXPECT_FALSE(session.may_pay());  // The vault has not loaded the keys yet.
    EXPECT_EQ(session.batch(), 0U);
    ASSERT_TRUE(session.keys_loaded());
    EXPECT_TRUE(session.may_pay());
    EXPECT_EQ(session.batch(), 25U);
}

TEST(UpstreamSession, OnlyTheAnswerToThisSignInCounts) {
    UpstreamSession session;
    EXPECT_EQ(session.answered(7, good_answer(), start).error().kind, ErrorKind::conflict);
    EXPECT_EQ(session.keys_loaded().error().kind, ErrorKind::conflict);
    ASSERT_TRUE(session.begin_sign_in(7, start));
    EXPECT_FALSE(session.begin_sign_in(8, start));
    EXPECT_EQ(session.answered(6, good_answer(), start).error().kind, ErrorKind::conflict);
    ASSERT_TRUE(session.answered(7, good_answer(), start));
    EXPECT_EQ(session.answered(7, good_answer(), start).error().kind, ErrorKind::conflict);
    ASSERT_TRUE(session.keys_loaded());
    EXPECT_FALSE(session.keys_loaded());
}

TEST(UpstreamSession, RefusedOrEmptyAnswersDoNotSignIn) {
    CupAnswer refused = good_answer();
    refused.klass = AnswerClass::decline_final;
    CupAnswer no_batch = good_answer();
    no_batch.batch = 0;
    CupAnswer no_keys = good_answer();
    no_keys.keys.resize(104);
    for (const CupAnswer& answer : {refused, no_batch, no_keys}) {
        UpstreamSession session;
        ASSERT_TRUE(session.begin_sign_in(1, start));
        EXPECT_FALSE(session.answered(1, answer, start));
        EXPECT_EQ(session.state(), SessionState::needs_sign_in);
        EXPECT_FALSE(session.wants_sign_in(start));  // Not at once.
        EXPECT_TRUE(session.wants_sign_in(later(5'000)));
    }
}

TEST(UpstreamSession, SilenceEndsASignIn) {
    UpstreamSession session;
    EXPECT_FALSE(session.tick(start));
    ASSERT_TRUE(session.begin_sign_in(1, start));
    EXPECT_FALSE(session.tick(later(29'999)));
    EXPECT_TRUE(session.tick(later(30'000)));
    EXPECT_FALSE(session.tick(later(30'000)));
    EXPECT_EQ(session.answered(1, good_answer(), later(30'001)).error().kind, ErrorKind::conflict);
}

TEST(UpstreamSession, FailedSignInsGrowRarer) {
    UpstreamSession session;
    Instant now = start;
    std::int64_t pause = 5'000;
    for (int round = 0; round < 40; ++round) {
        ASSERT_TRUE(session.begin_sign_in(1, now)) << round;
        session.failed(now);
        EXPECT_FALSE(session.wants_sign_in({now.unix_ms + pause - 1})) << round;
        now.unix_ms += pause;
        ASSERT_TRUE(session.wants_sign_in(now)) << round;
        pause = std::min<std::int64_t>(pause * 2, 300'000);
    }
    ASSERT_TRUE(session.begin_sign_in(1, now));
    ASSERT_TRUE(session.answered(1, good_answer(), now));
    ASSERT_TRUE(session.keys_loaded());
    session.saw(AnswerClass::re_sign_in);
    EXPECT_TRUE(session.wants_sign_in(now));  // A success forgets the failures.
}

TEST(UpstreamSession, TheNetworkEndsIt) {
    for (const AnswerClass klass :
         {AnswerClass::approve, AnswerClass::decline_final, AnswerClass::capture,
          AnswerClass::retry_later, AnswerClass::duplicate, AnswerClass::re_enter_pin}) {
        UpstreamSession session;
        sign_in(session);
        session.saw(klass);
        EXPECT_TRUE(session.may_pay());
    }
    UpstreamSession session;
    session.saw(AnswerClass::re_sign_in);
    EXPECT_EQ(session.state(), SessionState::signed_out);
    sign_in(session);
    session.saw(AnswerClass::re_sign_in);
    EXPECT_EQ(session.state(), SessionState::needs_sign_in);
    EXPECT_EQ(session.batch(), 25U);  // Reversals still belong to it.
    session.saw(AnswerClass::re_sign_in);
    EXPECT_TRUE(session.wants_sign_in(start));
}

TEST(UpstreamSession, ClosingEndsIt) {
    UpstreamSession session;
    sign_in(session);
    session.close();
    EXPECT_EQ(session.state(), SessionState::signed_out);
    session.failed(start);  // Nothing under way: nothing fails.
    EXPECT_TRUE(session.wants_sign_in(start));
}

// Whatever happens in whatever order: paying needs a sign-in whose keys were loaded.
TEST(UpstreamSession, NeverPaysWithoutLoadedKeys) {
    auto prng = testing::Prng::from_environment();
    UpstreamSession session;
    Instant now = start;
    bool loaded = false;
    for (int step = 0; step < 20'000; ++step) {
        now.unix_ms += prng.below(20'000);
        const std::uint32_t trace = 1 + prng.below(3);
        switch (prng.below(7)) {
            case 0:
                (void)session.begin_sign_in(trace, now);
                break;
            case 1:
                (void)session.answered(trace, good_answer(), now);
                break;
            case 2:
                loaded = session.keys_loaded().has_value() || loaded;
                break;
            case 3:
                session.failed(now);
                break;
            case 4:
                (void)session.tick(now);
                break;
            case 5:
                session.saw(AnswerClass::re_sign_in);
                break;
            default:
                session.close();
                break;
        }
        if (!session.may_pay()) loaded = false;
        ASSERT_EQ(session.may_pay(), loaded) << "SEED=" << prng.seed() << " step " << step;
        ASSERT_TRUE(!session.may_pay() || session.batch() != 0) << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::channel
