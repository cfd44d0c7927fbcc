// Each form is recognised as what it is, also in Base64, and judged; anything else is no evidence.
#include "platform/attest/explain.h"

#include "codec/base64.h"
#include "platform/attest/app_attest_test_support.h"
#include "platform/attest/reason.h"
#include "platform/attest/token_test_support.h"
#include "platform/attest/tpm_test_support.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <set>

namespace softpos::attest {
namespace {

ExplainQuestion question_at(std::span<const TrustAnchor> anchors) {
    ExplainQuestion question;
    question.anchors = anchors;
    question.now = tests_now;
    return question;
}

std::string value_of(const Explanation& said, std::string_view name) {
    for (const auto& [known, value] : said.verdict.observations) {
        if (known == name) return value;
    }
    return "(missing)";
}

TEST(Explain, AppAttestInCborJsonAndBase64) {
    const TestIphone phone;
    const auto anchors = phone.anchors();
    ExplainQuestion question = question_at(anchors);
    question.challenge = phone.challenge_hash;
    question.app = phone.app_id;
    const Buffer evidence = phone.attestation();
    const std::string text = codec::to_base64(evidence);
    const std::string json = "{\"attestation\":\"" + text + "\",\"keyId\":\"" +
                             codec::to_base64(phone.credential_id()) + "\",\"appId\":\"" +
                             phone.app_id + "\"}";
    for (const Bytes file : {Bytes(evidence), bytes_of(text), bytes_of(json)}) {
        const auto said = explain_evidence(file, question);
        ASSERT_TRUE(said);
        EXPECT_EQ(said->form, "Apple App Attest, attestation");
        EXPECT_EQ(said->verdict.outcome, Outcome::pass) << said->verdict.reason;
        EXPECT_EQ(value_of(*said, "environment"), "production");
    }
    question.app.reset();
    EXPECT_EQ(explain_evidence(bytes_of(json), question)->verdict.outcome, Outcome::pass)
        << "the file tells the app";
    EXPECT_EQ(explain_evidence(evidence, question)->verdict.reason, "NOT_COMPARED");
    question.anchors = {};
    EXPECT_EQ(explain_evidence(evidence, question)->place, "certificate 1");
}

TEST(Explain, ChallengesAreTakenAsTheyAreAndHashed) {
    TestIphone phone;
    const Buffer challenge{1, 2, 3};
    phone.challenge_hash = sha256_buffer(challenge);
    phone.counter = 4;
    const auto anchors = phone.anchors();
    ExplainQuestion question = question_at(anchors);
    question.app = phone.app_id;
    question.key = crypto::PublicKey::from_spki(p256_spki(phone.key.public_point())).value();
    const Buffer evidence = phone.assertion();
    for (const Buffer& asked : {challenge, phone.challenge_hash}) {
        question.challenge = asked;
        const auto said = explain_evidence(evidence, question);
        ASSERT_TRUE(said);
        EXPECT_EQ(said->form, "Apple App Attest, assertion");
        EXPECT_EQ(said->verdict.outcome, Outcome::pass) << said->verdict.reason;
    }
    question.challenge = Buffer{1, 2};
    EXPECT_EQ(explain_evidence(evidence, question)->verdict.reason, "SIGNATURE");
}

TEST(Explain, QuotesWithKeysAndAlone) {
    TestTpm tpm;
    const auto anchors = tpm.anchors();
    ExplainQuestion question = question_at(anchors);
    question.challenge = tpm.challenge;
    question.pcrs = {{23, {tpm.pcrs[23]}}};
    const Buffer evidence = protocol::encode(tpm.form());
    EXPECT_EQ(explain_evidence(evidence, question)->verdict.reason, "NOT_ACTIVATED");
    question.activated = true;
    const auto said = explain_evidence(evidence, question);
    EXPECT_EQ(said->verdict.outcome, Outcome::pass) << said->verdict.reason;
    EXPECT_EQ(value_of(*said, "PCRs"), "SHA-256: 0 7 23");
    question.pcrs = {{23, {Buffer(32, 1)}}};
    EXPECT_EQ(explain_evidence(evidence, question)->place, "PCR 23");
    const auto alone = explain_evidence(tpm.form().quote, question);
    ASSERT_TRUE(alone);
    EXPECT_EQ(alone->form, "Quote of a TPM, the statement alone");
    EXPECT_EQ(alone->verdict.reason, "KEY_UNKNOWN");
}

TEST(Explain, CertificatesInPemAndDer) {
    const TestTpm tpm;
    const auto anchors = tpm.anchors();
    const ExplainQuestion question = question_at(anchors);
    Buffer der = tpm.ek_certificate();
    append(der, tpm.root.certify(tpm.maker));
    std::string pem = crypto::pem_of_certificate(tpm.ek_certificate());
    pem += crypto::pem_of_certificate(tpm.root.certify(tpm.maker));
    for (const Bytes file : {Bytes(der), bytes_of(pem)}) {
        const auto said = explain_evidence(file, question);
        ASSERT_TRUE(said);
        EXPECT_EQ(said->form, "Endorsement certificate of a TPM, 2 certificates");
        EXPECT_EQ(said->verdict.outcome, Outcome::review) << said->verdict.reason;
        EXPECT_EQ(value_of(*said, "model"), "soft");
    }
    const auto plain = explain_evidence(tpm.root.certify(tpm.maker), question);
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->form, "Certificates without a statement, 1 certificate");
    EXPECT_EQ(plain->verdict.outcome, Outcome::fail);
}

TEST(Explain, AndroidChainsNameTheTagOrCertificate) {
    const auto text = testing::read_shared("attestation/synthetic/ok_tee_v400.pem");
    const auto root = testing::read_shared("attestation/synthetic/root.pem");
    if (!text || !root) GTEST_SKIP() << "no shared cases here";
    const auto der = crypto::pem_certificates(*root, 1).value();
    const std::vector<TrustAnchor> anchors{{"test", crypto::Certificate::parse(der[0])->key()}};
    ExplainQuestion question = question_at(anchors);
    const auto said = explain_evidence(bytes_of(*text), question);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->form, "Android key attestation, 4 certificates");
    EXPECT_EQ(said->verdict.reason, "STATUS_STALE");
    question.app = "cn.example.other";
    const auto other = explain_evidence(bytes_of(*text), question);
    EXPECT_EQ(other->verdict.reason, "APP_PACKAGE");
    EXPECT_EQ(other->place, "attestationApplicationId");
}

TEST(Explain, TokensOfBothServices) {
    const TestPlay play;
    ExplainQuestion question = question_at({});
    question.challenge = play.challenge;
    question.app = play.package;
    question.signers = {play.signer};
    question.key = play.verification();
    const auto closed = explain_evidence(bytes_of(play.token() + "\n"), question);
    ASSERT_TRUE(closed);
    EXPECT_EQ(closed->form, "Play Integrity token, encrypted");
    EXPECT_EQ(closed->verdict.reason, "DECRYPTION");
    question.decryption = &play.decryption;
    const auto said = explain_evidence(bytes_of(play.token()), question);
    EXPECT_EQ(said->verdict.outcome, Outcome::pass) << said->verdict.reason;
    EXPECT_EQ(value_of(*said, "licence"), "LICENSED");
    EXPECT_EQ(explain_evidence(bytes_of(play.inner()), question)->form, "Play Integrity token");
    const TestHms hms;
    const auto anchors = hms.anchors();
    question.anchors = anchors;
    question.challenge = hms.challenge;
    question.signers = {hms.signer};
    const auto huawei = explain_evidence(bytes_of(hms.token()), question);
    ASSERT_TRUE(huawei);
    EXPECT_EQ(huawei->form, "SysIntegrity token of HMS");
    EXPECT_EQ(huawei->verdict.outcome, Outcome::pass) << huawei->verdict.reason;
    EXPECT_EQ(value_of(*huawei, "anchor"), "Test CBG Root CA");
    const std::string other = sign_es256(play.key, R"({"alg":"ES256"})", "{}");
    EXPECT_EQ(explain_evidence(bytes_of(other), question)->verdict.reason, "UNSUPPORTED");
}

TEST(Explain, AnythingElseIsNoEvidence) {
    testing::Prng random = testing::Prng::from_environment();
    const ExplainQuestion question;
    for (const std::string_view text : {"", "{}", "hello", "AAAA"}) {
        EXPECT_EQ(explain_evidence(bytes_of(text), question).error().kind, ErrorKind::unsupported);
    }
    const auto said = explain_evidence(bytes_of("{\"attestation\":\"AAAA\"}"), question);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->verdict.reason, "FORM");
    EXPECT_FALSE(explain_evidence(random.bytes(500), question)) << "SEED=" << random.seed();
    EXPECT_EQ(explain_evidence(Buffer(explained_bytes_max + 1), question).error().kind,
              ErrorKind::denied);
}

TEST(Reasons, EachHasOneRowAndASentence) {
    std::set<std::string_view> seen;
    for (const ReasonRow& row : reason_rows()) {
        EXPECT_TRUE(seen.insert(row.reason).second) << row.reason;
        EXPECT_TRUE(row.sentence.ends_with('.')) << row.reason;
        EXPECT_EQ(finding_of(row.reason), row.code);
    }
    EXPECT_EQ(finding_of("SOMETHING_ELSE"), protocol::FindingCode::chain);
    EXPECT_TRUE(sentence_of("").empty());
}

TEST(Words, InstantsAreReadAsTheyAreWritten) {
    EXPECT_EQ(instant_text(read_instant("2026-11-22T15:04:05Z").value()),
              "2026-11-22 15:04:05 UTC");
    EXPECT_EQ(read_instant("2026-11-22"), tests_now);
    EXPECT_EQ(date_text(Instant{-1}), "1969-12-31");
    EXPECT_EQ(instant_text(Instant{-1'000}), "1969-12-31 23:59:59 UTC");
    for (const std::string_view bad :
         {"", "2026-13-01", "2026-02-30", "2026-11-22T24:00:00Z", "2026-11-22T15:04:05",
          "2026-11-22 15:04:05Z", "20x6-11-22"}) {
        EXPECT_FALSE(read_instant(bad)) << bad;
    }
}

}  // namespace
}  // namespace softpos::attest
