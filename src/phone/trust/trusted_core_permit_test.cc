// The platform's word: no card without a permit that fits, no permit twice, no command but a fresh
// one, and everything that the core says about itself signed and in order.
#include "base/hex.h"
#include "crypto/hash.h"
#include "phone/trust/core_test_fixture.h"

#include <functional>
#include <set>

namespace softpos::trust {
namespace {

using protocol::CommandAction;
using protocol::CoreMode;
using protocol::Finding;
using protocol::FindingCode;
using protocol::Severity;
using protocol::TrustClass;
using protocol::TrustedFailure;
using protocol::TrustedFault;

class CorePermitTest : public CoreFixture {
protected:
    void SetUp() override { acquirer.enrol(); }
    protocol::TapBeginRequest tap_with(const protocol::Permit& permit, std::int64_t amount = 100) {
        return Acquirer::purchase(amount, acquirer.signed_by_platform(protocol::SpaBody(permit)));
    }
    FindingCode last_event() { return acquirer.report().events.back().code; }
    std::uint32_t last_detail() { return acquirer.report().events.back().detail; }
    bool taps() { return acquirer.tap(debit, 100).card.has_value(); }
};

TEST_F(CorePermitTest, TapNamesItsPermit) {
    const auto permit = acquirer.permit_for(acquirer.prepare(100));
    const auto step = acquirer.ask<protocol::TapStep>(tap_with(permit));
    EXPECT_EQ(acquirer.go_on(debit, step).permit, permit.id);
}

TEST_F(CorePermitTest, RequestSaysWhatTheAppSaidAndTheCoreFound) {
    platform.seen = {{FindingCode::dev_mode, TrustClass::app, 4}};
    const auto request = acquirer.prepare(12'800);
    EXPECT_EQ(request.terminal_id, "T0000001");
    EXPECT_EQ(request.amount_minor, 12'800);
    EXPECT_EQ(request.claims, Acquirer::posture().claims);
    EXPECT_EQ(request.hardware, 0x0F);
    // The app had called its finding the hardware's.
    const std::vector<Finding> expected = {{FindingCode::adb, TrustClass::app, 5},
                                           {FindingCode::dev_mode, TrustClass::core, 4},
                                           {FindingCode::software_key, TrustClass::core, 0}};
    EXPECT_EQ(request.findings, expected);
    platform.kept_by = protocol::Protection::tpm;
    EXPECT_EQ(acquirer.prepare(1).findings.size(), 2U);
    EXPECT_EQ(acquirer.status().protection, protocol::Protection::tpm);
}

TEST_F(CorePermitTest, NumbersAndHeadsMakeAChain) {
    protocol::Digest32 head{};
    std::uint64_t sequence = 0;
    std::set<protocol::Digest32> nonces;
    for (int i = 0; i < 20; ++i) {
        if (i == 7 || i == 13) restart();
        if (i % 5 == 4) {
            const auto told =
                acquirer.ask<protocol::ReportMakeAnswer>(protocol::ReportMakeRequest{});
            const auto report = acquirer.read<protocol::Report>(told.report);
            EXPECT_EQ(report.sequence, ++sequence);
            EXPECT_EQ(report.journal_head, head);
            head = next_journal_head(head, told.report.body);
            continue;
        }
        const auto told = acquirer.ask<protocol::PermitPrepareAnswer>(Acquirer::preparing(100 + i));
        const auto request = acquirer.read<protocol::PermitRequest>(told.request);
        EXPECT_EQ(request.sequence, ++sequence);
        EXPECT_EQ(request.journal_head, head);
        EXPECT_TRUE(nonces.insert(request.nonce).second);
        head = next_journal_head(head, told.request.body);
    }
    EXPECT_EQ(acquirer.status().sequence, sequence);
}

// By hand, so that the platform's side can be written from it.
TEST_F(CorePermitTest, HeadIsTheHashOfHeadAndBodyHash) {
    Buffer both(32, 0);
    append(both, crypto::sha256(bytes_of("body")));
    EXPECT_EQ(next_journal_head({}, bytes_of("body")), crypto::sha256(both));
}

// Shows: A29, MPOC-2A-1.5
TEST_F(CorePermitTest, PermitServesOnce) {
    const auto begin = acquirer.permitted(100);
    const auto step = acquirer.ask<protocol::TapStep>(begin);
    ASSERT_TRUE(acquirer.go_on(debit, step).card);
    EXPECT_EQ(fault(begin), TrustedFault::permit_refused);
    EXPECT_EQ(last_event(), FindingCode::permit_refused);
    // Also where the tap was given up.
    const auto second = acquirer.permitted(100);
    acquirer.ask<protocol::TapStep>(second);
    acquirer.ask<protocol::TapAbortAnswer>(protocol::TapAbortRequest{});
    EXPECT_EQ(fault(second), TrustedFault::permit_refused);
}

// Shows: A29, MPOC-2A-1.5
TEST_F(CorePermitTest, WhatDoesNotFitIsRefusedWithOneCode) {
    struct Case {
        const char* name;
        PermitFlaw flaw;
        std::function<void(protocol::Permit&)> change;
    };
    const Case cases[] = {
        {"terminal", PermitFlaw::terminal, [](auto& p) { p.terminal_id = "T0000002"; }},
        {"nonce", PermitFlaw::nonce, [](auto& p) { p.nonce[31] ^= 1; }},
        {"purpose", PermitFlaw::purpose,
         [](auto& p) { p.purpose = protocol::PermitPurpose::qr_show; }},
        {"amount", PermitFlaw::amount, [](auto& p) { p.amount_minor_max = 99; }},
        {"currency", PermitFlaw::currency, [](auto& p) { p.currency = 344; }},
        {"capability", PermitFlaw::capability,
         [](auto& p) { p.allowed = bit_of(protocol::Capability::qr_show); }},
    };
    for (const Case& one : cases) {
        auto permit = acquirer.permit_for(acquirer.prepare(100));
        one.change(permit);
        const auto failure = acquirer.ask<TrustedFailure>(tap_with(permit));
        EXPECT_EQ(failure.fault, TrustedFault::permit_refused) << one.name;
        EXPECT_EQ(failure.detail, 0U) << one.name;
        EXPECT_EQ(last_detail(), static_cast<std::uint32_t>(one.flaw)) << one.name;
    }
    EXPECT_TRUE(taps());
}

TEST_F(CorePermitTest, RefusedPermitCannotBeTriedAgain) {
    const auto permit = acquirer.permit_for(acquirer.prepare(100));
    EXPECT_EQ(fault(tap_with(permit, 101)), TrustedFault::permit_refused);
    EXPECT_EQ(fault(tap_with(permit, 100)), TrustedFault::permit_refused) << "the nonce is gone";
}

// Shows: MPOC-1A-5, JRT0156-10.2
TEST_F(CorePermitTest, SignatureOfAnybodyElseIsRefused) {
    auto begin = acquirer.permitted(100);
    const auto other = crypto::P256Key::generate();
    begin.permit.signature = other->sign(protocol::platform_signed_message(begin.permit.body));
    EXPECT_EQ(fault(begin), TrustedFault::permit_refused);
    // The platform's key, in the core's words.
    begin = acquirer.permitted(100);
    begin.permit.signature =
        acquirer.platform_key.sign(protocol::core_signed_message(begin.permit.body));
    EXPECT_EQ(fault(begin), TrustedFault::permit_refused);
    // Something else that the platform signed.
    acquirer.prepare(100);
    const auto command = acquirer.command(1, CommandAction::collect);
    EXPECT_EQ(fault(Acquirer::purchase(100, command.command)), TrustedFault::permit_refused);
    EXPECT_EQ(last_detail(), static_cast<std::uint32_t>(PermitFlaw::not_a_permit));
}

// Shows: A7
TEST_F(CorePermitTest, FlippedBitsNeverOpenATap) {
    for (std::size_t bit = 0; bit < 8 * 300; bit += 7) {
        auto begin = acquirer.permitted(100);
        Buffer& body = begin.permit.body;
        if (bit / 8 >= body.size()) break;
        body[bit / 8] = static_cast<std::uint8_t>(body[bit / 8] ^ (1U << bit % 8));
        ASSERT_EQ(fault(begin), TrustedFault::permit_refused) << bit;
    }
}

// Shows: A29
TEST_F(CorePermitTest, TimeRunsFromTheRequestByTheCoresClock) {
    auto begin = acquirer.permitted(100);
    pass_seconds(60);
    ASSERT_TRUE(acquirer.go_on(debit, acquirer.ask<protocol::TapStep>(begin)).card);
    begin = acquirer.permitted(100);
    pass_seconds(60);
    platform.now.us += 1;
    EXPECT_EQ(fault(begin), TrustedFault::permit_refused);
    EXPECT_EQ(last_detail(), static_cast<std::uint32_t>(PermitFlaw::late));
    auto permit = acquirer.permit_for(acquirer.prepare(100));
    permit.seconds = 5;
    pass_seconds(6);
    EXPECT_EQ(fault(tap_with(permit)), TrustedFault::permit_refused);
}

TEST_F(CorePermitTest, ATapCannotBeHeldOpen) {
    acquirer.ask<protocol::TapStep>(acquirer.permitted(100));
    pass_seconds(tap_seconds_max + 1);
    EXPECT_EQ(fault(protocol::TapContinueRequest{Buffer{0x90, 0x00}}),
              TrustedFault::permit_refused);
}

// Shows: A20
TEST_F(CorePermitTest, OneRequestIsOutAtATime) {
    const auto first = acquirer.permit_for(acquirer.prepare(100));
    const auto second = acquirer.permit_for(acquirer.prepare(100));
    EXPECT_EQ(fault(tap_with(first)), TrustedFault::permit_refused);
    acquirer.prepare(100);
    EXPECT_EQ(fault(tap_with(second)), TrustedFault::permit_refused);
}

TEST_F(CorePermitTest, RestartForgetsTheRequest) {
    const auto begin = acquirer.permitted(100);
    restart();
    EXPECT_EQ(fault(begin), TrustedFault::permit_refused);
    EXPECT_TRUE(taps());
}

TEST_F(CorePermitTest, PermitRefusedEndsEverything) {
    const auto begin = acquirer.permitted(100);
    acquirer.ask<protocol::PermitRefusedAnswer>(protocol::PermitRefusedRequest{});
    EXPECT_EQ(fault(begin), TrustedFault::permit_refused);
    acquirer.ask<protocol::TapStep>(acquirer.permitted(100));
    acquirer.ask<protocol::PermitRefusedAnswer>(protocol::PermitRefusedRequest{});
    EXPECT_EQ(fault(protocol::TapContinueRequest{Buffer{0x90, 0x00}}), TrustedFault::no_tap);
    restart();
    const auto events = acquirer.report().events;
    ASSERT_GE(events.size(), 2U);
    EXPECT_EQ(events[events.size() - 2].code, FindingCode::permit_refused) << "durable";
    EXPECT_EQ(events.back().code, FindingCode::core_panic) << "and nobody ended the core";
}

// Rooted between permit and tap, and between tap and the end of it.
// Shows: A25, MPOC-1B-TAMPER
TEST_F(CorePermitTest, HardFindingEndsTheTapWhateverThePlatformSaid) {
    const auto begin = acquirer.permitted(100);
    platform.seen = {{FindingCode::debugger, TrustClass::core, 1}};
    EXPECT_EQ(fault(begin), TrustedFault::permit_refused);
    EXPECT_EQ(last_detail(), static_cast<std::uint32_t>(PermitFlaw::finding));
    platform.seen.clear();
    auto step = acquirer.ask<protocol::TapStep>(acquirer.permitted(100));
    platform.seen = {{FindingCode::text_diff, TrustClass::core, 1}};
    for (int i = 0; i < 20; ++i) {
        const auto* send = std::get_if<protocol::SendApdu>(&step.next);
        ASSERT_NE(send, nullptr) << "no outcome may come";
        const auto answer =
            acquirer.call(protocol::TapContinueRequest{debit.transmit(send->command)});
        const auto* next = std::get_if<protocol::TapStep>(&answer);
        if (next == nullptr) {
            EXPECT_EQ(std::get<TrustedFailure>(answer).fault, TrustedFault::permit_refused);
            EXPECT_EQ(acquirer.status().next_counter, 1U) << "no key was spent on it";
            return;
        }
        step = *next;
    }
    FAIL() << "the tap never ended";
}

TEST_F(CorePermitTest, SoftFindingIsOnlyTold) {
    platform.seen = {{FindingCode::dev_mode, TrustClass::core, 1}};
    EXPECT_TRUE(taps());
}

// The TTQ that the card is shown: no PIN can be taken, even where the permit and the keys allow it.
TEST_F(CorePermitTest, CardIsNotToldOfAPinEntryThatIsNotThere) {
    acquirer.with_pin_key = true;
    acquirer.initial_key_id[7] = 50;
    acquirer.enrol();
    EXPECT_FALSE(acquirer.status().pin);
    auto permit = acquirer.permit_for(acquirer.prepare(100));
    permit.allowed |= bit_of(protocol::Capability::card_pin);
    acquirer.commands.clear();
    ASSERT_TRUE(acquirer.go_on(debit, acquirer.ask<protocol::TapStep>(tap_with(permit))).card);
    bool seen = false;
    for (const Buffer& command : acquirer.commands) {
        // GET PROCESSING OPTIONS: 80A8 0000 Lc 83 len, and the TTQ in front as this card asks.
        if (command.size() < 8 || command[1] != 0xA8) continue;
        seen = true;
        EXPECT_EQ(command[7] & 0x04, 0) << to_hex(command);
    }
    EXPECT_TRUE(seen);
}

TEST_F(CorePermitTest, PinCallsSayThatThereIsNone) {
    const auto permit =
        acquirer.signed_by_platform(protocol::SpaBody(acquirer.permit_for(acquirer.prepare(100))));
    EXPECT_EQ(fault(protocol::PinBeginRequest{permit}), TrustedFault::pin_unavailable);
    EXPECT_EQ(fault(protocol::PinPollRequest{}), TrustedFault::pin_unavailable);
    auto request = Acquirer::preparing(100);
    request.purpose = protocol::PermitPurpose::pin;
    EXPECT_EQ(fault(request), TrustedFault::pin_unavailable);
    acquirer.ask<protocol::PinAbortAnswer>(protocol::PinAbortRequest{});
}

TEST_F(CorePermitTest, ReportsCarryTheLastEvents) {
    EXPECT_TRUE(acquirer.report().events.empty());
    const auto report = acquirer.report({{FindingCode::overlay, Severity::warning, 7}});
    ASSERT_EQ(report.events.size(), 1U);
    EXPECT_EQ(report.events[0],
              (protocol::CoreEvent{1, FindingCode::overlay, Severity::warning, 7}));
    EXPECT_EQ(report.findings.front().origin, TrustClass::app);
    core->close();
    restart();
    EXPECT_EQ(acquirer.report().events, report.events) << "until they are pushed out";
    for (int i = 0; i < 70; ++i) {
        acquirer.report({{FindingCode::adb, Severity::info, static_cast<std::uint32_t>(i)}});
    }
    const auto full = acquirer.report();
    ASSERT_EQ(full.events.size(), protocol::core_events_max);
    EXPECT_EQ(full.events.back().sequence, 71U);
    EXPECT_EQ(full.events.front().sequence, 71U - protocol::core_events_max + 1);
    EXPECT_EQ(acquirer.status().events, 71U);
}

// Shows: JRT0156-6.9
TEST_F(CorePermitTest, SuspendAndResume) {
    EXPECT_TRUE(acquirer.obey(acquirer.command(1, CommandAction::suspend)).obeyed);
    EXPECT_EQ(acquirer.status().mode, CoreMode::suspended);
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::suspended);
    restart();
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::suspended) << "durable";
    EXPECT_EQ(acquirer.report().done.size(), 1U);
    EXPECT_TRUE(acquirer.obey(acquirer.command(2, CommandAction::resume)).obeyed);
    EXPECT_TRUE(taps());
    EXPECT_EQ(acquirer.report().done.size(), 2U);
}

TEST_F(CorePermitTest, SuspendEndsATapThatRuns) {
    const auto begin = acquirer.permitted(100);
    acquirer.obey(acquirer.command(1, CommandAction::suspend));
    EXPECT_EQ(fault(begin), TrustedFault::suspended);
    acquirer.obey(acquirer.command(2, CommandAction::resume));
    EXPECT_EQ(fault(begin), TrustedFault::permit_refused);
}

// Shows: JRT0156-6.9
TEST_F(CorePermitTest, WipedKeysAreGoneForGood) {
    const auto before = read_core_state(*platform.state);
    ASSERT_TRUE(before);
    const auto outcome = acquirer.tap(debit, 100);
    EXPECT_TRUE(acquirer.obey(acquirer.command(1, CommandAction::wipe_keys)).obeyed);
    EXPECT_EQ(acquirer.status().mode, CoreMode::wiped);
    const auto after = read_core_state(*platform.state);
    ASSERT_TRUE(after);
    EXPECT_TRUE(after->card_dukpt.empty() && after->seal_key.empty() && after->serial_key.empty());
    restart();
    EXPECT_EQ(acquirer.status().mode, CoreMode::wiped);
    EXPECT_EQ(acquirer.status().terminal_id, "T0000001");
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::not_enrolled);
    EXPECT_FALSE(acquirer.obey(acquirer.command(2, CommandAction::resume)).obeyed);
    // It can still say so, and nothing but that.
    const auto report = acquirer.report();
    ASSERT_EQ(report.done.size(), 2U);
    EXPECT_TRUE(report.done[0].obeyed);
    EXPECT_FALSE(report.done[1].obeyed);
    // The same initial key once more never goes back to a counter that it had.
    acquirer.enrol();
    const auto again = acquirer.tap(debit, 100);
    EXPECT_GT(counter_of(*again.card), counter_of(*outcome.card));
}

// Shows: A31
TEST_F(CorePermitTest, CommandsAreObeyedOnceAndInOrder) {
    const auto suspend = acquirer.command(5, CommandAction::suspend);
    EXPECT_TRUE(acquirer.obey(suspend).obeyed);
    EXPECT_TRUE(acquirer.obey(acquirer.command(6, CommandAction::resume)).obeyed);
    EXPECT_TRUE(acquirer.obey(suspend).obeyed) << "the answer of the first time";
    EXPECT_EQ(acquirer.status().mode, CoreMode::ready) << "and nothing done";
    EXPECT_FALSE(acquirer.obey(acquirer.command(4, CommandAction::wipe_keys)).obeyed);
    EXPECT_EQ(acquirer.status().mode, CoreMode::ready);
    restart();
    EXPECT_FALSE(acquirer.obey(acquirer.command(3, CommandAction::wipe_keys)).obeyed);
    acquirer.initial_key_id[7] = 77;
    acquirer.enrol();
    EXPECT_FALSE(acquirer.obey(acquirer.command(2, CommandAction::wipe_keys)).obeyed)
        << "a new enrolment does not make old commands new";
    EXPECT_TRUE(taps());
}

// Shows: A31, JRT0156-10.2
TEST_F(CorePermitTest, CommandsOfOthersAreRefused) {
    auto request = acquirer.command(1, CommandAction::suspend);
    request.command.signature =
        crypto::P256Key::generate()->sign(protocol::platform_signed_message(request.command.body));
    EXPECT_EQ(fault(request), TrustedFault::command_refused);
    protocol::Command other;
    other.terminal_id = "T0000009";
    other.number = 1;
    other.action = CommandAction::suspend;
    other.not_after = {acquirer.now.unix_ms + 60'000};
    EXPECT_EQ(
        fault(protocol::CommandObeyRequest{acquirer.signed_by_platform(protocol::SpaBody(other))}),
        TrustedFault::command_refused);
    EXPECT_EQ(acquirer.status().mode, CoreMode::ready);
    EXPECT_TRUE(acquirer.report().done.empty());
}

// Shows: A31
TEST_F(CorePermitTest, CommandsExpireByThePlatformsTime) {
    const auto late = acquirer.command(1, CommandAction::suspend);
    pass_seconds(61);
    EXPECT_FALSE(acquirer.obey(late).obeyed);
    EXPECT_EQ(acquirer.status().mode, CoreMode::ready);
    EXPECT_EQ(acquirer.report().done.size(), 1U) << "the platform hears that it came too late";
    // A permit shows the core a later time, and a restart does not take it back.
    const auto soon = acquirer.command(2, CommandAction::suspend);
    acquirer.now.unix_ms += 61'000;
    ASSERT_TRUE(taps());
    acquirer.prepare(100);
    restart();
    EXPECT_FALSE(acquirer.obey(soon).obeyed);
    EXPECT_TRUE(acquirer.obey(acquirer.command(3, CommandAction::suspend)).obeyed);
}

TEST_F(CorePermitTest, CommandThatCouldNotBeStoredCanBeSentAgain) {
    for (const auto action : {CommandAction::suspend, CommandAction::wipe_keys}) {
        for (int steps = 0; steps < 3; ++steps) {
            acquirer.initial_key_id[6] = static_cast<std::uint8_t>(acquirer.initial_key_id[6] + 1);
            acquirer.enrol();
            const auto next = static_cast<std::uint64_t>(10 * static_cast<int>(action) + steps);
            const auto request = acquirer.command(next, action);
            platform.steps_left = steps;
            EXPECT_EQ(fault(request), TrustedFault::storage_failed) << steps;
            EXPECT_NE(acquirer.status().mode, CoreMode::ready) << "memory gives way first";
            platform.steps_left = 1'000'000;
            EXPECT_TRUE(acquirer.obey(request).obeyed) << steps;
            restart();
            EXPECT_NE(acquirer.status().mode, CoreMode::ready) << steps;
        }
    }
}

// Shows: A21, MPOC-1A-STATE
TEST_F(CorePermitTest, LostOrOldJournalIsFoundOut) {
    const Buffer old = *platform.journal;
    for (int i = 0; i < 70; ++i) ASSERT_TRUE(taps());
    const auto sequence = acquirer.status().sequence;
    platform.journal = old;
    restart();
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::state_rolled_back);
    platform.journal.reset();
    restart();
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::state_rolled_back);
    acquirer.initial_key_id[7] = 99;
    acquirer.enrol();
    const auto request = acquirer.prepare(100);
    EXPECT_GT(request.sequence, sequence - counter_block) << "what the state knew is kept";
    EXPECT_EQ(last_event(), FindingCode::rollback);
}

}  // namespace
}  // namespace softpos::trust
