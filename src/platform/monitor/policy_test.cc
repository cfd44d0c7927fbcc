// What a policy may say, and what none may.
#include "platform/monitor/policy.h"

#include "crypto/p256.h"
#include "platform/monitor/monitor_test_data.h"
#include "platform/monitor/policy_check.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::monitor {
namespace {

using testing::changed;
using testing::shipped;

TEST(Policy, BothShippedOnesAreSound) {
    for (const char* which : {"sandbox", "production"}) {
        const auto policy = parse_policy(shipped(which));
        ASSERT_TRUE(policy) << which << ' ' << name_of(policy.error().kind) << ' '
                            << policy.error().path;
        EXPECT_EQ(name_of(policy->environment), which);
    }
}

// The one promise that everything else rests on.
// Shows: JRT0156-13
TEST(Policy, InProductionAKeyInSoftwareNeverReachesACard) {
    const auto policy = parse_policy(shipped("production")).value();
    const auto grade = policy.home_grade_max[static_cast<std::size_t>(attest::KeyHome::software)];
    for (const auto capability : {protocol::Capability::card_no_pin, protocol::Capability::card_pin,
                                  protocol::Capability::identity}) {
        EXPECT_EQ(policy.grade[grade] & protocol::bit_of(capability), 0);
        EXPECT_FALSE(policy.accepts(capability, protocol::EvidenceKind::dev_process));
    }
}

// Shows: MPOC-1C-JUDGE
TEST(Policy, WhatNoneMaySayIsRefusedByName) {
    struct Row {
        const char *which, *from, *to;
        PolicyFaultKind kind;
        const char* path;
    };
    const Row rows[] = {
        {"sandbox", "\"name\": \"trust-sandbox\"", "\"name\": 7", PolicyFaultKind::json, "name"},
        {"sandbox", "\"version\": 1,", "\"version\": 1, \"more\": 1,", PolicyFaultKind::json,
         "more"},
        {"sandbox", "\"version\": 1,", "\"version\": 0,", PolicyFaultKind::json, "version"},
        {"sandbox", "\"REPLAY\"", "\"REPLAYS\"", PolicyFaultKind::missing_rule, "findings.REPLAY"},
        {"sandbox", "\"OVERLAY\": {\"weight\": 15", "\"OVERLAY\": {\"weight\": -15",
         PolicyFaultKind::raises_trust, "findings.OVERLAY.weight"},
        {"sandbox", "\"ADB\": {", "\"ADB\": {\"hard\": \"app\", ", PolicyFaultKind::app_hard,
         "findings.ADB.hard"},
        {"sandbox", "\"CLONE\": {\"hard\": \"hardware core server\"",
         "\"CLONE\": {\"hard\": \"hardware core\"", PolicyFaultKind::soft_code,
         "findings.CLONE.hard"},
        {"sandbox", "\"hard_in_pin\": \"hardware core server\"", "\"hard_in_pin\": \"core app\"",
         PolicyFaultKind::app_hard, "findings.DEBUGGER.hard"},
        {"sandbox", "\"DEBUGGER\": {\"hard\": \"hardware core\", \"hard_in_pin\": \"hardware core",
         "\"DEBUGGER\": {\"hard\": \"hardware\", \"hard_in_pin\": \"hardware",
         PolicyFaultKind::soft_code, "findings.DEBUGGER.hard_in_pin"},
        {"sandbox", "\"least\": \"degraded\"", "\"least\": \"well\"", PolicyFaultKind::json,
         "findings.PATCH_OLD.least"},
        {"sandbox", "\"refuses\": \"card_pin\"", "\"refuses\": \"card\"", PolicyFaultKind::json,
         "findings.OVERLAY.refuses"},
        {"sandbox", "\"any\": true", "\"any\": true, \"list\": \"12zz\"", PolicyFaultKind::json,
         "measurements.list"},
        {"sandbox", "\"environment\": \"sandbox\"", "\"environment\": \"test\"",
         PolicyFaultKind::json, "environment"},
        {"sandbox", "{\n    \"version\"", "[\n    \"version\"", PolicyFaultKind::json, ""},
        {"sandbox", "\"suspend\": 100", "\"suspend\": 50", PolicyFaultKind::order, "thresholds"},
        {"sandbox", "\"recover\": 15", "\"recover\": 0", PolicyFaultKind::order, "thresholds"},
        {"sandbox", "\"middle\", \"amount_minor_max\": 500000",
         "\"middle\", \"amount_minor_max\": 100000", PolicyFaultKind::order, "amounts"},
        {"sandbox", "\"L4\": \"qr_show qr_scan", "\"L4\": \"qr_show", PolicyFaultKind::order,
         "grades"},
        {"sandbox", "\"L1\": \"qr_show\",", "\"L0\": \"qr_show\", \"L1\": \"qr_show\",",
         PolicyFaultKind::order, "grades.L0"},
        {"sandbox", "\"silence_s\": 600", "\"silence_s\": 60", PolicyFaultKind::order,
         "times.silence_s"},
        {"production", "\"software\": 2", "\"software\": 3", PolicyFaultKind::unsafe,
         "homes.software"},
        {"production", "\"any\": false", "\"any\": true", PolicyFaultKind::unsafe,
         "measurements.any"},
        {"production", "\"card_no_pin\": {\"evidence\": \"android-key",
         "\"card_no_pin\": {\"evidence\": \"dev-process android-key", PolicyFaultKind::unsafe,
         "capability.card_no_pin.evidence"},
    };
    for (const Row& row : rows) {
        const auto policy = parse_policy(changed(shipped(row.which), row.from, row.to));
        ASSERT_FALSE(policy) << row.to;
        EXPECT_EQ(name_of(policy.error().kind), name_of(row.kind)) << row.to;
        if (*row.path != '\0') EXPECT_EQ(policy.error().path, row.path);
    }
    EXPECT_EQ(parse_policy(std::string(policy_bytes_max + 1, ' ')).error().kind,
              PolicyFaultKind::json);
}

TEST(Policy, ASignatureIsOverTheMeaning) {
    const auto policy = parse_policy(shipped("sandbox")).value();
    std::string blanks = shipped("sandbox");
    for (std::size_t at = 0; (at = blanks.find('\n', at)) != std::string::npos; at += 3) {
        blanks.replace(at, 1, " \n ");
    }
    EXPECT_EQ(canonical_bytes(parse_policy(blanks).value()), canonical_bytes(policy));
    const auto other = parse_policy(
        changed(shipped("sandbox"), "\"GAP\": {\"weight\": 4", "\"GAP\": {\"weight\": 5"));
    EXPECT_NE(digest_of(other.value()), digest_of(policy));
}

// The grade of software must not reach a card or a person by a way around L3.
TEST(Policy, NoGradeOfSoftwareHoldsWhatNeedsHardware) {
    for (const auto capability : {protocol::Capability::card_no_pin, protocol::Capability::card_pin,
                                  protocol::Capability::identity}) {
        Policy policy = testing::production();
        for (unsigned i = 2; i < grades; ++i) {
            policy.grade[i] = static_cast<protocol::CapabilitySet>(policy.grade[i] |
                                                                   protocol::bit_of(capability));
        }
        const auto fault = what_is_wrong(policy);
        ASSERT_TRUE(fault) << protocol::name_of(capability);
        EXPECT_EQ(name_of(fault->kind), "UNSAFE");
        EXPECT_EQ(fault->path, "homes.software");
        policy.environment = Environment::sandbox;
        EXPECT_FALSE(what_is_wrong(policy));
    }
}

// The lines of `text` between the line of `name` and the next closing brace, in reverse.
std::string reversed_lines(const std::string& text, std::string_view name) {
    const std::size_t begin = text.find('\n', text.find(name)) + 1;
    const std::size_t end = text.find("\n    }", begin);
    std::string out;
    std::string lines = text.substr(begin, end - begin) + ",";
    while (!lines.empty()) {
        const std::size_t at = lines.rfind('\n') == std::string::npos ? 0 : lines.rfind('\n');
        out += lines.substr(at) + (at == 0 ? "\n" : "");
        lines.resize(at);
    }
    out.erase(out.rfind(','), 1);
    return text.substr(0, begin) + out + text.substr(end);
}

TEST(Policy, TheOrderOfFieldsAndOfProgramsDoesNotCount) {
    for (const char* which : {"sandbox", "production"}) {
        const auto policy = parse_policy(shipped(which)).value();
        for (const char* name : {"\"findings\"", "\"grades\"", "\"capability\""}) {
            const std::string text = reversed_lines(shipped(which), name);
            ASSERT_NE(text, shipped(which));
            const auto same = parse_policy(text);
            ASSERT_TRUE(same) << name << ' ' << same.error().path;
            EXPECT_EQ(*same, policy) << name;
            EXPECT_EQ(canonical_bytes(*same), canonical_bytes(policy)) << name;
        }
    }
    const std::string a(64, 'a'), b(64, 'b');
    const auto with = [](const std::string& list) {
        return parse_policy(changed(shipped("sandbox"), "\"any\": true",
                                    "\"any\": true, \"list\": \"" + list + "\""))
            .value();
    };
    EXPECT_EQ(digest_of(with(a + ' ' + b)), digest_of(with(b + "  " + a + ' ' + b)));
    EXPECT_NE(digest_of(with(a)), digest_of(with(b)));
}

// What is not signed could be changed by whoever keeps the text.
TEST(Policy, EveryFieldIsUnderTheSignature) {
    using Change = void (*)(Policy&);
    const Change changes[] = {
        [](Policy& p) { ++p.version; },
        [](Policy& p) { p.name += 'x'; },
        [](Policy& p) { p.environment = Environment::production; },
        [](Policy& p) { p.rules[41][3].hard ^= true; },
        [](Policy& p) { p.rules[0][0].hard_in_pin ^= true; },
        [](Policy& p) { p.rules[5][1].least = LeastState::review; },
        [](Policy& p) { p.rules[5][1].refuses ^= 1U; },
        [](Policy& p) { ++p.rules[5][1].weight; },
        [](Policy& p) { ++p.rules[5][1].half_life_s; },
        [](Policy& p) { ++p.thresholds.recover; },
        [](Policy& p) { ++p.thresholds.degraded; },
        [](Policy& p) { ++p.thresholds.review; },
        [](Policy& p) { ++p.thresholds.suspend; },
        [](Policy& p) { p.degraded.capabilities ^= 1U; },
        [](Policy& p) { ++p.degraded.amount_minor_max; },
        [](Policy& p) { p.review.capabilities ^= 1U; },
        [](Policy& p) { ++p.review.amount_minor_max; },
        [](Policy& p) { p.capability[3].kinds ^= 1U; },
        [](Policy& p) { ++p.capability[3].evidence_age_s_max; },
        [](Policy& p) { ++p.capability[3].amount_minor_max; },
        [](Policy& p) { p.grade[5] ^= 1U; },
        [](Policy& p) { ++p.home_grade_max[0]; },
        [](Policy& p) { p.amounts[0].name += 'x'; },
        [](Policy& p) { ++p.amounts[0].amount_minor_max; },
        [](Policy& p) { ++p.os_version_min; },
        [](Policy& p) { ++p.patch_months_max; },
        [](Policy& p) { ++p.app_version_min; },
        [](Policy& p) { ++p.sdk_version_min; },
        [](Policy& p) { ++p.phone_policy_min; },
        [](Policy& p) { p.any_measurement ^= true; },
        [](Policy& p) { p.measurements.push_back({}); },
        [](Policy& p) { ++p.permit_s; },
        [](Policy& p) { ++p.pin_permit_s; },
        [](Policy& p) { ++p.heartbeat_s; },
        [](Policy& p) { ++p.silence_s; },
        [](Policy& p) { ++p.in_use_s; },
        [](Policy& p) { ++p.resend_s; },
        [](Policy& p) { ++p.command_s; },
        [](Policy& p) { ++p.revocation_s_max; },
        [](Policy& p) { ++p.time_skew_s_max; },
        [](Policy& p) { p.location.required ^= true; },
        [](Policy& p) { ++p.location.place_m_max; },
        [](Policy& p) { ++p.location.jump_m_min; },
        [](Policy& p) { ++p.location.speed_kmh_max; },
        [](Policy& p) { ++p.location.accuracy_m_max; },
        [](Policy& p) { ++p.location.age_s_max; },
        [](Policy& p) { ++p.canary.share_per_mille; },
        [](Policy& p) { ++p.canary.count_min; },
        [](Policy& p) { ++p.canary.approval_drop_per_mille; },
        [](Policy& p) { ++p.canary.attestation_rise_per_mille; },
        [](Policy& p) { ++p.canary.z_milli; },
    };
    const Policy policy = testing::sandbox();
    std::vector<protocol::Digest32> digests{digest_of(policy)};
    for (const Change change : changes) {
        Policy other = policy;
        change(other);
        digests.push_back(digest_of(other));
    }
    std::ranges::sort(digests);
    EXPECT_EQ(std::ranges::adjacent_find(digests), digests.end()) << "two that are signed alike";
}

// Shows: A32, MPOC-1C-POLICY
TEST(Policy, OnlyASignedNewerOneOfTheRightKindComesIntoForce) {
    const auto key = crypto::P256Key::generate().value();
    const auto stranger = crypto::P256Key::generate().value();
    const std::string text = shipped("sandbox");
    const Buffer point = key.public_point();
    const Buffer signature = key.sign(canonical_bytes(parse_policy(text).value()));
    const Buffer forged = stranger.sign(canonical_bytes(parse_policy(text).value()));
    PolicyOffer offer{.json = text,
                      .signature_der = signature,
                      .signer_point = point,
                      .platform = Environment::sandbox};
    EXPECT_TRUE(accept_policy(offer));
    offer.version_in_force = 1;
    EXPECT_EQ(accept_policy(offer).error().kind, PolicyFaultKind::version);
    offer.version_in_force = 0;
    offer.platform = Environment::production;
    EXPECT_EQ(accept_policy(offer).error().kind, PolicyFaultKind::environment);
    offer.platform = Environment::sandbox;
    offer.signature_der = forged;
    EXPECT_EQ(accept_policy(offer).error().kind, PolicyFaultKind::signature);
}

}  // namespace
}  // namespace softpos::monitor
