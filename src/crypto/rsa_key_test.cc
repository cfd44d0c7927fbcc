// Private and public half fit each other, and nothing else fits.
#include "crypto/rsa_key.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "crypto/hash.h"
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

// Made for this test by `openssl genpkey`; used nowhere.
constexpr const char* pkcs8_base64 =
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCpJYelZ4GTHnRLAW+Mk/LwHmp7dqtdI/pyl3tL"
    "nkAFff5oJEx/5PVg6y2CWgR8ad6xU7UZEncZ/SduxFMDKyzTQmktLgi9lRbTqiwmJhreROwpnoK8gK6SPCSnm0gI"
    "rFp+Aw4sh9IHOoVsJqGSjMr0vLI3fxp9Jz1XdHUicJRJE1gSN3v6v3G7W6jmoVVzyayRCXLHjuVnxs0or/DifAJD"
    "gM0/YM/ZBe+uX9kDxxGbKo4wT8tsH7HFrZnynEet4CRFpS4aJWJwUGe/0tCfIcE3gC6GSnL8BPeJRCOAbvBF3cmv"
    "N2XmvQt4fcB14saT8HHj2/eXE7all56IcSn9LBaXAgMBAAECggEACK7ErKDIaH5sNtDJ4pv89lwsAs7KfiX+Jwq6"
    "nrJEFA7DKU0Ptj2mZkVm7nrjdxAniSUZteyaO4sguTwPt35sYc3WFfvNIWTj/pU3iJ/KdPVxxV3TKoz/08GNmiL2"
    "StJaH3+AUe3eQgERifCJDmZMIXhcPPgOf9/XSMQmzSVH9LZESAz+mtvCwyMIWrobAWruloPP6LfnegMlGYEf4gB0"
    "wMsoq5kY23HG3cwepKSjSwcUiz8depCipAO7gjrfPQ9x9UxIOCJsi1ZPG6tU6XThonwyEONRER/pVfECk/qSsJxK"
    "yXfJVXowK/tkURJ34NdcB7xza0ZR4GMPlU56i6l+fQKBgQDX7m65lCfyOS/Ps6KOzjBD8Dp6GWBk5hRgcz7H72lI"
    "Ulby2ASae037Q16sBvG0gGMmofqY545sWc8i9PlUgj6I/CVDAdGxv9QUyu3DFWXW+78PDsB6+bPXYuIwEqxidvxl"
    "M+xFNiK+tnb4z9g8KZAsY1gelnCPCAy7HTAj+MHlRQKBgQDIiKQrsN8vIidSRhKyCSaAzi6aycScsaQVrnZRVZED"
    "iIm8qy31Rv5iJ9aRAjcDNbbCZw4bPnyoqiaQaOPwOHPB3K04NkxB2SUSQ46teFlgUcJS6gwSOoc4YpLd1Ltc2gem"
    "upZQJB1tbaGMoElzWPhSQOZuWWxd4a2+HdjLt4eEKwKBgG9O6mbhd4IGdp3ztI02vmyXDh3YrPb2H3Tkk21O/Y+Z"
    "WlbOgfj8LOOkA85bugbY08ObZemiG6nA1eToMQqeJQxKJg8XhffBsdqSDOQuSJP8q61gZlo+E7WotH4hchlDyrGE"
    "hXvb/yceOc/inE3PAxHOmCMUW6tvc9iUoDc6yQCdAoGAN03HyOzcgEkxAvWkTklLvxYdsD6Y5IXxNLGKm9+3QHw1"
    "UDz9TbmoijVmbVNpDI+RuYdmUoknI/TY8dabljJbakmL1AbVfQt/t8u924VnULL7npZBgf12MUyuKFN04KSYm5i1"
    "v6BWJUmo1fmWiCMvSK/xXNl4k2Ob4OSmV3hj/UUCgYAZ0oa+uYgGoSoixZk1Hm1+csKjRahlJ+/VmwN+1gRqaNE+"
    "zoPFzHOSVpXGUpY822AsHb2uIP+OZ3H+7FnQ5jKwI0j+oBGEHlA5k5s07/Xk4++p3Zukbtm3iLjpNcjfWXQjhZSl"
    "xTsjXVe97V/ZiHMJY1D+uqECFzw95X9jsf2Jcg==";

TEST(RsaKey, IsReadFromPkcs8) {
    const Buffer der = codec::from_base64(pkcs8_base64).value();
    const auto key = RsaKey::from_pkcs8(der);
    ASSERT_TRUE(key) << key.error().what.c_str();
    const Buffer signature = key->sign(SignatureKind::rsa_pkcs1_sha256, Buffer{1}).value();
    const PublicKey half = PublicKey::from_spki(key->spki()).value();
    EXPECT_TRUE(half.verify(SignatureKind::rsa_pkcs1_sha256, Buffer{1}, signature));
}

TEST(RsaKey, ComesBackFromItsPkcs8) {
    const auto again = RsaKey::from_pkcs8(shared_key().pkcs8().bytes());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->spki(), shared_key().spki());
}

TEST(RsaKey, OtherBytesAreNoPkcs8) {
    Buffer der = codec::from_base64(pkcs8_base64).value();
    EXPECT_EQ(RsaKey::from_pkcs8({}).error().kind, ErrorKind::malformed);
    EXPECT_EQ(RsaKey::from_pkcs8(shared_key().spki()).error().kind, ErrorKind::malformed);
    EXPECT_EQ(RsaKey::from_pkcs8(Bytes(der).first(der.size() - 1)).error().kind,
              ErrorKind::malformed);
    EXPECT_EQ(RsaKey::from_pkcs8(Buffer(9000)).error().kind, ErrorKind::malformed);
    der.push_back(0);
    EXPECT_EQ(RsaKey::from_pkcs8(der).error().kind, ErrorKind::malformed);
    der.pop_back();
    der[der.size() / 2] ^= 1U;  // One of the primes.
    EXPECT_FALSE(RsaKey::from_pkcs8(der));
}

TEST(Md5, HasItsPublishedValue) {
    EXPECT_EQ(to_hex(md5(bytes_of("abc"))), "900150983CD24FB0D6963F7D28E17F72");
    EXPECT_EQ(to_hex(md5({})), "D41D8CD98F00B204E9800998ECF8427E");
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
