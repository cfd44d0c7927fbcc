// The decisions of a tap, one row each: what happened, and what is to be done next.
#include "phone/device/relay.h"

#include "phone/device/device_test_support.h"

#include <gtest/gtest.h>

namespace softpos::device {
namespace {

using hw::ReaderFault;
using protocol::TapOutcomeKind;
using protocol::TapStep;

TapStep send(unsigned timeout_ms = 500) {
    return {protocol::SendApdu{{0x00, 0xA4, 0x04, 0x00}, timeout_ms}, std::nullopt};
}
TapStep done(const protocol::TapOutcome& outcome) {
    return {outcome, std::nullopt};
}

std::string word_of(const RelayStep& step) {
    struct Words {
        std::string operator()(const GetPermit&) const { return "permit"; }
        std::string operator()(const WaitForCard& one) const {
            return "wait " + std::to_string(one.timeout_ms);
        }
        std::string operator()(const BeginTap&) const { return "begin"; }
        std::string operator()(const Transmit& one) const {
            return "transmit " + std::to_string(one.timeout_ms);
        }
        std::string operator()(const ContinueTap& one) const {
            return "continue " + std::to_string(one.request.result.index());
        }
        std::string operator()(const AbortTap&) const { return "abort"; }
        std::string operator()(const RelayResult& one) const {
            return (one.cancelled ? "cancelled " : "end ") + std::string(row_of(one.refusal).code);
        }
    };
    return std::visit(Words{}, step.next);
}

RelayMachine in_tap(const RelayLimits& limits = {}) {
    RelayMachine machine(limits);
    machine.start();
    machine.on_permit(60'000);
    machine.on_card({});
    return machine;
}

TEST(RelayMachine, GoesFromCardToOutcome) {
    RelayMachine machine;
    const RelayStep first = machine.start();
    EXPECT_EQ(word_of(first), "permit");
    EXPECT_FALSE(first.show) << "nobody is asked for a card before the platform agreed";
    const RelayStep second = machine.on_permit(55'000);
    EXPECT_EQ(word_of(second), "wait 55000");
    EXPECT_EQ(second.show->message, 0x15);
    EXPECT_EQ(word_of(machine.on_card({})), "begin");
    EXPECT_EQ(word_of(machine.on_core(send())), "transmit 500");
    EXPECT_EQ(word_of(machine.on_response(Buffer{0x90, 0x00})), "continue 0");
    const RelayStep last = machine.on_core(done(testing::online_outcome()));
    EXPECT_EQ(word_of(last), "end OK");
    EXPECT_TRUE(std::get<RelayResult>(last.next).outcome.card);
}

TEST(RelayMachine, NoCardOrNoReaderEndsIt) {
    const std::pair<ReaderFault, const char*> rows[] = {
        {ReaderFault::no_card, "end NO_CARD_PRESENTED"},  // The whole time is over.
        {ReaderFault::no_reader, "end READER_UNAVAILABLE"},
        {ReaderFault::card_removed, "permit"},
        {ReaderFault::timeout, "permit"},
        {ReaderFault::protocol, "permit"},
        {ReaderFault::cancelled,
         "wait 60000"},  // Of an earlier payment: nobody cancelled this one.
    };
    for (const auto& [fault, next] : rows) {
        RelayMachine machine;
        machine.start();
        machine.on_permit(60'000);
        EXPECT_EQ(word_of(machine.on_card(hw::reader_failure(fault))), next);
    }
}

TEST(RelayMachine, RadioErrorsAreTheKernelsAffair) {
    const std::pair<ReaderFault, const char*> rows[] = {
        {ReaderFault::card_removed, "continue 1"},
        {ReaderFault::timeout, "continue 1"},
        {ReaderFault::protocol, "continue 1"},
        {ReaderFault::no_reader, "abort"},
        {ReaderFault::none, "abort"},
    };
    for (const auto& [fault, next] : rows) {
        RelayMachine machine = in_tap();
        machine.on_core(send());
        const auto failed = fault == ReaderFault::none ? fail(ErrorKind::denied, "apdu")
                                                       : hw::reader_failure(fault);
        EXPECT_EQ(word_of(machine.on_response(failed)), next);
    }
}

TEST(RelayMachine, EveryOutcomeHasAResult) {
    const std::tuple<TapOutcomeKind, Refusal, const char*> rows[] = {
        {TapOutcomeKind::declined, Refusal::card_declined, "end CARD_DECLINED"},
        {TapOutcomeKind::declined, Refusal::pin_required, "end PIN_REQUIRED"},
        {TapOutcomeKind::approved, Refusal::none, "end CARD_DECLINED"},
        {TapOutcomeKind::select_next_exhausted, Refusal::none, "end CARD_TRY_OTHER_INTERFACE"},
        {TapOutcomeKind::try_other_interface, Refusal::none, "end CARD_TRY_OTHER_INTERFACE"},
        {TapOutcomeKind::end_application, Refusal::none, "end CARD_UNREADABLE"},
        {TapOutcomeKind::try_again, Refusal::card_see_phone, "permit"},
    };
    for (const auto& [kind, refusal, next] : rows) {
        RelayMachine machine = in_tap();
        EXPECT_EQ(word_of(machine.on_core(done(testing::refusing_outcome(kind, refusal)))), next);
    }
}

TEST(RelayMachine, AnOnlineRequestWithoutACardIsNone) {
    RelayMachine machine = in_tap();
    protocol::TapOutcome outcome = testing::online_outcome();
    outcome.card.reset();
    EXPECT_EQ(word_of(machine.on_core(done(outcome))), "end CARD_UNREADABLE");
}

TEST(RelayMachine, TriesAreLimited) {
    RelayMachine machine({.tries_max = 2});
    const auto again = testing::refusing_outcome(TapOutcomeKind::try_again, Refusal::card_removed);
    machine.start();
    machine.on_permit(60'000);
    machine.on_card({});
    const RelayStep second = machine.on_core(done(again));
    EXPECT_EQ(word_of(second), "permit");
    EXPECT_EQ(second.show->message, 0x21) << "at once, not when the permit is there";
    EXPECT_EQ(word_of(machine.on_permit(60'000)), "wait 60000");
    machine.on_card({});
    EXPECT_EQ(word_of(machine.on_core(done(again))), "end CARD_REMOVED");
}

TEST(RelayMachine, AWaitGoesOnUnderAnotherPermit) {
    RelayMachine machine({.card_wait_ms = 60'000, .card_wait_ms_min = 3'000});
    machine.start();
    EXPECT_EQ(word_of(machine.on_permit(40'000)), "wait 40000");
    const RelayStep on = machine.on_card(hw::reader_failure(ReaderFault::no_card));
    EXPECT_EQ(word_of(on), "permit");
    EXPECT_FALSE(on.show);
    EXPECT_EQ(word_of(machine.on_permit(40'000)), "wait 20000") << "60 seconds in all";
    EXPECT_EQ(word_of(machine.on_card(hw::reader_failure(ReaderFault::no_card))),
              "end NO_CARD_PRESENTED");
}

TEST(RelayMachine, WithoutAPermitNobodyIsAskedForACard) {
    const std::pair<PermitRefusal, const char*> rows[] = {
        {{Refusal::device_not_trusted, "00000007-9"}, "end DEVICE_NOT_TRUSTED"},
        {{Refusal::server_unavailable, ""}, "end SERVER_UNAVAILABLE"},
        {{Refusal::terminal_not_active, ""}, "end TERMINAL_NOT_ACTIVE"},
    };
    for (const auto& [refusal, next] : rows) {
        RelayMachine machine;
        machine.start();
        const RelayStep last = machine.on_permit(std::unexpected(refusal));
        EXPECT_EQ(word_of(last), next);
        EXPECT_EQ(std::get<RelayResult>(last.next).reference, refusal.reference);
    }
    RelayMachine late;
    late.start();
    EXPECT_EQ(word_of(late.on_permit(0)), "end SERVER_UNAVAILABLE");
}

TEST(RelayMachine, CommandsAndTheirTimeAreLimited) {
    RelayMachine machine = in_tap({.apdus_max = 2, .apdu_timeout_ms_max = 1000});
    EXPECT_EQ(word_of(machine.on_core(send(9'999))), "transmit 1000");
    EXPECT_EQ(word_of(machine.on_core(send(0))), "transmit 50");
    EXPECT_EQ(word_of(machine.on_core(send())), "abort");
    EXPECT_EQ(word_of(machine.on_aborted()), "end CARD_UNREADABLE");
}

TEST(RelayMachine, ACoreThatFailsEndsIt) {
    RelayMachine silent = in_tap();
    EXPECT_EQ(word_of(silent.on_core(fail(ErrorKind::unavailable, "core"))),
              "end TRUSTED_UNAVAILABLE");
    RelayMachine refusing = in_tap();
    const auto fault = static_cast<std::uint32_t>(protocol::TrustedFault::not_enrolled) + 1;
    EXPECT_EQ(word_of(refusing.on_core(fail(ErrorKind::denied, "core", fault))),
              "end TERMINAL_NOT_ACTIVE");
}

TEST(RelayMachine, CancelWinsAtEveryStep) {
    RelayMachine asking;
    asking.start();
    asking.cancel();
    EXPECT_EQ(word_of(asking.on_permit(60'000)), "cancelled NO_CARD_PRESENTED");
    RelayMachine waiting;
    waiting.start();
    waiting.on_permit(60'000);
    waiting.cancel();
    EXPECT_EQ(word_of(waiting.on_card({})), "cancelled NO_CARD_PRESENTED");
    RelayMachine talking = in_tap();
    talking.cancel();
    EXPECT_EQ(word_of(talking.on_core(send())), "abort");
    EXPECT_EQ(word_of(talking.on_aborted()), "cancelled NO_CARD_PRESENTED");
    RelayMachine ready = in_tap();
    ready.cancel();
    const RelayStep last = ready.on_core(done(testing::online_outcome()));
    EXPECT_EQ(word_of(last), "cancelled NO_CARD_PRESENTED");
    EXPECT_FALSE(std::get<RelayResult>(last.next).outcome.card);
}

}  // namespace
}  // namespace softpos::device
