// A credential opens in the TPM that it was made for and with the key that it names, and nowhere
// else.
#include "platform/attest/tpm_credential.h"

#include "crypto/drbg.h"
#include "platform/attest/tpm_test_support.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::attest {
namespace {

class TpmCredentialTest : public ::testing::Test {
protected:
    crypto::PublicKey rsa_ek() const {
        return crypto::PublicKey::from_spki(test_rsa_key().spki()).value();
    }
    TpmCredential made() {
        return make_tpm_credential(rsa_ek(), tpm_.ak_name(), secret_, random_).value();
    }

    TestTpm tpm_;
    Buffer secret_ = Buffer(32, 0x77);
    crypto::KeyRandom random_;
};

TEST_F(TpmCredentialTest, OpensForTheKeyThatItNames) {
    const TpmCredential credential = made();
    EXPECT_EQ(credential.id_object.size(), 2U + 34 + 34);
    EXPECT_EQ(credential.encrypted_secret.size(), 2U + 256);
    EXPECT_EQ(tpm_.activate(credential.id_object, credential.encrypted_secret, tpm_.ak_name()),
              secret_);
    EXPECT_FALSE(
        tpm_.activate(credential.id_object, credential.encrypted_secret, TestTpm().ak_name()));
    EXPECT_NE(made(), credential) << "each has a seed of its own";
}

TEST_F(TpmCredentialTest, AChangedBitOpensNothing) {
    const TpmCredential credential = made();
    for (std::size_t at = 4; at < credential.id_object.size(); ++at) {
        Buffer changed = credential.id_object;
        changed[at] ^= 0x10U;
        ASSERT_FALSE(tpm_.activate(changed, credential.encrypted_secret, tpm_.ak_name())) << at;
    }
    Buffer changed = credential.encrypted_secret;
    changed[200] ^= 1U;
    EXPECT_FALSE(tpm_.activate(credential.id_object, changed, tpm_.ak_name()));
}

// The TPM's half on the curve: agreement with the ephemeral point, then the same as with RSA.
TEST_F(TpmCredentialTest, OpensUnderAKeyOnACurve) {
    const TestAuthority ek = TestAuthority::make("ek");
    const auto credential =
        make_tpm_credential(ek.anchor().key, tpm_.ak_name(), secret_, random_).value();
    const Bytes sealed = credential.encrypted_secret;
    ASSERT_EQ(sealed.size(), 2U + 34 + 34);
    Buffer point{0x04};
    append(point, sealed.subspan(4, 32));
    append(point, sealed.subspan(38, 32));
    const auto shared = ek.key.ecdh(point).value();
    Buffer message{0, 0, 0, 1};
    append(message, shared.bytes());
    append(message, bytes_of(std::string_view("IDENTITY\0", 9)));
    append(message, Bytes(point).subspan(1, 32));
    append(message, Bytes(ek.key.public_point()).subspan(1, 32));
    EXPECT_EQ(TestTpm::open_identity(credential.id_object, crypto::sha256(message), tpm_.ak_name()),
              secret_);
}

TEST_F(TpmCredentialTest, SizesAndKeysAreChecked) {
    const auto kind = [this](Bytes name, Bytes secret) {
        return make_tpm_credential(rsa_ek(), name, secret, random_).error().kind;
    };
    EXPECT_EQ(kind(tpm_.ak_name(), Buffer(33)), ErrorKind::malformed);
    EXPECT_EQ(kind(tpm_.ak_name(), {}), ErrorKind::malformed);
    EXPECT_EQ(kind(Buffer(33), secret_), ErrorKind::malformed);
    const auto other =
        crypto::PublicKey::from_spki(testing::unhex("300D300706052A0304050103020001")).value();
    EXPECT_EQ(make_tpm_credential(other, tpm_.ak_name(), secret_, random_).error().kind,
              ErrorKind::unsupported);
}

TEST_F(TpmCredentialTest, FilesOfOthersAreTakenApart) {
    const TpmCredential credential = made();
    Buffer file{0xBA, 0xDC, 0xC0, 0xDE, 0, 0, 0, 1};
    append(file, credential.id_object);
    append(file, credential.encrypted_secret);
    EXPECT_EQ(parse_tpm_credential_file(file).value(), credential);
    for (std::size_t size = 0; size < file.size(); ++size) {
        ASSERT_FALSE(parse_tpm_credential_file(Bytes(file).first(size))) << size;
    }
    file.push_back(0);
    EXPECT_FALSE(parse_tpm_credential_file(file));
}

}  // namespace
}  // namespace softpos::attest
