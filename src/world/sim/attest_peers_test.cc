// Our verifiers and other people's on the same input: X.509 chains against GnuTLS, quotes of a
// TPM against tpm2-tools. Both must say the same.
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/certificate.h"
#include "host/child_process.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"
#include "phone/hw/swtpm_test_support.h"
#include "platform/attest/ek_certificate.h"
#include "platform/attest/tpm_test_support.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

namespace softpos::sim {
namespace {

using attest::TestAuthority;
using attest::TestCertificate;

constexpr unsigned peer_ms_max = 20'000;
constexpr std::int64_t day_ms = 86'400'000;

// The exit code of another verifier, 0 for "good". What it says goes to peer.log.
bool peer_says_good(const host::ScratchDirectory& scratch, const std::string& program,
                    std::vector<std::string> arguments) {
    auto child = host::ChildProcess::spawn({.program = program,
                                            .arguments = std::move(arguments),
                                            .output_path = scratch.file("peer.log")});
    CHECK(child.has_value());
    const auto status = child->wait(peer_ms_max);
    CHECK(status.has_value() && status->signal == 0);
    return status->success();
}

void write(const std::string& path, Bytes bytes) {
    CHECK(host::write_durably(path, bytes).has_value());
}

// ---- Chains -----------------------------------------------------------------------------------

constexpr const char* certtool = "/usr/bin/certtool";

// A leaf for a TPM's endorsement key under one to three authorities.
class PeersOfChains : public ::testing::Test {
protected:
    void SetUp() override {
        if (!std::filesystem::exists(certtool)) GTEST_SKIP() << "no certtool here";
    }

    bool ours(const std::vector<Buffer>& der, const TestAuthority& root) const {
        const std::vector<Bytes> views(der.begin(), der.end());
        const std::vector<attest::TrustAnchor> anchors{root.anchor()};
        attest::Chain chain;
        if (attest::read_chain(views, chain)) return false;
        return !attest::check_ek_chain(chain, anchors, now_);
    }
    bool theirs(const std::vector<Buffer>& der, const TestAuthority& root) const {
        std::string chain;
        for (const Buffer& one : der) chain += crypto::pem_of_certificate(one);
        write(scratch_.file("chain.pem"), bytes_of(chain));
        const Buffer anchor = root.certify(authority(root));
        write(scratch_.file("root.pem"), bytes_of(crypto::pem_of_certificate(anchor)));
        return peer_says_good(scratch_, certtool,
                              {"--verify", "--load-ca-certificate", scratch_.file("root.pem"),
                               "--infile", scratch_.file("chain.pem")});
    }

    // Good on the day of the test: the other verifier knows no other day.
    TestCertificate dated(TestCertificate one) const {
        one.not_before = Instant{now_.unix_ms - day_ms};
        one.not_after = Instant{now_.unix_ms + day_ms};
        return one;
    }
    TestCertificate authority(const TestAuthority& one) const {
        return dated({.subject = one.name, .spki = one.spki(), .authority = true});
    }
    TestCertificate endorsement() const {
        return dated({.subject = "endorsement key",
                      .spki = attest::test_rsa_key().spki(),
                      .extensions = {attest::TestTpm::purpose("2.23.133.8.1")}});
    }

    const Instant now_ = SystemClock().now();
    host::ScratchDirectory scratch_;
};

// What may be wrong with one certificate of a chain, and with which of them.
struct Defect {
    const char* name;
    bool (*applies)(std::size_t position, std::size_t count);
    void (*spoil)(TestCertificate& certificate, Instant now);
};
constexpr bool any_of_them(std::size_t, std::size_t) {
    return true;
}
constexpr bool above_leaf(std::size_t position, std::size_t) {
    return position > 0;
}

const Defect defects[] = {
    {"nothing", any_of_them, [](TestCertificate&, Instant) {}},
    {"has ended", any_of_them,
     [](TestCertificate& one, Instant now) { one.not_after = Instant{now.unix_ms - 60'000}; }},
    {"has not begun", any_of_them,
     [](TestCertificate& one, Instant now) { one.not_before = Instant{now.unix_ms + day_ms / 2}; }},
    {"is no authority", above_leaf, [](TestCertificate& one, Instant) { one.authority = false; }},
    {"may not sign certificates", above_leaf,
     [](TestCertificate& one, Instant) {
         one.extensions.push_back({"2.5.29.15", Buffer{3, 2, 7, 0x80}, true});
     }},
    {"is named otherwise", above_leaf, [](TestCertificate& one, Instant) { one.subject += " II"; }},
    {"is another key's", above_leaf,
     [](TestCertificate& one, Instant) { one.spki = TestAuthority::make("another").spki(); }},
};

// Shows: A12
TEST_F(PeersOfChains, SameVerdictWhateverIsWrongWithOneCertificate) {
    unsigned good = 0;
    for (std::size_t authorities = 1; authorities <= 3; ++authorities) {
        std::vector<TestAuthority> above;
        for (std::size_t i = 0; i < authorities; ++i) {
            above.push_back(TestAuthority::make("authority " + std::to_string(i)));
        }
        for (const Defect& defect : defects) {
            // The root itself is trusted as it is, by whoever trusts it.
            for (std::size_t at = 0; at < authorities; ++at) {
                if (!defect.applies(at, authorities)) continue;
                std::vector<Buffer> chain;
                for (std::size_t i = 0; i < authorities; ++i) {
                    TestCertificate one = i > 0 ? authority(above[i - 1]) : endorsement();
                    if (i == at) defect.spoil(one, now_);
                    chain.push_back(above[i].certify(one));
                }
                const bool verdict = ours(chain, above.back());
                EXPECT_EQ(verdict, theirs(chain, above.back()))
                    << "certificate " << at << " of " << authorities << " " << defect.name;
                EXPECT_EQ(verdict, std::string_view(defect.name) == "nothing");
                good += verdict;
            }
        }
    }
    EXPECT_EQ(good, 6U);
}

// Shows: A12
TEST_F(PeersOfChains, SameVerdictOnOrderGapsAndStrangers) {
    const auto root = TestAuthority::make("root");
    const auto upper = TestAuthority::make("upper");
    const auto lower = TestAuthority::make("lower");
    const auto stranger = TestAuthority::make("root");  // The same name, another key.
    const TestCertificate leaf = endorsement();
    const Buffer a = lower.certify(leaf);
    const Buffer b = upper.certify(authority(lower));
    const Buffer c = root.certify(authority(upper));
    const std::vector<Buffer> whole{a, b, c}, with_root{a, b, c, root.certify(authority(root))};
    EXPECT_TRUE(ours(whole, root) && theirs(whole, root));
    EXPECT_TRUE(ours(with_root, root) && theirs(with_root, root));
    EXPECT_FALSE(ours(whole, stranger) || theirs(whole, stranger));
    EXPECT_FALSE(ours(with_root, stranger) || theirs(with_root, stranger));
    const std::vector<std::vector<Buffer>> bad{
        {a, c}, {a}, {a, b}, {stranger.certify(leaf)}, {a, b, stranger.certify(authority(upper))}};
    for (const auto& chain : bad) {
        EXPECT_FALSE(ours(chain, root));
        EXPECT_FALSE(theirs(chain, root));
    }
}

// Bits of the leaf, of its signature too: whatever the other takes, ours takes, and the reverse.
// Shows: A12
TEST_F(PeersOfChains, SameVerdictOnTurnedBits) {
    const auto root = TestAuthority::make("root");
    const Buffer leaf = root.certify(endorsement());
    testing::Prng random = testing::Prng::from_environment();
    ASSERT_TRUE(ours({leaf}, root) && theirs({leaf}, root));
    for (int round = 0; round < 150; ++round) {
        Buffer changed = leaf;
        const unsigned bit = random.below(static_cast<unsigned>(8 * leaf.size()));
        changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ 1U << bit % 8);
        ASSERT_EQ(ours({changed}, root), theirs({changed}, root))
            << "bit " << bit << " SEED=" << random.seed();
    }
}

// ---- Quotes -----------------------------------------------------------------------------------

constexpr const char* checkquote = "/usr/bin/tpm2_checkquote";

class PeersOfQuotes : public ::testing::Test {
protected:
    void SetUp() override {
        if (!hw::SoftwareTpm::installed() || !std::filesystem::exists(checkquote)) {
            GTEST_SKIP() << "no swtpm or no tpm2-tools here";
        }
        machine_.emplace();
        auto tpm = machine_->connect();
        auto made = tpm.quote(challenge_, 1U | 1U << 7U).value();
        form_ = {.quote = std::move(made.quote),
                 .signature = std::move(made.signature),
                 .ak_public = tpm.ak_public().value(),
                 .pcrs = std::move(made.pcrs),
                 .ek_certificate = {},
                 .chain = {}};
    }
    bool ours(const protocol::TpmQuoteForm& form, const Buffer& challenge) const {
        attest::TpmPolicy policy;
        policy.challenge = challenge;
        policy.activated_name = attest::tpm_name(form.ak_public).value();
        policy.expected = {{0, {form_.pcrs[0]}}, {7, {form_.pcrs[1]}}};
        return attest::verify_tpm_quote(protocol::encode(form), policy, {}, attest::tests_now)
                   .outcome == attest::Outcome::pass;
    }
    bool theirs(const protocol::TpmQuoteForm& form, const Buffer& challenge) const {
        write(scratch_.file("ak"), form.ak_public);
        write(scratch_.file("quote"), form.quote);
        write(scratch_.file("signature"), form.signature);
        Buffer pcrs;
        for (const Buffer& one : form.pcrs) append(pcrs, one);
        write(scratch_.file("pcrs"), pcrs);
        return peer_says_good(scratch_, checkquote,
                              {"-u", scratch_.file("ak"), "-m", scratch_.file("quote"), "-s",
                               scratch_.file("signature"), "-f", scratch_.file("pcrs"), "-l",
                               "sha256:0,7", "-g", "sha256", "-q", to_hex(challenge)});
    }
    void expect_same(const protocol::TpmQuoteForm& form, const Buffer& challenge, bool verdict,
                     const std::string& what) const {
        EXPECT_EQ(ours(form, challenge), verdict) << what;
        EXPECT_EQ(theirs(form, challenge), verdict) << what;
    }

    host::ScratchDirectory scratch_;
    std::optional<hw::SoftwareTpm> machine_;
    protocol::TpmQuoteForm form_;
    const Buffer challenge_ = Buffer(32, 0xC1);
};

// Shows: A12
TEST_F(PeersOfQuotes, SameVerdictOnWholeAndOnChangedOnes) {
    expect_same(form_, challenge_, true, "as the TPM made it");
    expect_same(form_, Buffer(32, 0xC2), false, "another challenge");
    auto other = form_;
    other.pcrs[1][0] ^= 1U;
    expect_same(other, challenge_, false, "another register");
    other = form_;
    other.signature.back() ^= 1U;
    expect_same(other, challenge_, false, "another signature");
    testing::Prng random = testing::Prng::from_environment();
    for (int round = 0; round < 100; ++round) {
        other = form_;
        Buffer& part = round % 2 == 0 ? other.quote : other.signature;
        const unsigned bit = random.below(static_cast<unsigned>(8 * part.size()));
        part[bit / 8] = static_cast<std::uint8_t>(part[bit / 8] ^ 1U << bit % 8);
        ASSERT_EQ(ours(other, challenge_), theirs(other, challenge_))
            << "bit " << bit << " SEED=" << random.seed();
    }
}

}  // namespace
}  // namespace softpos::sim
