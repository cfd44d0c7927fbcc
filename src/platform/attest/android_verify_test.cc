// A good chain passes, and nothing that differs from it in one bit does. The chain is one of the
// shared cases; all their verdicts are checked by world/conformance.
#include "platform/attest/android_verify.h"

#include "codec/json_tree.h"
#include "crypto/certificate.h"
#include "platform/attest/chain.h"
#include "testing/bit_flips.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::attest {
namespace {

constexpr Instant judged_at{1'795'305'600'000};  // 2026-11-22T00:00:00Z

class AndroidVerify : public ::testing::Test {
protected:
    void SetUp() override {
        const auto manifest = testing::read_shared("attestation/synthetic/manifest.json");
        const auto root = testing::read_shared("attestation/synthetic/root.pem");
        const auto chain = testing::read_shared("attestation/synthetic/ok_tee_v400.pem");
        const auto status = testing::read_shared("attestation/synthetic/status_empty.json");
        if (!manifest || !root || !chain || !status) GTEST_SKIP() << "no shared cases here";
        const auto json = codec::JsonTree::parse(*manifest).value();
        const auto asked = json.root()["policy"];
        policy_.challenge = testing::unhex(asked["challengeHex"].text().value());
        policy_.package = std::string(asked["package"].text().value());
        policy_.signers = {testing::unhex(asked["signerSha256"].text().value())};
        const auto root_der = crypto::pem_certificates(*root, 1).value();
        anchors_.push_back({"test", crypto::Certificate::parse(root_der[0])->key()});
        certificates_ = crypto::pem_certificates(*chain, chain_max).value();
        revoked_ = RevocationList::parse(*status, judged_at).value();
    }

    Verdict judge(const std::vector<Buffer>& chain) const {
        const std::vector<Bytes> views(chain.begin(), chain.end());
        return verify_android_key(views, policy_, {anchors_, &revoked_.value()}, judged_at);
    }

    AndroidPolicy policy_;
    std::vector<TrustAnchor> anchors_;
    std::vector<Buffer> certificates_;
    std::optional<RevocationList> revoked_;
};

TEST_F(AndroidVerify, AGoodChainPasses) {
    const Verdict verdict = judge(certificates_);
    EXPECT_EQ(verdict.outcome, Outcome::pass) << verdict.reason;
    EXPECT_EQ(verdict.home, KeyHome::trusted_environment);
}

// Shows: A7
TEST_F(AndroidVerify, NoChainWithAChangedBitPasses) {
    auto chain = certificates_;
    // The root may be left out, and its own signature proves nothing: it is known by its key.
    for (std::size_t at = 0; at + 1 < chain.size(); ++at) {
        testing::for_each_turned_bit(certificates_[at],
                                     [&](const Buffer& changed, std::size_t bit) {
                                         chain[at] = changed;
                                         ASSERT_NE(judge(chain).outcome, Outcome::pass)
                                             << "certificate " << at << " bit " << bit;
                                     });
        chain[at] = certificates_[at];
    }
}

// Shows: MPOC-2-APP, MPOC-3-BASELINE
TEST_F(AndroidVerify, AnotherChallengePackageOrSignerIsRefused) {
    const AndroidPolicy good = policy_;
    policy_.challenge->back() ^= 1U;
    EXPECT_EQ(judge(certificates_).reason, "CHALLENGE");
    policy_ = good;
    policy_.package = "cn.example.other";
    EXPECT_EQ(judge(certificates_).reason, "APP_PACKAGE");
    policy_ = good;
    policy_.signers[0][0] ^= 1U;
    EXPECT_EQ(judge(certificates_).reason, "APP_SIGNER");
}

// Shows: A4
TEST_F(AndroidVerify, AnOldOrMissingRevocationListIsForReview) {
    const std::vector<Bytes> views(certificates_.begin(), certificates_.end());
    const AndroidTrust none{anchors_, nullptr};
    EXPECT_EQ(verify_android_key(views, policy_, none, judged_at).outcome, Outcome::review);
    const Instant later{judged_at.unix_ms + policy_.revocation_age_ms_max + 1};
    const AndroidTrust old{anchors_, &revoked_.value()};
    EXPECT_EQ(verify_android_key(views, policy_, old, later).reason, "STATUS_STALE");
}

// Shows: A9
TEST_F(AndroidVerify, WithoutAnchorsNothingPasses) {
    anchors_.clear();
    EXPECT_EQ(judge(certificates_).reason, "ROOT_UNTRUSTED");
}

}  // namespace
}  // namespace softpos::attest
