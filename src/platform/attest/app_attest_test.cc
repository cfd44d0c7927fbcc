// Attestations and assertions of an iPhone made here: the right one passes, each step broken once
// is named, and no changed bit passes.
#include "platform/attest/app_attest_test_support.h"
#include "platform/attest/app_attest_verify.h"
#include "testing/bit_flips.h"

#include <gtest/gtest.h>

namespace softpos::attest {
namespace {

AppAttestPolicy policy_for(const TestIphone& phone) {
    AppAttestPolicy policy;
    policy.client_data_hash = phone.challenge_hash;
    policy.app_id = phone.app_id;
    policy.key_id = phone.credential_id();
    return policy;
}

Verdict judge(const TestIphone& phone, const AppAttestPolicy& policy, Instant now = tests_now) {
    return verify_app_attestation(phone.attestation(), policy, phone.anchors(), now);
}

std::string_view reason(const TestIphone& phone) {
    return judge(phone, policy_for(phone)).reason;
}

TEST(AppAttest, AGenuineKeyPasses) {
    const TestIphone phone;
    const Verdict verdict = judge(phone, policy_for(phone));
    EXPECT_EQ(verdict.outcome, Outcome::pass) << verdict.reason;
    EXPECT_EQ(verdict.device_key, p256_spki(phone.key.public_point()));
    EXPECT_EQ(verdict.home, KeyHome::secure_element);
    EXPECT_EQ(verdict.counter, 0U);
    EXPECT_EQ(verdict.device_id.size(), 32U);
    EXPECT_TRUE(verdict.findings.empty());
}

// Shows: A10
TEST(AppAttest, AnotherQuestionAppOrKeyIsNamed) {
    const TestIphone phone;
    AppAttestPolicy policy = policy_for(phone);
    policy.client_data_hash->back() ^= 1U;
    const Verdict replay = judge(phone, policy);
    EXPECT_EQ(replay.reason, "CHALLENGE");
    ASSERT_EQ(replay.findings.size(), 1U);
    EXPECT_EQ(replay.findings[0].code, protocol::FindingCode::replay);
    policy = policy_for(phone);
    *policy.app_id += "2";
    EXPECT_EQ(judge(phone, policy).reason, "APP_ID");
    policy = policy_for(phone);
    policy.key_id->back() ^= 1U;
    EXPECT_EQ(judge(phone, policy).reason, "KEY_MISMATCH");
}

TEST(AppAttest, WhatIsNotComparedIsForReview) {
    const TestIphone phone;
    AppAttestPolicy policy = policy_for(phone);
    policy.key_id.reset();
    EXPECT_EQ(judge(phone, policy).outcome, Outcome::pass);
    policy.app_id.reset();
    EXPECT_EQ(judge(phone, policy).outcome, Outcome::review);
    policy = policy_for(phone);
    policy.client_data_hash.reset();
    EXPECT_EQ(judge(phone, policy).reason, "NOT_COMPARED");
}

// Shows: A10
TEST(AppAttest, DevelopmentKeysNeedThePolicysLeave) {
    TestIphone phone;
    phone.service = "appattestdevelop";
    EXPECT_EQ(reason(phone), "ENVIRONMENT");
    AppAttestPolicy policy = policy_for(phone);
    policy.development_allowed = true;
    EXPECT_EQ(judge(phone, policy).outcome, Outcome::pass);
    phone.service = "appattestrespect";
    EXPECT_EQ(judge(phone, policy).reason, "ENVIRONMENT");
}

// Shows: A10
TEST(AppAttest, AUsedKeyIsRefused) {
    TestIphone phone;
    phone.counter = 1;
    EXPECT_EQ(reason(phone), "COUNTER");
}

// Shows: A10
TEST(AppAttest, TheChainIsJudgedByPositions) {
    TestIphone phone;
    EXPECT_EQ(verify_app_attestation(phone.attestation(), policy_for(phone), {}, tests_now).reason,
              "ROOT_UNTRUSTED");
    const AppAttestPolicy policy = policy_for(phone);
    EXPECT_EQ(judge(phone, policy, Instant{tests_from.unix_ms - 1}).reason, "NOT_YET_VALID");
    EXPECT_EQ(judge(phone, policy, Instant{tests_to.unix_ms + 1}).reason, "EXPIRED");
    phone.leaf.authority = true;
    EXPECT_EQ(reason(phone), "CHAIN_EXTENDED");
    phone.leaf.authority = false;
    phone.with_nonce = false;
    EXPECT_EQ(reason(phone), "EXTENSION_MISSING");
    // An intermediate that is no authority, and one of another name.
    const TestIphone other;
    TestCertificate plain{.subject = other.authority.name, .spki = other.authority.spki()};
    const auto with = [&other](const Buffer& intermediate) {
        return verify_app_attestation(other.attestation({other.leaf_certificate(), intermediate}),
                                      policy_for(other), other.anchors(), tests_now)
            .reason;
    };
    EXPECT_EQ(with(other.root.certify(plain)), "CHAIN_EXTENDED");
    plain.authority = true;
    plain.subject = "Another CA";
    EXPECT_EQ(with(other.root.certify(plain)), "CHAIN_BROKEN");
    // The right name under the right root with another key.
    const TestAuthority same_name = TestAuthority::make(other.authority.name);
    EXPECT_EQ(with(other.root.certify(same_name)), "SIGNATURE");
    EXPECT_EQ(with(Buffer{0x30, 0}), "CERTIFICATE_MALFORMED");
}

// Shows: A9, A10
TEST(AppAttest, AuthoritiesThatLookLikeTheMakersAreNone) {
    TestIphone phone;
    const auto anchors = phone.anchors();
    phone.root = TestAuthority::make(phone.root.name);
    phone.authority = TestAuthority::make(phone.authority.name);
    EXPECT_EQ(
        verify_app_attestation(phone.attestation(), policy_for(phone), anchors, tests_now).reason,
        "ROOT_UNTRUSTED");
}

// Shows: A9, A10
TEST(AppAttest, AChainThatBringsItsOwnRootIsRefused) {
    const TestIphone phone;
    const TestAuthority own = TestAuthority::make("Own Root");
    const Buffer evidence = phone.attestation({phone.leaf_certificate(), own.certify(own)});
    EXPECT_EQ(
        verify_app_attestation(evidence, policy_for(phone), phone.anchors(), tests_now).reason,
        "ROOT_UNTRUSTED");
}

// Shows: A10
TEST(AppAttest, ACredentialOfAnotherKeyIsRefused) {
    TestIphone phone;
    const Buffer certificate = phone.leaf_certificate();
    phone.key = TestAuthority::make("key").key;
    const Buffer evidence = phone.attestation({certificate, phone.root.certify(phone.authority)});
    EXPECT_EQ(
        verify_app_attestation(evidence, policy_for(phone), phone.anchors(), tests_now).reason,
        "KEY_MISMATCH");
}

TEST(AppAttest, OtherFormsAreRefused) {
    TestIphone phone;
    const Buffer whole = phone.attestation();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        ASSERT_FALSE(parse_app_attestation(Bytes(whole).first(size))) << size;
    }
    Buffer longer = whole;
    longer.push_back(0);
    EXPECT_FALSE(parse_app_attestation(longer));
    phone.flags = 0xC0;
    EXPECT_EQ(reason(phone), "FORM");
    const std::vector<Buffer> three(3, phone.leaf_certificate());
    EXPECT_FALSE(parse_app_attestation(phone.attestation(three)));
    // The same field twice.
    Buffer twice = whole;
    const std::string_view text = text_of(twice);
    const auto at = text.find("hauthData");
    ASSERT_NE(at, std::string_view::npos);
    twice[at] = 0x63;
    const Buffer again{'f', 'm', 't'};
    twice.erase(twice.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                twice.begin() + static_cast<std::ptrdiff_t>(at) + 9);
    twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(at) + 1, again.begin(), again.end());
    EXPECT_EQ(parse_app_attestation(twice).error().kind, ErrorKind::malformed);
}

// Shows: A7
TEST(AppAttest, NoChangedBitPasses) {
    const TestIphone phone;
    const Buffer whole = phone.attestation();
    const auto receipt = text_of(whole).find("receipt");
    const auto policy = policy_for(phone);
    const auto anchors = phone.anchors();
    testing::for_each_turned_bit(whole, [&](const Buffer& changed, std::size_t bit) {
        // The receipt is Apple's to check, and signed by nobody here.
        if (bit / 8 > receipt + 6 && bit / 8 <= receipt + 10) return;
        ASSERT_NE(verify_app_attestation(changed, policy, anchors, tests_now).outcome,
                  Outcome::pass)
            << "bit " << bit;
    });
}

AppAssertionPolicy assertion_policy(const TestIphone& phone, std::uint32_t counter_known) {
    return {phone.challenge_hash, phone.app_id, p256_spki(phone.key.public_point()), counter_known};
}

// Shows: A10
TEST(AppAssertion, ASignedRequestPassesOnce) {
    TestIphone phone;
    phone.counter = 7;
    const Buffer evidence = phone.assertion();
    const Verdict verdict = verify_app_assertion(evidence, assertion_policy(phone, 6));
    EXPECT_EQ(verdict.outcome, Outcome::pass) << verdict.reason;
    EXPECT_EQ(verdict.counter, 7U);
    EXPECT_EQ(verify_app_assertion(evidence, assertion_policy(phone, 7)).reason, "COUNTER");
    EXPECT_EQ(verify_app_assertion(evidence, assertion_policy(phone, 8)).reason, "COUNTER");
}

// Shows: A10
TEST(AppAssertion, AnotherRequestKeyOrAppIsNamed) {
    TestIphone phone;
    phone.counter = 1;
    const Buffer evidence = phone.assertion();
    AppAssertionPolicy policy = assertion_policy(phone, 0);
    policy.client_data_hash.back() ^= 1U;
    EXPECT_EQ(verify_app_assertion(evidence, policy).reason, "SIGNATURE");
    policy = assertion_policy(phone, 0);
    policy.device_key = p256_spki(TestIphone().key.public_point());
    EXPECT_EQ(verify_app_assertion(evidence, policy).reason, "SIGNATURE");
    policy.device_key.clear();
    EXPECT_EQ(verify_app_assertion(evidence, policy).reason, "KEY_UNKNOWN");
    policy = assertion_policy(phone, 0);
    policy.app_id += ".test";
    EXPECT_EQ(verify_app_assertion(evidence, policy).reason, "APP_ID");
}

// Shows: A7
TEST(AppAssertion, NoChangedBitPasses) {
    TestIphone phone;
    phone.counter = 1;
    const Buffer whole = phone.assertion();
    const AppAssertionPolicy policy = assertion_policy(phone, 0);
    ASSERT_EQ(verify_app_assertion(whole, policy).outcome, Outcome::pass);
    testing::for_each_turned_bit(whole, [&](const Buffer& changed, std::size_t bit) {
        ASSERT_EQ(verify_app_assertion(changed, policy).outcome, Outcome::fail) << "bit " << bit;
    });
    Buffer longer = whole;
    longer.push_back(0);
    EXPECT_EQ(verify_app_assertion(longer, policy).reason, "FORM");
}

}  // namespace
}  // namespace softpos::attest
