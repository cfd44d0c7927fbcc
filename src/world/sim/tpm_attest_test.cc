// A real software TPM on one side, the platform's verifier on the other.
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "phone/hw/swtpm_test_support.h"
#include "platform/attest/tpm_quote.h"
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
        const auto verdict = attest::verify_tpm_quote(protocol::encode(form), policy, {}, now_);
        return std::string(name_of(verdict.outcome)) + " " + std::string(verdict.reason);
    }
    TpmPolicy enrolled(const protocol::TpmQuoteForm& form, Buffer challenge) {
        return {.challenge = std::move(challenge),
                .pcrs = {},
                .ak_name = attest::tpm_name(form.ak_public).value()};
    }

    std::optional<SoftwareTpm> machine_;
    std::optional<hw::Tpm> tpm_;
    Buffer certificate_;
    Instant now_;
    const Buffer challenge_ = Buffer(32, 0xC1);
};

TEST_F(TpmAttest, AQuoteOfTheMachineThatEnrolledPasses) {
    const auto form = quote(challenge_);
    EXPECT_EQ(judged(form, enrolled(form, challenge_)), "PASS ");
    TpmPolicy unknown{.challenge = challenge_, .pcrs = {}, .ak_name = std::nullopt};
    EXPECT_EQ(judged(form, unknown), "REVIEW NOT_ACTIVATED");
    unknown.certificate_needed = true;
    EXPECT_EQ(judged(form, unknown), "FAIL CERTIFICATE_MISSING");
}

// Shows: A11
TEST_F(TpmAttest, AnOldQuoteAndAnotherMachineAreNone) {
    const auto form = quote(Buffer(32, 0xC0));
    EXPECT_EQ(judged(form, enrolled(form, challenge_)), "FAIL CHALLENGE");
    SoftwareTpm another;
    auto other = another.connect();
    auto theirs = form;
    theirs.ak_public = other.ak_public().value();
    EXPECT_EQ(judged(theirs, enrolled(form, challenge_)), "FAIL AK_NAME");
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
    policy.pcrs = {{hw::tpm_core_pcr, {Buffer(launched.begin(), launched.end())}},
                   {0, {Buffer(32, 0)}}};
    EXPECT_EQ(judged(form, policy), "PASS ");
    ASSERT_TRUE(tpm_->extend(hw::tpm_core_pcr, Buffer(32, 0xBB)));
    EXPECT_EQ(judged(quote(challenge_), policy), "FAIL PCR_VALUE");
    policy.pcrs = {{5, {Buffer(32, 0)}}};
    EXPECT_EQ(judged(form, policy), "FAIL PCR_VALUE") << "one that was not quoted";
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
        for (std::size_t bit = 0; bit < whole.size() * 8; bit += 3) {
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
    auto form = quote(challenge_);
    form.ek_certificate = certificate_;
    const TpmPolicy policy{.challenge = challenge_,
                           .pcrs = {},
                           .ak_name = std::nullopt,
                           .certificate_needed = true,
                           .activated = true};
    EXPECT_EQ(judged(form, policy), "FAIL ROOT_UNTRUSTED") << "no anchor, no trust";
}

// The credential that the platform makes opens in this TPM, for this key, and nowhere else.
// Shows: A11
TEST_F(TpmAttest, ACredentialOpensInThatTpmOnly) {
    crypto::KeyRandom random;
    const auto ek = crypto::Certificate::parse(certificate_)->key();
    const Buffer name = attest::tpm_name(tpm_->ak_public().value()).value();
    const Buffer secret(32, 0x5E);
    const auto credential = attest::make_credential(ek, name, secret, random).value();
    const auto opened =
        tpm_->activate_credential(credential.id_object, credential.encrypted_secret);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(std::ranges::equal(opened->bytes(), secret));
    Buffer other_name = name;
    other_name.back() ^= 1;
    const auto wrong = attest::make_credential(ek, other_name, secret, random).value();
    EXPECT_FALSE(tpm_->activate_credential(wrong.id_object, wrong.encrypted_secret));
    SoftwareTpm another;
    auto other = another.connect();
    EXPECT_FALSE(other.activate_credential(credential.id_object, credential.encrypted_secret));
    EXPECT_FALSE(attest::make_credential(ek, name, Buffer(33), random));
}

}  // namespace
}  // namespace softpos::sim
