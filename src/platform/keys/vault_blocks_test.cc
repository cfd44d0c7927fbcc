// Keys in and out by key blocks: what a block says holds for good, and what the table forbids stays
// out and stays in.
#include "base/hex.h"
#include "crypto/dukpt_tdes.h"
#include "crypto/mac.h"
#include "crypto/tr31.h"
#include "platform/keys/key_block_rules.h"
#include "platform/keys/vault_core_parts.h"
#include "platform/keys/vault_test_host.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <set>

namespace softpos::keys {
namespace {

using protocol::KeyBlockKind;
using testing::unhex;
using testing_ends::expect_fault;

class VaultBlocksTest : public testing_ends::HostTest {
protected:
    void SetUp() override {
        HostTest::SetUp();
        agree_protection("kbpk:t", KeyAlgorithm::tdes, tdes_);
        agree_protection("kbpk:a", KeyAlgorithm::aes, aes_);
        agree_protection("kbpk:4", KeyAlgorithm::sm4, sm4_);
    }
    struct Block {
        KeyBlockKind kind = KeyBlockKind::aes_cbc;
        std::string_view usage = "M6";
        char algorithm = 'A';
        char mode = 'C';
        char exportability = 'E';
        std::array<char, 2> version{'0', '0'};
    };
    // As the other party writes it.
    std::string block_of(const Block& is, Bytes key) {
        crypto::KeyBlockHeader header;
        header.version = static_cast<crypto::KeyBlockVersion>(is.kind);
        header.usage =
            static_cast<crypto::KeyUsage>(crypto::key_usage_code(is.usage[0], is.usage[1]));
        header.algorithm = static_cast<crypto::KeyAlgorithm>(is.algorithm);
        header.mode = static_cast<crypto::KeyMode>(is.mode);
        header.exportability = static_cast<crypto::KeyExport>(is.exportability);
        header.key_version = is.version;
        return crypto::export_key_block(kbpk_of(is.kind), header, key, random_).value();
    }
    Bytes kbpk_of(KeyBlockKind kind) const {
        if (kind == KeyBlockKind::tdes) return tdes_;
        return kind == KeyBlockKind::sm4 ? sm4_ : aes_;
    }
    static std::string alias_of(KeyBlockKind kind) {
        if (kind == KeyBlockKind::tdes) return "kbpk:t";
        return kind == KeyBlockKind::sm4 ? "kbpk:4" : "kbpk:a";
    }
    Result<KeyCheck> import(const std::string& alias, KeyUsage usage, const std::string& block,
                            const std::string& under = "kbpk:a", bool legacy = false) {
        return vault_->import_key_block({.alias = alias,
                                         .protection_key = under,
                                         .usage = usage,
                                         .legacy = legacy,
                                         .block = block});
    }
    Buffer mac(const std::string& alias) {
        return vault_->generate_mac({.alias = alias, .data = unhex("010203")}).value();
    }

    Buffer tdes_ = unhex("0123456789ABCDEFFEDCBA9876543210");
    Buffer aes_ = prng_.bytes(32);
    Buffer sm4_ = prng_.bytes(16);
};

INSTANTIATE_TEST_SUITE_P(Homes, VaultBlocksTest, ::testing::Bool());

TEST_P(VaultBlocksTest, AKeyComesInUnderEachVersionAndWorks) {
    const Buffer key = unhex("5DB50B454F8389ADCE573BE50861F2BF");
    struct Case {
        KeyBlockKind kind;
        char algorithm;
        crypto::Cipher cipher;
    };
    for (const Case& one : {Case{KeyBlockKind::tdes, 'T', crypto::Cipher::tdes},
                            Case{KeyBlockKind::aes_cbc, 'T', crypto::Cipher::tdes},
                            Case{KeyBlockKind::aes_ctr, 'A', crypto::Cipher::aes},
                            Case{KeyBlockKind::sm4, '4', crypto::Cipher::sm4}}) {
        const std::string alias = std::string("in:") + static_cast<char>(one.kind);
        const std::string block =
            block_of({.kind = one.kind, .algorithm = one.algorithm, .version = {'4', '2'}}, key);
        const auto check = import(alias, KeyUsage::mac_cmac, block, alias_of(one.kind));
        ASSERT_TRUE(check.has_value()) << alias;
        EXPECT_EQ(to_hex(mac(alias)),
                  to_hex(crypto::cmac(one.cipher, key, unhex("010203")).value().bytes()));
        reopen();
        const auto info = vault_->key_info(alias).value();
        EXPECT_EQ(info.check_value, *check);
        EXPECT_EQ(info.version, 42U);
        EXPECT_EQ(info.exportability, Exportability::trusted);
        EXPECT_EQ(info.mode, KeyMode::mac_both);
        EXPECT_EQ(info.protection, GetParam() ? KeyProtection::wrapped_soft : KeyProtection::soft);
        expect_fault(import(alias, KeyUsage::mac_cmac, block, alias_of(one.kind)),
                     ErrorKind::conflict, VaultFault::alias_taken);
    }
}

TEST_P(VaultBlocksTest, AKeyGoesOutUnderEachVersionAndIsTheSame) {
    struct Case {
        KeyBlockKind kind;
        KeyUsage usage;
        KeyAlgorithm algorithm;
        std::string_view head;
    };
    for (const Case& one :
         {Case{KeyBlockKind::tdes, KeyUsage::mac_retail, KeyAlgorithm::tdes, "M3TC00E"},
          Case{KeyBlockKind::aes_cbc, KeyUsage::mac_cmac, KeyAlgorithm::aes, "M6AC00E"},
          Case{KeyBlockKind::aes_ctr, KeyUsage::mac_hmac, KeyAlgorithm::hmac, "M7HC00E"},
          Case{KeyBlockKind::aes_cbc, KeyUsage::card_cryptogram, KeyAlgorithm::tdes, "E0TX00E"},
          Case{KeyBlockKind::sm4, KeyUsage::mac_cbc, KeyAlgorithm::sm4, "M14C00E"}}) {
        const std::string alias = "out:" + std::string(one.head);
        const auto made = vault_->create_key({.alias = alias,
                                              .usage = one.usage,
                                              .algorithm = one.algorithm,
                                              .exportability = Exportability::trusted});
        ASSERT_TRUE(made.has_value()) << alias;
        const auto out = vault_->export_key_block(
            {.alias = alias, .protection_key = alias_of(one.kind), .kind = one.kind});
        ASSERT_TRUE(out.has_value()) << alias;
        EXPECT_EQ(out->block[0], static_cast<char>(one.kind));
        EXPECT_EQ(out->block.substr(5, 7), one.head);
        EXPECT_EQ(out->check_value, *made);
        const auto opened =
            crypto::import_key_block(kbpk_of(one.kind), out->block, {.own_sm4 = true});
        ASSERT_TRUE(opened.has_value());
        EXPECT_EQ(check_value_of(one.algorithm, opened->key.bytes()).value(), *made);
        // And home again, under another name.
        const auto again = import(alias + ":again", one.usage, out->block, alias_of(one.kind));
        EXPECT_EQ(again.value(), *made);
    }
}

TEST_P(VaultBlocksTest, WhatMayNotLeaveDoesNot) {
    const Buffer key = prng_.bytes(16);
    ASSERT_TRUE(import("kept", KeyUsage::mac_cmac, block_of({.exportability = 'N'}, key)));
    ASSERT_TRUE(import("zpk", KeyUsage::pin,
                       block_of({.usage = "P0", .algorithm = 'T', .mode = 'E'}, tdes_)));
    ASSERT_TRUE(vault_->create_key(
        {.alias = "made", .usage = KeyUsage::mac_cmac, .algorithm = KeyAlgorithm::aes}));
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_TRUE(vault_->create_serial_key("serial"));
    ASSERT_TRUE(vault_->create_signing_key("permits"));
    for (const char* alias : {"kept", "zpk", "made", "bdk", "serial", "permits", "kbpk:a"}) {
        expect_fault(vault_->export_key_block({.alias = alias, .protection_key = "kbpk:a"}),
                     ErrorKind::denied, VaultFault::not_permitted);
    }
    ASSERT_TRUE(vault_->create_key({.alias = "goes",
                                    .usage = KeyUsage::mac_cmac,
                                    .algorithm = KeyAlgorithm::aes,
                                    .exportability = Exportability::trusted}));
    // Not under a key of another kind, and not under one that is weaker.
    for (const char* under : {"made", "goes", "bdk"}) {
        expect_fault(vault_->export_key_block({.alias = "goes", .protection_key = under}),
                     ErrorKind::denied, VaultFault::not_permitted);
    }
    const auto out = [&](const char* under, KeyBlockKind kind) {
        return vault_->export_key_block({.alias = "goes", .protection_key = under, .kind = kind});
    };
    EXPECT_TRUE(out("kbpk:a", KeyBlockKind::aes_ctr));
    expect_fault(out("kbpk:a", KeyBlockKind::tdes), ErrorKind::denied, VaultFault::key_block);
    expect_fault(out("kbpk:t", KeyBlockKind::tdes), ErrorKind::denied, VaultFault::key_block);
    ASSERT_TRUE(vault_->set_key_state("kbpk:a", KeyState::suspended));
    expect_fault(out("kbpk:a", KeyBlockKind::aes_cbc), ErrorKind::denied,
                 VaultFault::not_permitted);
}

// Every usage that the caller may say, against every block that the other party may write.
TEST_P(VaultBlocksTest, OnlyWhatTheBlockSaysBecomesAKey) {
    const std::set<std::tuple<std::string, char, char, KeyUsage>> allowed = {
        {"B0", 'A', 'X', KeyUsage::base_derivation},
        {"B0", 'A', 'X', KeyUsage::pin_base_derivation},
        {"B0", 'T', 'X', KeyUsage::terminal_base_derivation},
        {"K0", 'T', 'B', KeyUsage::zone_master},
        {"K0", 'T', 'B', KeyUsage::terminal_master},
        {"K0", 'T', 'B', KeyUsage::classic_master},
        {"K0", 'T', 'D', KeyUsage::terminal_master},
        {"P0", 'T', 'B', KeyUsage::pin},
        {"P0", 'T', 'E', KeyUsage::pin},
        {"P0", 'T', 'B', KeyUsage::classic_pin},
        {"P0", 'T', 'D', KeyUsage::classic_pin},
        {"D0", 'T', 'B', KeyUsage::data},
        {"D0", 'T', 'E', KeyUsage::data},
        {"K1", 'T', 'B', KeyUsage::block_protection},
        {"K1", 'A', 'B', KeyUsage::block_protection},
        {"M1", 'T', 'C', KeyUsage::mac_cbc},
        {"M1", 'A', 'C', KeyUsage::mac_cbc},
        {"M3", 'T', 'C', KeyUsage::mac_retail},
        {"M6", 'T', 'C', KeyUsage::mac_cmac},
        {"M6", 'A', 'C', KeyUsage::mac_cmac},
        {"M7", 'H', 'C', KeyUsage::mac_hmac},
        {"E0", 'T', 'X', KeyUsage::card_cryptogram},
    };
    std::size_t made = 0;
    unsigned number = 0;
    for (const std::string usage : {"B0", "B1", "K0", "K1", "P0", "D0", "M1", "M3", "M6", "M7",
                                    "E0", "E1", "V2", "S0", "C0"}) {
        for (const char algorithm : {'A', 'T', 'H'}) {
            for (const char mode : {'B', 'C', 'D', 'E', 'G', 'N', 'S', 'V', 'X'}) {
                const std::string block =
                    block_of({.usage = usage, .algorithm = algorithm, .mode = mode}, tdes_);
                for (unsigned i = 0; i < protocol::key_usages; ++i) {
                    const auto wanted = static_cast<KeyUsage>(i);
                    const auto got = import("k" + std::to_string(number++), wanted, block);
                    const bool expected = allowed.contains({usage, algorithm, mode, wanted});
                    ASSERT_EQ(got.has_value(), expected) << usage << algorithm << mode << ' ' << i;
                    if (!got) {
                        expect_fault(got, ErrorKind::denied, VaultFault::key_block);
                    }
                    made += got ? 1U : 0U;
                }
            }
        }
    }
    EXPECT_EQ(made, allowed.size());
}

TEST_P(VaultBlocksTest, NothingBecomesMoreThanItsBlockOrTheTableSays) {
    ASSERT_TRUE(import("bdk", KeyUsage::base_derivation,
                       block_of({.usage = "B0", .mode = 'X', .exportability = 'E'}, aes_)));
    EXPECT_EQ(vault_->key_info("bdk").value().exportability, Exportability::none);
    ASSERT_TRUE(
        import("mac", KeyUsage::mac_cmac, block_of({.exportability = 'S'}, prng_.bytes(16))));
    EXPECT_EQ(vault_->key_info("mac").value().exportability, Exportability::trusted);
    // Part of a key is none.
    expect_fault(
        import("part", KeyUsage::mac_cmac, block_of({.version = {'c', '1'}}, prng_.bytes(16))),
        ErrorKind::denied, VaultFault::key_block);
    // Three parts where the work needs two halves.
    const Buffer three = unhex("0123456789ABCDEFFEDCBA987654321089ABCDEF01234567");
    expect_fault(
        import("retail", KeyUsage::mac_retail, block_of({.usage = "M3", .algorithm = 'T'}, three)),
        ErrorKind::denied, VaultFault::key_block);
    EXPECT_TRUE(
        import("cbc", KeyUsage::mac_cbc, block_of({.usage = "M1", .algorithm = 'T'}, three)));
}

TEST_P(VaultBlocksTest, AChangedBlockOrAnotherKeyIsRefused) {
    const std::string block = block_of({}, prng_.bytes(16));
    for (std::size_t i = 0; i < block.size(); ++i) {
        std::string changed = block;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        expect_fault(import("k", KeyUsage::mac_cmac, changed), ErrorKind::denied,
                     VaultFault::key_block);
    }
    const Buffer other = prng_.bytes(32);
    agree_protection("other", KeyAlgorithm::aes, other);
    expect_fault(import("k", KeyUsage::mac_cmac, block, "other"), ErrorKind::denied,
                 VaultFault::key_block);
    expect_fault(import("k", KeyUsage::mac_cmac, block, "kbpk:t"), ErrorKind::denied,
                 VaultFault::key_block);
    expect_fault(import("k", KeyUsage::mac_cmac, block, "none"), ErrorKind::not_found,
                 VaultFault::unknown_key);
    expect_fault(vault_->key_info("k"), ErrorKind::not_found, VaultFault::unknown_key);
    EXPECT_TRUE(import("k", KeyUsage::mac_cmac, block));
}

// Of versions A, B and C, from other people's tests.
TEST_P(VaultBlocksTest, PublishedBlocksComeInWhereTheirUsageIsOurs) {
    const auto file = testing::read_shared("crypto/tr31.json");
    if (!file) GTEST_SKIP();
    std::set<char> versions;
    unsigned number = 0;
    const auto data = boost::json::parse(*file);
    for (const auto& row : data.at("keyblocks").as_array()) {
        const std::string block(row.at("keyblock").as_string());
        const Buffer kbpk = unhex(std::string(row.at("kbpk").as_string()));
        const Buffer key = unhex(std::string(row.at("key").as_string()));
        const std::string head = block.substr(5, 4);
        const bool ours = (head == "M3TC" || head == "P0TE" || head == "B0TX") && key.size() == 16;
        if (!ours || kbpk.size() != 16 || block[0] == 'D') continue;
        const std::string name = "published" + std::to_string(number++);
        agree_protection(name + ":kbpk", KeyAlgorithm::tdes, kbpk);
        const KeyUsage usage = head == "M3TC"   ? KeyUsage::mac_retail
                               : head == "P0TE" ? KeyUsage::pin
                                                : KeyUsage::terminal_base_derivation;
        const bool variant = block[0] != 'B';
        const auto strict = import(name, usage, block, name + ":kbpk");
        EXPECT_EQ(strict.has_value(), !variant) << block;
        const auto check = variant ? import(name, usage, block, name + ":kbpk", true) : strict;
        ASSERT_TRUE(check.has_value()) << block;
        EXPECT_EQ(*check, check_value_of(KeyAlgorithm::tdes, key).value());
        versions.insert(block[0]);
    }
    EXPECT_EQ(versions, (std::set<char>{'A', 'B', 'C'}));
}

TEST_P(VaultBlocksTest, OnlyKeysOfTheHostAreMadeOnRequest) {
    const std::set<std::pair<KeyUsage, KeyAlgorithm>> allowed = {
        {KeyUsage::mac_cbc, KeyAlgorithm::aes},         {KeyUsage::mac_cbc, KeyAlgorithm::tdes},
        {KeyUsage::mac_cbc, KeyAlgorithm::sm4},         {KeyUsage::mac_retail, KeyAlgorithm::tdes},
        {KeyUsage::mac_cmac, KeyAlgorithm::aes},        {KeyUsage::mac_cmac, KeyAlgorithm::tdes},
        {KeyUsage::mac_cmac, KeyAlgorithm::sm4},        {KeyUsage::mac_hmac, KeyAlgorithm::hmac},
        {KeyUsage::card_cryptogram, KeyAlgorithm::tdes}};
    for (unsigned usage = 0; usage < protocol::key_usages; ++usage) {
        for (unsigned algorithm = 0; algorithm < protocol::key_algorithms; ++algorithm) {
            for (const auto exportability :
                 {Exportability::none, Exportability::trusted, Exportability::sensitive}) {
                const std::pair kind{static_cast<KeyUsage>(usage),
                                     static_cast<KeyAlgorithm>(algorithm)};
                const std::string alias = "k" + std::to_string(usage) + "." +
                                          std::to_string(algorithm) + "." +
                                          static_cast<char>(exportability);
                const auto made =
                    vault_->create_key({alias, kind.first, kind.second, exportability});
                EXPECT_EQ(made.has_value(),
                          allowed.contains(kind) && exportability != Exportability::sensitive)
                    << alias;
            }
        }
    }
}

}  // namespace
}  // namespace softpos::keys
