// Payments from the tap to the journal, over real sockets on both sides, with every way in which an
// answer can be missing.
#include "phone/device/phone_service.h"

#include "phone/device/device_test_support.h"

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace softpos::device {
namespace {

using testing::code_of;
using testing::key_of;
using testing::PlatformMood;
using testing::World;

class PhoneServiceTest : public ::testing::Test {
protected:
    void SetUp() override { world.start_enrolled(); }
    PaymentOutcome buy(std::uint8_t key, std::int64_t amount_minor = 1250) {
        return world.service->purchase(
            {.key = key_of(key), .amount_minor = amount_minor, .reference = "table 7"});
    }
    World world;
};

TEST_F(PhoneServiceTest, ApprovesAndTellsWhatItDid) {
    const auto payment = buy(1);
    ASSERT_TRUE(payment);
    EXPECT_EQ(payment->result, PaymentResult::approved);
    EXPECT_EQ(payment->idempotency_key, key_of(1).text());
    EXPECT_EQ(payment->reference, "table 7");
    EXPECT_EQ(world.platform.last_card(), to_hex(Buffer(40, 0xCD)));
    EXPECT_EQ(world.core.last_begin.amount_minor, 1250);
    EXPECT_EQ(world.core.last_prepare.amount_minor, 1250);
    EXPECT_EQ(world.core.last_prepare.posture, world.posture.now);
    EXPECT_EQ(world.platform.last_permit(), Id128{{7}}.text()) << "the one the tap ran under";
    EXPECT_EQ(world.core.last_begin.trace, 1u);
    EXPECT_EQ(world.core.last_begin.date, china_time(world.clock.now()).yymmdd());
    std::vector<std::uint8_t> shown;
    for (const UiEvent& event : world.feed.after(0)) shown.push_back(event.message);
    EXPECT_EQ(shown, (std::vector<std::uint8_t>{0x15, 0x16, 0x17, 0x1B, 0x03}));
}

TEST_F(PhoneServiceTest, KeysAreReadableByTheOwnerOnly) {
    struct stat info {};
    ASSERT_EQ(::stat((world.state() + "/enrolment.json").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    ASSERT_EQ(::stat((world.state() + "/payments.journal").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(PhoneServiceTest, DeclinesOfIssuerAndPlatformAreFinal) {
    world.platform.mood = PlatformMood::decline;
    EXPECT_EQ(code_of(*buy(1)), "ISSUER_DECLINED");
    world.platform.mood = PlatformMood::refuse;
    const auto refused = buy(2);
    EXPECT_EQ(refused->result, PaymentResult::declined);
    EXPECT_EQ(code_of(*refused), "AMOUNT_OVER_LIMIT");
    EXPECT_EQ(world.service->payment(key_of(2).text())->result, PaymentResult::declined);
}

// Shows: A30
TEST_F(PhoneServiceTest, ALostAnswerIsFoundByTheStatus) {
    world.platform.mood = PlatformMood::take_and_lose;
    const auto payment = buy(1);
    EXPECT_EQ(payment->result, PaymentResult::approved);
    EXPECT_EQ(world.platform.posts, 1);
    EXPECT_GE(world.platform.queries, 1);
}

TEST_F(PhoneServiceTest, AnUnknownOutcomeStaysIndeterminateUntilThePlatformKnows) {
    world.platform.mood = PlatformMood::lose;
    const auto payment = buy(1);
    EXPECT_EQ(payment->result, PaymentResult::indeterminate);
    EXPECT_EQ(code_of(*payment), "SERVER_UNAVAILABLE");
    EXPECT_GT(world.pauses.count, 3);
    EXPECT_EQ(world.service->status().unresolved, 1u);
    EXPECT_EQ(buy(1)->result, PaymentResult::indeterminate);
    world.platform.book(key_of(1).text(), "purchase", 1250);
    EXPECT_EQ(world.service->resolve_open(), 0u);
    EXPECT_EQ(buy(1)->result, PaymentResult::approved);
    EXPECT_EQ(world.platform.posts, 1);
}

TEST_F(PhoneServiceTest, WhatThePlatformDoesNotKnowLongAfterwardsWasNeverTaken) {
    world.platform.mood = PlatformMood::lose;
    ASSERT_EQ(buy(1)->result, PaymentResult::indeterminate);
    EXPECT_EQ(world.service->resolve_open(), 1u);
    world.clock.advance(std::chrono::minutes(3));
    EXPECT_EQ(world.service->resolve_open(), 0u);
    EXPECT_EQ(world.service->last()->result, PaymentResult::declined);
    EXPECT_EQ(world.service->last()->state, "not_sent");
}

TEST_F(PhoneServiceTest, AStatusAboutAnotherAmountIsNotBelieved) {
    world.platform.mood = PlatformMood::lose;
    world.platform.book(key_of(1).text(), "purchase", 1);
    EXPECT_EQ(buy(1)->result, PaymentResult::indeterminate);
}

TEST_F(PhoneServiceTest, ARepeatedKeyGivesTheStoredResult) {
    const auto first = buy(1);
    const auto again = buy(1);
    EXPECT_EQ(*again, *first);
    EXPECT_EQ(world.platform.posts, 1);
    EXPECT_EQ(world.core.taps, 1);
    EXPECT_EQ(buy(1, 1251).error().code, "IDEMPOTENCY_CONFLICT");
    world.start();
    EXPECT_EQ(*buy(1), *first);
    EXPECT_EQ(world.platform.posts, 1);
}

TEST_F(PhoneServiceTest, NothingSentIsADecline) {
    const auto sale = buy(1);
    world.platform.stop();
    const auto payment = world.service->void_sale(
        {.key = key_of(2), .payment_id = sale->payment_id, .sale_key = {}});
    EXPECT_EQ(payment->result, PaymentResult::declined);
    EXPECT_EQ(payment->state, "not_sent");
    EXPECT_EQ(code_of(*payment), "SERVER_UNAVAILABLE");
}

// A crash between two steps, as the journal shows it to the next process.
// Shows: A27
TEST_F(PhoneServiceTest, ARestartBeforeSendingDeclines) {
    world.service.reset();
    {
        auto journal = IdempotencyJournal::open(world.state() + "/payments.journal").value();
        ASSERT_TRUE(journal->begin(
            {.key = key_of(5), .amount_minor = 100, .reference = {}, .original_payment_id = {}},
            world.clock.now()));
    }
    world.start();
    const auto payment = world.service->payment(key_of(5).text());
    EXPECT_EQ(payment->result, PaymentResult::declined);
    EXPECT_EQ(payment->state, "interrupted");
    EXPECT_EQ(world.platform.posts + world.platform.queries, 0);
}

// Shows: A27
TEST_F(PhoneServiceTest, ARestartAfterSendingAsksThePlatform) {
    world.service.reset();
    {
        auto journal = IdempotencyJournal::open(world.state() + "/payments.journal").value();
        ASSERT_TRUE(journal->begin(
            {.key = key_of(5), .amount_minor = 100, .reference = {}, .original_payment_id = {}},
            world.clock.now()));
        ASSERT_TRUE(journal->mark_sent(key_of(5), world.clock.now()));
    }
    world.start();
    EXPECT_EQ(world.service->payment(key_of(5).text())->result, PaymentResult::indeterminate);
    world.platform.book(key_of(5).text(), "purchase", 100);
    EXPECT_EQ(world.service->payment(key_of(5).text())->result, PaymentResult::approved);
    EXPECT_EQ(world.platform.posts, 0);
}

TEST_F(PhoneServiceTest, OnePaymentAtATimeAndItCanBeCancelled) {
    EXPECT_FALSE(world.service->cancel());
    world.reader.hold = true;
    PaymentOutcome first;
    std::thread app([&] { first = buy(1); });
    world.reader.await_waiting();
    EXPECT_EQ(buy(2).error().code, "PAYMENT_IN_PROGRESS");
    EXPECT_EQ(world.service->payment(key_of(1).text())->state, "in_progress");
    EXPECT_EQ(world.service->resolve_open(), 0u);
    EXPECT_TRUE(world.service->status().busy);
    EXPECT_TRUE(world.service->cancel());
    app.join();
    EXPECT_EQ(first->result, PaymentResult::declined);
    EXPECT_EQ(first->state, "cancelled");
    EXPECT_EQ(world.platform.posts, 0);
    world.reader.hold = false;
    EXPECT_EQ(buy(3)->result, PaymentResult::approved);
}

TEST_F(PhoneServiceTest, ACardThatLeftIsAskedForAgain) {
    world.reader.transmits = {hw::ReaderFault::card_removed};
    EXPECT_EQ(buy(1)->result, PaymentResult::approved);
    EXPECT_EQ(world.core.taps, 2);
    world.reader.transmits = {hw::ReaderFault::card_removed, hw::ReaderFault::card_removed,
                              hw::ReaderFault::timeout};
    EXPECT_EQ(code_of(*buy(2)), "CARD_REMOVED");
    world.reader.waits = {hw::ReaderFault::no_card};
    EXPECT_EQ(code_of(*buy(3)), "NO_CARD_PRESENTED");
    world.core.outcomes = {
        testing::refusing_outcome(protocol::TapOutcomeKind::declined, Refusal::card_declined)};
    EXPECT_EQ(code_of(*buy(4)), "CARD_DECLINED");
    EXPECT_EQ(world.platform.posts, 1);
}

// Shows: MPOC-2A-1.5
TEST_F(PhoneServiceTest, EachCardThatIsAskedForHasAPermitOfItsOwn) {
    world.reader.transmits = {hw::ReaderFault::card_removed};
    EXPECT_EQ(buy(1)->result, PaymentResult::approved);
    EXPECT_EQ(world.core.taps, 2);
    EXPECT_EQ(world.platform.permits, 2);
}

// The customer is never asked for a card, and the merchant learns a number and nothing else.
// Shows: MPOC-2-NOTICE, MPOC-2A-1.5
TEST_F(PhoneServiceTest, APhoneThatIsNotTrustedCollectsNothing) {
    world.platform.mood = PlatformMood::no_permit;
    const auto payment = buy(1);
    EXPECT_EQ(payment->result, PaymentResult::declined);
    EXPECT_EQ(code_of(*payment), "DEVICE_NOT_TRUSTED");
    EXPECT_EQ(payment->refusal->reference, "00000007-17");
    EXPECT_EQ(world.core.taps, 0);
    EXPECT_EQ(world.platform.posts, 0);
    EXPECT_EQ(world.core.let_go, 1);
    EXPECT_EQ(world.core.obeyed, 1) << "the command to wipe its keys came with the refusal";
    EXPECT_EQ(world.platform.reports, 1) << "and that it was obeyed is told at once";
    for (const UiEvent& event : world.feed.after(0)) {
        EXPECT_NE(event.message, ui_message::present_card);
    }
    const auto stored = world.service->payment(key_of(1).text());
    EXPECT_EQ(stored->refusal->reference, "00000007-17");
}

// Shows: A30
TEST_F(PhoneServiceTest, WithoutThePlatformThereIsNoPermit) {
    world.platform.mood = PlatformMood::busy;
    EXPECT_EQ(code_of(*buy(1)), "SERVER_UNAVAILABLE");
    world.platform.stop();
    EXPECT_EQ(code_of(*buy(2)), "SERVER_UNAVAILABLE");
    EXPECT_EQ(world.core.taps, 0);
    EXPECT_EQ(world.core.let_go, 2) << "the core waits for no permit any more";
}

// Shows: MPOC-1E-1.6
TEST_F(PhoneServiceTest, ACardThatAsksForAPinGetsAPadUnderAPermitOfItsOwn) {
    protocol::TapOutcome outcome = testing::online_outcome();
    outcome.cvm = protocol::TapCvm::online_pin;
    world.core.outcomes = {outcome};
    EXPECT_EQ(buy(1)->result, PaymentResult::approved);
    EXPECT_EQ(world.platform.permits, 2);
    EXPECT_EQ(world.core.last_prepare.purpose, protocol::PermitPurpose::pin);
    EXPECT_EQ(world.core.pins, 1);
    EXPECT_EQ(world.platform.pins, 1);
    bool asked = false;
    for (const UiEvent& event : world.feed.after(0)) {
        asked = asked || event.message == ui_message::enter_pin;
    }
    EXPECT_TRUE(asked);
}

TEST_F(PhoneServiceTest, WithoutThePinNothingIsSent) {
    protocol::TapOutcome outcome = testing::online_outcome();
    outcome.cvm = protocol::TapCvm::online_pin;
    for (const auto end : {protocol::PinProgress::cancelled, protocol::PinProgress::timed_out}) {
        world.core.outcomes = {outcome};
        world.core.pin_end = end;
        EXPECT_EQ(code_of(*buy(static_cast<std::uint8_t>(1 + static_cast<int>(end)))),
                  "PIN_REQUIRED");
    }
    world.core.outcomes = {outcome};
    world.core.pin_polls = 1'000'000;
    world.pauses.on_pause = [this] { world.service->cancel(); };
    EXPECT_EQ(buy(9)->state, "cancelled");
    EXPECT_EQ(world.core.pin_aborts, 1);
    EXPECT_EQ(world.platform.posts, 0);
}

TEST_F(PhoneServiceTest, ReportsGoFromCoreToPlatform) {
    EXPECT_TRUE(world.service->report());
    EXPECT_EQ(world.core.reports, 1);
    EXPECT_EQ(world.platform.reports, 1);
    world.platform.stop();
    EXPECT_FALSE(world.service->report());
}

TEST_F(PhoneServiceTest, VoidsAndRefunds) {
    const auto sale = buy(1);
    const auto refunded = world.service->refund(
        {.key = key_of(2), .payment_id = sale->payment_id, .amount_minor = 250});
    EXPECT_EQ(refunded->result, PaymentResult::approved);
    EXPECT_EQ(refunded->kind, PaymentKind::refund);
    const auto again = world.service->refund(
        {.key = key_of(2), .payment_id = sale->payment_id, .amount_minor = 250});
    EXPECT_EQ(again->payment_id, refunded->payment_id);
    EXPECT_EQ(world.platform.posts, 2);
    const auto voided =
        world.service->void_sale({.key = key_of(3), .payment_id = {}, .sale_key = key_of(1)});
    EXPECT_EQ(voided->result, PaymentResult::approved);
    EXPECT_EQ(voided->kind, PaymentKind::void_sale);
    EXPECT_EQ(world.service->void_sale({.key = key_of(4), .payment_id = {}, .sale_key = key_of(9)})
                  .error()
                  .code,
              "NOT_FOUND");
    EXPECT_EQ(world.service
                  ->refund({.key = key_of(2), .payment_id = sale->payment_id, .amount_minor = 251})
                  .error()
                  .code,
              "IDEMPOTENCY_CONFLICT");
    EXPECT_EQ(world.core.taps, 1);
}

TEST_F(PhoneServiceTest, ALostVoidIsResolvedToo) {
    const auto sale = buy(1);
    world.platform.mood = PlatformMood::take_and_lose;
    const auto voided = world.service->void_sale(
        {.key = key_of(2), .payment_id = sale->payment_id, .sale_key = {}});
    EXPECT_EQ(voided->result, PaymentResult::approved);
}

TEST(PhoneServiceEnrolment, IsNeededFirstAndCanBeRefused) {
    World world;
    world.start();
    EXPECT_EQ(world.service->purchase({.key = {}, .amount_minor = 1, .reference = {}}).error().code,
              "TERMINAL_NOT_ACTIVE");
    EXPECT_EQ(world.service->enrol(world.order("bad-code")).error().code,
              "ACTIVATION_CODE_INVALID");
    EXPECT_FALSE(world.service->status().enrolled);
    EnrolOrder order = world.order();
    order.server = "http://127.0.0.1:1";
    EXPECT_EQ(world.service->enrol(order).error().field, "server");
    ASSERT_TRUE(world.service->enrol(world.order()));
    const auto status = world.service->status();
    EXPECT_TRUE(status.enrolled);
    EXPECT_EQ(status.terminal_id, "00000007");
    EXPECT_EQ(status.merchant_name, "小店");
    EXPECT_EQ(status.reader_name, "scripted");
    EXPECT_EQ(status.core->mode, protocol::CoreMode::ready);
    EXPECT_EQ(status.grade, 2);
}

TEST(PhoneServiceEnrolment, IsFinishedAfterARestart) {
    World world;
    world.start();
    world.core.refuse_finish = true;
    EXPECT_FALSE(world.service->enrol(world.order()));
    world.core.refuse_finish = false;
    world.start();
    EXPECT_TRUE(world.service->status().enrolled);
    EXPECT_EQ(world.core.finished, 1);
    EXPECT_EQ(world.service->purchase({.key = {}, .amount_minor = 1, .reference = {}})->result,
              PaymentResult::approved);
}

// Shows: MPOC-1A-5
TEST(PhoneServiceEnrolment, TheCoreOpensACredentialAndTheProofGoesAgain) {
    World world;
    world.platform.credential = {{5, 6, 7}, {8}};
    world.start();
    const auto status = world.service->enrol(world.order());
    ASSERT_TRUE(status) << status.error().code;
    EXPECT_EQ(world.platform.credentials, 1);
    EXPECT_EQ(world.core.finished, 1);
}

TEST(PhoneServiceEnrolment, ACredentialThatTheCoreDoesNotOpenEndsIt) {
    World world;
    world.platform.credential = {{5, 6, 7}, {8}};
    world.core.refuse_activation = true;
    world.start();
    EXPECT_FALSE(world.service->enrol(world.order()));
    EXPECT_EQ(world.platform.credentials, 1);
    EXPECT_EQ(world.core.finished, 0);
    world.core.refuse_activation = false;
    world.platform.insists = true;
    EXPECT_FALSE(world.service->enrol(world.order())) << "one credential is enough";
    EXPECT_EQ(world.platform.credentials, 3);
    EXPECT_EQ(world.core.finished, 0);
}

TEST(PhoneServiceEnrolment, AServerThatCannotProveItselfIsNotTalkedTo) {
    World world;
    world.start();
    EnrolOrder order = world.order();
    order.ca_pem = crypto::make_ca("other", SystemClock().now(), 1).value().cert_pem;
    EXPECT_EQ(world.service->enrol(order).error().code, "SERVER_UNAVAILABLE");
}

}  // namespace
}  // namespace softpos::device
