// Known answers of the ciphers, and that a key of the wrong size gets in nowhere.
#include "crypto/cipher.h"

#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "crypto/kcv.h"
#include "crypto/kdf.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace softpos::crypto {
namespace {

using testing::unhex;

std::string text(const boost::json::value& value) {
    return std::string(value.as_string());
}

struct Case {
    Cipher cipher;
    std::string_view key, plain, image;
};

// FIPS 197 appendix C; GB/T 32907 appendix A.1; SP 800-67 example of NIST SP 800-20 (single DES as
// three equal keys) and the NBS example key of SP 800-67 B.1.
constexpr Case cases[] = {
    {Cipher::aes, "000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
     "69C4E0D86A7B0430D8CDB78070B4C55A"},
    {Cipher::aes, "000102030405060708090A0B0C0D0E0F1011121314151617",
     "00112233445566778899AABBCCDDEEFF", "DDA97CA4864CDFE06EAF70A0EC0D7191"},
    {Cipher::aes, "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF", "8EA2B7CA516745BFEAFC49904B496089"},
    {Cipher::sm4, "0123456789ABCDEFFEDCBA9876543210", "0123456789ABCDEFFEDCBA9876543210",
     "681EDF34D206965E86B3E94F536E4246"},
    {Cipher::tdes, "133457799BBCDFF1", "0123456789ABCDEF", "85E813540F0AB405"},
    {Cipher::tdes, "0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123", "5468652071756663",
     "A826FD8CE53B855F"},
};

// Shows: MPOC-1A-CRYPTO, JRT0156-6.5
TEST(BlockKey, GivesTheStandardsAnswersBothWays) {
    for (const Case& c : cases) {
        const auto key = BlockKey::make(c.cipher, unhex(c.key)).value();
        Buffer block(key.block_size());
        key.encrypt_block(unhex(c.plain), block);
        EXPECT_EQ(to_hex(block), c.image);
        key.decrypt_block(block, block);
        EXPECT_EQ(to_hex(block), c.plain);
    }
}

TEST(BlockKey, TakesOnlyLegalKeySizes) {
    const std::set<std::size_t> tdes{8, 16, 24};
    const std::set<std::size_t> aes{16, 24, 32};
    for (std::size_t size = 0; size < 40; ++size) {
        const Buffer key(size, 0x5A);
        EXPECT_EQ(BlockKey::make(Cipher::tdes, key).has_value(), tdes.contains(size)) << size;
        EXPECT_EQ(BlockKey::make(Cipher::aes, key).has_value(), aes.contains(size)) << size;
        EXPECT_EQ(BlockKey::make(Cipher::sm4, key).has_value(), size == 16) << size;
    }
}

// A context that is used again must not remember anything of the key or direction before.
TEST(BlockKey, RekeyedEqualsNew) {
    auto prng = testing::Prng::from_environment();
    auto reused = BlockKey::make(Cipher::aes, prng.bytes(16)).value();
    for (int round = 0; round < 200; ++round) {
        const Buffer key = prng.bytes(16 + 8 * prng.below(3));
        const Buffer plain = prng.bytes(16);
        ASSERT_TRUE(reused.rekey(key).has_value());
        const auto fresh = BlockKey::make(Cipher::aes, key).value();
        Buffer a(16);
        Buffer b(16);
        reused.encrypt_block(plain, a);
        fresh.encrypt_block(plain, b);
        ASSERT_EQ(a, b) << "SEED=" << prng.seed();
        reused.decrypt_block(a, a);
        ASSERT_EQ(a, plain) << "SEED=" << prng.seed();
    }
    EXPECT_FALSE(reused.rekey(Buffer(5)).has_value());
}

TEST(BlockKey, TwoKeyTdesIsThreeKeysWithTheFirstAgain) {
    auto prng = testing::Prng::from_environment();
    const Buffer two = prng.bytes(16);
    Buffer three = two;
    append(three, Bytes(two).first(8));
    const Buffer data = prng.bytes(64);
    EXPECT_EQ(ecb_encrypt(Cipher::tdes, two, data).value(),
              ecb_encrypt(Cipher::tdes, three, data).value());
}

TEST(Ecb, RoundTripsAndRefusesPartsOfBlocks) {
    const Buffer key(16, 1);
    const Buffer data(48, 7);
    for (const Cipher cipher : {Cipher::tdes, Cipher::aes, Cipher::sm4}) {
        const Buffer image = ecb_encrypt(cipher, key, data).value();
        EXPECT_EQ(ecb_decrypt(cipher, key, image).value(), data);
        EXPECT_EQ(to_hex(ecb_decrypt_secret(cipher, key, image).value().bytes()), to_hex(data));
        EXPECT_FALSE(ecb_encrypt(cipher, key, Bytes(data).first(47)).has_value());
        EXPECT_FALSE(ecb_decrypt(cipher, key, Bytes(data).first(4)).has_value());
    }
}

// FIPS 180-4 examples.
// Shows: MPOC-1A-CRYPTO
TEST(Hash, GivesTheStandardsAnswers) {
    EXPECT_EQ(to_hex(sha1(bytes_of("abc"))), "A9993E364706816ABA3E25717850C26C9CD0D89D");
    EXPECT_EQ(to_hex(sha256(bytes_of("abc"))),
              "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
    EXPECT_EQ(to_hex(sha256({})),
              "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855");
}

// RFC 5869 test cases 1 and 3.
TEST(Hkdf, GivesTheRfcValues) {
    const Buffer secret(22, 0x0B);
    const Buffer salt = unhex("000102030405060708090A0B0C");
    const Buffer info = unhex("F0F1F2F3F4F5F6F7F8F9");
    EXPECT_EQ(
        to_hex(hkdf_sha256({secret, salt, info}, 42).value().bytes()),
        "3CB25F25FAACD57A90434F64D0362F2A2D2D0A90CF1A5A4C5DB02D56ECC4C5BF34007208D5B887185865");
    EXPECT_EQ(
        to_hex(hkdf_sha256({.secret = secret}, 42).value().bytes()),
        "8DA4E775A563C18F715F802A063C5A31B8A11F5C5EE1879EC3454E5F3C738D2D9D201395FAA4B61A96C8");
    EXPECT_FALSE(hkdf_sha256({.secret = secret}, 0).has_value());
    EXPECT_FALSE(hkdf_sha256({.secret = secret}, hkdf_bytes_max + 1).has_value());
}

TEST(Hkdf, GivesThePublishedValues) {
    const auto file = testing::read_shared("crypto/wycheproof/hkdf_sha256_test.json");
    if (!file) GTEST_SKIP();
    const auto data = boost::json::parse(*file);
    for (const auto& group : data.at("testGroups").as_array()) {
        for (const auto& test : group.at("tests").as_array()) {
            const auto key = hkdf_sha256({unhex(text(test.at("ikm"))), unhex(text(test.at("salt"))),
                                          unhex(text(test.at("info")))},
                                         test.at("size").to_number<std::size_t>());
            const bool valid = text(test.at("result")) != "invalid";
            ASSERT_EQ(key.has_value(), valid) << test.at("tcId");
            if (valid) {
                EXPECT_EQ(to_hex(key->bytes()), to_hex(unhex(text(test.at("okm")))));
            }
        }
    }
}

// Shows: MPOC-1A-CRYPTO
TEST(Gcm, GivesThePublishedValuesAndRefusesTheBadOnes) {
    const auto file = testing::read_shared("crypto/wycheproof/aes_gcm_test.json");
    if (!file) GTEST_SKIP();
    const auto data = boost::json::parse(*file);
    std::size_t opened = 0;
    std::size_t refused = 0;
    for (const auto& group : data.at("testGroups").as_array()) {
        if (group.at("ivSize").as_int64() != 96 || group.at("tagSize").as_int64() != 128) continue;
        for (const auto& test : group.at("tests").as_array()) {
            const Buffer key = unhex(text(test.at("key")));
            const Buffer nonce = unhex(text(test.at("iv")));
            const Buffer aad = unhex(text(test.at("aad")));
            const Buffer plain = unhex(text(test.at("msg")));
            const Buffer sealed = unhex(text(test.at("ct")) + text(test.at("tag")));
            const auto open = gcm_open(key, nonce, aad, sealed);
            if (text(test.at("result")) == "invalid") {
                ASSERT_FALSE(open.has_value()) << test.at("tcId");
                EXPECT_EQ(open.error().kind, ErrorKind::denied);
                ++refused;
                continue;
            }
            ASSERT_TRUE(open.has_value()) << test.at("tcId");
            EXPECT_EQ(to_hex(open->bytes()), to_hex(plain));
            EXPECT_EQ(gcm_seal(key, nonce, aad, plain).value(), sealed);
            ++opened;
        }
    }
    EXPECT_GT(opened, 30U);
    EXPECT_GT(refused, 10U);
}

TEST(Gcm, EveryChangedBitIsSeen) {
    const Buffer key(16, 3);
    const Buffer nonce(12, 4);
    const Buffer aad = unhex("0102");
    const Buffer sealed = gcm_seal(key, nonce, aad, unhex("CAFE")).value();
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Buffer bad = sealed;
        bad[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        ASSERT_EQ(gcm_open(key, nonce, aad, bad).error().kind, ErrorKind::denied) << bit;
    }
    EXPECT_FALSE(gcm_open(key, nonce, unhex("0103"), sealed).has_value());
    EXPECT_FALSE(gcm_open(key, nonce, {}, sealed).has_value());
}

TEST(Gcm, RefusesWrongSizes) {
    const Buffer key(16);
    const Buffer nonce(12);
    EXPECT_EQ(gcm_seal(Buffer(15), nonce, {}, {}).error().kind, ErrorKind::malformed);
    EXPECT_EQ(gcm_seal(key, Buffer(11), {}, {}).error().kind, ErrorKind::malformed);
    EXPECT_EQ(gcm_open(key, nonce, {}, Buffer(15)).error().kind, ErrorKind::malformed);
    EXPECT_TRUE(gcm_open(key, nonce, {}, gcm_seal(key, nonce, {}, {}).value()).has_value());
}

TEST(Kcv, GivesThePublishedValues) {
    const auto file = testing::read_shared("crypto/unionpay_terminal.json");
    if (!file) GTEST_SKIP();
    const auto pin = boost::json::parse(*file).at("pin_sm4");
    const auto key = ecb_decrypt_secret(Cipher::sm4, unhex(text(pin.at("tmk"))),
                                        unhex(text(pin.at("wk_under_tmk_sm4ecb"))))
                         .value();
    EXPECT_EQ(to_hex(zero_block_kcv(Cipher::sm4, key.bytes()).value()),
              text(pin.at("wk_kcv_published")).substr(0, 8));
}

TEST(Kcv, GivesTheFieldTablesValues) {
    EXPECT_EQ(
        to_hex(zero_block_kcv(Cipher::tdes, unhex("807A23AD32B36D457AE91FDF927570EA")).value()),
        "8D0A74B8");
    EXPECT_EQ(to_hex(zero_block_kcv(Cipher::tdes, unhex("5BB5C72CD00B7338")).value()), "AB7153CA");
    EXPECT_FALSE(zero_block_kcv(Cipher::aes, unhex("00")).has_value());
    EXPECT_FALSE(cmac_kcv(unhex("00")).has_value());
    EXPECT_TRUE(cmac_kcv(Buffer(16)).has_value());
}

// Shows: MPOC-1A-RANDOM
TEST(KeyRandom, DoesNotRepeat) {
    KeyRandom random;
    std::set<std::array<std::uint8_t, 16>> seen;
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(random.take<16>()).second);
    EXPECT_EQ(random_secret(random, 24).size(), 24U);
    const SecretBytes key = random_tdes_key(random);
    ASSERT_EQ(key.size(), 16U);
    for (const std::uint8_t byte : key.bytes()) EXPECT_EQ(std::popcount(byte) % 2, 1);
}

}  // namespace
}  // namespace softpos::crypto
