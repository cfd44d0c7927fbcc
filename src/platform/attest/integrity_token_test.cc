// Tokens of both services: the right one passes, each field broken once is named.
#include "platform/attest/integrity_token.h"

#include "platform/attest/token_test_support.h"
#include "testing/bit_flips.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::attest {
namespace {

using protocol::FindingCode;

template <typename Service>
TokenPolicy policy_for(const Service& service) {
    TokenPolicy policy;
    policy.challenge = service.challenge;
    policy.package = service.package;
    policy.signers = {service.signer};
    return policy;
}

Verdict judge(const TestPlay& play, const TokenPolicy& policy) {
    return verify_play_integrity(play.token(), policy, {&play.decryption, play.verification()},
                                 tests_now);
}
std::string_view reason(const TestPlay& play) {
    return judge(play, policy_for(play)).reason;
}

Verdict judge(const TestHms& hms, const TokenPolicy& policy) {
    return verify_sys_integrity(hms.token(), policy, hms.anchors(), tests_now);
}
std::string_view reason(const TestHms& hms) {
    return judge(hms, policy_for(hms)).reason;
}

bool has(const Verdict& verdict, FindingCode code) {
    return std::ranges::count(verdict.findings, code, &protocol::Finding::code) == 1;
}

TEST(PlayIntegrity, AGoodTokenPassesEncryptedOrNot) {
    TestPlay play;
    const Verdict verdict = judge(play, policy_for(play));
    EXPECT_EQ(verdict.outcome, Outcome::pass) << verdict.reason;
    EXPECT_EQ(verdict.app_version, 120U);
    EXPECT_EQ(verdict.home, KeyHome::software) << "no key is proven";
    EXPECT_EQ(verify_play_integrity(play.inner(), policy_for(play), {nullptr, play.verification()},
                                    tests_now)
                  .outcome,
              Outcome::pass);
    play.nonce_name = "requestHash";
    EXPECT_EQ(reason(play), "");
    play.device = R"(["MEETS_STRONG_INTEGRITY"])";
    EXPECT_EQ(reason(play), "");
}

TEST(PlayIntegrity, KeysAndSignaturesAreNeeded) {
    const TestPlay play;
    const TokenPolicy policy = policy_for(play);
    const auto with = [&](const PlayIntegrityKeys& keys) {
        return verify_play_integrity(play.token(), policy, keys, tests_now).reason;
    };
    EXPECT_EQ(with({nullptr, play.verification()}), "DECRYPTION");
    const SecretBytes other = SecretBytes::copy_of(Buffer(32, 1));
    EXPECT_EQ(with({&other, play.verification()}), "DECRYPTION");
    EXPECT_EQ(with({&play.decryption, std::nullopt}), "KEY_UNKNOWN");
    EXPECT_EQ(with({&play.decryption, TestPlay().verification()}), "SIGNATURE");
    const std::string rsa =
        sign_rsa(crypto::SignatureKind::rsa_pkcs1_sha256, R"({"alg":"RS256"})", play.payload());
    EXPECT_EQ(verify_play_integrity(rsa, policy, {nullptr, play.verification()}, tests_now).reason,
              "ALGORITHM");
    TestPlay none;
    none.header = R"({"alg":"none"})";
    EXPECT_EQ(reason(none), "ALGORITHM");
    EXPECT_EQ(verify_play_integrity("a.b", policy, {}, tests_now).reason, "FORM");
}

TEST(PlayIntegrity, EachClaimIsCompared) {
    TestPlay play;
    TokenPolicy policy = policy_for(play);
    policy.challenge->back() ^= 1U;
    EXPECT_EQ(judge(play, policy).reason, "CHALLENGE");
    policy = policy_for(play);
    policy.signers = {Buffer(32, 1)};
    EXPECT_EQ(judge(play, policy).reason, "APP_SIGNER");
    policy = policy_for(play);
    policy.package = "cn.example.other";
    EXPECT_EQ(judge(play, policy).reason, "APP_PACKAGE");
    policy = policy_for(play);
    policy.app_version_min = 121;
    EXPECT_EQ(judge(play, policy).reason, "APP_VERSION");
    policy.app_version_min = 120;
    EXPECT_EQ(judge(play, policy).outcome, Outcome::pass);
    play.app_package = "cn.example.other";
    EXPECT_EQ(reason(play), "APP_PACKAGE");
}

TEST(PlayIntegrity, OldAndFutureTokensAreRefused) {
    TestPlay play;
    const TokenPolicy policy = policy_for(play);
    for (const auto& [offset, good] : {std::pair{-policy.age_ms_max, true},
                                       {-policy.age_ms_max - 1, false},
                                       {policy.ahead_ms_max, true},
                                       {policy.ahead_ms_max + 1, false}}) {
        play.made_at_ms = tests_now.unix_ms + offset;
        EXPECT_EQ(reason(play), good ? "" : "TIME") << offset;
    }
    play.made_at_ms = -1;
    EXPECT_EQ(reason(play), "FORM");
}

TEST(PlayIntegrity, DevicesThatGoogleDoesNotVouchForAreRefused) {
    TestPlay play;
    for (const char* labels : {"[]", R"(["MEETS_BASIC_INTEGRITY"])", "null", R"("MEETS_DEVICE")"}) {
        play.device = labels;
        EXPECT_EQ(reason(play), "DEVICE_INTEGRITY") << labels;
    }
    play.device = R"(["MEETS_VIRTUAL_INTEGRITY"])";
    const Verdict verdict = judge(play, policy_for(play));
    EXPECT_EQ(verdict.reason, "EMULATOR");
    EXPECT_TRUE(has(verdict, FindingCode::emulator));
}

TEST(PlayIntegrity, AppsFromElsewhereNeedThePolicysLeave) {
    TestPlay play;
    play.recognition = "UNRECOGNIZED_VERSION";
    EXPECT_EQ(reason(play), "APP_RECOGNITION");
    TokenPolicy policy = policy_for(play);
    policy.store_required = false;
    EXPECT_EQ(judge(play, policy).outcome, Outcome::pass);
}

TEST(PlayIntegrity, AppsThatWatchAreFindings) {
    TestPlay play;
    play.apps = R"(["KNOWN_INSTALLED","UNKNOWN_CAPTURING","UNKNOWN_OVERLAYS"])";
    const Verdict verdict = judge(play, policy_for(play));
    EXPECT_EQ(verdict.outcome, Outcome::pass);
    EXPECT_TRUE(has(verdict, FindingCode::screen_capture));
    EXPECT_TRUE(has(verdict, FindingCode::overlay));
    EXPECT_FALSE(has(verdict, FindingCode::accessibility));
    TokenPolicy policy = policy_for(play);
    policy.challenge->back() ^= 1U;
    EXPECT_FALSE(has(judge(play, policy), FindingCode::overlay)) << "not proven of this phone";
}

TEST(PlayIntegrity, WhatIsNotComparedIsForReview) {
    const TestPlay play;
    TokenPolicy policy = policy_for(play);
    policy.challenge.reset();
    EXPECT_EQ(judge(play, policy).outcome, Outcome::review);
    policy = policy_for(play);
    policy.package.reset();
    EXPECT_EQ(judge(play, policy).reason, "NOT_COMPARED");
}

TEST(SysIntegrity, AGoodTokenPassesInBothAlgorithms) {
    TestHms hms;
    const Verdict verdict = judge(hms, policy_for(hms));
    EXPECT_EQ(verdict.outcome, Outcome::pass) << verdict.reason;
    EXPECT_EQ(verdict.serials.size(), 2U);
    hms.algorithm = "RS256";
    hms.kind = crypto::SignatureKind::rsa_pkcs1_sha256;
    EXPECT_EQ(reason(hms), "");
    hms.algorithm = "PS256";
    EXPECT_EQ(reason(hms), "SIGNATURE");
}

TEST(SysIntegrity, TheSignerIsTheServiceAndNobodyElse) {
    TestHms hms;
    EXPECT_EQ(verify_sys_integrity(hms.token(), policy_for(hms), {}, tests_now).reason,
              "ROOT_UNTRUSTED");
    EXPECT_EQ(
        verify_sys_integrity(TestPlay().inner(), policy_for(hms), hms.anchors(), tests_now).reason,
        "ALGORITHM");
    const std::string bare = sign_rsa(hms.kind, R"({"alg":"PS256"})", hms.payload());
    EXPECT_EQ(verify_sys_integrity(bare, policy_for(hms), hms.anchors(), tests_now).reason,
              "CHAIN_BROKEN");
    hms.leaf.authority = true;
    EXPECT_EQ(reason(hms), "CHAIN_EXTENDED");
    hms.leaf.authority = false;
    hms.leaf.not_after = tests_from;
    EXPECT_EQ(reason(hms), "EXPIRED");
    hms.leaf.not_after = tests_to;
    hms.name = "another.platform.hicloud.com";
    EXPECT_EQ(reason(hms), "SIGNER");
}

TEST(SysIntegrity, EachClaimIsCompared) {
    TestHms hms;
    TokenPolicy policy = policy_for(hms);
    policy.challenge->back() ^= 1U;
    EXPECT_EQ(judge(hms, policy).reason, "CHALLENGE");
    policy = policy_for(hms);
    policy.package = "cn.example.other";
    EXPECT_EQ(judge(hms, policy).reason, "APP_PACKAGE");
    policy = policy_for(hms);
    policy.signers.clear();
    EXPECT_EQ(judge(hms, policy).reason, "APP_SIGNER");
    hms.made_at_ms = tests_now.unix_ms - 11 * 60'000;
    EXPECT_EQ(reason(hms), "TIME");
}

TEST(SysIntegrity, DetailsBecomeFindings) {
    TestHms hms;
    hms.integrity = "false";
    hms.detail = R"(["root","unlocked","something new"])";
    const Verdict verdict = judge(hms, policy_for(hms));
    EXPECT_EQ(verdict.reason, "DEVICE_INTEGRITY");
    EXPECT_TRUE(has(verdict, FindingCode::root));
    EXPECT_TRUE(has(verdict, FindingCode::boot_unlocked));
    hms.integrity = "\"true\"";
    EXPECT_EQ(reason(hms), "FORM");
}

// Shows: A7
TEST(IntegrityTokens, NoChangedBitOfGooglesPasses) {
    const TestPlay play;
    const auto policy = policy_for(play);
    const PlayIntegrityKeys keys{&play.decryption, play.verification()};
    for (const std::string& whole : {play.token(), play.inner()}) {
        testing::for_each_turned_bit(whole, [&](const std::string& token, std::size_t bit) {
            ASSERT_EQ(verify_play_integrity(token, policy, keys, tests_now).outcome, Outcome::fail)
                << "bit " << bit << " of " << whole.size() << " characters";
        });
    }
}

// Shows: A7
TEST(IntegrityTokens, NoChangedBitOfHuaweisPasses) {
    const TestHms hms;
    const auto policy = policy_for(hms);
    const auto anchors = hms.anchors();
    testing::for_each_turned_bit(hms.token(), [&](const std::string& token, std::size_t bit) {
        ASSERT_EQ(verify_sys_integrity(token, policy, anchors, tests_now).outcome, Outcome::fail)
            << "bit " << bit;
    });
}

}  // namespace
}  // namespace softpos::attest
