// An acquirer of the commercial-cryptography profile: SM4 from the zone key down to each PIN.
#include "base/hex.h"
#include "crypto/mac.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_test_cards.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::keys {
namespace {

using crypto::Cipher;
using protocol::PinBlockFormat;
using testing::unhex;
using testing_ends::Cryptogram;
using testing_ends::expect_fault;

constexpr std::string_view card_pan = "6210940000000003";
constexpr auto sm4_block = crypto::block_bytes(Cipher::sm4);

Buffer exclusive_or(Bytes a, Bytes b) {
    Buffer out(a.begin(), a.end());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(out[i] ^ b[i]);
    return out;
}

class VaultSm4Test : public ::testing::Test {
protected:
    void SetUp() override {
        vault_ = SoftVault::open(scratch_.file("vault"), random_).value();
        ASSERT_TRUE(vault_->create_bdk("bdk"));
        ASSERT_TRUE(vault_->create_pin_bdk("bdk:pins"));
        ASSERT_TRUE(vault_->begin_ceremony({.alias = "zmk",
                                            .usage = KeyUsage::zone_master,
                                            .algorithm = KeyAlgorithm::sm4,
                                            .components = 2}));
        for (const Buffer& part : {part_1_, part_2_}) {
            const auto bytes = SecretBytes::copy_of(part);
            ASSERT_TRUE(vault_->add_component({.alias = "zmk", .bytes = bytes}));
        }
        const Buffer zone = exclusive_or(part_1_, part_2_);
        ASSERT_TRUE(
            vault_->finish_ceremony("zmk", check_value_of(KeyAlgorithm::sm4, zone).value()));
        const auto made = vault_->create_terminal_master_key("tmk", "zmk");
        ASSERT_TRUE(made);
        master_ = crypto::ecb_decrypt(Cipher::sm4, zone, made->cryptogram).value();
    }
    Cryptogram under_master(Bytes key, Cipher cipher = Cipher::sm4) const {
        const auto kcv = crypto::zero_block_kcv(cipher, key).value();
        return {crypto::ecb_encrypt(cipher, master_, key).value(), {kcv.begin(), kcv.end()}};
    }
    void sign_in() {
        const Cryptogram pin = under_master(pin_key_);
        const Cryptogram mac = under_master(mac_key_);
        ASSERT_TRUE(vault_->load_working_keys("tmk", {pin.view(), mac.view(), {}}));
    }
    Buffer stored_card() {
        testing_ends::Phone phone(*vault_, "bdk", testing_ends::phone_id);
        const Buffer aad = unhex("01");
        return vault_->open_card("bdk", phone.seal(aad), aad).value().stored_form;
    }
    Result<Buffer> translate(const protocol::SealedPin& pin, Bytes stored, PinBlockFormat format) {
        return vault_->translate_pin({.base_key = "bdk:pins",
                                      .pin = pin,
                                      .stored_form = stored,
                                      .terminal_key = "tmk",
                                      .format = format});
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    std::unique_ptr<SoftVault> vault_;
    Buffer part_1_ = unhex("00112233445566778899AABBCCDDEEFF");
    Buffer part_2_ = unhex("13579BDF02468ACE1032547698BADCFE");
    Buffer pin_key_ = unhex("0123456789ABCDEFFEDCBA9876543210");
    Buffer mac_key_ = unhex("5A5A0F0F33CC96691E2D3C4B5A697887");
    Buffer master_;
};

TEST_F(VaultSm4Test, TheTerminalsMessagesAreSignedUnderSm4) {
    sign_in();
    const Buffer message = unhex("0200703C048000C18011166210940000000003");
    const auto expected =
        crypto::unionpay_ecb_mac(crypto::BlockKey::make(Cipher::sm4, mac_key_).value(), message);
    EXPECT_EQ(vault_->mac("tmk", message).value(), expected);
    EXPECT_TRUE(vault_->verify_mac("tmk", message, expected));
    auto other = expected;
    other[7] ^= 1;
    expect_fault(vault_->verify_mac("tmk", message, other), ErrorKind::denied, VaultFault::mac);
}

TEST_F(VaultSm4Test, ThePinArrivesInABlockOfSm4AndInNoneOfTdes) {
    sign_in();
    testing_ends::PinPhone phone(*vault_, "bdk:pins", testing_ends::phone_id);
    const Buffer stored = stored_card();
    const auto block =
        translate(phone.seal("123456", card_pan), stored, PinBlockFormat::unionpay_sm4).value();
    ASSERT_EQ(block.size(), sm4_block);
    const auto key = crypto::BlockKey::make(Cipher::sm4, pin_key_).value();
    const Pan pan = Pan::parse(card_pan).value();
    const auto pin = crypto::decrypt_pin(crypto::PinFormat::unionpay_sm4, key, block, &pan);
    ASSERT_TRUE(pin);
    EXPECT_EQ(text_of(pin->clear_digits()), "123456");
    EXPECT_FALSE(translate(phone.seal("123456", card_pan), stored, PinBlockFormat::iso0))
        << "a TDES format under a key of SM4";
}

// Whoever mixes the two profiles up is told so before anything is stored.
TEST_F(VaultSm4Test, KeysOfTheOtherCipherDoNotComeInUnderIt) {
    const Cryptogram good = under_master(mac_key_);
    const Buffer tdes = unhex("807A23AD32B36D457AE91FDF927570EA");
    Cryptogram other = under_master(tdes);
    const auto tdes_sum = crypto::zero_block_kcv(Cipher::tdes, tdes).value();
    other.check_value.assign(tdes_sum.begin(), tdes_sum.end());
    expect_fault(vault_->load_working_keys("tmk", {other.view(), good.view(), {}}),
                 ErrorKind::denied, VaultFault::check_value);
    // Half a block, as a single DES key would be.
    Cryptogram half = good;
    half.cryptogram.resize(8);
    EXPECT_FALSE(vault_->load_working_keys("tmk", {good.view(), half.view(), {}}));
    expect_fault(vault_->mac("tmk", unhex("00")), ErrorKind::conflict, VaultFault::no_working_keys);
}

TEST_F(VaultSm4Test, KeysAreThereAfterARestart) {
    sign_in();
    const Buffer message = unhex("0102");
    const auto before = vault_->mac("tmk", message).value();
    vault_.reset();
    vault_ = SoftVault::open(scratch_.file("vault"), random_).value();
    EXPECT_EQ(vault_->mac("tmk", message).value(), before);
}

}  // namespace
}  // namespace softpos::keys
