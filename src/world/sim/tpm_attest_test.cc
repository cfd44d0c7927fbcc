// A real software TPM on one side, the platform's verifier on the other.
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "phone/hw/swtpm_test_support.h"
#include "platform/attest/ek_certificate.h"
#include "platform/attest/tpm_credential.h"
#include "platform/attest/tpm_verify.h"
#include "protocol/evidence_forms.h"

#include <gtest/gtest.h>

#include <functional>

namespace softpos::sim {
namespace {

using attest::Outcome;
using attest::TpmPolicy;
using hw::SoftwareTpm;

constexpr hw::TpmPcrSet quoted = 1U << hw::tpm_core_pcr | 0x81;

class TpmAttest : public ::testing::Test {
protected:
    void SetUp() override {
        if (!SoftwareTpm::installed()) GTEST_SKIP() << "no swtpm here";
        machine_.emplace();
        tpm_.emplace(machine_->connect());
        certificate_ = tpm_->ek_certificate().value();
        now_ = crypto::Certificate::parse(certificate_)->not_before().value();
        now_.unix_ms += 1'000;
        const auto root = crypto::pem_certificates(machine_->root_pem(), 1).value();
        anchors_ = {{"maker", crypto::Certificate::parse(root[0])->key()}};
    }
    protocol::TpmQuoteForm quote(Bytes challenge) {
        auto made = tpm_->quote(challenge, quoted).value();
        return {.quote = std::move(made.quote),
                .signature = std::move(made.signature),
                .ak_public = tpm_->ak_public().value(),
                .pcrs = std::move(made.pcrs),
                .ek_certificate = {},
                .chain = {}};
    }
    std::string judged(const protocol::TpmQuoteForm& form, const TpmPolicy& policy) {
        const auto verdict =
            attest::verify_tpm_quote(protocol::encode(form), policy, anchors_, now_);
        return std::string(name_of(verdict.outcome)) + " " + std::string(verdict.reason);
    }
    // A machine that enrolled with this key, and of which nothing but the core is compared.
    TpmPolicy enrolled(const protocol::TpmQuoteForm& form, Buffer challenge) {
        TpmPolicy policy;
        policy.challenge = std::move(challenge);
        policy.activated_name = attest::tpm_name(form.ak_public).value();
        policy.expected = {{hw::tpm_core_pcr, {form.pcrs.back()}}};
        return policy;
    }
    protocol::TpmQuoteForm with_certificates(protocol::TpmQuoteForm form) {
        form.ek_certificate = certificate_;
        form.chain = {crypto::pem_certificates(machine_->issuer_pem(), 1).value()[0]};
        return form;
    }

    std::optional<SoftwareTpm> machine_;
    std::optional<hw::Tpm> tpm_;
    Buffer certificate_;
    std::vector<attest::TrustAnchor> anchors_;  // The maker's root.
    Instant now_;
    const Buffer challenge_ = Buffer(32, 0xC1);
};

TEST_F(TpmAttest, AQuoteOfTheMachineThatEnrolledPasses) {
    const auto form = quote(challenge_);
    EXPECT_EQ(judged(form, enrolled(form, challenge_)), "PASS ");
    TpmPolicy unknown = enrolled(form, challenge_);
    unknown.activated_name.reset();
    EXPECT_EQ(judged(form, unknown), "FAIL EK_MISSING");
    EXPECT_EQ(judged(with_certificates(form), unknown), "REVIEW NOT_ACTIVATED");
    unknown.activated_now = true;
    EXPECT_EQ(judged(with_certificates(form), unknown), "PASS ");
}

// Shows: A11
TEST_F(TpmAttest, AnOldQuoteAndAnotherMachineAreNone) {
    const auto form = quote(Buffer(32, 0xC0));
    EXPECT_EQ(judged(form, enrolled(form, challenge_)), "FAIL CHALLENGE");
    SoftwareTpm another;
    auto other = another.connect();
    auto theirs = form;
    theirs.ak_public = other.ak_public().value();
    EXPECT_EQ(judged(theirs, enrolled(form, challenge_)), "FAIL KEY_MISMATCH");
    EXPECT_EQ(judged(theirs, enrolled(theirs, challenge_)), "FAIL SIGNATURE");
}

// Shows: A11, MPOC-3-BASELINE, JRT0156-6.3
TEST_F(TpmAttest, WhatBootedAndWhatWasLaunchedIsCompared) {
    ASSERT_TRUE(tpm_->extend(hw::tpm_core_pcr, Buffer(32, 0xAA)));
    const auto form = quote(challenge_);
    TpmPolicy policy = enrolled(form, challenge_);
    Buffer zero_and_core(32, 0);
    append(zero_and_core, Buffer(32, 0xAA));
    const auto launched = crypto::sha256(zero_and_core);
    policy.expected = {{hw::tpm_core_pcr, {Buffer(launched.begin(), launched.end())}},
                       {0, {Buffer(32, 0)}}};
    EXPECT_EQ(judged(form, policy), "PASS ");
    ASSERT_TRUE(tpm_->extend(hw::tpm_core_pcr, Buffer(32, 0xBB)));
    EXPECT_EQ(judged(quote(challenge_), policy), "FAIL PCR_VALUE");
    policy.expected = {{5, {Buffer(32, 0)}}};
    EXPECT_EQ(judged(form, policy), "FAIL PCR_SELECTION") << "one that was not quoted";
    auto lying = form;
    lying.pcrs.back()[0] ^= 1;
    EXPECT_EQ(judged(lying, enrolled(form, challenge_)), "FAIL PCR_DIGEST");
}

// Any bit of what is signed or of the signature.
// Shows: A7
TEST_F(TpmAttest, NoChangedBitPasses) {
    const auto form = quote(challenge_);
    const TpmPolicy policy = enrolled(form, challenge_);
    for (const bool of_quote : {true, false}) {
        const Buffer& whole = of_quote ? form.quote : form.signature;
        for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
            auto changed = form;
            (of_quote ? changed.quote : changed.signature)[bit / 8] ^=
                static_cast<std::uint8_t>(1U << bit % 8);
            EXPECT_TRUE(judged(changed, policy).starts_with("FAIL")) << bit;
        }
    }
}

TEST_F(TpmAttest, TheMakersCertificateIsOfTheEndorsementKey) {
    const auto certificate = crypto::Certificate::parse(certificate_).value();
    EXPECT_TRUE(attest::is_ek_certificate(certificate));
    const auto form = with_certificates(quote(challenge_));
    TpmPolicy policy = enrolled(form, challenge_);
    EXPECT_EQ(judged(form, policy), "PASS ");
    anchors_.clear();
    EXPECT_EQ(judged(form, policy), "FAIL ROOT_UNTRUSTED") << "no anchor, no trust";
}

// The credential that the platform makes opens in this TPM, for this key, and nowhere else.
// Shows: A11
TEST_F(TpmAttest, ACredentialOpensInThatTpmOnly) {
    crypto::KeyRandom random;
    const auto ek = crypto::Certificate::parse(certificate_)->key();
    const Buffer name = attest::tpm_name(tpm_->ak_public().value()).value();
    const Buffer secret(32, 0x5E);
    const auto credential = attest::make_tpm_credential(ek, name, secret, random).value();
    const auto opened =
        tpm_->activate_credential(credential.id_object, credential.encrypted_secret);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(std::ranges::equal(opened->bytes(), secret));
    Buffer other_name = name;
    other_name.back() ^= 1;
    const auto wrong = attest::make_tpm_credential(ek, other_name, secret, random).value();
    EXPECT_FALSE(tpm_->activate_credential(wrong.id_object, wrong.encrypted_secret));
    SoftwareTpm another;
    auto other = another.connect();
    EXPECT_FALSE(other.activate_credential(credential.id_object, credential.encrypted_secret));
    EXPECT_FALSE(attest::make_tpm_credential(ek, name, Buffer(33), random));
}

}  // namespace
}  // namespace softpos::sim
