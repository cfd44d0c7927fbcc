// SM2 against the example of its standard, and what must not verify or open.
#include "crypto/sm2.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/mac.h"

#include <gtest/gtest.h>

namespace softpos::crypto {
namespace {

Buffer hex(std::string_view digits) {
    return from_hex(digits).value();
}

// Spec: [GMT-0003] annex A.2: key, identity and message of the signature's example.
Sm2Key example_key() {
    return Sm2Key::from_scalar(
               hex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"))
        .value();
}

// Shows: JRT0156-6.5
TEST(Sm2, TheExampleOfTheStandardVerifies) {
    const Buffer point = example_key().public_point();
    EXPECT_EQ(to_hex(point).substr(0, 18), "0409F9DF311E5421A1");
    const Buffer signature =
        hex("3046022100F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
            "022100B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA");
    const Bytes message = bytes_of("message digest");
    EXPECT_TRUE(sm2_verify(point, message, sm2_usual_identity, signature));
    EXPECT_FALSE(sm2_verify(point, message, "1234567812345679", signature)) << "who signed counts";
    EXPECT_FALSE(sm2_verify(point, bytes_of("message digesT"), sm2_usual_identity, signature));
}

TEST(Sm2, SignsForAnIdentityAndForNobodyElse) {
    const auto key = Sm2Key::generate().value();
    const Bytes message = bytes_of("0200");
    Buffer signature = key.sign(message, "terminal 1");
    EXPECT_TRUE(sm2_verify(key.public_point(), message, "terminal 1", signature));
    EXPECT_FALSE(sm2_verify(key.public_point(), message, "terminal 2", signature));
    EXPECT_FALSE(sm2_verify(Sm2Key::generate()->public_point(), message, "terminal 1", signature));
    for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
        signature[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        EXPECT_FALSE(sm2_verify(key.public_point(), message, "terminal 1", signature)) << bit;
        signature[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    }
}

TEST(Sm2, OpensWhatWasEncryptedToItAndNothingElse) {
    const auto key = Sm2Key::generate().value();
    const Buffer plain(48, 0x5E);
    Buffer text = sm2_encrypt(key.public_point(), plain).value();
    EXPECT_TRUE(std::ranges::equal(key.decrypt(text)->bytes(), plain));
    EXPECT_FALSE(Sm2Key::generate()->decrypt(text));
    for (std::size_t at = 0; at < text.size(); ++at) {
        EXPECT_FALSE(key.decrypt(Bytes(text).first(at))) << at;
        text[at] ^= 0x40;
        EXPECT_FALSE(key.decrypt(text)) << at;
        text[at] ^= 0x40;
    }
}

// Spec: [GMT-0003] annex C.2.
// Shows: JRT0156-6.5
TEST(Sm2, TheStandardsCiphertextOpens) {
    const auto der =
        sm2_ciphertext_der(hex("0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
                               "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
                               "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
                               "21886CA989CA9C7D58087307CA93092D651EFA"));
    ASSERT_TRUE(der);
    EXPECT_EQ(text_of(example_key().decrypt(*der)->bytes()), "encryption standard");
    EXPECT_FALSE(sm2_ciphertext_der(Buffer(97, 4)));
}

TEST(Sm2, RefusesWhatIsNoKey) {
    EXPECT_FALSE(Sm2Key::from_scalar(Buffer(32, 0)));
    EXPECT_FALSE(Sm2Key::from_scalar(Buffer(32, 0xFF)));
    EXPECT_FALSE(Sm2Key::from_scalar(Buffer(31, 1)));
    EXPECT_FALSE(sm2_encrypt(Buffer(65, 4), Buffer(1)));
    EXPECT_FALSE(sm2_verify(Buffer(65, 4), {}, "", Buffer(8)));
    EXPECT_FALSE(Sm2Key::from_private_pem("-----BEGIN PRIVATE KEY-----\n"));
}

// Spec: [GMT-0004] annex A.1; the key of the HMAC is of [GMT-0042] annex D.3.
// Shows: JRT0156-6.5
TEST(Sm3, IsThatOfTheStandard) {
    EXPECT_EQ(to_hex(sm3(bytes_of("abc"))),
              "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0");
    EXPECT_EQ(
        to_hex(hmac_sm3(hex("0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F20"),
                        bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
                                 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))),
        "CA05E144ED05D1857840D1F318A4A8669E559FC8391F414485BFDF7BB408963A");
}

}  // namespace
}  // namespace softpos::crypto
