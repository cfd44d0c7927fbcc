// What evidence.json may say, and what is refused rather than passed over.
#include "platform/server/evidence_config.h"

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
    ASSERT_EQ(trust->pcrs.size(), 1U);
    EXPECT_EQ(trust->pcrs[0].pcr, 7U);
    EXPECT_TRUE(parse_evidence_trust("{}"));
}

TEST(EvidenceConfig, MistakesAreRefused) {
    for (const char* text : {"", "[]", R"({"androd":{}})", R"({"android":{"package":"p"}})",
                             R"({"android":{"package":"p","signers":"aa"}})", R"({"apple_app":7})",
                             R"({"pcrs":{"24":"aa"}})", R"({"pcrs":{"1":"zz"}})"}) {
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

}  // namespace
}  // namespace softpos::server
