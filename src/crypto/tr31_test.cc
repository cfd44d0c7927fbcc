// Key blocks: what is exported comes back, what was changed does not, and what the policy forbids
// stays out. Published blocks run in world/conformance.
#include "crypto/tr31.h"

#include "base/hex.h"
#include "crypto/drbg.h"
#include "crypto/kcv.h"
#include "crypto/p256.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace softpos::crypto {
namespace {

using ::testing::StrEq;
using testing::unhex;

constexpr KeyBlockPolicy with_sm4{.own_sm4 = true};

// Bytes that differ from each other, so that no TDES key collapses.
Buffer counted(std::size_t size, std::uint8_t first) {
    Buffer bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(first + 7 * i);
    return bytes;
}

struct Kind {
    KeyBlockVersion version;
    std::vector<std::size_t> kbpk_sizes;
};
const Kind kinds[] = {
    {KeyBlockVersion::tdes, {16, 24}},
    {KeyBlockVersion::aes_cbc, {16, 24, 32}},
    {KeyBlockVersion::aes_ctr, {16, 24, 32}},
    {KeyBlockVersion::sm4, {16}},
};

KeyBlockHeader pin_key_header(KeyBlockVersion version) {
    KeyBlockHeader header;
    header.version = version;
    header.usage = KeyUsage::pin_encryption;
    header.algorithm = KeyAlgorithm::tdes;
    header.mode = KeyMode::encrypt;
    header.exportability = KeyExport::trusted;
    return header;
}

std::string exported(Bytes kbpk, const KeyBlockHeader& header, Bytes key, std::uint64_t seed = 1) {
    SeededRandom random(seed);
    const auto text = export_key_block(kbpk, header, key, random);
    EXPECT_TRUE(text) << (text ? "" : text.error().what.c_str());
    return text.value_or("");
}

TEST(KeyBlock, ComputedElsewhereOpens) {
    for (const testing::Vector& row : testing::read_vectors("key_blocks.vec")) {
        SCOPED_TRACE(row.name);
        const auto got = import_key_block(unhex(row.at("Kbpk")), row.at("Block"), with_sm4);
        ASSERT_TRUE(got) << got.error().what.c_str();
        EXPECT_EQ(to_hex(got->key.bytes()), row.at("Key"));
    }
}

TEST(KeyBlock, ComesBackUnderEveryVersionAndProtectionKey) {
    const Buffer key = counted(16, 0x21);
    for (const Kind& kind : kinds) {
        for (const std::size_t size : kind.kbpk_sizes) {
            const Buffer kbpk = counted(size, 0x80);
            KeyBlockHeader header = pin_key_header(kind.version);
            header.key_version = {'c', '1'};
            header.context = KeyContext::exchange;
            const std::string text = exported(kbpk, header, key);
            EXPECT_EQ(text.substr(1, 4), std::to_string(10'000 + text.size()).substr(1));
            const auto got = import_key_block(kbpk, text, with_sm4);
            ASSERT_TRUE(got) << got.error().what.c_str();
            EXPECT_EQ(to_hex(got->key.bytes()), to_hex(key));
            EXPECT_EQ(got->header.version, header.version);
            EXPECT_EQ(got->header.usage, header.usage);
            EXPECT_EQ(got->header.algorithm, header.algorithm);
            EXPECT_EQ(got->header.mode, header.mode);
            EXPECT_EQ(got->header.key_version, header.key_version);
            EXPECT_EQ(got->header.exportability, header.exportability);
            EXPECT_EQ(got->header.context, header.context);
            EXPECT_TRUE(got->header.optional.empty());
        }
    }
}

// The length of a block must not tell that of its key.
TEST(KeyBlock, LengthDoesNotTellTheKeys) {
    const auto lengths = [](KeyBlockVersion version, KeyAlgorithm algorithm,
                            const std::vector<std::size_t>& sizes) {
        std::set<std::size_t> found;
        for (const std::size_t size : sizes) {
            KeyBlockHeader header = pin_key_header(version);
            header.algorithm = algorithm;
            const Buffer kbpk = counted(version == KeyBlockVersion::tdes ? 24 : 32, 0x80);
            found.insert(exported(kbpk, header, counted(size, 0x11)).size());
        }
        return found;
    };
    EXPECT_EQ(lengths(KeyBlockVersion::aes_cbc, KeyAlgorithm::aes, {16, 24, 32}).size(), 1U);
    EXPECT_EQ(lengths(KeyBlockVersion::aes_ctr, KeyAlgorithm::aes, {16, 24, 32}).size(), 1U);
    EXPECT_EQ(lengths(KeyBlockVersion::aes_cbc, KeyAlgorithm::hmac, {20, 32, 64}).size(), 1U);
    EXPECT_EQ(lengths(KeyBlockVersion::tdes, KeyAlgorithm::tdes, {16, 24}).size(), 1U);
}

TEST(KeyBlock, SameKeyTwiceLooksDifferent) {
    const Buffer kbpk = counted(32, 0x80), key = counted(16, 0x21);
    const KeyBlockHeader header = pin_key_header(KeyBlockVersion::aes_cbc);
    EXPECT_NE(exported(kbpk, header, key, 1), exported(kbpk, header, key, 2));
}

// Each character to each other one of its alphabet: no block that was touched opens.
TEST(KeyBlock, ChangedCharacterIsRefused) {
    const Buffer key = counted(16, 0x21);
    for (const Kind& kind : kinds) {
        const Buffer kbpk = counted(kind.kbpk_sizes.back(), 0x80);
        KeyBlockHeader header = pin_key_header(kind.version);
        header.add("LB", "counter 7");
        const std::string good = exported(kbpk, header, key);
        ASSERT_TRUE(import_key_block(kbpk, good, with_sm4));
        for (std::size_t i = 0; i < good.size(); ++i) {
            for (const char c : std::string_view("0123456789ABCDEFabNPSTXV ~\x7F")) {
                std::string text = good;
                if (text[i] == c) continue;
                text[i] = c;
                const auto got = import_key_block(kbpk, text, with_sm4);
                ASSERT_FALSE(got) << i << " " << text;
            }
        }
    }
}

// A PIN key under another name: well formed, and not what the sender made.
// Shows: MPOC-1A-KEYS
TEST(KeyBlock, OtherPurposeIsRefusedByTheMac) {
    const Buffer kbpk = counted(32, 0x80);
    const std::string good =
        exported(kbpk, pin_key_header(KeyBlockVersion::aes_cbc), counted(16, 0x21));
    for (const auto& [at, to] : {std::pair<std::size_t, std::string>{5, "D0"},
                                 {8, "N"},
                                 {9, "01"},
                                 {11, "S"},
                                 {15, "1"},
                                 {7, "A"}}) {
        std::string text = good;
        text.replace(at, to.size(), to);
        const auto got = import_key_block(kbpk, text);
        ASSERT_FALSE(got) << text;
        EXPECT_EQ(got.error().kind, ErrorKind::denied);
        EXPECT_STREQ(got.error().what.c_str(), "key block: mac");
    }
    const auto other = import_key_block(counted(32, 0x81), good);
    ASSERT_FALSE(other);
    EXPECT_STREQ(other.error().what.c_str(), "key block: mac");
}

TEST(KeyBlock, CutOrLongerTextIsRefused) {
    const Buffer kbpk = counted(32, 0x80);
    KeyBlockHeader header = pin_key_header(KeyBlockVersion::aes_ctr);
    header.add("KS", "FFFF9876543210E00000");
    const std::string good = exported(kbpk, header, counted(16, 0x21));
    for (std::size_t size = 0; size < good.size(); ++size) {
        std::string text = good.substr(0, size);
        ASSERT_FALSE(import_key_block(kbpk, text)) << size;
        if (size < key_block_header_characters) continue;
        // The length put right again.
        const std::string digits = std::to_string(10'000 + size).substr(1);
        text.replace(1, 4, digits);
        ASSERT_FALSE(import_key_block(kbpk, text)) << size;
    }
    EXPECT_FALSE(import_key_block(kbpk, good + "0"));
}

TEST(KeyBlock, OptionalBlocksComeBackInOrder) {
    const Buffer kbpk = counted(32, 0x80);
    for (const Kind& kind : kinds) {
        KeyBlockHeader header = pin_key_header(kind.version);
        header.add("KS", "FFFF9876543210E00000");
        header.add("TS", "20240229235959Z");
        header.add("CT", std::string(1000, 'x'));  // More than two digits of length hold.
        header.add("LB", "");
        const Bytes key_of_size = Bytes(kbpk).first(kind.kbpk_sizes.back());
        const std::string text = exported(key_of_size, header, counted(16, 0x21));
        const auto got = import_key_block(key_of_size, text, with_sm4);
        ASSERT_TRUE(got) << got.error().what.c_str();
        EXPECT_EQ(got->header.find("KS"), "FFFF9876543210E00000");
        EXPECT_EQ(got->header.find("TS"), "20240229235959Z");
        EXPECT_EQ(got->header.find("CT")->size(), 1000U);
        EXPECT_EQ(got->header.find("LB"), "");
        EXPECT_FALSE(got->header.find("IK"));
        ASSERT_GE(got->header.optional.size(), 4U);
        EXPECT_EQ(got->header.optional[2].name(), "CT");
        const auto parsed = parse_key_block(text);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->head.size() % key_block_alignment(kind.version), 0U);
    }
}

// Every length of one optional block, so that every amount of padding comes up.
TEST(KeyBlock, HeaderIsFilledUpForEveryLength) {
    const Buffer kbpk = counted(16, 0x80), key = counted(16, 0x21);
    for (std::size_t size = 0; size < 300; ++size) {
        KeyBlockHeader header = pin_key_header(KeyBlockVersion::aes_cbc);
        header.add("LB", std::string(size, 'a'));
        const auto got = import_key_block(kbpk, exported(kbpk, header, key));
        ASSERT_TRUE(got) << size << " " << got.error().what.c_str();
        EXPECT_EQ(got->header.find("LB")->size(), size);
    }
}

TEST(KeyBlock, WhatCannotBeWrittenIsRefused) {
    const Buffer kbpk = counted(16, 0x80), key = counted(16, 0x21);
    SeededRandom random(1);
    const auto with = [&](std::string_view id, std::string text) {
        KeyBlockHeader header = pin_key_header(KeyBlockVersion::aes_cbc);
        header.add(id, std::move(text));
        return export_key_block(kbpk, header, key, random);
    };
    EXPECT_FALSE(with("L\n", ""));
    EXPECT_FALSE(with("LB", "two\nlines"));
    EXPECT_FALSE(with("LB", std::string(9900, 'a')));
    EXPECT_FALSE(with("PB", "0000"));
    EXPECT_TRUE(with("LB", "one line"));
    KeyBlockHeader header = pin_key_header(KeyBlockVersion::aes_cbc);
    header.key_version = {'-', '1'};
    EXPECT_FALSE(export_key_block(kbpk, header, key, random));
    header = pin_key_header(KeyBlockVersion::aes_cbc);
    for (int i = 0; i < 100; ++i) header.add("LB", "");
    EXPECT_FALSE(export_key_block(kbpk, header, key, random));
    EXPECT_FALSE(export_key_block(kbpk, pin_key_header(KeyBlockVersion::aes_cbc), {}, random));
}

void expect_denied(const auto& result, const char* what) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::denied);
    EXPECT_THAT(result.error().what.c_str(), StrEq(what));
}

TEST(KeyBlockPolicy, OldVersionsAreNeverExportedAndImportedByFlagOnly) {
    SeededRandom random(1);
    const Buffer kbpk = counted(16, 0x80), key = counted(16, 0x21);
    for (const auto version : {KeyBlockVersion::variant_a, KeyBlockVersion::variant_c}) {
        expect_denied(export_key_block(kbpk, pin_key_header(version), key, random),
                      "key block: version");
        const std::string text = std::string(1, static_cast<char>(version)) + "0072P0TE00E0000" +
                                 std::string(48, '0') + std::string(8, '0');
        expect_denied(import_key_block(kbpk, text), "key block: version");
        expect_denied(import_key_block(kbpk, text, {.legacy = true}), "key block: mac");
    }
}

TEST(KeyBlockPolicy, OurOwnVersionIsRefusedByDefault) {
    const Buffer kbpk = counted(16, 0x80);
    const std::string text =
        exported(kbpk, pin_key_header(KeyBlockVersion::sm4), counted(16, 0x21));
    expect_denied(import_key_block(kbpk, text), "key block: version");
    EXPECT_TRUE(import_key_block(kbpk, text, with_sm4));
}

TEST(KeyBlockPolicy, OurOwnAlgorithmsStayInOurOwnVersion) {
    SeededRandom random(1);
    const Buffer kbpk = counted(16, 0x80), key = counted(16, 0x21);
    KeyBlockHeader header = pin_key_header(KeyBlockVersion::aes_cbc);
    header.algorithm = KeyAlgorithm::sm4;
    const auto refused = export_key_block(kbpk, header, key, random);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::unsupported);
    header.version = KeyBlockVersion::sm4;
    const std::string text = exported(kbpk, header, key);
    const auto got = import_key_block(kbpk, text, with_sm4);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->header.algorithm, KeyAlgorithm::sm4);
    std::string moved = text;
    moved[0] = 'D';
    EXPECT_EQ(import_key_block(kbpk, moved, with_sm4).error().kind, ErrorKind::unsupported);
}

// Shows: MPOC-4A-2.5, JRT0156-6.6
TEST(KeyBlockPolicy, ProtectionKeyIsAtLeastAsStrong) {
    SeededRandom random(1);
    struct Pair {
        KeyBlockVersion version;
        std::size_t kbpk_bytes;
        KeyAlgorithm algorithm;
        std::size_t key_bytes;
        bool allowed;
    };
    constexpr auto in_b = KeyBlockVersion::tdes, in_d = KeyBlockVersion::aes_cbc;
    constexpr auto in_e = KeyBlockVersion::aes_ctr, in_1 = KeyBlockVersion::sm4;
    constexpr auto tdes = KeyAlgorithm::tdes, aes = KeyAlgorithm::aes, hmac = KeyAlgorithm::hmac;
    for (const Pair& pair : {Pair{in_b, 16, tdes, 16, true},
                             {in_b, 16, tdes, 24, false},
                             {in_b, 24, tdes, 24, true},
                             {in_b, 24, aes, 16, false},
                             {in_d, 16, aes, 16, true},
                             {in_d, 16, aes, 24, false},
                             {in_d, 24, aes, 32, false},
                             {in_d, 16, tdes, 24, true},
                             {in_e, 32, aes, 32, true},
                             {in_d, 16, hmac, 16, true},
                             {in_d, 16, hmac, 32, false},
                             {in_d, 32, hmac, 64, true},
                             {in_1, 16, aes, 16, true},
                             {in_1, 16, aes, 32, false}}) {
        KeyBlockHeader header = pin_key_header(pair.version);
        header.algorithm = pair.algorithm;
        const auto text = export_key_block(counted(pair.kbpk_bytes, 0x80), header,
                                           counted(pair.key_bytes, 0x21), random);
        EXPECT_EQ(text.has_value(), pair.allowed)
            << static_cast<char>(pair.version) << pair.kbpk_bytes << " "
            << static_cast<char>(pair.algorithm) << pair.key_bytes;
        if (!text) EXPECT_EQ(text.error().kind, ErrorKind::denied);
    }
}

TEST(KeyBlockPolicy, TdesWithEqualPartsIsSingleDes) {
    SeededRandom random(1);
    const Buffer half = counted(8, 0x21), kbpk = counted(16, 0x80);
    Buffer twice = half;
    append(twice, half);
    expect_denied(export_key_block(kbpk, pin_key_header(KeyBlockVersion::tdes), twice, random),
                  "key block: single des");
    Buffer parity = twice;
    parity[15] = static_cast<std::uint8_t>(parity[15] ^ 1);
    expect_denied(export_key_block(kbpk, pin_key_header(KeyBlockVersion::tdes), parity, random),
                  "key block: single des");
    KeyBlockHeader header = pin_key_header(KeyBlockVersion::tdes);
    header.algorithm = KeyAlgorithm::des;
    expect_denied(export_key_block(kbpk, header, half, random), "key block: single des");
    expect_denied(export_key_block(twice, pin_key_header(KeyBlockVersion::tdes), kbpk, random),
                  "key block: protection key weaker than the key");
}

TEST(KeyBlockPolicy, ProtectionKeyOfNoLegalSizeIsRefused) {
    SeededRandom random(1);
    for (const Kind& kind : kinds) {
        for (std::size_t size = 0; size <= 40; ++size) {
            const auto text = export_key_block(counted(size, 0x80), pin_key_header(kind.version),
                                               counted(16, 0x21), random);
            const bool legal = std::ranges::count(kind.kbpk_sizes, size) == 1;
            EXPECT_EQ(text.has_value(), legal) << static_cast<char>(kind.version) << size;
        }
    }
}

TEST(KeyBlock, CheckValueOfAnotherKeyIsRefused) {
    const Buffer kbpk = counted(32, 0x80), key = counted(16, 0x21);
    KeyBlockHeader header = pin_key_header(KeyBlockVersion::aes_cbc);
    const auto kcv = zero_block_kcv(Cipher::tdes, key);
    const auto kbpk_kcv = cmac_kcv(kbpk);
    ASSERT_TRUE(kcv && kbpk_kcv);
    header.add("KC", "00" + to_hex(*kcv).substr(0, 6));
    header.add("KP", "01" + to_hex(*kbpk_kcv));
    EXPECT_TRUE(import_key_block(kbpk, exported(kbpk, header, key)));
    for (const std::size_t wrong : {0UL, 1UL}) {
        KeyBlockHeader other = header;
        other.optional[wrong].text[3] = other.optional[wrong].text[3] == '0' ? '1' : '0';
        const auto got = import_key_block(kbpk, exported(kbpk, other, key));
        ASSERT_FALSE(got);
        EXPECT_STREQ(got.error().what.c_str(), "key block: check value");
    }
}

TEST(KeyBlock, AsymmetricKeysAreWeighedAndKept) {
    const auto pair = P256Key::generate();
    ASSERT_TRUE(pair);
    const SecretBytes der = pair->private_der();
    KeyBlockHeader header = pin_key_header(KeyBlockVersion::aes_cbc);
    header.usage = KeyUsage::signature;
    header.algorithm = KeyAlgorithm::elliptic_curve;
    header.mode = KeyMode::sign;
    const Buffer kbpk = counted(16, 0x80);
    const auto got = import_key_block(kbpk, exported(kbpk, header, der.bytes()));
    ASSERT_TRUE(got);
    EXPECT_TRUE(equal_constant_time(got->key.bytes(), der.bytes()));
    SeededRandom random(1);
    header.version = KeyBlockVersion::tdes;  // 112 bits at most; the curve has 128.
    expect_denied(export_key_block(counted(24, 0x80), header, der.bytes(), random),
                  "key block: protection key weaker than the key");
    const auto garbage = export_key_block(kbpk, header, counted(40, 1), random);
    ASSERT_FALSE(garbage);
    EXPECT_EQ(garbage.error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace softpos::crypto
