// Agreement, signatures and envelopes, with every case of a hostile collection.
#include "crypto/p256.h"

#include "base/hex.h"
#include "crypto/envelope.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace softpos::crypto {
namespace {

using testing::unhex;

std::string text(const boost::json::value& value) {
    return std::string(value.as_string());
}

// SEC 1 with nothing but the private number: the library adds the public point.
Buffer sec1(std::string_view private_hex) {
    std::string number(private_hex);
    if (number.size() > 64) number = number.substr(number.size() - 64);  // A leading 00.
    number.insert(0, 64 - number.size(), '0');
    return unhex("303102010104 20" + number + "A00A06082A8648CE3D030107");
}

// Shows: MPOC-1A-CRYPTO
TEST(P256Key, AgreesAsPublishedAndRefusesForgedPoints) {
    const auto file = testing::read_shared("crypto/wycheproof/ecdh_secp256r1_test.json");
    if (!file) GTEST_SKIP();
    const std::string prefix = "3059301306072A8648CE3D020106082A8648CE3D030107034200";
    std::size_t agreed = 0;
    std::size_t refused = 0;
    const auto data = boost::json::parse(*file);
    for (const auto& group : data.at("testGroups").as_array()) {
        for (const auto& test : group.at("tests").as_array()) {
            // Our interface takes points; the rows carry them in an ordinary SubjectPublicKeyInfo
            // (others test an ASN.1 reader that we do not have).
            const std::string info = to_hex(unhex(text(test.at("public"))));
            if (!info.starts_with(prefix) || info.size() != prefix.size() + 130) continue;
            const auto key = P256Key::from_private_der(sec1(text(test.at("private"))));
            ASSERT_TRUE(key.has_value()) << test.at("tcId");
            const auto shared = key->ecdh(unhex(info.substr(prefix.size())));
            const std::string result = text(test.at("result"));
            if (result == "acceptable" && !shared) continue;
            if (result == "invalid") {
                EXPECT_FALSE(shared.has_value()) << test.at("tcId");
                ++refused;
            } else {
                ASSERT_TRUE(shared.has_value()) << test.at("tcId");
                EXPECT_EQ(to_hex(shared->bytes()), to_hex(unhex(text(test.at("shared")))));
                ++agreed;
            }
        }
    }
    EXPECT_GT(agreed, 100U);
    EXPECT_GT(refused, 0U);
}

// Shows: MPOC-1A-CRYPTO
TEST(P256Key, VerifiesAsPublishedAndRefusesForgedSignatures) {
    const auto file = testing::read_shared("crypto/wycheproof/ecdsa_secp256r1_sha256_test.json");
    if (!file) GTEST_SKIP();
    std::size_t accepted = 0;
    std::size_t refused = 0;
    const auto data = boost::json::parse(*file);
    for (const auto& group : data.at("testGroups").as_array()) {
        const auto& key =
            group.as_object().contains("publicKey") ? group.at("publicKey") : group.at("key");
        const Buffer point = unhex(text(key.at("uncompressed")));
        for (const auto& test : group.at("tests").as_array()) {
            const bool valid =
                p256_verify(point, unhex(text(test.at("msg"))), unhex(text(test.at("sig"))))
                    .has_value();
            const std::string result = text(test.at("result"));
            if (result == "acceptable") continue;
            EXPECT_EQ(valid, result == "valid") << test.at("tcId");
            ++(valid ? accepted : refused);
        }
    }
    EXPECT_GT(accepted, 100U);
    EXPECT_GT(refused, 200U);
}

TEST(P256Key, RoundTripsThroughBothForms) {
    const P256Key key = P256Key::generate().value();
    const Buffer point = key.public_point();
    ASSERT_EQ(point.size(), p256_point_bytes);
    EXPECT_EQ(point[0], 4);
    EXPECT_EQ(P256Key::from_private_pem(key.private_pem()).value().public_point(), point);
    EXPECT_EQ(P256Key::from_private_der(key.private_der().bytes()).value().public_point(), point);
}

TEST(P256Key, BothSidesAgree) {
    const P256Key a = P256Key::generate().value();
    const P256Key b = P256Key::generate().value();
    EXPECT_EQ(to_hex(a.ecdh(b.public_point()).value().bytes()),
              to_hex(b.ecdh(a.public_point()).value().bytes()));
}

TEST(P256Key, SignatureFitsOneMessageAndOneKey) {
    const P256Key key = P256Key::generate().value();
    const P256Key other = P256Key::generate().value();
    const Buffer signature = key.sign(bytes_of("pay"));
    EXPECT_TRUE(p256_verify(key.public_point(), bytes_of("pay"), signature).has_value());
    EXPECT_EQ(p256_verify(key.public_point(), bytes_of("pax"), signature).error().kind,
              ErrorKind::denied);
    EXPECT_FALSE(p256_verify(other.public_point(), bytes_of("pay"), signature).has_value());
    EXPECT_FALSE(p256_verify(key.public_point(), bytes_of("pay"), {}).has_value());
}

TEST(P256Key, RefusesPointsOffTheCurveAndOtherForms) {
    const P256Key key = P256Key::generate().value();
    Buffer point = P256Key::generate().value().public_point();
    point[64] ^= 1;
    EXPECT_EQ(key.ecdh(point).error().kind, ErrorKind::denied);
    point[64] ^= 1;
    EXPECT_TRUE(key.ecdh(point).has_value());
    EXPECT_EQ(key.ecdh(Bytes(point).first(64)).error().kind, ErrorKind::malformed);
    EXPECT_EQ(key.ecdh({}).error().kind, ErrorKind::malformed);
    point[0] = 6;  // The hybrid form.
    EXPECT_EQ(key.ecdh(point).error().kind, ErrorKind::malformed);
    EXPECT_FALSE(key.ecdh(Buffer(65, 0)).has_value());
    Buffer zero(65, 0);
    zero[0] = 4;
    EXPECT_EQ(key.ecdh(zero).error().kind, ErrorKind::denied);
}

// A P-384 key in SEC 1, made for this test from the private number 1.
TEST(P256Key, RefusesOtherKeys) {
    EXPECT_FALSE(P256Key::from_private_pem("").has_value());
    EXPECT_FALSE(P256Key::from_private_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n").has_value());
    EXPECT_FALSE(P256Key::from_private_der({}).has_value());
    const Buffer p384 =
        unhex("303E0201010430" + std::string(94, '0') + "01" + "A00706052B81040022");
    EXPECT_FALSE(P256Key::from_private_der(p384).has_value());
    Buffer trailing = sec1("01");
    ASSERT_TRUE(P256Key::from_private_der(trailing).has_value());
    trailing.push_back(0);
    EXPECT_FALSE(P256Key::from_private_der(trailing).has_value());
}

TEST(Envelope, OpensForItsRecipient) {
    const P256Key recipient = P256Key::generate().value();
    const Buffer plain = unhex("00112233445566778899AABBCCDDEEFF");
    const Buffer envelope = seal_to(recipient.public_point(), bytes_of("key"), plain).value();
    EXPECT_EQ(envelope.size(), plain.size() + envelope_overhead_bytes);
    EXPECT_EQ(to_hex(open_envelope(recipient, bytes_of("key"), envelope).value().bytes()),
              to_hex(plain));
    const Buffer again = seal_to(recipient.public_point(), bytes_of("key"), plain).value();
    EXPECT_NE(envelope, again) << "a new ephemeral key each time";
}

TEST(Envelope, OpensForNobodyElseAndNothingElse) {
    const P256Key recipient = P256Key::generate().value();
    const P256Key other = P256Key::generate().value();
    const Buffer envelope = seal_to(recipient.public_point(), bytes_of("a"), unhex("0102")).value();
    EXPECT_EQ(open_envelope(other, bytes_of("a"), envelope).error().kind, ErrorKind::denied);
    EXPECT_EQ(open_envelope(recipient, bytes_of("b"), envelope).error().kind, ErrorKind::denied);
    for (std::size_t i = 0; i < envelope.size(); ++i) {
        Buffer bad = envelope;
        bad[i] ^= 1;
        ASSERT_FALSE(open_envelope(recipient, bytes_of("a"), bad).has_value()) << i;
    }
    for (std::size_t size = 0; size < envelope.size(); ++size) {
        ASSERT_FALSE(
            open_envelope(recipient, bytes_of("a"), Bytes(envelope).first(size)).has_value());
    }
}

TEST(Envelope, RefusesABadRecipientAndTooMuch) {
    EXPECT_FALSE(seal_to(Buffer(65, 0), {}, {}).has_value());
    const P256Key recipient = P256Key::generate().value();
    EXPECT_FALSE(seal_to(recipient.public_point(), {}, Buffer(envelope_bytes_max)).has_value());
    EXPECT_FALSE(open_envelope(recipient, {}, Buffer(envelope_bytes_max + 1)).has_value());
}

}  // namespace
}  // namespace softpos::crypto
