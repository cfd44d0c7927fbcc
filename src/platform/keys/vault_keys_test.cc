// Keys that sign and prove, and how keys end.
#include "base/hex.h"
#include "crypto/drbg.h"
#include "crypto/kcv.h"
#include "crypto/mac.h"
#include "crypto/p256.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_vault.h"
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

class VaultKeysTest : public ::testing::Test {
protected:
    void SetUp() override { reopen(); }
    void reopen() {
        vault_.reset();
        auto opened = SoftVault::open(scratch_.file("vault"), random_);
        ASSERT_TRUE(opened.has_value());
        vault_ = std::move(*opened);
    }
    // What the phone would find in the envelope.
    SecretBytes serial_key(const std::string& alias, std::string_view terminal) {
        const auto phone = crypto::P256Key::generate().value();
        const auto envelope =
            vault_->export_serial_key(alias, terminal, phone.public_point()).value();
        auto key =
            crypto::open_envelope(phone, protocol::serial_key_envelope_info(terminal), envelope);
        EXPECT_TRUE(key.has_value());
        return std::move(*key);
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    std::unique_ptr<SoftVault> vault_;
};

TEST_F(VaultKeysTest, SignaturesAreThoseOfThePublicKey) {
    const EcPoint point = vault_->create_signing_key("permit").value();
    EXPECT_EQ(vault_->public_key("permit").value(), point);
    const Buffer message = unhex("0102030405");
    const Buffer signature = vault_->sign("permit", message).value();
    EXPECT_TRUE(crypto::p256_verify(point, message, signature));
    EXPECT_FALSE(crypto::p256_verify(point, unhex("01"), signature).has_value());
    reopen();
    EXPECT_EQ(vault_->public_key("permit").value(), point);
    EXPECT_TRUE(crypto::p256_verify(point, message, vault_->sign("permit", message).value()));
    const EcPoint other = vault_->create_signing_key("commands").value();
    EXPECT_NE(other, point);
    EXPECT_TRUE(crypto::p256_verify(other, message, vault_->sign("commands", message).value()));
    expect_fault(vault_->sign("permit", {}), ErrorKind::malformed, VaultFault::malformed_request);
}

TEST_F(VaultKeysTest, ASuspendedSigningKeyShowsItsPointAndDoesNotSign) {
    const EcPoint point = vault_->create_signing_key("permit").value();
    ASSERT_TRUE(vault_->set_key_state("permit", KeyState::suspended));
    EXPECT_EQ(vault_->public_key("permit").value(), point);
    expect_fault(vault_->sign("permit", unhex("01")), ErrorKind::denied, VaultFault::not_permitted);
}

// Shows: JRT0156-12
TEST_F(VaultKeysTest, TheSerialKeyReachesThePhoneAndNobodyElse) {
    const KeyCheck check = vault_->create_serial_key("sk:T0000001").value();
    const SecretBytes key = serial_key("sk:T0000001", "T0000001");
    EXPECT_EQ(key.size(), 16U);
    const auto kcv = crypto::zero_block_kcv(crypto::Cipher::sm4, key.bytes()).value();
    EXPECT_EQ(to_hex(check), to_hex(Bytes(kcv).first(3)));
    const auto phone = crypto::P256Key::generate().value();
    const auto envelope =
        vault_->export_serial_key("sk:T0000001", "T0000001", phone.public_point()).value();
    EXPECT_FALSE(
        crypto::open_envelope(phone, protocol::serial_key_envelope_info("T0000002"), envelope)
            .has_value());
    EXPECT_FALSE(crypto::open_envelope(
                     phone, protocol::initial_key_envelope_info(bytes_of("T0000001")), envelope)
                     .has_value());
    expect_fault(vault_->export_serial_key("sk:T0000001", "T1", phone.public_point()),
                 ErrorKind::malformed, VaultFault::malformed_request);
}

TEST_F(VaultKeysTest, WhoHasTheSerialKeyCanProveIt) {
    ASSERT_TRUE(vault_->create_serial_key("sk"));
    const SecretBytes key = serial_key("sk", "T0000001");
    const auto cipher = crypto::BlockKey::make(crypto::Cipher::sm4, key.bytes()).value();
    const std::string serial = "00000801P20000000001";
    const auto proof = crypto::unionpay_ecb_mac(cipher, bytes_of(serial + "036819"));
    EXPECT_TRUE(vault_->check_serial_cipher("sk", {serial, bytes_of("036819"), proof}));
    const auto refused = [&](const SerialProof& wrong) {
        expect_fault(vault_->check_serial_cipher("sk", wrong), ErrorKind::denied,
                     VaultFault::serial_cipher);
    };
    refused({serial, bytes_of("036818"), proof});
    refused({"00000801P20000000002", bytes_of("036819"), proof});
    auto other = proof;
    other[7] ^= 1;
    refused({serial, bytes_of("036819"), other});
    ASSERT_TRUE(vault_->create_serial_key("sk2"));
    expect_fault(vault_->check_serial_cipher("sk2", {serial, bytes_of("036819"), proof}),
                 ErrorKind::denied, VaultFault::serial_cipher);
}

// ---- The second kind of terminal ------------------------------------------------------------

// Shows: JRT0156-6.5
TEST_F(VaultKeysTest, ATerminalMayLiveUnderSm4) {
    const Buffer zone = unhex("0123456789ABCDEFFEDCBA9876543210");
    Buffer one(16, 0x5A);
    Buffer other = zone;
    for (std::uint8_t& byte : other) byte ^= 0x5A;
    ASSERT_TRUE(vault_->begin_ceremony({.alias = "zmk4",
                                        .usage = protocol::KeyUsage::zone_master,
                                        .algorithm = protocol::KeyAlgorithm::sm4,
                                        .components = 2}));
    for (const Buffer& part : {one, other}) {
        ASSERT_TRUE(vault_->add_component({.alias = "zmk4", .bytes = SecretBytes::copy_of(part)}));
    }
    const auto kcv = crypto::zero_block_kcv(crypto::Cipher::sm4, zone).value();
    ASSERT_TRUE(vault_->finish_ceremony("zmk4", {kcv[0], kcv[1], kcv[2]}));
    const auto made = vault_->create_terminal_master_key("tmk4", "zmk4").value();
    const Buffer master = crypto::ecb_decrypt(crypto::Cipher::sm4, zone, made.cryptogram).value();
    EXPECT_EQ(to_hex(made.check_value),
              to_hex(Bytes(crypto::zero_block_kcv(crypto::Cipher::sm4, master).value()).first(3)));
    const Buffer mak = unhex("F351D490F1B34D2C8A3E25D7CC33B481");
    const auto mak_kcv = crypto::zero_block_kcv(crypto::Cipher::sm4, mak).value();
    const Buffer sealed = crypto::ecb_encrypt(crypto::Cipher::sm4, master, mak).value();
    const codec::KeyCryptogram key{sealed, mak_kcv};
    ASSERT_TRUE(vault_->load_working_keys("tmk4", {key, key, {}}));
    const auto cipher = crypto::BlockKey::make(crypto::Cipher::sm4, mak).value();
    const Buffer data(100, 0x31);
    EXPECT_EQ(vault_->mac("tmk4", data).value(), crypto::unionpay_ecb_mac(cipher, data));
    EXPECT_EQ(vault_->key_info("tmk4").value().algorithm, protocol::KeyAlgorithm::sm4);
    // A key of eight bytes is none of SM4.
    const codec::KeyCryptogram single{Bytes(sealed).first(8), mak_kcv};
    expect_fault(vault_->load_working_keys("tmk4", {key, single, {}}), ErrorKind::malformed,
                 VaultFault::malformed_request);
}

// ---- The end of keys ------------------------------------------------------------------------

TEST_F(VaultKeysTest, StatesFollowTheLifeOfAKey) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    EXPECT_TRUE(vault_->set_key_state("bdk", KeyState::active)) << "it is already";
    expect_fault(vault_->set_key_state("bdk", KeyState::destroyed), ErrorKind::conflict,
                 VaultFault::state);
    ASSERT_TRUE(vault_->set_key_state("bdk", KeyState::deactivated));
    expect_fault(vault_->set_key_state("bdk", KeyState::active), ErrorKind::conflict,
                 VaultFault::state);
    ASSERT_TRUE(vault_->set_key_state("bdk", KeyState::compromised));
    reopen();
    EXPECT_EQ(vault_->key_info("bdk").value().state, KeyState::compromised);
}

// Shows: MPOC-4-LIFE
TEST_F(VaultKeysTest, ADestroyedKeyIsGoneFromTheDiskAndItsNameIsNot) {
    const Acquirer acquirer;
    ASSERT_TRUE(vault_->import_zmk_components("zmk", acquirer.components()));
    const auto made = vault_->create_terminal_master_key("tmk", "zmk").value();
    const Cryptogram key =
        Acquirer::under(acquirer.master_key(made), unhex("5BB5C72CD00B733855036372B17543EC"));
    ASSERT_TRUE(vault_->load_working_keys("tmk", {key.view(), key.view(), {}}));
    const auto mac = vault_->mac("tmk", unhex("01"));
    ASSERT_TRUE(mac.has_value());
    ASSERT_TRUE(vault_->destroy_key("tmk"));
    for (int i = 0; i < 2; ++i) {
        expect_fault(vault_->mac("tmk", unhex("01")), ErrorKind::denied, VaultFault::not_permitted);
        expect_fault(vault_->load_working_keys("tmk", {key.view(), key.view(), {}}),
                     ErrorKind::denied, VaultFault::not_permitted);
        expect_fault(vault_->set_key_state("tmk", KeyState::active), ErrorKind::conflict,
                     VaultFault::state);
        expect_fault(vault_->destroy_key("tmk"), ErrorKind::conflict, VaultFault::state);
        expect_fault(vault_->create_terminal_master_key("tmk", "zmk"), ErrorKind::conflict,
                     VaultFault::alias_taken);
        const auto info = vault_->key_info("tmk").value();
        EXPECT_EQ(info.state, KeyState::destroyed);
        EXPECT_EQ(info.check_value, KeyCheck{});
        EXPECT_EQ(vault_->status().value().terminal_keys, 0U);
        EXPECT_EQ(vault_->status().value().signed_in_terminals, 0U);
        reopen();
    }
    expect_fault(vault_->destroy_key("nobody"), ErrorKind::not_found, VaultFault::unknown_key);
}

// Nothing of the old files may be left that the key could be read out of with the master key.
// Shows: MPOC-4-LIFE
TEST_F(VaultKeysTest, DestroyingReplacesTheFilesThatHadTheKey) {
    ASSERT_TRUE(vault_->create_serial_key("sk"));
    std::vector<std::string> before;
    for (const auto& file : std::filesystem::directory_iterator(scratch_.file("vault"))) {
        if (file.path().filename().string().starts_with("keys.")) {
            before.push_back(
                std::string(text_of(host::read_file(file.path().string(), 1 << 20).value())));
        }
    }
    ASSERT_TRUE(vault_->destroy_key("sk"));
    for (const auto& file : std::filesystem::directory_iterator(scratch_.file("vault"))) {
        const auto now = host::read_file(file.path().string(), 1 << 20).value();
        for (const std::string& old : before) {
            if (old.size() > 32) {
                EXPECT_EQ(text_of(now).find(old.substr(old.size() - 32)), std::string::npos);
            }
        }
    }
}

// Shows: MPOC-3-INCIDENT
TEST_F(VaultKeysTest, NothingUnderARevokedTerminalOpens) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_TRUE(vault_->create_pin_bdk("bdk:pins"));
    Phone phone(*vault_, "bdk", phone_id);
    const Buffer aad = unhex("0102");
    const auto before = phone.seal(aad);
    const auto opened = vault_->open_card("bdk", before, aad).value();
    ASSERT_TRUE(vault_->revoke_terminal(phone_id));
    const Buffer point = crypto::P256Key::generate().value().public_point();
    for (int i = 0; i < 2; ++i) {
        expect_fault(vault_->open_card("bdk", before, aad), ErrorKind::denied,
                     VaultFault::terminal_revoked);
        expect_fault(vault_->open_card("bdk", phone.seal(aad), aad), ErrorKind::denied,
                     VaultFault::terminal_revoked);
        for (const char* base : {"bdk", "bdk:pins"}) {
            expect_fault(vault_->export_dukpt_initial_key(base, phone_id, point), ErrorKind::denied,
                         VaultFault::terminal_revoked);
        }
        EXPECT_TRUE(vault_->open_stored(opened.stored_form)) << "a reversal may be owed";
        EXPECT_TRUE(vault_->revoke_terminal(phone_id)) << "twice is once";
        reopen();
    }
    std::array<std::uint8_t, 8> other = phone_id;
    other[7] = 2;
    Phone next(*vault_, "bdk", other);
    EXPECT_TRUE(vault_->open_card("bdk", next.seal(aad), aad));
    // One that never sent anything can be revoked as well.
    other[7] = 3;
    ASSERT_TRUE(vault_->revoke_terminal(other));
    expect_fault(vault_->export_dukpt_initial_key("bdk", other, point), ErrorKind::denied,
                 VaultFault::terminal_revoked);
    expect_fault(vault_->revoke_terminal(unhex("00")), ErrorKind::malformed,
                 VaultFault::malformed_request);
}

}  // namespace
}  // namespace softpos::keys
