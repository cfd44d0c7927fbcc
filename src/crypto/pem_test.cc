// Blocks come out as they were put in, and only those of the label that was asked for.
#include "crypto/pem.h"

#include "codec/base64.h"
#include "crypto/public_key.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::crypto {
namespace {

// An EC key on P-256 of RFC 6979, A.2.5.
constexpr const char* key_hex =
    "3059301306072A8648CE3D020106082A8648CE3D03010703420004"
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299";

std::string armoured(const std::string& label, Bytes content) {
    return "-----BEGIN " + label + "-----\r\n" + codec::to_base64(content) + "\r\n-----END " +
           label + "-----\n";
}

TEST(Pem, GivesTheBlocksOfALabelInOrder) {
    const std::string text = "about this file\n" + armoured("A", Buffer{1}) +
                             armoured("B", Buffer{2}) + armoured("A", Buffer{3, 4});
    EXPECT_EQ(pem_blocks(text, "A", 2).value(), (std::vector<Buffer>{{1}, {3, 4}}));
    EXPECT_EQ(pem_blocks(text, "B", 2).value(), (std::vector<Buffer>{{2}}));
    EXPECT_TRUE(pem_blocks(text, "C", 2)->empty());
    EXPECT_EQ(pem_blocks(text, "A", 1).error().kind, ErrorKind::denied);
}

TEST(Pem, BrokenBlocksAreRefused) {
    EXPECT_EQ(pem_blocks("-----BEGIN A-----\nAQ==\n", "A", 1).error().kind, ErrorKind::malformed);
    EXPECT_EQ(pem_blocks("-----BEGIN A-----\nA*==\n-----END A-----", "A", 1).error().kind,
              ErrorKind::malformed);
}

TEST(Pem, OnePublicKeyIsRead) {
    const Buffer spki = testing::unhex(key_hex);
    const auto key = PublicKey::from_pem(armoured("PUBLIC KEY", spki));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->spki(), spki);
    EXPECT_EQ(key->family(), KeyFamily::p256);
    EXPECT_FALSE(PublicKey::from_pem(""));
    EXPECT_FALSE(PublicKey::from_pem(armoured("CERTIFICATE", spki)));
    const std::string twice = armoured("PUBLIC KEY", spki) + armoured("PUBLIC KEY", spki);
    EXPECT_EQ(PublicKey::from_pem(twice).error().kind, ErrorKind::denied);
}

}  // namespace
}  // namespace softpos::crypto
