// What stands against a phone from one message to the next, and what an old message may say.
#include "platform/monitor/appraise.h"
#include "platform/monitor/monitor_test_data.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::monitor {
namespace {

using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;
using testing::after_s;
using testing::Phone;

constexpr protocol::Location shanghai{31'230'400, 121'473'700, 20};
constexpr protocol::Location beijing{39'904'200, 116'407'400, 20};

bool has(const std::vector<Finding>& findings, FindingCode code) {
    return std::ranges::find(findings, code, &Finding::code) != findings.end();
}

Phone moved_phone() {
    Phone phone(testing::sandbox());
    phone.policy.location.place_m_max = 2'000;
    phone.registered = shanghai;
    phone.location = beijing;
    phone.ask();
    return phone;
}

TEST(AppraiseStanding, AReportTellsNoPlaceAndChangesNothingAboutIt) {
    Phone phone = moved_phone();
    ASSERT_EQ(phone.record.state, DeviceState::review);
    for (int i = 1; i < 5; ++i) {
        phone.now = after_s(i * 60);
        const auto decision = phone.report();
        EXPECT_FALSE(decision.transition) << "no webhook with each heartbeat";
        EXPECT_TRUE(has(decision.findings, FindingCode::moved));
        EXPECT_EQ(phone.record.state, DeviceState::review);
    }
    phone.location = shanghai;
    phone.now = after_s(10 * 3600);
    EXPECT_FALSE(has(phone.ask().decision.findings, FindingCode::moved));
}

TEST(AppraiseStanding, WhatTheMakerSaidStandsUntilTheMakerSaysOtherwise) {
    Phone phone(testing::sandbox(), testing::android());
    attest::Verdict shown = testing::android();
    shown.findings = {{FindingCode::patch_old, TrustClass::hardware, 0}};
    phone.send(phone.request(), {shown});
    EXPECT_EQ(phone.record.state, DeviceState::degraded);
    EXPECT_TRUE(has(phone.ask().decision.findings, FindingCode::patch_old));
    EXPECT_TRUE(has(phone.report().findings, FindingCode::patch_old));
    const auto clean = phone.send(phone.request(), {testing::android()});
    EXPECT_FALSE(has(clean.decision.findings, FindingCode::patch_old));
}

// A suspended phone reports on. What latched it is known, and latches it once.
TEST(AppraiseStanding, AReleasedPhoneIsNotLatchedAgainByWhatWasReleased) {
    Phone phone(testing::sandbox(), testing::android());
    attest::Verdict rooted = testing::android();
    rooted.findings = {{FindingCode::root, TrustClass::hardware, 0}};
    EXPECT_TRUE(phone.send(phone.request(), {rooted}).decision.incident);
    phone.record =
        step(phone.record, {.kind = DeviceEventKind::release, .finding = std::nullopt}, after_s(1))
            .value()
            .next;
    EXPECT_FALSE(phone.report().incident);
    EXPECT_TRUE(phone.record.latch->released);
    EXPECT_TRUE(testing::enrol(phone.policy, testing::android(), phone.record).accepted);
    EXPECT_TRUE(phone.send(phone.request(), {rooted}).decision.incident) << "found once more";
    EXPECT_FALSE(phone.record.latch->released);
}

TEST(AppraiseStanding, AnOldCleanMessageClearsNothing) {
    Phone phone(testing::sandbox());
    const auto clean = phone.request();
    phone.send(clean);
    phone.findings = {{FindingCode::core_missing, TrustClass::app, 0}};
    EXPECT_EQ(phone.ask().refusal, PermitRefusal::finding);
    const auto standing = phone.record.standing;
    const auto replay = phone.appraise(clean);
    EXPECT_TRUE(has(replay.decision.findings, FindingCode::replay));
    EXPECT_EQ(replay.decision.next.standing, standing);
    EXPECT_NE(replay.refusal, PermitRefusal::none);
}

TEST(AppraiseStanding, ALateMessageStillTellsWhatWasWrong) {
    Phone phone(testing::sandbox());
    phone.ask();
    auto late = phone.request();
    late.findings = {{FindingCode::root, TrustClass::core, 0}};
    phone.seal(late);
    phone.ask();
    const auto decision = phone.appraise(late);
    EXPECT_TRUE(decision.decision.incident) << "overtaken on its way";
    EXPECT_EQ(decision.decision.next.latch->finding.code, FindingCode::root);
}

TEST(AppraiseStanding, ARoughPlaceHidesNoJump) {
    Phone phone(testing::sandbox());
    phone.location = shanghai;
    phone.ask();
    phone.now = after_s(60);
    phone.location = protocol::Location{31'230'400, 121'473'700, 5'000'000};
    phone.ask();
    EXPECT_EQ(phone.record.last_location, shanghai);
    phone.now = after_s(120);
    phone.location = beijing;
    EXPECT_TRUE(has(phone.ask().decision.findings, FindingCode::geo_jump));
}

TEST(AppraiseSeen, WhatThePlatformSeesBetweenMessagesWeighsBesideWhatStands) {
    Phone phone = moved_phone();
    const Finding soft{FindingCode::evidence_missing, TrustClass::server, 0};
    const auto softly = appraise_seen(phone.policy, phone.record, soft, after_s(30));
    EXPECT_TRUE(has(softly.findings, FindingCode::moved));
    EXPECT_EQ(softly.next.state, DeviceState::review);
    EXPECT_EQ(softly.next.last_seen, phone.record.last_seen) << "it said nothing";
    const Finding hard{FindingCode::serial_cipher, TrustClass::server, 0};
    const auto cut = appraise_seen(phone.policy, phone.record, hard, after_s(30));
    EXPECT_TRUE(cut.incident);
    EXPECT_EQ(cut.commands, std::vector{protocol::CommandAction::wipe_keys});
    EXPECT_EQ(cut.next.latch->finding, hard);
    EXPECT_FALSE(appraise_seen(phone.policy, cut.next, hard, after_s(30)).incident) << "once";
}

// Every code there is, all at once, from whoever has the app in hand.
TEST(AppraisePoints, TheAppAloneSuspendsNobody) {
    Phone phone(testing::known_production(), testing::android());
    for (unsigned code = 1; code <= protocol::finding_codes; ++code) {
        phone.findings.push_back({static_cast<FindingCode>(code), TrustClass::app, 0});
    }
    for (int i = 0; i < 20; ++i) {
        const auto decision = phone.ask();
        EXPECT_FALSE(decision.decision.incident);
        EXPECT_GT(decision.decision.score, phone.policy.thresholds.suspend);
        EXPECT_NE(decision.refusal, PermitRefusal::none) << "though it gets nothing";
    }
    EXPECT_EQ(phone.record.state, DeviceState::review);
    phone.findings.push_back({FindingCode::nfc_relay, TrustClass::core, 0});
    EXPECT_TRUE(phone.ask().decision.incident) << "the core says something as well";
}

TEST(AppraisePoints, ASuspendedPhoneComesBackByTheSameStairs) {
    Phone phone(testing::sandbox());
    phone.ask();
    for (int i = 0; i < 3; ++i) {
        phone.findings = {{FindingCode::nfc_relay, TrustClass::core, 0},
                          {FindingCode::core_missing, TrustClass::core, 0},
                          {FindingCode::core_panic, TrustClass::core, 0}};
        phone.ask();
    }
    ASSERT_EQ(phone.record.state, DeviceState::suspended);
    ASSERT_FALSE(phone.record.latch);
    phone.findings.clear();
    std::vector<DeviceState> stairs{phone.record.state};
    for (std::int64_t hour = 1; hour < 60 * 24; ++hour) {
        phone.now = after_s(hour * 3600);
        phone.report();
        if (phone.record.state != stairs.back()) stairs.push_back(phone.record.state);
    }
    EXPECT_EQ(stairs, (std::vector{DeviceState::suspended, DeviceState::review,
                                   DeviceState::degraded, DeviceState::active}));
}

// Nobody looked while the points went: the last stair is taken all the same.
TEST(AppraisePoints, ASuspendedPhoneIsNotWellBeforeADegradedOneWouldBe) {
    Phone phone(testing::sandbox());
    phone.ask();
    phone.record.state = DeviceState::suspended;
    const auto points = (phone.policy.thresholds.degraded - 1) * 1000;
    phone.record.score = {{FindingCode::nfc_relay, TrustClass::core, points, phone.now}};
    phone.report();
    EXPECT_EQ(phone.record.state, DeviceState::degraded);
    phone.record.score.clear();
    phone.report();
    EXPECT_EQ(phone.record.state, DeviceState::active);
}

TEST(AppraisePermit, WhatMovesNoMoneyNeedsNoAmount) {
    auto said = testing::statement();
    said.hardware = 0x1F;
    Phone phone(testing::sandbox(), testing::android());
    phone.record =
        testing::enrol(phone.policy, testing::android(), std::nullopt, said).decision.next;
    ASSERT_EQ(phone.record.grade, 5);
    auto identity = phone.request(0);
    identity.hardware = 0x1F;
    identity.purpose = protocol::PermitPurpose::identity;
    const auto given = phone.send(identity, {testing::android()});
    EXPECT_EQ(given.refusal, PermitRefusal::none) << name_of(given.refusal);
    EXPECT_EQ(given.allowed, protocol::bit_of(protocol::Capability::identity));
    EXPECT_EQ(given.amount_minor_max, 0);
    auto paid = phone.request(1);
    paid.hardware = 0x1F;
    paid.purpose = protocol::PermitPurpose::identity;
    EXPECT_EQ(phone.send(paid, {testing::android()}).refusal, PermitRefusal::amount);
}

TEST(AppraisePermit, WhereEvidenceIsAskedEachTimeAnEarlierOneDoesNotDo) {
    Phone phone(testing::known_production(), testing::android());
    auto pin = phone.request();
    pin.purpose = protocol::PermitPurpose::pin;
    pin.parent = Id128{{1}};
    EXPECT_EQ(phone.send(pin, {testing::android()}).refusal, PermitRefusal::none);
    pin.sequence = phone.request().sequence;
    pin.journal_head = phone.head;
    phone.now = after_s(-1);
    EXPECT_EQ(phone.send(pin).refusal, PermitRefusal::evidence) << "nor with a clock set back";
}

TEST(AppraisePermit, AGrantedOneTellsThePhoneOfThePolicy) {
    Phone phone(testing::sandbox());
    phone.ask();
    phone.policy.version = 9;
    phone.policy.phone_policy_min = 9;
    EXPECT_TRUE(has(phone.ask().decision.findings, FindingCode::policy_old));
    EXPECT_FALSE(has(phone.ask().decision.findings, FindingCode::policy_old));
}

}  // namespace
}  // namespace softpos::monitor
