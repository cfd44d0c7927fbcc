// Classic terminals sign in with us: their keys from both sides, and what of their cards is kept.
#include "base/hex.h"
#include "codec/ber_tlv.h"
#include "crypto/mac.h"
#include "crypto/pin_block.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_test_cards.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::keys {
namespace {

using protocol::PinBlockFormat;
using testing::unhex;
using testing_ends::Acquirer;
using testing_ends::Cryptogram;
using testing_ends::expect_fault;

constexpr std::string_view card_pan = "6210940000000003";
const std::string stripe = "57106210940000000003D30122010000000F";
const std::string chip = "DF81551D950500000000009F10030102039F260811223344556677889F36020007";

class VaultClassicTest : public ::testing::Test {
protected:
    void SetUp() override {
        reopen();
        ASSERT_TRUE(vault_->import_zmk_components("zmk", acquirer_.components()));
        const auto network = vault_->create_terminal_master_key("tmk", "zmk");
        const Cryptogram pin = Acquirer::under(acquirer_.master_key(*network), network_pin_);
        const Cryptogram mac =
            Acquirer::under(acquirer_.master_key(*network), unhex("5BB5C72CD00B7338"));
        ASSERT_TRUE(vault_->load_working_keys("tmk", {pin.view(), mac.view(), {}}));
        const auto classic = vault_->create_classic_key("pos", "zmk");
        ASSERT_TRUE(classic.has_value());
        master_ = acquirer_.master_key(*classic);
    }
    void reopen() {
        vault_.reset();
        auto opened = SoftVault::open(scratch_.file("vault"), random_);
        ASSERT_TRUE(opened.has_value());
        vault_ = std::move(*opened);
    }
    // As the terminal takes it: decrypted, and proven by its check value.
    Buffer taken(const protocol::WorkingKeyCryptogram& key) const {
        Buffer clear = crypto::ecb_decrypt(crypto::Cipher::tdes, master_, key.cryptogram).value();
        const auto kcv = crypto::zero_block_kcv(crypto::Cipher::tdes, clear).value();
        EXPECT_EQ(to_hex(key.check_value), to_hex(Bytes(kcv).first(4)));
        return clear;
    }
    Buffer block(Bytes key, std::string_view digits, std::string_view pan = card_pan) {
        const auto pin = crypto::Pin::parse(bytes_of(digits)).value();
        const auto card = Pan::parse(pan).value();
        const auto cipher = crypto::BlockKey::make(crypto::Cipher::tdes, key).value();
        const auto made =
            crypto::encrypt_pin(crypto::PinFormat::iso0, cipher, pin, &card, random_).value();
        return {made.bytes().begin(), made.bytes().end()};
    }
    Result<Buffer> translate(Bytes block8) {
        const auto kept = vault_->keep_card(unhex(stripe + "DF815703" + "303231"));
        return vault_->translate_classic_pin({.classic_key = "pos",
                                              .block8 = block8,
                                              .stored_form = kept.value().stored_form,
                                              .terminal_key = "tmk",
                                              .format = PinBlockFormat::iso0});
    }
    std::string kept(const std::string& list) {
        const auto card = vault_->keep_card(unhex(list));
        if (!card) return std::string(protocol::name_of(VaultFault(card.error().detail)));
        return to_hex(vault_->open_stored(card->stored_form).value().bytes());
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    std::unique_ptr<SoftVault> vault_;
    Acquirer acquirer_;
    Buffer master_;
    Buffer network_pin_ = unhex("807A23AD32B36D457AE91FDF927570EA");
};

TEST_F(VaultClassicTest, TheTerminalsMacIsCheckedUnderTheKeyItWasGiven) {
    const auto given = vault_->give_working_keys("pos").value();
    const Buffer mac_key = taken(given.mac_key);
    const auto cipher = crypto::BlockKey::make(crypto::Cipher::tdes, mac_key).value();
    const Buffer message = unhex("0200AABBCCDD");
    const auto mac = crypto::unionpay_ecb_mac(cipher, message);
    EXPECT_TRUE(vault_->verify_mac("pos", message, mac));
    EXPECT_EQ(vault_->mac("pos", message).value(), mac);
    expect_fault(vault_->verify_mac("pos", unhex("0200AABBCCDE"), mac), ErrorKind::denied,
                 VaultFault::mac);
    reopen();
    EXPECT_TRUE(vault_->verify_mac("pos", message, mac)) << "keys outlive the process";
    ASSERT_TRUE(vault_->give_working_keys("pos"));
    expect_fault(vault_->verify_mac("pos", message, mac), ErrorKind::denied, VaultFault::mac);
}

TEST_F(VaultClassicTest, ThePinGoesFromOneWorkingKeyToTheOther) {
    const Buffer pin_key = taken(vault_->give_working_keys("pos").value().pin_key);
    const auto out = translate(block(pin_key, "123456"));
    ASSERT_TRUE(out.has_value());
    const auto cipher = crypto::BlockKey::make(crypto::Cipher::tdes, network_pin_).value();
    const Pan pan = Pan::parse(card_pan).value();
    const auto pin = crypto::decrypt_pin(crypto::PinFormat::iso0, cipher, *out, &pan);
    ASSERT_TRUE(pin.has_value());
    EXPECT_EQ(text_of(pin->clear_digits()), "123456");
    expect_fault(translate(block(pin_key, "1234", "6210940000000011")), ErrorKind::denied,
                 VaultFault::pin_refused);
    expect_fault(translate(block(network_pin_, "1234")), ErrorKind::denied,
                 VaultFault::pin_refused);
}

// The keys of one side never do the work of the other.
TEST_F(VaultClassicTest, AKeyDoesOnlyWhatItIsFor) {
    ASSERT_TRUE(vault_->give_working_keys("pos"));
    expect_fault(vault_->give_working_keys("tmk"), ErrorKind::denied, VaultFault::not_permitted);
    const Cryptogram key = Acquirer::under(master_, network_pin_);
    expect_fault(vault_->load_working_keys("pos", {key.view(), key.view(), {}}), ErrorKind::denied,
                 VaultFault::not_permitted);
    expect_fault(vault_->create_classic_key("pos", "zmk"), ErrorKind::conflict,
                 VaultFault::alias_taken);
    expect_fault(vault_->create_classic_key("pos2", "tmk"), ErrorKind::denied,
                 VaultFault::not_permitted);
    const auto card = vault_->keep_card(unhex(stripe + "DF815703" + "303231")).value();
    const auto backwards = vault_->translate_classic_pin({.classic_key = "tmk",
                                                          .block8 = block(network_pin_, "1234"),
                                                          .stored_form = card.stored_form,
                                                          .terminal_key = "tmk",
                                                          .format = PinBlockFormat::iso0});
    expect_fault(backwards, ErrorKind::denied, VaultFault::not_permitted);
    ASSERT_TRUE(vault_->set_key_state("pos", KeyState::suspended));
    expect_fault(vault_->mac("pos", unhex("00")), ErrorKind::denied, VaultFault::not_permitted);
}

TEST_F(VaultClassicTest, KeepsOfACardWhatAReversalNeedsAndNoTrack) {
    EXPECT_EQ(kept(stripe + "DF815703303231"), "5A0862109400000000035F2403301200DF815703303231");
    const std::string with_chip = kept(stripe + chip + "DF815703303532");
    EXPECT_NE(with_chip.find("DF8155"), std::string::npos);
    EXPECT_EQ(with_chip.find("9F26"), std::string::npos);
    EXPECT_EQ(kept(stripe), "CARD_CONTENT") << "no entry mode";
    EXPECT_EQ(kept("DF815703303231"), "CARD_CONTENT");
    EXPECT_EQ(kept(stripe + "DF8157033032FF"), "CARD_CONTENT");
    EXPECT_EQ(kept(stripe + "DF815703303231" + "DF8156083031323334353637"), "CARD_CONTENT");
}

}  // namespace
}  // namespace softpos::keys
