// Each kind goes to its verifier with its own part of what is trusted, and to nobody where nothing
// is configured for it.
#include "platform/attest/evidence.h"

#include "platform/attest/app_attest_test_support.h"
#include "platform/attest/dev_process.h"
#include "platform/attest/optee.h"
#include "platform/attest/token_test_support.h"
#include "platform/attest/tpm_test_support.h"
#include "protocol/evidence_forms.h"
#include "testing/bit_flips.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::attest {
namespace {

using protocol::Evidence;
using protocol::EvidenceKind;
using protocol::FindingCode;

class EvidenceTest : public ::testing::Test {
protected:
    EvidenceTest() {
        std::ranges::copy(core_.public_point(), point_.begin());
        challenge_.fill(0x3C);
        measurement_.fill(0x4D);
    }

    EvidenceQuestion question() const {
        return {.challenge = challenge_,
                .core_sign_point = point_,
                .measurement = measurement_,
                .now = tests_now};
    }
    Buffer challenge() const { return {challenge_.begin(), challenge_.end()}; }

    Verdict check(EvidenceKind kind, Buffer bytes, const EvidenceQuestion& question,
                  const EvidenceTrust& trust) const {
        const Evidence evidence{kind, std::move(bytes)};
        auto verdicts = check_evidence({&evidence, 1}, question, trust);
        CHECK(verdicts.size() == 1 && verdicts[0].kind == kind);
        return std::move(verdicts[0]);
    }

    Buffer process(const protocol::DevProcessStatement& statement) const {
        protocol::DevProcessForm form;
        form.statement = protocol::encode(statement);
        form.signature = core_.sign(protocol::dev_process_signed_message(form.statement));
        return protocol::encode(form);
    }
    protocol::DevProcessStatement statement() const {
        return {challenge_, measurement_, point_, 12};
    }

    Buffer measured(const protocol::Digest32& digest) const {
        Buffer covered = challenge();
        append(covered, digest);
        const protocol::OpteeForm form{
            crypto::sha256(test_rsa_key().spki()), digest,
            test_rsa_key().sign(crypto::SignatureKind::rsa_pss_sha256, covered).value()};
        return protocol::encode(form);
    }

    const crypto::P256Key core_ = TestAuthority::make("core").key;
    protocol::Point65 point_{};
    protocol::Digest32 challenge_{}, measurement_{};
    EvidenceTrust trust_;
};

Buffer buffer_of(std::string_view text) {
    const Bytes bytes = bytes_of(text);
    return {bytes.begin(), bytes.end()};
}

TEST_F(EvidenceTest, NobodyIsBelievedWithoutConfiguration) {
    std::vector<Evidence> all;
    for (unsigned kind = 1; kind <= protocol::evidence_kinds; ++kind) {
        all.push_back({static_cast<EvidenceKind>(kind), Buffer(9, 1)});
    }
    const auto verdicts = check_evidence(all, question(), trust_);
    ASSERT_EQ(verdicts.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(verdicts[i].kind, all[i].kind);
        EXPECT_EQ(verdicts[i].outcome, Outcome::fail);
        const bool process = all[i].kind == EvidenceKind::dev_process;
        EXPECT_EQ(verdicts[i].reason, process ? "FORM" : "UNSUPPORTED");
        EXPECT_EQ(verdicts[i].findings.empty(), !process) << "not the phone's fault";
    }
}

TEST_F(EvidenceTest, AProcessIsNeverBetterThanReview) {
    const Verdict verdict =
        check(EvidenceKind::dev_process, process(statement()), question(), trust_);
    EXPECT_EQ(verdict.outcome, Outcome::review);
    EXPECT_EQ(verdict.reason, "SOFTWARE_KEY");
    EXPECT_EQ(verdict.home, KeyHome::software);
    EXPECT_EQ(verdict.app_version, 12U);
    EXPECT_EQ(verdict.device_id, sha256_buffer(point_));
}

TEST_F(EvidenceTest, WhatAProcessSaysOfItselfMustBeWhatItSaidBefore) {
    const auto reason = [&](const protocol::DevProcessStatement& said) {
        const Verdict verdict = check(EvidenceKind::dev_process, process(said), question(), trust_);
        EXPECT_EQ(verdict.outcome, Outcome::fail);
        EXPECT_EQ(verdict.findings.size(), 1U);
        EXPECT_EQ(verdict.findings[0].code, FindingCode::software_key);
        return verdict.reason;
    };
    auto said = statement();
    said.challenge[0] ^= 1U;
    EXPECT_EQ(reason(said), "CHALLENGE");
    said = statement();
    said.core_sign_point[9] ^= 1U;
    EXPECT_EQ(reason(said), "KEY_MISMATCH");
    said = statement();
    said.measurement[0] ^= 1U;
    EXPECT_EQ(reason(said), "MEASUREMENT");
    Buffer changed = process(statement());
    changed.back() ^= 1U;
    EXPECT_EQ(check(EvidenceKind::dev_process, changed, question(), trust_).reason, "SIGNATURE");
}

// Shows: A7
TEST_F(EvidenceTest, NoChangedBitOfAProcessOrOfOpteeIsTaken) {
    trust_.optee_keys = {crypto::PublicKey::from_spki(test_rsa_key().spki()).value()};
    const std::pair<EvidenceKind, Buffer> all[] = {
        {EvidenceKind::dev_process, process(statement())},
        {EvidenceKind::optee_pta, measured(measurement_)}};
    for (const auto& [kind, whole] : all) {
        ASSERT_NE(check(kind, whole, question(), trust_).outcome, Outcome::fail);
        testing::for_each_turned_bit(whole, [&](const Buffer& changed, std::size_t bit) {
            ASSERT_EQ(check(kind, changed, question(), trust_).outcome, Outcome::fail)
                << "kind " << static_cast<unsigned>(kind) << " bit " << bit;
        });
    }
}

TEST_F(EvidenceTest, OpteeSignsNonceAndMeasurement) {
    trust_.optee_keys = {crypto::PublicKey::from_spki(test_rsa_key().spki()).value()};
    const auto reason = [&](const Buffer& bytes) {
        return check(EvidenceKind::optee_pta, bytes, question(), trust_).reason;
    };
    const Verdict verdict =
        check(EvidenceKind::optee_pta, measured(measurement_), question(), trust_);
    EXPECT_EQ(verdict.outcome, Outcome::pass) << verdict.reason;
    EXPECT_EQ(verdict.home, KeyHome::trusted_environment);
    EXPECT_EQ(verdict.device_key, test_rsa_key().spki());
    protocol::Digest32 other = measurement_;
    other[0] ^= 1U;
    EXPECT_EQ(reason(measured(other)), "MEASUREMENT");
    Buffer changed = measured(measurement_);
    changed.back() ^= 1U;
    EXPECT_EQ(reason(changed), "SIGNATURE");
    changed = measured(measurement_);
    changed[5] ^= 1U;  // In the key's id.
    EXPECT_EQ(reason(changed), "KEY_UNKNOWN");
    const Buffer before = measured(measurement_);
    challenge_[0] ^= 1U;
    EXPECT_EQ(reason(before), "SIGNATURE") << "an old one";
    EXPECT_EQ(reason(Buffer{1}), "FORM");
}

TEST_F(EvidenceTest, OpteeWithoutAMeasurementToCompareIsForReview) {
    const std::vector<crypto::PublicKey> keys{
        crypto::PublicKey::from_spki(test_rsa_key().spki()).value()};
    EXPECT_EQ(verify_optee(measured(measurement_), {challenge_, keys, {}}).reason, "NOT_COMPARED");
    EXPECT_EQ(verify_optee(measured(measurement_), {challenge_, keys, {{}, measurement_}}).outcome,
              Outcome::pass);
}

TEST_F(EvidenceTest, AnAppleKeyIsAttestedOnceAndAssertsThen) {
    TestIphone phone;
    phone.challenge_hash = sha256_buffer(challenge());
    trust_.apple_app = phone.app_id;
    trust_.apple_roots = phone.anchors();
    const Verdict made = check(EvidenceKind::app_attest, phone.attestation(), question(), trust_);
    EXPECT_EQ(made.outcome, Outcome::pass) << made.reason;
    phone.counter = 5;
    EvidenceQuestion later = question();
    const auto asserted = [&] {
        return check(EvidenceKind::app_attest, phone.assertion(), later, trust_);
    };
    EXPECT_EQ(asserted().reason, "KEY_UNKNOWN");
    later.known_apple_key = made.device_key;
    later.known_apple_counter = 4;
    EXPECT_EQ(asserted().outcome, Outcome::pass);
    EXPECT_EQ(asserted().device_id, made.device_id);
    later.known_apple_counter = 5;
    EXPECT_EQ(asserted().reason, "COUNTER");
    later.known_apple_counter = 4;
    trust_.apple_app = "ABCDE12345.cn.example.other";
    EXPECT_EQ(asserted().reason, "APP_ID");
}

TEST_F(EvidenceTest, ATpmIsForReviewUntilItsKeyIsActivated) {
    TestTpm tpm;
    tpm.challenge = challenge();
    trust_.tpm_roots = tpm.anchors();
    trust_.pcrs = {{23, {tpm.pcrs[23]}}};
    const Buffer bytes = protocol::encode(tpm.form());
    EvidenceQuestion asked = question();
    const auto judged = [&] { return check(EvidenceKind::tpm_quote, bytes, asked, trust_); };
    EXPECT_EQ(judged().reason, "NOT_ACTIVATED");
    asked.ak_activated = true;
    EXPECT_EQ(judged().outcome, Outcome::pass);
    asked.ak_activated = false;
    asked.known_ak = tpm.ak_name();
    EXPECT_EQ(judged().outcome, Outcome::pass);
    asked.known_ak = TestTpm().ak_name();
    asked.ak_activated = true;
    EXPECT_EQ(judged().reason, "KEY_MISMATCH") << "another machine";
}

// Shows: A19
TEST_F(EvidenceTest, ATpmQuotesTheVeryCoreThatEnrolled) {
    TestTpm tpm;
    tpm.challenge = challenge();
    EvidenceQuestion asked = question();
    tpm.pcrs[23] = launched_pcr(asked.measurement);
    trust_.tpm_roots = tpm.anchors();
    trust_.pcrs = {{.pcr = 23, .values = {}, .launched = true}};
    asked.known_ak = tpm.ak_name();
    const auto judged = [&] {
        return check(EvidenceKind::tpm_quote, protocol::encode(tpm.form()), asked, trust_);
    };
    EXPECT_EQ(judged().outcome, Outcome::pass);
    tpm.pcrs[23] = Buffer(32);
    EXPECT_EQ(judged().reason, "PCR_VALUE") << "nothing was launched";
    Buffer other(32, 7);
    tpm.pcrs[23] = launched_pcr(other);
    EXPECT_EQ(judged().reason, "PCR_VALUE") << "another core was";
}

TEST_F(EvidenceTest, TokensAreAboutTheAndroidApp) {
    TestPlay play;
    play.challenge = challenge();
    TestHms hms;
    hms.challenge = challenge();
    hms.signer = play.signer;
    trust_.hms_roots = hms.anchors();
    trust_.play = EvidenceTrust::PlayService{play.decryption.clone(), play.verification(), true};
    const auto google = [&] {
        return check(EvidenceKind::play_integrity, buffer_of(play.token()), question(), trust_);
    };
    const auto huawei = [&] {
        return check(EvidenceKind::sys_integrity, buffer_of(hms.token()), question(), trust_);
    };
    EXPECT_EQ(google().reason, "UNSUPPORTED") << "no app is ours";
    EXPECT_EQ(huawei().reason, "UNSUPPORTED");
    trust_.android_app = EvidenceTrust::AndroidApp{play.package, {play.signer}};
    EXPECT_EQ(google().outcome, Outcome::pass) << google().reason;
    EXPECT_EQ(huawei().outcome, Outcome::pass) << huawei().reason;
    play.recognition = "UNRECOGNIZED_VERSION";
    EXPECT_EQ(google().reason, "APP_RECOGNITION");
    trust_.play->store_required = false;
    EXPECT_EQ(google().outcome, Outcome::pass);
    challenge_[0] ^= 1U;
    EXPECT_EQ(google().reason, "CHALLENGE");
    EXPECT_EQ(huawei().reason, "CHALLENGE");
}

TEST_F(EvidenceTest, AnAndroidChainThatIsNoneIsBroken) {
    trust_.android_app = EvidenceTrust::AndroidApp{"cn.example.spos", {Buffer(32)}};
    EXPECT_EQ(check(EvidenceKind::android_key, Buffer{1, 2}, question(), trust_).reason,
              "CHAIN_BROKEN");
}

// Shows: A8
TEST_F(EvidenceTest, AChainOfFortyCertificatesIsBroken) {
    trust_.android_app = EvidenceTrust::AndroidApp{"cn.example.spos", {Buffer(32)}};
    const TestAuthority root = TestAuthority::make("Root");
    const Buffer one = root.certify(root);
    Buffer chain;
    for (int i = 0; i < 40; ++i) append(chain, one);
    EXPECT_EQ(check(EvidenceKind::android_key, chain, question(), trust_).reason, "CHAIN_BROKEN");
}

TEST_F(EvidenceTest, AListOfRevokedKeysIsStaleBeyondItsAge) {
    const auto stale = [&](EvidenceKind kind, std::int64_t now_ms, std::uint32_t s_max) {
        return is_revocation_stale(trust_, kind, s_max, {now_ms});
    };
    const auto kind = EvidenceKind::android_key;
    EXPECT_FALSE(stale(kind, tests_now.unix_ms, 60)) << "no maker is believed, and no list needed";
    trust_.android_app = EvidenceTrust::AndroidApp{"cn.example.spos", {Buffer(32)}};
    EXPECT_TRUE(stale(kind, tests_now.unix_ms, 60)) << "there is none";
    trust_.revoked = RevocationList::parse(R"({"entries": {}})", tests_now).value();
    EXPECT_FALSE(stale(kind, tests_now.unix_ms + 60'000, 60));
    EXPECT_TRUE(stale(kind, tests_now.unix_ms + 60'001, 60));
    EXPECT_FALSE(stale(kind, tests_now.unix_ms + 60'001, 0)) << "any age will do";
    EXPECT_FALSE(stale(EvidenceKind::tpm_quote, tests_now.unix_ms + 60'001, 60))
        << "nobody publishes one";
}

}  // namespace
}  // namespace softpos::attest
