// Decisions as rows: what a phone showed and said, and what became of it.
#include "platform/monitor/appraise.h"

#include "platform/monitor/monitor_test_data.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::monitor {
namespace {

using protocol::CommandAction;
using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;
using testing::after_s;
using testing::Phone;

constexpr std::int64_t day_s = 86'400;

bool has(const std::vector<Finding>& findings, FindingCode code, TrustClass origin) {
    return std::ranges::any_of(
        findings, [&](const Finding& one) { return one.code == code && one.origin == origin; });
}

// ---- Enrolment --------------------------------------------------------------------------------

// Shows: JRT0156-13
TEST(AppraiseEnrolment, GradeFollowsFromKeyAndHardware) {
    struct Row {
        bool production;
        attest::Verdict verdict;
        protocol::CapabilitySet hardware;
        int grade;  // -1: refused.
    };
    const Row rows[] = {
        {false, testing::dev_process(), 0x0F, 4},  {false, testing::dev_process(), 0x07, 3},
        {false, testing::dev_process(), 0x04, 3},  {false, testing::dev_process(), 0x03, 2},
        {false, testing::dev_process(), 0x00, -1}, {true, testing::dev_process(), 0x0F, -1},
        {true, testing::android(), 0x1F, -1},  // No place told, no measurement known.
    };
    for (const Row& row : rows) {
        auto said = testing::statement();
        said.hardware = row.hardware;
        const auto decision =
            testing::enrol(row.production ? testing::production() : testing::sandbox(), row.verdict,
                           std::nullopt, said);
        EXPECT_EQ(decision.accepted, row.grade >= 0) << decision.reason;
        if (row.grade >= 0) EXPECT_EQ(decision.grade, row.grade);
    }
}

// Shows: A19, MPOC-2-APP, JRT0156-6.9
TEST(AppraiseEnrolment, InProductionTheProgramMustBeAKnownOne) {
    Policy policy = testing::production();
    const auto unknown = testing::enrol(policy, testing::android());
    EXPECT_FALSE(unknown.accepted);
    EXPECT_EQ(unknown.reason, "finding REPACKAGED");
    policy.measurements.push_back({});
    const auto known = testing::enrol(policy, testing::android());
    EXPECT_TRUE(known.accepted) << known.reason;
    EXPECT_EQ(known.grade, 4);
    const auto software = testing::enrol(policy, testing::dev_process());
    EXPECT_TRUE(software.accepted) << "good enough for QR codes, and for no card";
    EXPECT_EQ(software.grade, 2);
}

// Shows: A24
TEST(AppraiseEnrolment, EveryHardFindingRefuses) {
    const Policy policy = testing::sandbox();
    for (unsigned code = 1; code <= protocol::finding_codes; ++code) {
        const auto one = static_cast<FindingCode>(code);
        auto said = testing::statement();
        said.findings = {{one, TrustClass::core, 0}};
        const auto by_core = testing::enrol(policy, testing::dev_process(), std::nullopt, said);
        EXPECT_EQ(by_core.accepted, !policy.rule(one, TrustClass::core).hard)
            << protocol::name_of(one);
        said.findings = {{one, TrustClass::hardware, 0}};
        EXPECT_TRUE(testing::enrol(policy, testing::dev_process(), std::nullopt, said).accepted)
            << "nobody speaks for the maker: " << protocol::name_of(one);
        attest::Verdict shown = testing::dev_process();
        shown.findings = {{one, TrustClass::hardware, 0}};
        EXPECT_EQ(testing::enrol(policy, shown).accepted,
                  !policy.rule(one, TrustClass::hardware).hard)
            << protocol::name_of(one);
    }
}

TEST(AppraiseEnrolment, NeedsEvidenceThatHolds) {
    const Policy policy = testing::sandbox();
    ServerView view;
    view.now = testing::start;
    const auto none =
        appraise_enrolment(policy, "00000001", std::nullopt, testing::statement(), {}, view);
    EXPECT_EQ(none.reason, "evidence missing");
    attest::Verdict failed = testing::dev_process();
    failed.outcome = attest::Outcome::fail;
    failed.reason = "CHALLENGE";
    EXPECT_EQ(testing::enrol(policy, failed).reason, "evidence CHALLENGE");
}

TEST(AppraiseEnrolment, ARefusedPhoneChangesNothingAboutTheOneBefore) {
    Phone phone(testing::sandbox());
    phone.ask();
    attest::Verdict rooted = testing::dev_process();
    rooted.findings = {{FindingCode::root, TrustClass::hardware, 0}};
    const auto refused = testing::enrol(phone.policy, rooted, phone.record);
    EXPECT_FALSE(refused.accepted);
    EXPECT_EQ(refused.decision.next, phone.record);
    EXPECT_FALSE(refused.decision.incident);
}

TEST(AppraiseEnrolment, ALatchNeedsAPersonAndANewEnrolment) {
    Phone phone(testing::sandbox());
    phone.findings = {{FindingCode::root, TrustClass::core, 0}};
    phone.ask();
    ASSERT_TRUE(phone.record.latch);
    EXPECT_EQ(testing::enrol(phone.policy, testing::dev_process(), phone.record).reason,
              "state latched");
    DeviceEvent release{.kind = DeviceEventKind::release, .finding = std::nullopt};
    phone.record = step(phone.record, release, after_s(10)).value().next;
    phone.findings.clear();
    EXPECT_EQ(phone.ask().refusal, PermitRefusal::suspended) << "a person alone does not do";
    const std::uint64_t commands = phone.record.command_number = 7;
    const auto again = testing::enrol(phone.policy, testing::dev_process(), phone.record);
    ASSERT_TRUE(again.accepted) << again.reason;
    EXPECT_FALSE(again.decision.next.latch);
    EXPECT_EQ(again.decision.next.command_number, commands) << "they rise for the terminal";
    EXPECT_EQ(again.decision.next.state, DeviceState::enrolled);
}

// ---- Permits ----------------------------------------------------------------------------------

// Shows: MPOC-1C-JUDGE
TEST(AppraisePermit, AGoodPhoneGetsOneForWhatItAskedAndNothingElse) {
    Phone phone(testing::sandbox());
    const auto decision = phone.ask(1'234);
    EXPECT_EQ(decision.refusal, PermitRefusal::none) << name_of(decision.refusal);
    EXPECT_EQ(decision.allowed, protocol::bit_of(protocol::Capability::card_no_pin) |
                                    protocol::bit_of(protocol::Capability::card_pin))
        << "and a PIN may follow, under a permit of its own";
    EXPECT_EQ(decision.amount_minor_max, 100'000) << "the smallest class";
    EXPECT_EQ(decision.seconds, phone.policy.permit_s);
    EXPECT_EQ(phone.record.state, DeviceState::active);
    ASSERT_TRUE(decision.decision.transition);
    EXPECT_EQ(decision.decision.transition->cause, DeviceEventKind::permit);
    EXPECT_EQ(phone.record.open->amount_minor, 1'234);
    EXPECT_EQ(phone.ask(100'001).amount_minor_max, 500'000);
    EXPECT_EQ(phone.ask(200'000'000).refusal, PermitRefusal::amount);
    auto foreign = phone.request();
    foreign.currency = 840;
    EXPECT_EQ(phone.send(foreign).refusal, PermitRefusal::amount);
}

// Every finding of every class, told in the last moment before a card.
// Shows: A25, MPOC-3-INCIDENT
TEST(AppraisePermit, EveryHardFindingSuspendsAtOnceAndForGood) {
    for (unsigned code = 1; code <= protocol::finding_codes; ++code) {
        const auto one = static_cast<FindingCode>(code);
        Phone phone(testing::sandbox());
        ASSERT_EQ(phone.ask().refusal, PermitRefusal::none);
        phone.findings = {{one, TrustClass::core, 5}};
        const auto decision = phone.ask();
        const bool hard = phone.policy.rule(one, TrustClass::core).hard;
        EXPECT_EQ(decision.decision.incident, hard) << protocol::name_of(one);
        if (!hard) continue;
        EXPECT_EQ(decision.refusal, PermitRefusal::suspended);
        EXPECT_EQ(decision.amount_minor_max, 0);
        EXPECT_TRUE(decision.decision.revoke_keys);
        EXPECT_EQ(decision.decision.commands, std::vector{CommandAction::wipe_keys});
        EXPECT_EQ(phone.record.latch->finding.code, one);
        phone.findings.clear();
        phone.now = after_s(365 * day_s);
        const auto later = phone.ask();
        EXPECT_EQ(later.refusal, PermitRefusal::suspended) << "time heals no root";
        EXPECT_FALSE(later.decision.incident) << "one case is enough";
    }
}

// Shows: MPOC-1C-JUDGE
TEST(AppraisePermit, TheAppAloneLatchesNothing) {
    for (unsigned code = 1; code <= protocol::finding_codes; ++code) {
        const auto one = static_cast<FindingCode>(code);
        for (const TrustClass claimed :
             {TrustClass::app, TrustClass::hardware, TrustClass::server}) {
            Phone phone(testing::sandbox());
            phone.ask();
            phone.findings = {{one, claimed, 0}};
            const auto decision = phone.ask();
            EXPECT_FALSE(phone.record.latch) << protocol::name_of(one);
            EXPECT_FALSE(decision.decision.revoke_keys);
        }
    }
}

// Shows: MPOC-3-MONITOR
TEST(AppraisePermit, PointsReduceAndTimeGivesBack) {
    Phone phone(testing::sandbox());
    phone.ask();
    phone.findings = {{FindingCode::proxy, TrustClass::app, 0},
                      {FindingCode::overlay, TrustClass::app, 0}};
    EXPECT_EQ(phone.ask().decision.score, 35U);
    EXPECT_EQ(phone.record.state, DeviceState::degraded);
    EXPECT_EQ(phone.ask(60'000).refusal, PermitRefusal::amount) << "little only";
    phone.findings.push_back({FindingCode::multi_instance, TrustClass::app, 0});
    EXPECT_EQ(phone.ask().refusal, PermitRefusal::state);
    EXPECT_EQ(phone.record.state, DeviceState::review);
    phone.findings.push_back({FindingCode::nfc_relay, TrustClass::core, 0});
    const auto suspended = phone.ask();
    EXPECT_EQ(phone.record.state, DeviceState::suspended);
    EXPECT_TRUE(suspended.decision.incident);
    EXPECT_FALSE(suspended.decision.revoke_keys) << "points are no proof";
    EXPECT_EQ(suspended.decision.commands, std::vector{CommandAction::suspend});
    phone.findings.clear();
    phone.now = after_s(40 * day_s);
    EXPECT_EQ(phone.report().commands, std::vector{CommandAction::resume});
    EXPECT_EQ(phone.record.state, DeviceState::active);
}

TEST(AppraisePermit, AStandingFindingRefusesItsCapabilities) {
    Phone phone(testing::sandbox());
    phone.findings = {{FindingCode::core_missing, TrustClass::app, 0}};
    EXPECT_EQ(phone.ask().refusal, PermitRefusal::finding);
    phone.findings.clear();
    phone.now = after_s(10 * day_s);
    EXPECT_EQ(phone.send(phone.request(), {testing::dev_process()}).refusal, PermitRefusal::none);
}

// Shows: MPOC-2A-1.5
TEST(AppraisePermit, EvidenceGrowsOld) {
    Phone phone(testing::sandbox());
    phone.now = after_s(day_s + 1);
    EXPECT_EQ(phone.ask().refusal, PermitRefusal::evidence);
    EXPECT_EQ(phone.send(phone.request(), {testing::dev_process()}).refusal, PermitRefusal::none);
    attest::Verdict failed = testing::dev_process();
    failed.outcome = attest::Outcome::fail;
    const auto decision = phone.send(phone.request(), {failed});
    EXPECT_TRUE(has(decision.decision.findings, FindingCode::evidence_missing, TrustClass::server));
    EXPECT_FALSE(phone.record.latch) << "who carries a message could have put that there";
}

TEST(AppraisePermit, WhatThePhoneLacksItIsNotGiven) {
    Phone phone(testing::sandbox());
    auto said = phone.request();
    said.hardware = 0x03;
    EXPECT_EQ(phone.send(said).refusal, PermitRefusal::capability);
    auto identity = phone.request();
    identity.purpose = protocol::PermitPurpose::identity;
    EXPECT_EQ(phone.send(identity).refusal, PermitRefusal::capability);
}

// Shows: MPOC-1E-1.6
TEST(AppraisePermit, SomeFindingsAreHardOnlyWhileAPinIsAskedFor) {
    Phone phone(testing::sandbox());
    phone.ask();
    phone.found = {{FindingCode::debugger, TrustClass::server, 0}};
    EXPECT_FALSE(phone.ask().decision.incident);
    auto pin = phone.request();
    pin.purpose = protocol::PermitPurpose::pin;
    pin.parent = Id128{{1}};
    EXPECT_TRUE(phone.send(pin).decision.incident);
    EXPECT_TRUE(phone.record.latch);
}

// ---- The chain of messages --------------------------------------------------------------------

// Shows: A30
TEST(AppraiseOrder, TheSameMessageAgainIsARepeatAndLaterAReplay) {
    Phone phone(testing::sandbox());
    const auto said = phone.request();
    phone.send(said);
    const DeviceRecord before = phone.record;
    EXPECT_EQ(phone.appraise(said).refusal, PermitRefusal::repeated);
    EXPECT_EQ(phone.appraise(said).decision.next, before);
    phone.now = after_s(phone.policy.resend_s + 1);
    const auto late = phone.send(said);
    EXPECT_EQ(late.refusal, PermitRefusal::evidence);
    EXPECT_TRUE(has(late.decision.findings, FindingCode::replay, TrustClass::server));
    EXPECT_EQ(phone.record.last_sequence, before.last_sequence);
}

// Shows: A28
TEST(AppraiseOrder, TwoMessagesUnderOneNumberAreTwoPhones) {
    Phone phone(testing::sandbox());
    phone.ask();
    Phone copy = phone;
    EXPECT_EQ(phone.ask().refusal, PermitRefusal::none);
    copy.record = phone.record;
    const auto forked = copy.ask(2'000);
    EXPECT_EQ(forked.refusal, PermitRefusal::suspended);
    EXPECT_EQ(copy.record.latch->finding.code, FindingCode::clone);
    EXPECT_TRUE(forked.decision.incident);
}

// Shows: A28
TEST(AppraiseOrder, AForkIsSeenByItsChainAsWell) {
    Phone phone(testing::sandbox());
    phone.ask();
    Phone copy = phone;
    phone.ask();
    copy.ask(2'000);  // Never heard of by this platform.
    copy.record = phone.record;
    EXPECT_EQ(copy.ask().refusal, PermitRefusal::suspended);
    EXPECT_EQ(copy.record.latch->finding.code, FindingCode::clone);
}

// Shows: A21, A28, MPOC-1A-STATE
TEST(AppraiseOrder, AnOlderCopyNeverGetsAnything) {
    Phone phone(testing::sandbox());
    phone.ask();
    Phone old = phone;
    for (int i = 0; i < 5; ++i) phone.ask();
    old.record = phone.record;
    for (int i = 0; i < 8 && !old.record.latch; ++i) {
        EXPECT_NE(old.ask(2'000).refusal, PermitRefusal::none) << i;
    }
    EXPECT_EQ(old.record.latch->finding.code, FindingCode::clone) << "at the latest when it forks";
}

TEST(AppraiseOrder, LostMessagesCostLittle) {
    Phone phone(testing::sandbox());
    phone.ask();
    phone.seal(phone.request());
    phone.seal(phone.request());
    const auto decision = phone.ask();
    EXPECT_EQ(decision.refusal, PermitRefusal::none);
    const auto gap =
        std::ranges::find(decision.decision.findings, FindingCode::gap, &Finding::code);
    ASSERT_NE(gap, decision.decision.findings.end());
    EXPECT_EQ(gap->detail, 2U);
    EXPECT_EQ(phone.ask().refusal, PermitRefusal::none) << "the chain goes on from there";
}

// ---- Pins -------------------------------------------------------------------------------------

// Shows: MPOC-3-BASELINE
TEST(AppraisePins, AnotherPhoneOrAnOlderOneIsNotTheOneThatEnrolled) {
    struct Row {
        std::function<void(attest::Verdict&)> change;
        FindingCode code;
    };
    const Row rows[] = {
        {[](attest::Verdict& one) { one.device_id = Buffer(32, 9); }, FindingCode::clone},
        {[](attest::Verdict& one) { one.boot_key = Buffer(32, 9); }, FindingCode::boot_state},
        {[](attest::Verdict& one) { one.serials.back() = "other"; }, FindingCode::chain},
        {[](attest::Verdict& one) { one.home = attest::KeyHome::software; }, FindingCode::level},
        {[](attest::Verdict& one) { one.os_version = 140'000; }, FindingCode::rollback},
        {[](attest::Verdict& one) { one.os_patch = 202'607; }, FindingCode::rollback},
    };
    for (const Row& row : rows) {
        Phone phone(testing::sandbox(), testing::android());
        ASSERT_EQ(phone.send(phone.request(), {testing::android()}).refusal, PermitRefusal::none);
        attest::Verdict shown = testing::android();
        row.change(shown);
        EXPECT_TRUE(phone.send(phone.request(), {shown}).decision.incident)
            << protocol::name_of(row.code);
        EXPECT_EQ(phone.record.latch->finding.code, row.code);
    }
}

// Shows: MPOC-1G-1.5, MPOC-2-APP
TEST(AppraisePins, NewerIsFineAndRaisesTheMark) {
    Phone phone(testing::sandbox(), testing::android());
    attest::Verdict newer = testing::android();
    newer.os_patch = 202'609;
    EXPECT_EQ(phone.send(phone.request(), {newer}).refusal, PermitRefusal::none);
    EXPECT_EQ(phone.record.marks.os_patch, 202'609U);
    auto older = phone.request();
    older.claims.app_version = 90;
    const auto decision = phone.send(older, {newer});
    EXPECT_TRUE(has(decision.decision.findings, FindingCode::version_old, TrustClass::server));
    EXPECT_EQ(phone.record.state, DeviceState::degraded);
    auto other = phone.request();
    other.claims.app_package = "com.other";
    phone.send(other, {newer});
    EXPECT_EQ(phone.record.latch->finding.code, FindingCode::repackaged);
}

// ---- Place ------------------------------------------------------------------------------------

constexpr protocol::Location shanghai{31'230'400, 121'473'700, 20};
constexpr protocol::Location beijing{39'904'200, 116'407'400, 20};

TEST(AppraisePlace, ATerminalThatMovedAndOneThatFlew) {
    Phone phone(testing::sandbox());
    phone.policy.location.place_m_max = 2'000;
    phone.registered = shanghai;
    phone.location = shanghai;
    EXPECT_TRUE(phone.ask().decision.findings.empty());
    phone.now = after_s(600);
    phone.location = beijing;
    const auto decision = phone.ask();
    EXPECT_TRUE(has(decision.decision.findings, FindingCode::moved, TrustClass::server));
    EXPECT_TRUE(has(decision.decision.findings, FindingCode::geo_jump, TrustClass::server));
    EXPECT_EQ(phone.record.state, DeviceState::review);
    phone.location.reset();
    phone.policy.location.required = true;
    EXPECT_TRUE(
        has(phone.ask().decision.findings, FindingCode::location_missing, TrustClass::server));
}

TEST(AppraisePlace, AFlightIsNoJump) {
    Phone phone(testing::sandbox());
    phone.location = shanghai;
    phone.ask();
    phone.now = after_s(2 * 3600);
    phone.location = beijing;
    EXPECT_FALSE(has(phone.ask().decision.findings, FindingCode::geo_jump, TrustClass::server));
}

// ---- Reports and silence ----------------------------------------------------------------------

TEST(AppraiseReport, WhatTheCoreCallsCriticalCountsOnce) {
    Phone phone(testing::sandbox());
    phone.ask();
    const protocol::CoreEvent usual{1, FindingCode::permit_refused, protocol::Severity::warning, 1};
    EXPECT_EQ(phone.report({usual}).score, 0U);
    const protocol::CoreEvent forged{2, FindingCode::permit_refused, protocol::Severity::critical,
                                     3};
    EXPECT_EQ(phone.report({usual, forged}).score, 5U);
    EXPECT_EQ(phone.report({usual, forged}).score, 5U) << "the same line again";
    const protocol::CoreEvent rolled{3, FindingCode::rollback, protocol::Severity::critical, 0};
    const auto decision = phone.report({rolled});
    EXPECT_TRUE(decision.incident);
    EXPECT_EQ(phone.record.latch->finding.code, FindingCode::rollback);
}

// Shows: A22, MPOC-3-MONITOR
TEST(AppraiseSilence, IsFoundOnceAndOnlyOfAPhoneInUse) {
    Phone phone(testing::sandbox());
    EXPECT_FALSE(appraise_silence(phone.policy, phone.record, after_s(700)).next.silent)
        << "it never paid";
    phone.ask();
    EXPECT_FALSE(appraise_silence(phone.policy, phone.record, after_s(599)).next.silent);
    const auto silent = appraise_silence(phone.policy, phone.record, after_s(601));
    EXPECT_TRUE(silent.next.silent);
    EXPECT_TRUE(has(silent.findings, FindingCode::silence, TrustClass::server));
    EXPECT_EQ(silent.score, 20U);
    EXPECT_EQ(appraise_silence(phone.policy, silent.next, after_s(602)).score, 19U) << "once";
    EXPECT_FALSE(appraise_silence(phone.policy, phone.record, after_s(1'801)).next.silent)
        << "closed for the night";
    phone.record = silent.next;
    phone.now = after_s(700);
    phone.report();
    EXPECT_FALSE(phone.record.silent);
}

}  // namespace
}  // namespace softpos::monitor
