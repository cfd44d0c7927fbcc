// What evidence.json may say, and what is refused rather than passed over.
#include "platform/server/evidence_config.h"

#include "codec/base64.h"
#include "crypto/certificate.h"
#include "crypto/x509.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"

#include <gtest/gtest.h>

namespace softpos::server {
namespace {

TEST(EvidenceConfig, SaysWhomToBelieve) {
    const std::string digest(64, 'a');
    const auto trust = parse_evidence_trust(
        R"({"android":{"package":"cn.example.spos","signers":")" + digest + " " + digest +
        R"("},"apple_app":"TEAMID1234.cn.example.spos","pcrs":{"7":")" + digest + R"("}})");
    ASSERT_TRUE(trust);
    EXPECT_EQ(trust->android_app->package, "cn.example.spos");
    EXPECT_EQ(trust->android_app->signers.size(), 2U);
    EXPECT_EQ(trust->apple_app, "TEAMID1234.cn.example.spos");
    EXPECT_FALSE(trust->play);
    EXPECT_FALSE(
        parse_evidence_trust(R"({"play":{"store_required":false}})")->play->store_required);
    ASSERT_EQ(trust->pcrs.size(), 1U);
    EXPECT_EQ(trust->pcrs[0].pcr, 7U);
    EXPECT_FALSE(trust->pcrs[0].launched);
    const auto launched = parse_evidence_trust(R"({"pcrs":{"23":"measurement"}})");
    ASSERT_TRUE(launched);
    ASSERT_EQ(launched->pcrs.size(), 1U);
    EXPECT_TRUE(launched->pcrs[0].launched);
    EXPECT_TRUE(parse_evidence_trust("{}"));
    const auto harmony = parse_evidence_trust(
        R"({"harmony":{"bundle":"cn.example.spos","app_ids":"cn.example.spos_QQ== other_QQ=="}})");
    ASSERT_TRUE(harmony);
    EXPECT_EQ(harmony->harmony_app->bundle, "cn.example.spos");
    EXPECT_EQ(harmony->harmony_app->app_ids,
              (std::vector<std::string>{"cn.example.spos_QQ==", "other_QQ=="}));
}

TEST(EvidenceConfig, MistakesAreRefused) {
    for (const char* text :
         {"", "[]", R"({"androd":{}})", R"({"android":{"package":"p"}})",
          R"({"android":{"package":"p","signers":"aa"}})", R"({"apple_app":7})", R"({"play":{}})",
          R"({"play":{"store":true}})", R"({"harmony":{"bundle":"b"}})",
          R"({"harmony":{"bundle":"b","app_ids":""}})",
          R"({"harmony":{"bundle":"b","app_ids":"a  c"}})", R"({"pcrs":{"24":"aa"}})",
          R"({"pcrs":{"1":"zz"}})"}) {
        EXPECT_FALSE(parse_evidence_trust(text)) << text;
    }
}

TEST(EvidenceConfig, WithoutTheFileNoMakerIsBelieved) {
    const auto trust = load_evidence_trust("/nonexistent");
    ASSERT_TRUE(trust);
    const protocol::Digest32 digest{};
    const protocol::Point65 point{};
    for (unsigned kind = 1; kind <= protocol::evidence_kinds; ++kind) {
        const protocol::Evidence evidence{static_cast<protocol::EvidenceKind>(kind), Buffer(9, 1)};
        const auto verdicts = attest::check_evidence(
            {&evidence, 1},
            {.challenge = digest, .core_sign_point = point, .measurement = digest, .now = {1}},
            *trust);
        ASSERT_EQ(verdicts.size(), 1U);
        EXPECT_EQ(verdicts[0].outcome, attest::Outcome::fail);
        const bool software = evidence.kind == protocol::EvidenceKind::dev_process;
        EXPECT_EQ(verdicts[0].reason, software ? "FORM" : "UNSUPPORTED");
    }
}

void write(const host::ScratchDirectory& folder, const std::string& name, const std::string& text) {
    ASSERT_TRUE(host::write_durably(folder.file(name), bytes_of(text)));
}

std::string pem_of(const std::string& label, Bytes der) {
    return "-----BEGIN " + label + "-----\n" + codec::to_base64(der) + "\n-----END " + label +
           "-----\n";
}

TEST(EvidenceConfig, WhatIsNamedIsLoadedOrAnError) {
    const host::ScratchDirectory folder;
    const auto ca = crypto::make_ca("Roots", Instant{1}, 30).value();
    const auto der = crypto::pem_certificates(ca.cert_pem, 1).value();
    const auto key = crypto::Certificate::parse(der[0])->key();
    const auto load = [&folder] { return load_evidence_trust(folder.path()); };
    write(folder, "evidence.json", R"({"play":{"store_required":true}})");
    EXPECT_FALSE(load()) << "no keys yet";
    write(folder, "play-verification.pem", pem_of("PUBLIC KEY", key.spki()));
    write(folder, "play-decryption.key", codec::to_base64(Buffer(31, 1)) + "\n");
    EXPECT_FALSE(load());
    write(folder, "play-decryption.key", codec::to_base64(Buffer(32, 1)) + "\n");
    write(folder, "hms-roots.pem", ca.cert_pem);
    write(folder, "tpm-roots.pem", ca.cert_pem);
    write(folder, "optee-keys.pem", pem_of("PUBLIC KEY", key.spki()));
    const auto trust = load();
    ASSERT_TRUE(trust);
    EXPECT_EQ(trust->play->decryption.size(), 32U);
    EXPECT_EQ(trust->play->verification->spki(), key.spki());
    EXPECT_EQ(trust->hms_roots.size(), 1U);
    EXPECT_EQ(trust->tpm_roots.size(), 1U);
    EXPECT_EQ(trust->optee_keys.size(), 1U);
    write(folder, "optee-keys.pem", "no key");
    EXPECT_FALSE(load());
}

}  // namespace
}  // namespace softpos::server
