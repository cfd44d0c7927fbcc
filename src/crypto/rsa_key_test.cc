// Private and public half fit each other, and nothing else fits.
#include "crypto/rsa_key.h"

#include "crypto/kdf.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::crypto {
namespace {

const RsaKey& shared_key() {
    static const RsaKey key = RsaKey::generate(2048).value();
    return key;
}

PublicKey public_half() {
    return PublicKey::from_spki(shared_key().spki()).value();
}

TEST(RsaKey, SignsInEachOfItsKinds) {
    const Buffer message{1, 2, 3};
    const PublicKey half = public_half();
    EXPECT_EQ(half.name(), "RSA-2048");
    for (const SignatureKind kind :
         {SignatureKind::rsa_pkcs1_sha256, SignatureKind::rsa_pkcs1_sha384,
          SignatureKind::rsa_pkcs1_sha512, SignatureKind::rsa_pss_sha256}) {
        Buffer signature = shared_key().sign(kind, message).value();
        EXPECT_TRUE(half.verify(kind, message, signature));
        EXPECT_FALSE(half.verify(kind, Buffer{1, 2}, signature));
        signature.back() ^= 1U;
        EXPECT_FALSE(half.verify(kind, message, signature));
    }
    const Buffer pss = shared_key().sign(SignatureKind::rsa_pss_sha256, message).value();
    EXPECT_FALSE(half.verify(SignatureKind::rsa_pkcs1_sha256, message, pss));
    EXPECT_EQ(shared_key().sign(SignatureKind::ecdsa_sha256, message).error().kind,
              ErrorKind::denied);
}

TEST(RsaKey, OpensWhatWasSealedToItUnderOneLabel) {
    const Buffer label{'I', 0};
    const Buffer secret(32, 7);
    Buffer sealed = public_half().encrypt_oaep_sha256(secret, label).value();
    EXPECT_EQ(sealed.size(), 256U);
    const auto opened = shared_key().open_oaep_sha256(sealed, label);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(equal_constant_time(opened->bytes(), secret));
    EXPECT_FALSE(shared_key().open_oaep_sha256(sealed, {}));
    sealed[100] ^= 1U;
    EXPECT_EQ(shared_key().open_oaep_sha256(sealed, label).error().kind, ErrorKind::denied);
    EXPECT_FALSE(shared_key().open_oaep_sha256(Bytes(sealed).first(10), label));
    // 256 bytes less two digests and two more.
    EXPECT_TRUE(public_half().encrypt_oaep_sha256(Buffer(190), label));
    EXPECT_EQ(public_half().encrypt_oaep_sha256(Buffer(191), label).error().kind,
              ErrorKind::denied);
}

TEST(RsaKey, SmallKeysAreNotMade) {
    EXPECT_EQ(RsaKey::generate(1024).error().kind, ErrorKind::unsupported);
}

// Computed by hand out of HMAC: 00000001, "STORAGE", 00, context, 00000180, and once more from 2.
TEST(CounterKdf, IsHmacOverCounterLabelContextAndSize) {
    const Buffer secret = testing::unhex("000102030405060708090A0B0C0D0E0F");
    const Buffer context = testing::unhex("A0A1A2A3");
    const auto out = counter_kdf_sha256({secret, "STORAGE", context}, 48);
    ASSERT_TRUE(out);
    EXPECT_TRUE(equal_constant_time(
        out->bytes(), testing::unhex("62963D3E58149F93B993FC19CDE8789510DBE0ECFC331067"
                                     "CE4D0BC6DA942FF0B1A57CACFA46C8B5E6AC64925435A6B7")));
    EXPECT_FALSE(counter_kdf_sha256({secret, "STORAGE", context}, 0));
    EXPECT_FALSE(counter_kdf_sha256({{}, "STORAGE", context}, 16));
}

}  // namespace
}  // namespace softpos::crypto
