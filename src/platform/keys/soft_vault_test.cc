// The vault from both sides: what its callers get, what they must not get, and what is still there
// after a restart.
#include "platform/keys/soft_vault.h"

#include "base/hex.h"
#include "codec/ber_tlv.h"
#include "crypto/drbg.h"
#include "crypto/mac.h"
#include "host/scratch_directory.h"
#include "platform/keys/vault_test_cards.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace softpos::keys {
namespace {

using testing::unhex;
using testing_ends::Acquirer;
using testing_ends::Cryptogram;
using testing_ends::expect_fault;
using testing_ends::Phone;
using testing_ends::phone_id;

class SoftVaultTest : public ::testing::Test {
protected:
    void SetUp() override { reopen(); }
    void reopen() {
        vault_.reset();
        auto opened = SoftVault::open(scratch_.file("vault"), random_);
        ASSERT_TRUE(opened.has_value());
        vault_ = std::move(*opened);
    }
    // A terminal that has signed in; gives its MAC key.
    Buffer sign_in(std::size_t mac_bytes = 8) {
        EXPECT_TRUE(vault_->import_zmk_components("zmk", acquirer_.components()));
        const auto made = vault_->create_terminal_master_key("tmk", "zmk");
        EXPECT_TRUE(made.has_value());
        master_ = acquirer_.master_key(*made);
        Buffer mak = unhex("5BB5C72CD00B733855036372B17543EC");
        mak.resize(mac_bytes);
        EXPECT_TRUE(load(mak));
        return mak;
    }
    Result<void> load(Bytes mak) {
        const Cryptogram pin = Acquirer::under(master_, unhex("807A23AD32B36D457AE91FDF927570EA"));
        const Cryptogram mac = Acquirer::under(master_, mak);
        return vault_->load_working_keys("tmk", {pin.view(), mac.view(), {}});
    }
    static std::string expected_mac(Bytes mak, Bytes data) {
        const auto key = crypto::BlockKey::make(crypto::Cipher::tdes, mak).value();
        return std::string(text_of(crypto::unionpay_ecb_mac(key, data)));
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    std::unique_ptr<SoftVault> vault_;
    Acquirer acquirer_;
    Buffer master_;
    Buffer aad_ = unhex("0102030405");
};

// Shows: JRT0156-6.6
TEST_F(SoftVaultTest, MasterKeyReachesTheAcquirerUnderTheZoneKey) {
    const auto zone = vault_->import_zmk_components("zmk", acquirer_.components());
    ASSERT_TRUE(zone.has_value());
    const auto kcv = crypto::zero_block_kcv(crypto::Cipher::tdes, acquirer_.zone_key()).value();
    EXPECT_EQ(to_hex(*zone), to_hex(Bytes(kcv).first(3)));
    const auto made = vault_->create_terminal_master_key("tmk", "zmk").value();
    const Buffer master = acquirer_.master_key(made);
    const auto check = crypto::zero_block_kcv(crypto::Cipher::tdes, master).value();
    EXPECT_EQ(to_hex(made.check_value), to_hex(Bytes(check).first(3)));
    for (const std::uint8_t byte : master) EXPECT_EQ(std::popcount(byte) % 2, 1) << "odd parity";
}

TEST_F(SoftVaultTest, RefusesComponentsThatAreNone) {
    std::vector<SecretBytes> one;
    one.push_back(SecretBytes(16));
    expect_fault(vault_->import_zmk_components("z", one), ErrorKind::malformed,
                 VaultFault::components);
    std::vector<SecretBytes> same;
    for (int i = 0; i < 2; ++i) same.push_back(SecretBytes::copy_of(Buffer(16, 7)));
    expect_fault(vault_->import_zmk_components("z", same), ErrorKind::denied,
                 VaultFault::components);
    std::vector<SecretBytes> halves;  // Their sum has equal halves: single DES.
    halves.push_back(SecretBytes(16));
    halves.push_back(SecretBytes::copy_of(Buffer(16, 7)));
    expect_fault(vault_->import_zmk_components("z", halves), ErrorKind::denied,
                 VaultFault::components);
    std::vector<SecretBytes> odd;
    odd.push_back(SecretBytes(16));
    odd.push_back(SecretBytes(15));
    expect_fault(vault_->import_zmk_components("z", odd), ErrorKind::malformed,
                 VaultFault::components);
}

TEST_F(SoftVaultTest, ANameIsGivenOnce) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    expect_fault(vault_->create_bdk("bdk"), ErrorKind::conflict, VaultFault::alias_taken);
    expect_fault(vault_->import_zmk_components("bdk", acquirer_.components()), ErrorKind::conflict,
                 VaultFault::alias_taken);
    expect_fault(vault_->create_bdk("no/good"), ErrorKind::malformed,
                 VaultFault::malformed_request);
}

// Every call with every kind of key that it is not for.
// Shows: MPOC-1A-KEYS, JRT0156-6.6
TEST_F(SoftVaultTest, AKeyDoesOnlyWhatItIsFor) {
    sign_in();
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    const Buffer point = crypto::P256Key::generate().value().public_point();
    const Cryptogram any = Acquirer::under(master_, unhex("5BB5C72CD00B7338"));
    const codec::WorkingKeys keys{any.view(), any.view(), {}};
    const protocol::SealedCard card{{1}, Buffer(40)};
    ASSERT_TRUE(vault_->create_pin_bdk("pins"));
    ASSERT_TRUE(vault_->create_signing_key("permit"));
    ASSERT_TRUE(vault_->create_serial_key("serial"));
    const SerialProof proof{"00000801P20000000001", bytes_of("036819"), bytes_of("4EC6E8EC")};
    for (const std::string name : {"bdk", "pins", "zmk", "tmk", "permit", "serial"}) {
        constexpr ErrorKind denied = ErrorKind::denied;
        constexpr VaultFault fault = VaultFault::not_permitted;
        if (name != "zmk") {
            expect_fault(vault_->create_terminal_master_key("new", name), denied, fault);
        }
        if (name != "bdk" && name != "pins") {
            expect_fault(vault_->export_dukpt_initial_key(name, phone_id, point), denied, fault);
        }
        if (name != "bdk") expect_fault(vault_->open_card(name, card, {}), denied, fault);
        if (name != "permit") {
            expect_fault(vault_->sign(name, unhex("01")), denied, fault);
            expect_fault(vault_->public_key(name), denied, fault);
        }
        if (name != "serial") {
            expect_fault(vault_->export_serial_key(name, "12345678", point), denied, fault);
            expect_fault(vault_->check_serial_cipher(name, proof), denied, fault);
        }
        if (name != "tmk") {
            expect_fault(vault_->load_working_keys(name, keys), denied, fault);
            expect_fault(vault_->mac(name, {}), denied, fault);
            expect_fault(vault_->verify_mac(name, {}, Buffer(8)), denied, fault);
        }
    }
    expect_fault(vault_->mac("nobody", {}), ErrorKind::not_found, VaultFault::unknown_key);
    // Working keys have names that no caller can say.
    expect_fault(vault_->key_info("tmk/mac"), ErrorKind::malformed, VaultFault::malformed_request);
}

TEST_F(SoftVaultTest, MacIsThatOfTheWorkingKey) {
    for (const std::size_t size : {8U, 16U}) {
        std::filesystem::remove_all(scratch_.file("vault"));
        reopen();
        const Buffer mak = sign_in(size);
        const Buffer data(251, 0x31);
        const auto mac = vault_->mac("tmk", data).value();
        EXPECT_EQ(text_of(mac), expected_mac(mak, data));
        EXPECT_TRUE(vault_->verify_mac("tmk", data, mac));
        auto wrong = mac;
        wrong[7] ^= 1;
        expect_fault(vault_->verify_mac("tmk", data, wrong), ErrorKind::denied, VaultFault::mac);
        expect_fault(vault_->verify_mac("tmk", data, {}), ErrorKind::denied, VaultFault::mac);
    }
}

// Shows: MPOC-4-LIFE
TEST_F(SoftVaultTest, NewWorkingKeysTakeThePlaceOfTheOldOnes) {
    sign_in();
    const Buffer data = unhex("0102");
    const auto before = vault_->mac("tmk", data).value();
    const Buffer next = unhex("C24A8FB57AA20123");
    ASSERT_TRUE(load(next));
    EXPECT_EQ(text_of(vault_->mac("tmk", data).value()), expected_mac(next, data));
    EXPECT_FALSE(vault_->verify_mac("tmk", data, before).has_value());
}

// Shows: MPOC-1A-KEYS
TEST_F(SoftVaultTest, TerminalsDoNotShareKeys) {
    const Buffer mak = sign_in();
    const auto made = vault_->create_terminal_master_key("tmk2", "zmk").value();
    const Buffer master = acquirer_.master_key(made);
    const Buffer other = unhex("C24A8FB57AA20123");
    const Cryptogram key = Acquirer::under(master, other);
    ASSERT_TRUE(vault_->load_working_keys("tmk2", {key.view(), key.view(), {}}));
    const Buffer data = unhex("0102030405");
    for (int i = 0; i < 3; ++i) {  // The cipher is re-keyed each time.
        EXPECT_EQ(text_of(vault_->mac("tmk", data).value()), expected_mac(mak, data));
        EXPECT_EQ(text_of(vault_->mac("tmk2", data).value()), expected_mac(other, data));
    }
}

TEST_F(SoftVaultTest, AWrongCheckValueChangesNothing) {
    const Buffer mak = sign_in();
    const Buffer other = unhex("C24A8FB57AA20123");
    const Cryptogram good = Acquirer::under(master_, other);
    Cryptogram bad = good;
    bad.check_value[3] ^= 1;
    for (const auto& keys : {codec::WorkingKeys{bad.view(), good.view(), {}},
                             codec::WorkingKeys{good.view(), bad.view(), {}},
                             codec::WorkingKeys{good.view(), good.view(), bad.view()}}) {
        expect_fault(vault_->load_working_keys("tmk", keys), ErrorKind::denied,
                     VaultFault::check_value);
    }
    const Buffer data = unhex("99");
    EXPECT_EQ(text_of(vault_->mac("tmk", data).value()), expected_mac(mak, data));
}

TEST_F(SoftVaultTest, BeforeSignInThereIsNoMac) {
    ASSERT_TRUE(vault_->import_zmk_components("zmk", acquirer_.components()));
    ASSERT_TRUE(vault_->create_terminal_master_key("tmk", "zmk"));
    expect_fault(vault_->mac("tmk", {}), ErrorKind::conflict, VaultFault::no_working_keys);
}

// Shows: MPOC-4-LIFE
TEST_F(SoftVaultTest, ASuspendedKeyDoesNothingUntilItIsActiveAgain) {
    sign_in();
    ASSERT_TRUE(vault_->set_key_state("tmk", KeyState::suspended));
    expect_fault(vault_->mac("tmk", {}), ErrorKind::denied, VaultFault::not_permitted);
    reopen();
    expect_fault(vault_->mac("tmk", {}), ErrorKind::denied, VaultFault::not_permitted);
    ASSERT_TRUE(vault_->set_key_state("tmk", KeyState::active));
    EXPECT_TRUE(vault_->mac("tmk", {}));
}

// ---- Cards ----------------------------------------------------------------------------------

TEST_F(SoftVaultTest, OpensTheCardOfItsPhone) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    Phone phone(*vault_, "bdk", phone_id);
    for (int i = 0; i < 40; ++i) {
        const auto opened = vault_->open_card("bdk", phone.seal(aad_), aad_);
        ASSERT_TRUE(opened.has_value());
        EXPECT_EQ(to_hex(opened->card_tlv.bytes()), testing_ends::card_list);
        EXPECT_EQ(opened->masked_pan, "621094******0003");
        EXPECT_FALSE(opened->repeated);
    }
}

// Shows: MPOC-5-DATA
TEST_F(SoftVaultTest, StoredFormGivesTheNumberAndNeverTheTrack) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    Phone phone(*vault_, "bdk", phone_id);
    const auto opened = vault_->open_card("bdk", phone.seal(aad_), aad_).value();
    reopen();
    const auto stored = vault_->open_stored(opened.stored_form).value();
    const auto pan = codec::find_value(stored.bytes(), codec::Tag{0x5A}).value();
    EXPECT_EQ(to_hex(*pan), "6210940000000003");
    EXPECT_FALSE(codec::find_value(stored.bytes(), codec::Tag{0x57}).value().has_value());
    EXPECT_EQ(to_hex(stored.bytes()).find("D3012"), std::string::npos);
}

TEST_F(SoftVaultTest, StoredFormsAreOursAndUnchanged) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    Phone phone(*vault_, "bdk", phone_id);
    const auto card = vault_->open_card("bdk", phone.seal(aad_), aad_).value();
    for (std::size_t i = 0; i < card.stored_form.size(); ++i) {
        Buffer bad = card.stored_form;
        bad[i] ^= 1;
        ASSERT_FALSE(vault_->open_stored(bad).has_value()) << i;
    }
    expect_fault(vault_->open_stored({}), ErrorKind::malformed, VaultFault::stored_form);
    std::filesystem::remove_all(scratch_.file("vault"));
    reopen();  // Another vault.
    expect_fault(vault_->open_stored(card.stored_form), ErrorKind::denied, VaultFault::stored_form);
}

// Shows: MPOC-1D-ENCRYPT
TEST_F(SoftVaultTest, ACardIsBoundToAmountTerminalAndKey) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_TRUE(vault_->create_bdk("bdk2"));
    Phone phone(*vault_, "bdk", phone_id);
    const auto card = phone.seal(aad_);
    const auto refused = [&](std::string_view key, const protocol::SealedCard& c, Bytes aad) {
        expect_fault(vault_->open_card(key, c, aad), ErrorKind::denied, VaultFault::card_refused);
    };
    refused("bdk", card, unhex("0102030406"));
    refused("bdk2", card, aad_);
    auto moved = card;
    moved.ksn[7] ^= 1;  // Another phone.
    refused("bdk", moved, aad_);
    auto unused = card;
    for (std::size_t i = 8; i < 12; ++i) unused.ksn[i] = 0xFF;  // No device counts so far.
    refused("bdk", unused, aad_);
    EXPECT_TRUE(vault_->open_card("bdk", card, aad_)) << "forgeries use no number up";
}

// Shows: MPOC-1A-KEYS
TEST_F(SoftVaultTest, TheSameAgainIsARepeatAndOtherDataIsDenied) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    Phone phone(*vault_, "bdk", phone_id);
    const auto [card, other] = phone.seal_twice(aad_);
    EXPECT_FALSE(vault_->open_card("bdk", card, aad_).value().repeated);
    const auto again = vault_->open_card("bdk", card, aad_).value();
    EXPECT_TRUE(again.repeated);
    EXPECT_EQ(to_hex(again.card_tlv.bytes()), testing_ends::card_list);
    expect_fault(vault_->open_card("bdk", other, aad_), ErrorKind::denied,
                 VaultFault::serial_reused);
}

TEST_F(SoftVaultTest, UsedNumbersAreRememberedAcrossARestart) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    Phone phone(*vault_, "bdk", phone_id);
    const auto old = phone.seal(aad_);
    EXPECT_TRUE(vault_->open_card("bdk", old, aad_));
    const auto [card, other] = phone.seal_twice(aad_);
    EXPECT_TRUE(vault_->open_card("bdk", card, aad_));
    reopen();
    EXPECT_TRUE(vault_->open_card("bdk", card, aad_).value().repeated);
    expect_fault(vault_->open_card("bdk", other, aad_), ErrorKind::denied,
                 VaultFault::serial_reused);
    for (std::size_t i = 0; i < ReplayWindow::entries_max; ++i) {
        EXPECT_TRUE(vault_->open_card("bdk", phone.seal(aad_), aad_));
    }
    reopen();
    expect_fault(vault_->open_card("bdk", old, aad_), ErrorKind::denied,
                 VaultFault::serial_too_old);
    EXPECT_EQ(vault_->status().value().phones_seen, 1U);
}

// Unsaved numbers are bounded: a crash forgets a few at most, never a day's.
TEST_F(SoftVaultTest, UsedNumbersAreWrittenDownBeforeTheyAreMany) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    Phone phone(*vault_, "bdk", phone_id);
    const std::uint64_t before = vault_->status().value().log_bytes;
    for (std::size_t i = 0; i < SoftVault::unsaved_replays_max; ++i) {
        EXPECT_TRUE(vault_->open_card("bdk", phone.seal(aad_), aad_));
    }
    EXPECT_EQ(vault_->status().value().log_bytes, before);
    EXPECT_TRUE(vault_->open_card("bdk", phone.seal(aad_), aad_));
    EXPECT_GT(vault_->status().value().log_bytes, before);
}

TEST_F(SoftVaultTest, WhatOpensAndIsNoCardIsRefusedAndUsesNoNumberUp) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    Phone phone(*vault_, "bdk", phone_id);
    expect_fault(vault_->open_card("bdk", phone.seal(aad_, "5A0100"), aad_), ErrorKind::malformed,
                 VaultFault::card_content);
    EXPECT_EQ(vault_->status().value().phones_seen, 0U);
}

TEST_F(SoftVaultTest, RefusesARecipientThatIsNoPoint) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    Buffer point = crypto::P256Key::generate().value().public_point();
    point[64] ^= 1;
    expect_fault(vault_->export_dukpt_initial_key("bdk", phone_id, point), ErrorKind::denied,
                 VaultFault::recipient);
    expect_fault(vault_->export_dukpt_initial_key("bdk", phone_id, {}), ErrorKind::denied,
                 VaultFault::recipient);
    expect_fault(vault_->export_dukpt_initial_key("bdk", unhex("00"), point), ErrorKind::malformed,
                 VaultFault::malformed_request);
}

// ---- Restart and damage ---------------------------------------------------------------------

TEST_F(SoftVaultTest, EverythingIsThereAfterARestart) {
    const Buffer mak = sign_in(16);
    const KeyCheck bdk = vault_->create_bdk("bdk").value();
    Phone phone(*vault_, "bdk", phone_id);
    const VaultStatus before = vault_->status().value();
    reopen();
    const VaultStatus after = vault_->status().value();
    EXPECT_EQ(after.listed, before.listed);
    EXPECT_EQ(after.terminal_keys, 1U);
    EXPECT_EQ(after.signed_in_terminals, 1U);
    EXPECT_EQ(vault_->key_info("bdk").value().check_value, bdk);
    EXPECT_EQ(vault_->key_info("tmk").value().usage, protocol::KeyUsage::terminal_master);
    const Buffer data = unhex("0102030405060708090A");
    EXPECT_EQ(text_of(vault_->mac("tmk", data).value()), expected_mac(mak, data));
    EXPECT_TRUE(vault_->open_card("bdk", phone.seal(aad_), aad_));
}

TEST_F(SoftVaultTest, DamagedFilesAreRefusedAndNotRepaired) {
    sign_in();
    vault_.reset();
    const std::string name = scratch_.file("vault") + "/keys.snapshot";
    std::filesystem::resize_file(name, std::filesystem::file_size(name) - 1);
    const auto opened = SoftVault::open(scratch_.file("vault"), random_);
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().kind, ErrorKind::malformed);
    EXPECT_EQ(opened.error().detail, protocol::detail_of(VaultFault::storage));
}

// Thousands of sign-ins must not let the log grow without end.
TEST_F(SoftVaultTest, TheLogIsReplacedByASnapshotWhenItHasGrown) {
    vault_.reset();
    vault_ = std::move(
        SoftVault::open(scratch_.file("vault"), random_, {.log_bytes_before_snapshot = 16 * 1024})
            .value());
    const Buffer mak = sign_in();
    std::uint64_t largest = 0;
    std::uint64_t size = 0;
    bool replaced = false;
    for (int i = 0; i < 1000 && !replaced; ++i) {
        ASSERT_TRUE(load(mak));
        size = vault_->status().value().log_bytes;
        replaced = size < largest;
        largest = std::max(largest, size);
    }
    EXPECT_TRUE(replaced);
    EXPECT_LT(largest, 17U * 1024);
    reopen();
    EXPECT_EQ(text_of(vault_->mac("tmk", {}).value()), expected_mac(mak, {}));
}

// Shows: MPOC-4A-2.5
TEST_F(SoftVaultTest, NoKeyStandsInTheDirectoryInClear) {
    const Buffer mak = sign_in(16);
    vault_.reset();
    for (const auto& file : std::filesystem::directory_iterator(scratch_.file("vault"))) {
        if (file.path().filename() == "master.key") continue;
        const auto bytes = host::read_file(file.path().string(), 1 << 20).value();
        for (const Buffer& key : {mak, master_, acquirer_.zone_key()}) {
            EXPECT_EQ(text_of(bytes).find(text_of(key)), std::string_view::npos) << file.path();
        }
    }
}

}  // namespace
}  // namespace softpos::keys
