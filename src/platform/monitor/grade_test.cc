// What a phone can do and what stands in its way; and that permits say the same.
#include "platform/monitor/grade.h"

#include "platform/monitor/appraise.h"
#include "platform/monitor/monitor_test_data.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace softpos::monitor {
namespace {

using protocol::Capability;
using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;
using testing::start;

Preflight android_phone() {
    Preflight phone;
    phone.hardware = 0x1F;
    phone.home = attest::KeyHome::trusted_environment;
    phone.kind = protocol::EvidenceKind::android_key;
    phone.last_evidence = phone.now = start;
    return phone;
}

const CapabilityReport& of(const Grading& grading, Capability capability) {
    return grading.capabilities[static_cast<std::size_t>(capability)];
}

std::vector<Obstacle> obstacles_of(const CapabilityReport& report) {
    std::vector<Obstacle> out;
    for (const Reason& one : report.reasons) out.push_back(one.obstacle);
    return out;
}

TEST(Grade, FollowsFromHardwareAndWhereTheKeysAre) {
    struct Row {
        attest::KeyHome home;
        protocol::EvidenceKind kind;
        protocol::CapabilitySet hardware;
        int possible, now;
    };
    using enum attest::KeyHome;
    using enum protocol::EvidenceKind;
    const Row rows[] = {
        {trusted_environment, android_key, 0x1F, 5, 5},
        {trusted_environment, android_key, 0x0F, 4, 4},
        {trusted_environment, android_key, 0x07, 3, 3},
        {secure_element, huks, 0x0F, 4, 4},
        {tpm, tpm_quote, 0x0F, 4, 4},
        {software, dev_process, 0x1F, 2, 2},
        {software, dev_process, 0x01, 1, 1},
        {software, dev_process, 0x04, 0, 0},
        {trusted_environment, android_key, 0, 0, 0},
        {trusted_environment, app_attest, 0x1F, 5, 2},
    };
    for (const Row& row : rows) {
        Preflight phone = android_phone();
        phone.home = row.home;
        phone.kind = row.kind;
        phone.hardware = row.hardware;
        const Grading grading = grade_phone(testing::production(), phone);
        EXPECT_EQ(grading.possible, row.possible) << policy_name_of(row.home) << +row.hardware;
        EXPECT_EQ(grading.now, row.now) << policy_name_of(row.home) << +row.hardware;
    }
}

TEST(Grade, NamesAllThatStandsInTheWay) {
    Preflight phone = android_phone();
    phone.home = attest::KeyHome::software;
    phone.kind = protocol::EvidenceKind::dev_process;
    phone.hardware = 0x03;
    phone.standing = {{FindingCode::accessibility, TrustClass::app, 0}};
    const Grading grading = grade_phone(testing::production(), phone);
    EXPECT_TRUE(of(grading, Capability::qr_show).available());
    EXPECT_GT(of(grading, Capability::qr_show).amount_minor_max, 0);
    const auto& pin = of(grading, Capability::card_pin);
    EXPECT_EQ(obstacles_of(pin), (std::vector{Obstacle::hardware, Obstacle::key_home,
                                              Obstacle::finding, Obstacle::evidence}));
    EXPECT_EQ(pin.amount_minor_max, 0);
    EXPECT_EQ(pin.reasons[2].finding->code, FindingCode::accessibility);
    EXPECT_EQ(pin.reasons[2].remedy.en, remedy_of(FindingCode::accessibility).en);
}

TEST(Grade, OldEvidenceIsARetryAndAnOldEnrolmentANewOne) {
    Preflight phone = android_phone();
    phone.enrolled_grade = 3;
    phone.last_evidence = {start.unix_ms - 1};
    const Grading grading = grade_phone(testing::production(), phone);
    EXPECT_EQ(grading.possible, 5);
    EXPECT_EQ(grading.now, 3);
    EXPECT_EQ(obstacles_of(of(grading, Capability::card_pin)),
              (std::vector{Obstacle::enrolment, Obstacle::evidence_age}));
    EXPECT_EQ(of(grading, Capability::card_pin).reasons[1].remedy.klass, RefusalClass::retry);
}

TEST(Grade, AHardFindingStopsWhoIsNotEnrolledYet) {
    Preflight phone = android_phone();
    phone.standing = {{FindingCode::root, TrustClass::core, 0}};
    const Grading grading = grade_phone(testing::production(), phone);
    EXPECT_EQ(grading.possible, 5);
    EXPECT_EQ(grading.now, 0);
    for (const auto& one : grading.capabilities) {
        EXPECT_EQ(obstacles_of(one), std::vector{Obstacle::finding});
        EXPECT_FALSE(one.reasons[0].remedy.tell);
    }
}

TEST(Grade, ASuspendedPhoneCanNothingAndSaysWhatLatchedIt) {
    testing::Phone phone(testing::sandbox());
    phone.ask();
    phone.findings = {{FindingCode::root, TrustClass::core, 0}};
    phone.ask();
    const Grading grading = grade_phone(phone.policy, preflight_of(phone.record, phone.now));
    EXPECT_EQ(grading.possible, 4);
    EXPECT_EQ(grading.now, 0);
    const auto& tap = of(grading, Capability::card_no_pin);
    ASSERT_FALSE(tap.available());
    EXPECT_EQ(tap.reasons[0].obstacle, Obstacle::suspended);
    EXPECT_EQ(tap.reasons[0].finding->code, FindingCode::root);
}

TEST(Grade, AReducedPhoneCanAsMuchAsItsState) {
    Preflight phone = android_phone();
    phone.enrolled_grade = 5;
    phone.state = DeviceState::degraded;
    const Policy policy = testing::production();
    const Grading grading = grade_phone(policy, phone);
    EXPECT_EQ(grading.now, 2);
    EXPECT_EQ(of(grading, Capability::qr_scan).amount_minor_max, policy.degraded.amount_minor_max);
    EXPECT_EQ(obstacles_of(of(grading, Capability::card_no_pin)), std::vector{Obstacle::state});
}

protocol::PermitPurpose purpose_of(Capability capability) {
    for (unsigned i = 1; i <= protocol::permit_purposes; ++i) {
        const auto purpose = static_cast<protocol::PermitPurpose>(i);
        if (capability_of(purpose) == capability) return purpose;
    }
    return {};
}

// A grading that says yes where the permit says no would send people to the wrong place.
TEST(Grade, SaysYesExactlyWhereAPermitWouldBeGiven) {
    auto random = softpos::testing::Prng::from_environment();
    unsigned given = 0, refused = 0;
    const Policy sandbox = testing::sandbox();
    const testing::Phone enrolled(sandbox, testing::android());
    for (int round = 0; round < 4'000; ++round) {
        Policy policy = sandbox;
        for (auto& of_code : policy.rules) {
            for (FindingRule& rule : of_code) {
                rule = {};
                if (random.below(12) == 0) {
                    rule.refuses = static_cast<protocol::CapabilitySet>(random.below(32));
                }
            }
        }
        policy.home_grade_max[0] = static_cast<std::uint8_t>(random.below(6));
        testing::Phone phone = enrolled;
        phone.policy = policy;
        DeviceRecord& record = phone.record;
        record.hardware = static_cast<protocol::CapabilitySet>(random.below(32) | random.below(32));
        record.grade = static_cast<std::uint8_t>(random.below(6));
        record.pins.home = static_cast<attest::KeyHome>(random.below(4));
        record.pins.kind = static_cast<protocol::EvidenceKind>(random.below(8) + 1);
        record.last_evidence = {start.unix_ms -
                                static_cast<std::int64_t>(random.below(2 * 86'400'000))};
        const unsigned points = 35'000 * random.below(3);  // Well, degraded, review.
        record.state = DeviceState::active;
        if (points > 0) {
            record.state = points < 60'000 ? DeviceState::degraded : DeviceState::review;
            record.score = {{FindingCode::dev_mode, TrustClass::core, points, start}};
        }
        for (unsigned n = random.below(3); n > 0; --n) {
            phone.findings.push_back(
                {static_cast<FindingCode>(random.below(42) + 1), TrustClass::core, 0});
        }
        record.standing.clear();
        for (const Finding& one : phone.findings) {
            const bool twice = std::ranges::find(record.standing, one) != record.standing.end();
            if (!is_event(one.code) && !twice) record.standing.push_back(one);
        }
        const auto capability = static_cast<Capability>(random.below(protocol::capabilities));
        auto said = phone.request(0);
        said.hardware = record.hardware;
        said.purpose = purpose_of(capability);
        if (said.purpose == protocol::PermitPurpose::pin) said.parent = Id128{{1}};
        std::erase_if(said.findings, [](const Finding& one) { return is_event(one.code); });
        const Grading grading = grade_phone(policy, preflight_of(record, start));
        const auto decision = phone.appraise(said);
        const bool yes = decision.refusal == PermitRefusal::none;
        (yes ? given : refused) += 1;
        ASSERT_EQ(of(grading, capability).available(), yes)
            << "seed " << random.seed() << " round " << round << ' ' << name_of(decision.refusal);
        EXPECT_LE(decision.amount_minor_max, of(grading, capability).amount_minor_max);
    }
    EXPECT_GT(given, 200U);
    EXPECT_GT(refused, 200U);
}

TEST(Remedy, EveryCodeHasWordsInBothLanguagesAndNoTwoAreAlike) {
    std::set<std::string_view> en, zh;
    for (unsigned code = 1; code <= protocol::finding_codes; ++code) {
        const Remedy& remedy = remedy_of(static_cast<FindingCode>(code));
        EXPECT_TRUE(remedy.en.ends_with('.')) << code;
        EXPECT_TRUE(en.insert(remedy.en).second) << remedy.en;
        EXPECT_TRUE(zh.insert(remedy.zh).second) << remedy.en;
        const bool chinese = std::ranges::any_of(
            remedy.zh, [](char byte) { return static_cast<unsigned char>(byte) >= 0xE4; });
        EXPECT_TRUE(chinese) << remedy.en;
    }
}

// Whoever attacks holds the phone as well.
TEST(Remedy, WhatLatchesAPhoneIsNotToldToWhoeverHoldsIt) {
    for (const Policy& policy : {testing::production(), testing::sandbox()}) {
        for (unsigned code = 1; code <= protocol::finding_codes; ++code) {
            const auto one = static_cast<FindingCode>(code);
            bool hard = false;
            for (unsigned origin = 1; origin <= protocol::trust_classes; ++origin) {
                hard = hard || policy.rule(one, static_cast<TrustClass>(origin)).hard;
            }
            EXPECT_FALSE(hard && remedy_of(one).tell) << protocol::name_of(one);
        }
    }
}

TEST(Remedy, IsThatOfItsCode) {
    const std::pair<FindingCode, std::string_view> words[] = {
        {FindingCode::root, "root"},
        {FindingCode::hook, "diverted"},
        {FindingCode::adb, "debugging"},
        {FindingCode::time_zone, "time zone"},
        {FindingCode::nfc_relay, "card"},
        {FindingCode::patch_old, "security update"},
        {FindingCode::moved, "registered"},
        {FindingCode::binding, "five elements"},
        {FindingCode::software_key, "software"},
        {FindingCode::permit_refused, "permit"}};
    for (const auto& [code, word] : words) {
        EXPECT_NE(remedy_of(code).en.find(word), std::string_view::npos) << protocol::name_of(code);
    }
    EXPECT_TRUE(remedy_of(FindingCode::dev_mode).tell);
}

}  // namespace
}  // namespace softpos::monitor
