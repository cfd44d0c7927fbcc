// What a policy may say, and what none may.
#include "platform/monitor/policy.h"

#include "crypto/p256.h"
#include "platform/monitor/monitor_test_data.h"

#include <gtest/gtest.h>

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
        {"sandbox", "\"suspend\": 100", "\"suspend\": 50", PolicyFaultKind::order, "thresholds"},
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
