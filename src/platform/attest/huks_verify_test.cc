// A good chain of our own making passes, and nothing that differs from it in one bit does.
#include "platform/attest/huks_verify.h"

#include "platform/attest/chain.h"
#include "platform/attest/evidence.h"
#include "platform/attest/explain.h"
#include "platform/attest/huks_test_support.h"
#include "testing/bit_flips.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::attest {
namespace {

constexpr std::string_view challenge_oid = "1.3.6.1.4.1.2011.2.376.2.1.4";
constexpr std::string_view owner_oid = "1.3.6.1.4.1.2011.2.376.2.1.3";
constexpr std::string_view source_oid = "1.3.6.1.4.1.2011.2.376.2.1.5";

class HuksVerify : public ::testing::Test {
protected:
    HuksVerify() {
        policy_.challenge = phone_.challenge;
        policy_.bundle = "cn.example.spos";
        policy_.app_ids = {"cn.example.spos_QUJD"};
        list(R"({"entries": {}})");
    }
    void list(std::string_view json) { revoked_ = RevocationList::parse(json, tests_now).value(); }
    Verdict judge(const std::vector<Buffer>& chain) const {
        const std::vector<Bytes> views(chain.begin(), chain.end());
        const auto anchors = phone_.anchors();
        return verify_huks_key(views, policy_, {anchors, revoked_ ? &*revoked_ : nullptr},
                               tests_now);
    }
    std::string judged() const {
        const Verdict verdict = judge(phone_.chain());
        return std::string(name_of(verdict.outcome)) + " " + std::string(verdict.reason);
    }

    TestHuks phone_;
    HuksPolicy policy_;
    std::optional<RevocationList> revoked_;
};

// ---- Good ones --------------------------------------------------------------------------------

TEST_F(HuksVerify, AGoodChainPasses) {
    const Verdict verdict = judge(phone_.chain());
    EXPECT_EQ(verdict.outcome, Outcome::pass) << verdict.reason;
    EXPECT_EQ(verdict.home, KeyHome::trusted_environment);
    EXPECT_EQ(verdict.device_key, phone_.key.spki());
    EXPECT_EQ(verdict.device_id.size(), 32U);
    EXPECT_EQ(verdict.serials.size(), 4U);
    EXPECT_TRUE(verdict.findings.empty());
}

TEST_F(HuksVerify, AlsoOneMadeOnlineOrWithoutItsRoot) {
    auto chain = phone_.chain();
    chain.pop_back();
    EXPECT_EQ(judge(chain).outcome, Outcome::pass);
    const std::vector<Buffer> online = {phone_.device.certify(phone_.leaf()),
                                        phone_.root.certify(phone_.device),
                                        phone_.root.certify(phone_.root)};
    EXPECT_EQ(judge(online).outcome, Outcome::pass);
}

TEST_F(HuksVerify, TheFirstVersionMayBeLeftOut) {
    phone_.version.reset();
    EXPECT_EQ(judged(), "PASS ");
    phone_.version = 1;
    EXPECT_EQ(judged(), "FAIL EXTENSION_MALFORMED") << "whose claims may mean something else";
}

TEST_F(HuksVerify, AGeneratedKeyInWhateverFormTheNumberStands) {
    for (const Buffer& two : {Buffer{2}, Buffer{'2'}, Buffer{2, 0, 0, 0}, Buffer{0, 0, 0, 2}}) {
        phone_.source = two;
        EXPECT_EQ(judged(), "PASS ");
    }
    for (const Buffer& one : {Buffer{1}, Buffer{'1'}, Buffer{1, 0, 0, 0}, Buffer{0, 0, 0, 1}}) {
        phone_.source = one;
        EXPECT_EQ(judged(), "FAIL KEY_ORIGIN");
    }
    for (const Buffer& odd : {Buffer{}, Buffer{0}, Buffer{3}, Buffer{2, 2}, Buffer{2, 1}}) {
        phone_.source = odd;
        EXPECT_EQ(judged(), "FAIL EXTENSION_MALFORMED");
    }
}

// ---- Chains -----------------------------------------------------------------------------------

TEST_F(HuksVerify, OnlyItsMakersRootIsBelieved) {
    const auto chain = phone_.chain();
    phone_.root = TestAuthority::make("Device Attestation Root");
    EXPECT_EQ(judge(chain).reason, "ROOT_UNTRUSTED") << "a name is no key";
    const std::vector<Bytes> views(chain.begin(), chain.end());
    EXPECT_EQ(verify_huks_key(views, policy_, {{}, nullptr}, tests_now).reason, "ROOT_UNTRUSTED");
    EXPECT_EQ(verify_huks_key({}, policy_, {{}, nullptr}, tests_now).reason, "CHAIN_BROKEN");
}

// With its attested key an app signs a certificate that says what it likes.
TEST_F(HuksVerify, AnAttestedKeyCertifiesNothing) {
    const TestAuthority forged = TestAuthority::make("Forged");
    TestCertificate leaf = phone_.leaf();
    leaf.subject = forged.name;
    leaf.spki = forged.spki();
    auto chain = phone_.chain();
    chain.insert(chain.begin(), phone_.key.certify(leaf));
    EXPECT_EQ(judge(chain).reason, "CHAIN_EXTENDED") << "five are too many";
    chain.pop_back();
    EXPECT_EQ(judge(chain).reason, "CHAIN_EXTENDED") << "without the root, too";
    // Online chains leave room for one more.
    const std::vector<Buffer> room = {
        phone_.key.certify(leaf), phone_.device.certify(phone_.leaf()),
        phone_.root.certify(phone_.device), phone_.root.certify(phone_.root)};
    EXPECT_EQ(judge(room).reason, "CHAIN_EXTENDED") << "a statement nearer the root";
    const std::vector<Buffer> phones_own = {
        phone_.key.certify(leaf),
        phone_.device.certify({.subject = phone_.key.name, .spki = phone_.key.spki()}),
        phone_.root.certify({.subject = phone_.device.name, .spki = phone_.device.spki()}),
        phone_.root.certify(phone_.root)};
    EXPECT_EQ(judge(phones_own).reason, "CHAIN_EXTENDED") << "a phone is no authority";
}

TEST_F(HuksVerify, ShortBrokenExpiredAndRevokedChainsFail) {
    auto chain = phone_.chain();
    EXPECT_EQ(judge({chain[0]}).reason, "CHAIN_BROKEN");
    EXPECT_EQ(judge({chain[0], chain[2], chain[3]}).reason, "CHAIN_BROKEN") << "one is missing";
    TestCertificate bare = phone_.leaf();
    bare.extensions.clear();
    chain[0] = phone_.device.certify(bare);
    EXPECT_EQ(judge(chain).reason, "EXTENSION_MISSING");
    phone_.device_until = tests_now;
    EXPECT_EQ(judged(), "PASS ") << "its last moment";
    phone_.device_until = {tests_now.unix_ms - 1000};
    EXPECT_EQ(judged(), "FAIL EXPIRED");
    phone_.device_until = tests_to;
    list(R"({"entries": {"1234": {"status": "REVOKED", "reason": "KEY_COMPROMISE"}}})");
    EXPECT_EQ(judged(), "FAIL REVOKED");
}

TEST_F(HuksVerify, WithoutAFreshListOrAQuestionItIsForReview) {
    revoked_.reset();
    EXPECT_EQ(judged(), "REVIEW STATUS_STALE");
    list(R"({"entries": {}})");
    policy_.bundle.reset();
    EXPECT_EQ(judged(), "REVIEW NOT_COMPARED");
    policy_.challenge.reset();
    EXPECT_EQ(judged(), "REVIEW NOT_COMPARED");
}

// ---- What it states ---------------------------------------------------------------------------

TEST_F(HuksVerify, AnotherQuestionAppSignerOrUseFails) {
    const TestHuksClaims good = phone_;
    const auto with = [&](const auto& change) {
        static_cast<TestHuksClaims&>(phone_) = good;
        change(phone_);
        return judged();
    };
    EXPECT_EQ(with([](TestHuks& p) { p.challenge[0] ^= 1U; }), "FAIL CHALLENGE");
    EXPECT_EQ(with([](TestHuks& p) { p.without = {std::string(challenge_oid)}; }),
              "FAIL CHALLENGE");
    EXPECT_EQ(with([](TestHuks& p) { p.without = {std::string(owner_oid)}; }),
              "FAIL APP_ID_MISSING");
    EXPECT_EQ(with([](TestHuks& p) { p.without = {std::string(source_oid)}; }), "FAIL KEY_ORIGIN");
    EXPECT_EQ(
        with([](TestHuks& p) { p.owner = R"({"appId":"cn.other_QUJD","bundleName":"cn.other"})"; }),
        "FAIL APP_PACKAGE");
    EXPECT_EQ(with([](TestHuks& p) {
                  p.owner = R"({"appId":"cn.example.spos_WFla","bundleName":"cn.example.spos"})";
              }),
              "FAIL APP_SIGNER");
    EXPECT_EQ(with([](TestHuks& p) {
                  p.owner_type = "1.3.6.1.4.1.2011.2.376.2.1.3.2";
                  p.owner = R"({"processName":"cn.example.spos","APL":"system_core"})";
              }),
              "FAIL APP_ID_MISSING")
        << "a service of the system is not our app";
    EXPECT_EQ(with([](TestHuks& p) { p.leaf_is_authority = true; }), "FAIL KEY_PURPOSE");
    EXPECT_EQ(with([](TestHuks& p) { p.owner = "{appId:none}"; }), "FAIL EXTENSION_MALFORMED");
    EXPECT_EQ(with([](TestHuks& p) { p.owner = R"({"bundleName":"cn.example.spos"})"; }),
              "FAIL EXTENSION_MALFORMED");
}

TEST_F(HuksVerify, AClaimThatStandsTwiceSaysNothing) {
    phone_.more = {{std::string(challenge_oid), der_object(der::octet_string, Buffer(32, 0x22))}};
    EXPECT_EQ(judged(), "FAIL EXTENSION_MALFORMED");
    phone_.more = {{"1.3.6.1.4.1.2011.2.376.2.9.9", TestHuks::number(5)}};
    EXPECT_EQ(judged(), "PASS ") << "one that we do not know";
}

TEST_F(HuksVerify, TooManyClaimsAreRefused) {
    for (unsigned i = 0; i + 5 < HuksStatement::claims_max; ++i) {
        phone_.more.emplace_back("1.3.6.1.4.1.2011.2.376.2.9." + std::to_string(i),
                                 TestHuks::number(i));
    }
    EXPECT_EQ(judged(), "PASS ");
    phone_.more.emplace_back("1.3.6.1.4.1.2011.2.376.2.8.1", TestHuks::number(1));
    EXPECT_EQ(judged(), "FAIL EXTENSION_MALFORMED");
}

// Shows: A7
TEST_F(HuksVerify, NoChainWithAChangedBitPasses) {
    auto chain = phone_.chain();
    // The root may be left out, and its own signature proves nothing: it is known by its key.
    for (std::size_t at = 0; at + 1 < chain.size(); ++at) {
        const Buffer good = chain[at];
        testing::for_each_turned_bit(good, [&](const Buffer& changed, std::size_t bit) {
            chain[at] = changed;
            ASSERT_EQ(judge(chain).outcome, Outcome::fail)
                << "certificate " << at << " bit " << bit;
        });
        chain[at] = good;
    }
}

// ---- On the way in ----------------------------------------------------------------------------

TEST_F(HuksVerify, EvidenceGoesToItWithItsOwnPartOfWhatIsTrusted) {
    EvidenceTrust trust;
    const protocol::Digest32 digest{};
    protocol::Digest32 challenge{};
    challenge.fill(0x11);
    const protocol::Point65 point{};
    protocol::Evidence evidence{protocol::EvidenceKind::huks, {}};
    for (const Buffer& one : phone_.chain()) append(evidence.bytes, one);
    const auto reason = [&] {
        return check_evidence({&evidence, 1},
                              {.challenge = challenge,
                               .core_sign_point = point,
                               .measurement = digest,
                               .now = tests_now},
                              trust)[0]
            .reason;
    };
    EXPECT_EQ(reason(), "UNSUPPORTED");
    trust.harmony_app = EvidenceTrust::HarmonyApp{"cn.example.spos", policy_.app_ids};
    EXPECT_EQ(reason(), "ROOT_UNTRUSTED");
    trust.huks_roots = phone_.anchors();
    EXPECT_EQ(reason(), "STATUS_STALE");
    EXPECT_TRUE(is_revocation_stale(trust, evidence.kind, 60, tests_now));
    trust.huks_revoked = revoked_;
    EXPECT_EQ(reason(), "");
    EXPECT_FALSE(is_revocation_stale(trust, evidence.kind, 60, tests_now));
    challenge.fill(0x12);
    EXPECT_EQ(reason(), "CHALLENGE");
}

TEST_F(HuksVerify, IsExplained) {
    Buffer file;
    for (const Buffer& one : phone_.chain()) append(file, one);
    const auto anchors = phone_.anchors();
    ExplainQuestion question;
    question.anchors = anchors;
    question.revoked = &*revoked_;
    question.now = tests_now;
    const auto unasked = explain_evidence(file, question).value();
    EXPECT_EQ(unasked.form, "HUKS key attestation, 4 certificates");
    EXPECT_EQ(unasked.verdict.reason, "NOT_COMPARED");
    question.challenge = phone_.challenge;
    question.app = "cn.example.spos";
    const auto said = explain_evidence(file, question).value();
    EXPECT_EQ(said.verdict.outcome, Outcome::pass) << said.verdict.reason;
    const auto line = [&](std::string_view name) -> std::string {
        for (const auto& [key, value] : said.verdict.observations) {
            if (key == name) return value;
        }
        return "";
    };
    EXPECT_EQ(line("bundle"), "cn.example.spos");
    EXPECT_EQ(line("app id"), "cn.example.spos_QUJD");
    EXPECT_EQ(line("key source"), "generated");
    EXPECT_EQ(line("model"), "ABC-AL00");
    EXPECT_FALSE(line("claim 1.3.6.1.4.1.2011.2.376.2.2.2.6").empty()) << "told, not understood";
    question.app = "cn.other";
    EXPECT_EQ(explain_evidence(file, question)->verdict.reason, "APP_PACKAGE");
}

}  // namespace
}  // namespace softpos::attest
