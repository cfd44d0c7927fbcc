// The vault with a token: the same answers, keys that are nowhere else, and nothing at all while
// the token is away.
#include "base/hex.h"
#include "crypto/dukpt_aes.h"
#include "crypto/kcv.h"
#include "crypto/mac.h"
#include "crypto/p256.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_core_parts.h"
#include "platform/keys/vault_test_cards.h"
#include "platform/keys/vault_test_token.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::keys {
namespace {

using protocol::PinBlockFormat;
using testing::unhex;
using testing_ends::Acquirer;
using testing_ends::Cryptogram;
using testing_ends::expect_fault;
using testing_ends::Phone;
using testing_ends::phone_id;
using testing_ends::PinPhone;
using testing_ends::TestToken;

constexpr std::string_view card_pan = "6210940000000003";

class TokenVaultTest : public ::testing::Test {
protected:
    void SetUp() override {
        reopen();
        ASSERT_TRUE(vault_->create_bdk("bdk"));
        ASSERT_TRUE(vault_->create_pin_bdk("bdk:pins"));
        ASSERT_TRUE(vault_->create_signing_key("permits"));
        ASSERT_TRUE(vault_->create_serial_key("serial"));
        ASSERT_TRUE(vault_->import_zmk_components("zmk", acquirer_.components()));
        const Buffer master =
            acquirer_.master_key(vault_->create_terminal_master_key("tmk", "zmk").value());
        const Cryptogram pin = Acquirer::under(master, pin_key_);
        const Cryptogram mac = Acquirer::under(master, mac_key_);
        ASSERT_TRUE(vault_->load_working_keys("tmk", {pin.view(), mac.view(), {}}));
    }
    void reopen() {
        vault_.reset();
        auto opened = SoftVault::open(folder(), random_, {.backend = token_.backend(random_)});
        ASSERT_TRUE(opened.has_value()) << opened.error().what.c_str();
        vault_ = std::move(*opened);
    }
    std::string folder() const { return scratch_.file("vault"); }
    Result<OpenedCard> open_card(const protocol::SealedCard& card) {
        return vault_->open_card("bdk", card, unhex("01"));
    }
    Result<Buffer> translate(const protocol::SealedPin& pin, Bytes stored) {
        return vault_->translate_pin({.base_key = "bdk:pins",
                                      .pin = pin,
                                      .stored_form = stored,
                                      .terminal_key = "tmk",
                                      .format = PinBlockFormat::iso0});
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    TestToken token_;
    std::unique_ptr<SoftVault> vault_;
    Acquirer acquirer_;
    Buffer pin_key_ = unhex("807A23AD32B36D457AE91FDF927570EA");
    Buffer mac_key_ = unhex("5BB5C72CD00B7338");
};

// Shows: MPOC-4A-2.5
TEST_F(TokenVaultTest, BaseKeysAreInTheTokenAndTheOthersUnderIt) {
    for (int i = 0; i < 2; ++i) {
        for (const char* name : {"bdk", "bdk:pins"}) {
            EXPECT_EQ(vault_->key_info(name).value().protection, KeyProtection::token) << name;
        }
        for (const char* name : {"permits", "serial", "zmk", "tmk"}) {
            EXPECT_EQ(vault_->key_info(name).value().protection, KeyProtection::wrapped_soft)
                << name;
        }
        reopen();
    }
}

TEST_F(TokenVaultTest, DoesWhatAVaultDoes) {
    Phone cards(*vault_, "bdk", phone_id);
    PinPhone pins(*vault_, "bdk:pins", phone_id);
    for (int i = 0; i < 20; ++i) {
        if (i == 10) reopen();
        const auto opened = open_card(cards.seal(unhex("01")));
        ASSERT_TRUE(opened.has_value()) << opened.error().what.c_str();
        EXPECT_EQ(to_hex(opened->card_tlv.bytes()), testing_ends::card_list);
        const auto block = translate(pins.seal("123456", card_pan), opened->stored_form);
        ASSERT_TRUE(block.has_value()) << block.error().what.c_str();
        const auto key = crypto::BlockKey::make(crypto::Cipher::tdes, pin_key_).value();
        const Pan pan = Pan::parse(card_pan).value();
        const auto pin = crypto::decrypt_pin(crypto::PinFormat::iso0, key, *block, &pan).value();
        EXPECT_EQ(text_of(pin.clear_digits()), "123456");
    }
    const auto mac_key = crypto::BlockKey::make(crypto::Cipher::tdes, mac_key_).value();
    EXPECT_EQ(vault_->mac("tmk", unhex("0102")).value(),
              crypto::unionpay_ecb_mac(mac_key, unhex("0102")));
    const EcPoint point = vault_->public_key("permits").value();
    const Buffer message = unhex("AABB");
    EXPECT_TRUE(crypto::p256_verify(point, message, vault_->sign("permits", message).value()));
}

TEST_F(TokenVaultTest, AnotherPhonesCardDoesNotOpen) {
    Phone phone(*vault_, "bdk", phone_id);
    auto card = phone.seal(unhex("01"));
    card.ksn[7] ^= 1;
    expect_fault(open_card(card), ErrorKind::denied, VaultFault::card_refused);
    card.ksn.fill(0xFF);
    expect_fault(open_card(card), ErrorKind::denied, VaultFault::card_refused);
}

TEST_F(TokenVaultTest, CheckValuesAreThoseOfTheKeys) {
    EXPECT_EQ(vault_->key_info("zmk").value().check_value,
              check_value_of(KeyAlgorithm::tdes, acquirer_.zone_key()).value());
    // A base key that both sides know, in the one vault and in the other.
    auto prng = testing::Prng::from_environment();
    const Buffer key = prng.bytes(16);
    const auto backend = [&](KeyBackend& one) {
        const auto entry =
            one.import("known", made_for(KeyUsage::base_derivation, KeyAlgorithm::aes), key)
                .value();
        const auto ksn = crypto::AesKsn::make(phone_id, 7);
        return to_hex(one.check_value(entry).value()) +
               to_hex(one.dukpt_initial_key(entry, phone_id).value().bytes()) +
               to_hex(one.dukpt_card_key(entry, ksn).value().bytes());
    };
    SoftBackend soft(random_);
    vault_.reset();
    const auto token = token_.backend(random_);
    EXPECT_EQ(backend(*token), backend(soft)) << "SEED=" << prng.seed();
}

// Decline, then: nothing is refused for good, and no PIN counts as a guess.
TEST_F(TokenVaultTest, WhileTheTokenIsAwayEveryCallIsUnavailable) {
    Phone cards(*vault_, "bdk", phone_id);
    PinPhone pins(*vault_, "bdk:pins", phone_id);
    const Buffer stored = open_card(cards.seal(unhex("01"))).value().stored_form;
    const auto card = cards.seal(unhex("01"));
    const auto pin = pins.seal("1234", card_pan);
    ASSERT_TRUE(vault_->mac("tmk", unhex("0102")));
    token_.go_away();
    for (unsigned i = 0; i <= VaultCore::pin_failures_max; ++i) {
        expect_fault(open_card(card), ErrorKind::unavailable, VaultFault::token);
        expect_fault(translate(pin, stored), ErrorKind::unavailable, VaultFault::token);
        expect_fault(vault_->sign("permits", unhex("01")), ErrorKind::unavailable,
                     VaultFault::token);
    }
    expect_fault(vault_->create_bdk("bdk2"), ErrorKind::unavailable, VaultFault::token);
    expect_fault(vault_->create_serial_key("serial2"), ErrorKind::unavailable, VaultFault::token);
    expect_fault(vault_->destroy_key("bdk"), ErrorKind::unavailable, VaultFault::token);
    expect_fault(vault_->create_terminal_master_key("tmk2", "zmk"), ErrorKind::unavailable,
                 VaultFault::token);
    const auto core = crypto::P256Key::generate().value();
    expect_fault(vault_->export_dukpt_initial_key("bdk", phone_id, core.public_point()),
                 ErrorKind::unavailable, VaultFault::token);
    token_.come_back();
    EXPECT_TRUE(open_card(card));
    EXPECT_TRUE(translate(pin, stored));
    EXPECT_EQ(vault_->status().value().pin_locked_phones, 0U);
    EXPECT_TRUE(vault_->create_bdk("bdk2"));
}

TEST_F(TokenVaultTest, ADestroyedBaseKeyIsGoneFromTheToken) {
    ASSERT_TRUE(vault_->set_key_state("bdk", KeyState::deactivated));
    vault_.reset();
    const auto count_keys = [&] {
        std::size_t files = 0;
        const std::filesystem::recursive_directory_iterator all(token_.softhsm().folder);
        for (const auto& entry : all) files += entry.path().extension() == ".object" ? 1U : 0U;
        return files;
    };
    const std::size_t before = count_keys();
    reopen();
    ASSERT_TRUE(vault_->destroy_key("bdk"));
    vault_.reset();
    EXPECT_EQ(count_keys(), before - 1);
}

// Shows: MPOC-4A-2.5
TEST_F(TokenVaultTest, WithoutItsTokenTheFolderIsWorthNothing) {
    vault_.reset();
    const auto soft = SoftVault::open(folder(), random_);
    ASSERT_FALSE(soft.has_value());
    EXPECT_EQ(soft.error().kind, ErrorKind::not_found);
    // Nor with another token.
    TestToken other;
    const auto wrong = SoftVault::open(folder(), random_, {.backend = other.backend(random_)});
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().kind, ErrorKind::unavailable);
    token_.softhsm().use();
    reopen();
    EXPECT_TRUE(vault_->mac("tmk", unhex("0102")));
}

TEST_F(TokenVaultTest, AWrappedKeyIsBoundToItsNameAndAttributes) {
    vault_.reset();
    const auto backend = token_.backend(random_);
    const auto attributes = made_for(KeyUsage::mac_cmac, KeyAlgorithm::sm4);
    const KeyEntry key = backend->generate("one", attributes).value();
    EXPECT_TRUE(backend->use(Operation::generate_mac, key));
    KeyEntry renamed = key.clone();
    renamed.name = "two";
    KeyEntry changed = key.clone();
    changed.attributes.exportability = Exportability::none;
    KeyEntry other_use = key.clone();
    other_use.attributes = made_for(KeyUsage::mac, KeyAlgorithm::sm4);
    KeyEntry flipped = key.clone();
    flipped.body.bytes.writable()[14] ^= 1;
    for (const KeyEntry* one : {&renamed, &changed, &other_use, &flipped}) {
        expect_fault(backend->use(Operation::generate_mac, *one), ErrorKind::unavailable,
                     VaultFault::token);
    }
    KeyEntry suspended = key.clone();
    suspended.state = KeyState::suspended;
    expect_fault(backend->use(Operation::generate_mac, suspended), ErrorKind::denied,
                 VaultFault::not_permitted);
}

TEST_F(TokenVaultTest, AKeyInTheTokenIsNeverGivenOut) {
    vault_.reset();
    const auto backend = token_.backend(random_);
    const KeyEntry base =
        backend->generate("base", made_for(KeyUsage::base_derivation, KeyAlgorithm::aes)).value();
    for (unsigned operation = 0; operation < operation_count; ++operation) {
        EXPECT_FALSE(backend->use(static_cast<Operation>(operation), base)) << operation;
    }
    expect_fault(backend->import("long", made_for(KeyUsage::base_derivation, KeyAlgorithm::aes),
                                 Buffer(24, 1)),
                 ErrorKind::unsupported, VaultFault::not_permitted);
}

TEST_F(TokenVaultTest, ATokenThatWasNotPreparedIsRefused) {
    vault_.reset();
    {
        auto token = token_.open();
        ASSERT_TRUE(token->destroy({'s', 'o', 'f', 't', 'p', 'o', 's', '-', 'w', 'r', 'a', 'p'}));
    }
    const auto opened = SoftVault::open(folder(), random_, {.backend = token_.backend(random_)});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace softpos::keys
