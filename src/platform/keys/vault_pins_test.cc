// PINs through the vault: the right one arrives under the terminal's key, and whatever is wrong has
// one answer, and not often.
#include "base/hex.h"
#include "crypto/drbg.h"
#include "crypto/pin_block.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_test_cards.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::keys {
namespace {

using protocol::PinBlockFormat;
using protocol::SealedPin;
using testing::unhex;
using testing_ends::Acquirer;
using testing_ends::Cryptogram;
using testing_ends::expect_fault;
using testing_ends::Phone;
using testing_ends::phone_id;

constexpr std::string_view card_pan = "6210940000000003";

class VaultPinsTest : public ::testing::Test {
protected:
    void SetUp() override {
        reopen();
        ASSERT_TRUE(vault_->create_bdk("bdk"));
        ASSERT_TRUE(vault_->create_pin_bdk("bdk:pins"));
        ASSERT_TRUE(vault_->import_zmk_components("zmk", acquirer_.components()));
        const auto made = vault_->create_terminal_master_key("tmk", "zmk");
        master_ = acquirer_.master_key(*made);
        sign_in(pin_key_);
        stored_ = stored_form(testing_ends::card_list);
    }
    void reopen() {
        vault_.reset();
        auto opened = SoftVault::open(scratch_.file("vault"), random_);
        ASSERT_TRUE(opened.has_value());
        vault_ = std::move(*opened);
    }
    void sign_in(Bytes pin_key) {
        const Cryptogram pin = Acquirer::under(master_, pin_key);
        const Cryptogram mac = Acquirer::under(master_, unhex("5BB5C72CD00B7338"));
        ASSERT_TRUE(vault_->load_working_keys("tmk", {pin.view(), mac.view(), {}}));
    }
    // Each on a phone of its own, so that no test runs out of serial numbers.
    Buffer stored_form(const std::string& list) {
        std::array<std::uint8_t, 8> id = phone_id;
        id[7] = ++cards_;
        Phone phone(*vault_, "bdk", id);
        const Buffer aad = unhex("01");
        return vault_->open_card("bdk", phone.seal(aad, list), aad).value().stored_form;
    }
    testing_ends::PinPhone phone() { return {*vault_, "bdk:pins", phone_id}; }
    Result<Buffer> translate(const SealedPin& pin, PinBlockFormat format = PinBlockFormat::iso0) {
        return translate(pin, stored_, format);
    }
    Result<Buffer> translate(const SealedPin& pin, Bytes stored,
                             PinBlockFormat format = PinBlockFormat::iso0) {
        return vault_->translate_pin({.base_key = "bdk:pins",
                                      .pin = pin,
                                      .stored_form = stored,
                                      .terminal_key = "tmk",
                                      .format = format});
    }
    // What the network's host finds in the block.
    std::string found(Bytes block, crypto::PinFormat format) {
        const auto key = crypto::BlockKey::make(crypto::Cipher::tdes, pin_key_).value();
        const Pan pan = Pan::parse(card_pan).value();
        const auto pin = crypto::decrypt_pin(format, key, block, &pan);
        return pin ? std::string(text_of(pin->clear_digits())) : "none";
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    std::unique_ptr<SoftVault> vault_;
    Acquirer acquirer_;
    Buffer master_;
    Buffer pin_key_ = unhex("807A23AD32B36D457AE91FDF927570EA");
    Buffer stored_;
    std::uint8_t cards_ = 0x80;
};

// Shows: MPOC-1E-BLOCK, MPOC-5-PIN
TEST_F(VaultPinsTest, ThePinArrivesUnderTheTerminalsKey) {
    auto phone = this->phone();
    for (const std::string pin : {"1234", "123456", "999999999999"}) {
        const auto iso0 = translate(phone.seal(pin, card_pan)).value();
        EXPECT_EQ(iso0.size(), 8U);
        EXPECT_EQ(found(iso0, crypto::PinFormat::iso0), pin);
        const auto iso3 = translate(phone.seal(pin, card_pan), PinBlockFormat::iso3).value();
        EXPECT_EQ(found(iso3, crypto::PinFormat::iso3), pin);
    }
}

// Shows: MPOC-5-PIN
TEST_F(VaultPinsTest, TheSameAgainIsTranslatedAgainAndOtherDataIsNot) {
    auto phone = this->phone();
    const auto [first, second] = phone.seal_twice("1234", "4321", card_pan);
    const Buffer block = translate(first).value();
    EXPECT_EQ(translate(first).value(), block);
    expect_fault(translate(second), ErrorKind::denied, VaultFault::pin_refused);
    reopen();
    EXPECT_EQ(translate(first).value(), block);
    expect_fault(translate(second), ErrorKind::denied, VaultFault::pin_refused);
    // Another format is another use: it would give an attacker two looks at one PIN.
    expect_fault(translate(first, PinBlockFormat::iso3), ErrorKind::denied,
                 VaultFault::pin_refused);
}

// Shows: MPOC-1E-BLOCK, MPOC-5-PIN
TEST_F(VaultPinsTest, APinIsBoundToItsCard) {
    auto phone = this->phone();
    std::string list = testing_ends::card_list;
    list.replace(4, 16, "6210940000000011");
    const Buffer other = stored_form(list);
    const auto pin = phone.seal("1234", card_pan);
    expect_fault(translate(pin, other), ErrorKind::denied, VaultFault::pin_refused);
    EXPECT_TRUE(translate(pin)) << "the failure used no number up";
}

// The words of the error are the same too: they are what a caller could tell cases apart by.
// Shows: MPOC-5-PIN
TEST_F(VaultPinsTest, EverythingWrongWithAPinHasOneAnswer) {
    auto phone = this->phone();
    const auto good = phone.seal("1234", card_pan);
    std::vector<SealedPin> wrong(5, good);
    wrong[0].block[0] ^= 1;   // Decrypts to noise.
    wrong[1].ksn[11] ^= 8;    // Another counter.
    wrong[2].ksn[7] ^= 1;     // Another phone.
    wrong[3].ksn.fill(0xFF);  // No device counts so far.
    wrong[4].block.fill(0);
    std::optional<std::string> words;
    for (const SealedPin& pin : wrong) {
        const auto refused = translate(pin);
        expect_fault(refused, ErrorKind::denied, VaultFault::pin_refused);
        if (!words) words = refused.error().what.c_str();
        EXPECT_EQ(*words, refused.error().what.c_str());
    }
    EXPECT_TRUE(translate(good));
}

// Shows: MPOC-5-PIN
TEST_F(VaultPinsTest, GuessingEndsAfterAFewTries) {
    auto phone = this->phone();
    auto prng = testing::Prng::from_environment();
    const auto good = phone.seal("1234", card_pan);
    for (unsigned i = 0; i < VaultCore::pin_failures_max; ++i) {
        SealedPin made_up = good;
        for (std::uint8_t& byte : made_up.block) byte = static_cast<std::uint8_t>(prng.next());
        expect_fault(translate(made_up), ErrorKind::denied, VaultFault::pin_refused);
        if (i + 2 < VaultCore::pin_failures_max) {
            EXPECT_TRUE(translate(good));
        }
    }
    for (int i = 0; i < 2; ++i) {
        expect_fault(translate(good), ErrorKind::denied, VaultFault::pin_refused);
        expect_fault(translate(phone.seal("1234", card_pan)), ErrorKind::denied,
                     VaultFault::pin_refused);
        reopen();
    }
    EXPECT_EQ(vault_->status().value().pin_locked_phones, 1U);
    // Only for this phone, and until it gets its key anew.
    std::array<std::uint8_t, 8> other_id = phone_id;
    other_id[7] = 2;
    testing_ends::PinPhone other(*vault_, "bdk:pins", other_id);
    EXPECT_TRUE(translate(other.seal("1234", card_pan)));
    auto again = this->phone();
    again.seal("0000", card_pan);  // Its first number was used by the good one above.
    EXPECT_TRUE(translate(again.seal("1234", card_pan)));
    EXPECT_EQ(vault_->status().value().pin_locked_phones, 0U);
}

TEST_F(VaultPinsTest, ARevokedPhoneHasNoPin) {
    auto phone = this->phone();
    const auto pin = phone.seal("1234", card_pan);
    ASSERT_TRUE(vault_->revoke_terminal(phone_id));
    expect_fault(translate(pin), ErrorKind::denied, VaultFault::pin_refused);
}

// Shows: MPOC-1E-APART
TEST_F(VaultPinsTest, TheTwoBaseKeysDoNotDoEachOthersWork) {
    auto phone = this->phone();
    const auto pin = phone.seal("1234", card_pan);
    const auto with = [&](std::string_view base) {
        return vault_->translate_pin({.base_key = base,
                                      .pin = pin,
                                      .stored_form = stored_,
                                      .terminal_key = "tmk",
                                      .format = PinBlockFormat::iso0});
    };
    expect_fault(with("bdk"), ErrorKind::denied, VaultFault::not_permitted);
    expect_fault(with("tmk"), ErrorKind::denied, VaultFault::not_permitted);
    EXPECT_TRUE(with("bdk:pins"));
    Phone cards(*vault_, "bdk:pins", phone_id);
    expect_fault(vault_->open_card("bdk:pins", cards.seal(unhex("01")), unhex("01")),
                 ErrorKind::denied, VaultFault::not_permitted);
}

// Card data and PINs count apart, since each has its own initial key.
// Shows: MPOC-1E-APART
TEST_F(VaultPinsTest, CardsAndPinsOfOnePhoneDoNotUseEachOthersNumbers) {
    auto pins = this->phone();
    Phone cards(*vault_, "bdk", phone_id);
    const Buffer aad = unhex("01");
    EXPECT_FALSE(vault_->open_card("bdk", cards.seal(aad), aad).value().repeated);
    EXPECT_TRUE(translate(pins.seal("1234", card_pan)));
}

TEST_F(VaultPinsTest, TheCallersMistakesAreToldApartAndNotCounted) {
    auto phone = this->phone();
    const auto pin = phone.seal("1234", card_pan);
    for (unsigned i = 0; i <= VaultCore::pin_failures_max; ++i) {
        expect_fault(translate(pin, PinBlockFormat::unionpay_sm4), ErrorKind::denied,
                     VaultFault::not_permitted);
        expect_fault(translate(pin, unhex("0102")), ErrorKind::malformed, VaultFault::stored_form);
    }
    ASSERT_TRUE(vault_->create_terminal_master_key("tmk:new", "zmk"));
    expect_fault(vault_->translate_pin({.base_key = "bdk:pins",
                                        .pin = pin,
                                        .stored_form = stored_,
                                        .terminal_key = "tmk:new",
                                        .format = PinBlockFormat::iso0}),
                 ErrorKind::conflict, VaultFault::no_working_keys);
    sign_in(unhex("5BB5C72CD00B7338"));  // A PIN never goes under single DES.
    expect_fault(translate(pin), ErrorKind::denied, VaultFault::not_permitted);
    sign_in(pin_key_);
    EXPECT_TRUE(translate(pin));
}

}  // namespace
}  // namespace softpos::keys
