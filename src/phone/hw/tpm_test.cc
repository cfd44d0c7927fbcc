// Against a real software TPM: quotes, sealing to PCRs, a counter, and what is refused.
#include "phone/hw/tpm.h"

#include "base/hex.h"
#include "phone/hw/swtpm_test_support.h"

#include <gtest/gtest.h>

namespace softpos::hw {
namespace {

constexpr std::uint32_t counter_index = 0x01805350;
constexpr TpmPcrSet core_pcr = 1U << tpm_core_pcr;

class TpmTest : public ::testing::Test {
protected:
    void SetUp() override {
        if (!SoftwareTpm::installed()) GTEST_SKIP() << "no swtpm here";
        machine_.emplace();
    }
    std::optional<SoftwareTpm> machine_;
};

Buffer digest_of(std::uint8_t value) {
    return Buffer(tpm_digest_bytes, value);
}

TEST_F(TpmTest, CertificateOfTheMakerIsThere) {
    Tpm tpm = machine_->connect();
    const auto certificate = tpm.ek_certificate();
    ASSERT_TRUE(certificate);
    ASSERT_GT(certificate->size(), 500U);
    EXPECT_EQ((*certificate)[0], 0x30);
    EXPECT_EQ(certificate->size(), 4U + (*certificate)[2] * 256U + (*certificate)[3]);
}

TEST_F(TpmTest, AttestationKeyIsTheSameAfterPowerOff) {
    Buffer before = machine_->connect().ak_public().value();
    machine_->power_off();
    machine_->power_on();
    EXPECT_EQ(machine_->connect().ak_public().value(), before);
    SoftwareTpm another;
    EXPECT_NE(another.connect().ak_public().value(), before);
}

TEST_F(TpmTest, ExtendChangesOnePcr) {
    Tpm tpm = machine_->connect();
    const auto before = tpm.read_pcrs(0xFFFFFF).value();
    ASSERT_EQ(before.size(), tpm_pcr_count);
    ASSERT_TRUE(tpm.extend(tpm_core_pcr, digest_of(1)));
    const auto after = tpm.read_pcrs(0xFFFFFF).value();
    for (unsigned i = 0; i < tpm_pcr_count; ++i) {
        EXPECT_EQ(before[i] == after[i], i != tpm_core_pcr) << i;
    }
    EXPECT_FALSE(tpm.extend(tpm_pcr_count, digest_of(1)));
    EXPECT_FALSE(tpm.extend(0, Buffer(20)));
}

TEST_F(TpmTest, QuoteCarriesTheNonce) {
    Tpm tpm = machine_->connect();
    const Buffer nonce = digest_of(0xA7);
    const auto quote = tpm.quote(nonce, core_pcr | 1U);
    ASSERT_TRUE(quote);
    EXPECT_EQ(quote->pcrs.size(), 2U);
    EXPECT_NE(to_hex(quote->quote).find(to_hex(nonce)), std::string::npos);
    EXPECT_EQ(to_hex(Bytes(quote->quote).first(6)), "FF5443478018");
    EXPECT_FALSE(tpm.quote({}, core_pcr));
    EXPECT_FALSE(tpm.quote(Buffer(33), core_pcr));
    EXPECT_FALSE(tpm.quote(nonce, 0));
    EXPECT_FALSE(tpm.quote(nonce, 1U << tpm_pcr_count));
}

// Shows: A19, JRT0156-6.3, JRT0156-6.4
TEST_F(TpmTest, SealedKeyComesBackOnlyWhileThePcrStands) {
    const Buffer key = digest_of(0x5C);
    Buffer sealed;
    {
        Tpm tpm = machine_->connect();
        ASSERT_TRUE(tpm.extend(tpm_core_pcr, digest_of(1)));
        sealed = tpm.seal(key, core_pcr).value();
        EXPECT_EQ(to_hex(sealed).find(to_hex(key)), std::string::npos);
        EXPECT_EQ(to_hex(tpm.unseal(sealed, core_pcr).value().bytes()), to_hex(key));
        ASSERT_TRUE(tpm.extend(tpm_core_pcr, digest_of(2)));
        const auto changed = tpm.unseal(sealed, core_pcr);
        ASSERT_FALSE(changed);
        EXPECT_EQ(changed.error().kind, ErrorKind::denied);
    }
    // A machine that starts again and launches the same program.
    machine_->power_off();
    machine_->power_on();
    Tpm tpm = machine_->connect();
    EXPECT_FALSE(tpm.unseal(sealed, core_pcr));
    ASSERT_TRUE(tpm.extend(tpm_core_pcr, digest_of(1)));
    EXPECT_EQ(to_hex(tpm.unseal(sealed, core_pcr).value().bytes()), to_hex(key));
    EXPECT_FALSE(tpm.unseal(sealed, core_pcr | 1U)) << "another set is another policy";
}

// Shows: JRT0156-6.4
TEST_F(TpmTest, SealedKeyOfAnotherTpmOrWithAChangedBitIsRefused) {
    Tpm tpm = machine_->connect();
    const Buffer sealed = tpm.seal(digest_of(0x5C), core_pcr).value();
    SoftwareTpm another;
    EXPECT_FALSE(another.connect().unseal(sealed, core_pcr));
    for (std::size_t at = 0; at < sealed.size(); at += 7) {
        Buffer changed = sealed;
        changed[at] ^= 0x10;
        EXPECT_FALSE(tpm.unseal(changed, core_pcr)) << at;
    }
    EXPECT_FALSE(tpm.unseal(Bytes(sealed).first(40), core_pcr));
    EXPECT_TRUE(tpm.unseal(sealed, core_pcr)) << "nothing was left behind in the TPM";
}

TEST_F(TpmTest, CounterGoesUpAndSurvivesPowerOff) {
    std::uint64_t first = 0;
    {
        Tpm tpm = machine_->connect();
        const auto none = tpm.read_counter(counter_index);
        ASSERT_FALSE(none);
        EXPECT_EQ(none.error().kind, ErrorKind::not_found);
        first = tpm.increment_counter(counter_index).value();
        EXPECT_EQ(tpm.increment_counter(counter_index).value(), first + 1);
    }
    machine_->power_off();
    machine_->power_on();
    Tpm tpm = machine_->connect();
    EXPECT_EQ(tpm.read_counter(counter_index).value(), first + 1);
    EXPECT_EQ(tpm.increment_counter(counter_index).value(), first + 2);
    EXPECT_FALSE(tpm.increment_counter(0x01C00002)) << "not an index of the owner's";
}

TEST_F(TpmTest, ForeignCredentialIsRefused) {
    Tpm tpm = machine_->connect();
    Buffer id_object(70, 0x11);
    id_object[0] = 0;
    id_object[1] = 68;
    Buffer secret(258, 0x22);
    secret[0] = 1;
    secret[1] = 0;
    EXPECT_FALSE(tpm.activate_credential(id_object, secret));
    EXPECT_FALSE(tpm.activate_credential(Buffer{0}, secret));
    EXPECT_TRUE(tpm.ak_public()) << "and the TPM goes on";
}

TEST(Tpm, NoTpmIsUnavailable) {
    const auto tpm = Tpm::open("swtpm:path=/nonexistent/tpm");
    ASSERT_FALSE(tpm);
    EXPECT_EQ(tpm.error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace softpos::hw
