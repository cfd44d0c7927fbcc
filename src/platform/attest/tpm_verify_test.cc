// Quotes of a TPM made here: the right one passes, each part broken once is named, and no changed
// bit passes.
#include "platform/attest/tpm_verify.h"

#include "platform/attest/tpm_test_support.h"
#include "testing/bit_flips.h"

#include <gtest/gtest.h>

namespace softpos::attest {
namespace {

TpmPolicy policy_for(const TestTpm& tpm) {
    TpmPolicy policy;
    policy.challenge = tpm.challenge;
    policy.activated_name = tpm.ak_name();
    policy.expected = {{7, {Buffer(32, 9), tpm.pcrs[7]}}, {23, {tpm.pcrs[23]}}};
    return policy;
}

Verdict judge(const TestTpm& tpm, const protocol::TpmQuoteForm& form, const TpmPolicy& policy,
              Instant now = tests_now) {
    return verify_tpm_quote(protocol::encode(form), policy, tpm.anchors(), now);
}

std::string_view reason(const TestTpm& tpm) {
    return judge(tpm, tpm.form(), policy_for(tpm)).reason;
}

TEST(TpmQuote, AGenuineQuotePasses) {
    TestTpm tpm;
    const Verdict verdict = judge(tpm, tpm.form(), policy_for(tpm));
    EXPECT_EQ(verdict.outcome, Outcome::pass) << verdict.reason;
    EXPECT_EQ(verdict.home, KeyHome::tpm);
    EXPECT_EQ(verdict.device_key, p256_spki(tpm.ak.public_point()));
    EXPECT_EQ(verdict.boot_key, tpm_pcr_digest(tpm.quoted()));
    EXPECT_EQ(verdict.serials.size(), 2U);
    tpm.below_ek = true;
    EXPECT_EQ(reason(tpm), "");
    tpm.rsa_ak = true;
    EXPECT_EQ(reason(tpm), "");
}

TEST(TpmQuote, LaterQuotesNeedNoCertificate) {
    const TestTpm tpm;
    protocol::TpmQuoteForm form = tpm.form();
    const Verdict first = judge(tpm, form, policy_for(tpm));
    form.ek_certificate.clear();
    form.chain.clear();
    const Verdict later = judge(tpm, form, policy_for(tpm));
    EXPECT_EQ(later.outcome, Outcome::pass) << later.reason;
    EXPECT_EQ(later.device_id, first.device_id);
    TpmPolicy policy = policy_for(tpm);
    policy.activated_name.reset();
    EXPECT_EQ(judge(tpm, form, policy).reason, "EK_MISSING");
    policy.activated_name = TestTpm().ak_name();
    EXPECT_EQ(judge(tpm, form, policy).reason, "KEY_MISMATCH");
}

TEST(TpmQuote, WhatIsNotComparedIsForReview) {
    const TestTpm tpm;
    TpmPolicy policy = policy_for(tpm);
    policy.activated_name.reset();
    const Verdict verdict = judge(tpm, tpm.form(), policy);
    EXPECT_EQ(verdict.outcome, Outcome::review);
    EXPECT_EQ(verdict.reason, "NOT_ACTIVATED");
    policy = policy_for(tpm);
    policy.challenge.reset();
    EXPECT_EQ(judge(tpm, tpm.form(), policy).reason, "NOT_COMPARED");
    policy = policy_for(tpm);
    policy.expected.clear();
    EXPECT_EQ(judge(tpm, tpm.form(), policy).outcome, Outcome::review);
}

// Shows: A11
TEST(TpmQuote, AnotherBootIsNamedByItsPcr) {
    TestTpm tpm;
    const TpmPolicy policy = policy_for(tpm);
    tpm.pcrs[23] = Buffer(32, 1);
    const Verdict verdict = judge(tpm, tpm.form(), policy);
    EXPECT_EQ(verdict.reason, "PCR_VALUE");
    EXPECT_EQ(verdict.where, 23U);
    ASSERT_EQ(verdict.findings.size(), 1U);
    EXPECT_EQ(verdict.findings[0].code, protocol::FindingCode::boot_state);
    tpm.pcrs[23] = Buffer(32);
    tpm.pcrs[7] = Buffer(32, 9);  // The other system that is allowed.
    EXPECT_EQ(judge(tpm, tpm.form(), policy).outcome, Outcome::pass);
    tpm.selected = 1U << 23U;
    EXPECT_EQ(judge(tpm, tpm.form(), policy).reason, "PCR_SELECTION");
}

TEST(TpmQuote, ValuesThatWereNotQuotedAreRefused) {
    const TestTpm tpm;
    protocol::TpmQuoteForm form = tpm.form();
    form.pcrs[2][0] ^= 1U;
    EXPECT_EQ(judge(tpm, form, policy_for(tpm)).reason, "PCR_DIGEST");
    form = tpm.form();
    form.pcrs.pop_back();
    EXPECT_EQ(judge(tpm, form, policy_for(tpm)).reason, "PCR_DIGEST");
    // The same values in a row, said to be of fewer PCRs.
    TpmQuote quote = tpm.statement();
    quote.selections[0].pcrs = 1U << 7U | 1U << 23U;
    EXPECT_EQ(judge(tpm, tpm.form(quote), policy_for(tpm)).reason, "PCR_DIGEST");
    quote = tpm.statement();
    quote.selections.push_back(quote.selections[0]);
    EXPECT_EQ(judge(tpm, tpm.form(quote), policy_for(tpm)).reason, "PCR_SELECTION");
    quote = tpm.statement();
    quote.selections[0].hash = 0x000C;
    EXPECT_EQ(judge(tpm, tpm.form(quote), policy_for(tpm)).reason, "PCR_SELECTION");
}

// Shows: A11
TEST(TpmQuote, AnOldQuoteOrOneOfAnotherKeyIsRefused) {
    TestTpm tpm;
    TpmPolicy policy = policy_for(tpm);
    policy.challenge->back() ^= 1U;
    EXPECT_EQ(judge(tpm, tpm.form(), policy).reason, "CHALLENGE");
    protocol::TpmQuoteForm form = tpm.form();
    form.signature = encode(TestTpm().sign(form.quote));
    EXPECT_EQ(judge(tpm, form, policy_for(tpm)).reason, "SIGNATURE");
    TpmQuote quote = tpm.statement();
    quote.qualified_signer = TestTpm().qualified_signer();
    EXPECT_EQ(judge(tpm, tpm.form(quote), policy_for(tpm)).reason, "AK_NAME");
}

// Shows: A11
TEST(TpmQuote, AProofIsOfTheSameKeyStartAndRegisters) {
    TestTpm tpm;
    const protocol::TpmQuoteForm first = tpm.form();
    TpmPolicy policy = policy_for(tpm);
    policy.activated_name.reset();
    const auto judged = [&](const TpmQuote& second, const TestTpm& by) {
        auto form = by.form(second);
        form.ek_certificate.clear();
        form.chain.clear();
        policy.proof = TpmProof{protocol::encode(form), Buffer(32, 0x77)};
        return judge(tpm, first, policy);
    };
    TpmQuote second = tpm.statement();
    EXPECT_EQ(judged(second, tpm).reason, "ACTIVATION") << "over the old challenge";
    second.extra_data = Buffer(32, 0x77);
    EXPECT_EQ(judged(second, tpm).outcome, Outcome::pass);
    EXPECT_EQ(judged(second, tpm).tpm, (TpmState{tpm.ak_name(), 2, 0}));
    EXPECT_EQ(judged(second, TestTpm()).reason, "ACTIVATION") << "of another key";
    ++second.reset_count;
    EXPECT_EQ(judged(second, tpm).reason, "RESTARTED");
    --second.reset_count;
    ++second.restart_count;
    EXPECT_EQ(judged(second, tpm).reason, "RESTARTED");
    --second.restart_count;
    second.pcr_digest[0] ^= 1U;
    EXPECT_EQ(judged(second, tpm).reason, "PCR_CHANGED");
    second = tpm.statement();
    second.selections[0].pcrs &= second.selections[0].pcrs - 1;  // One fewer.
    second.extra_data = Buffer(32, 0x77);
    EXPECT_EQ(judged(second, tpm).reason, "PCR_CHANGED");
    policy.proof = TpmProof{Buffer(3, 1), Buffer(32, 0x77)};
    EXPECT_EQ(judge(tpm, first, policy).reason, "ACTIVATION");
    // Nothing was asked for: a quote over nothing is no proof.
    second = tpm.statement();
    second.extra_data.clear();
    policy.proof = TpmProof{protocol::encode(tpm.form(second)), {}};
    EXPECT_EQ(judge(tpm, first, policy).reason, "ACTIVATION");
}

TEST(TpmQuote, StartsAreCountedUp) {
    const TestTpm tpm;
    TpmPolicy policy = policy_for(tpm);
    policy.resets_known = 2;
    EXPECT_EQ(judge(tpm, tpm.form(), policy).outcome, Outcome::pass);
    policy.resets_known = 3;
    const Verdict verdict = judge(tpm, tpm.form(), policy);
    EXPECT_EQ(verdict.reason, "RESETS");
    ASSERT_EQ(verdict.findings.size(), 1U);
    EXPECT_EQ(verdict.findings[0].code, protocol::FindingCode::rollback);
}

TEST(TpmQuote, AKeyThatSignsAnythingProvesNothing) {
    for (const std::uint32_t missing : {tpm::restricted, tpm::fixed_tpm, tpm::fixed_parent,
                                        tpm::sensitive_data_origin, tpm::sign}) {
        TestTpm tpm;
        tpm.ak_attributes &= ~missing;
        EXPECT_EQ(reason(tpm), "KEY_SCOPE") << missing;
    }
    TestTpm tpm;
    tpm.ak_attributes |= tpm::decrypt;
    EXPECT_EQ(reason(tpm), "KEY_SCOPE");
}

TEST(TpmQuote, TheChipsCertificateIsJudgedByPositions) {
    TestTpm tpm;
    EXPECT_EQ(verify_tpm_quote(protocol::encode(tpm.form()), policy_for(tpm), {}, tests_now).reason,
              "ROOT_UNTRUSTED");
    EXPECT_EQ(judge(tpm, tpm.form(), policy_for(tpm), Instant{tests_to.unix_ms + 1}).reason,
              "EXPIRED");
    protocol::TpmQuoteForm form = tpm.form();
    form.chain = {tpm.root.certify(TestAuthority::make(tpm.maker.name))};
    EXPECT_EQ(judge(tpm, form, policy_for(tpm)).reason, "SIGNATURE");
    form.chain = {tpm.root.certify({.subject = tpm.maker.name, .spki = tpm.maker.spki()})};
    EXPECT_EQ(judge(tpm, form, policy_for(tpm)).reason, "CHAIN_EXTENDED");
    tpm.ek.extensions = {TestTpm::purpose("1.3.6.1.5.5.7.3.2")};
    EXPECT_EQ(reason(tpm), "KEY_PURPOSE");
    tpm.ek.extensions.clear();
    EXPECT_EQ(reason(tpm), "KEY_PURPOSE");
    tpm.ek.extensions = {TestTpm::purpose("2.23.133.8.1")};
    tpm.ek.authority = true;
    EXPECT_EQ(reason(tpm), "KEY_PURPOSE");
}

TEST(TpmQuote, MakerModelAndVersionAreTold) {
    const TestTpm tpm;
    const auto certificate = crypto::Certificate::parse(tpm.ek_certificate()).value();
    const EkIdentity identity = read_ek_identity(certificate);
    EXPECT_EQ(identity.manufacturer, "id:54455354");
    EXPECT_EQ(identity.model, "soft");
    EXPECT_EQ(identity.version, "id:1");
}

// Shows: A7
TEST(TpmQuote, NoChangedBitPasses) {
    const TestTpm tpm;
    const Buffer whole = protocol::encode(tpm.form());
    const TpmPolicy policy = policy_for(tpm);
    const auto anchors = tpm.anchors();
    testing::for_each_turned_bit(whole, [&](const Buffer& changed, std::size_t bit) {
        ASSERT_NE(verify_tpm_quote(changed, policy, anchors, tests_now).outcome, Outcome::pass)
            << "bit " << bit;
    });
}

}  // namespace
}  // namespace softpos::attest
