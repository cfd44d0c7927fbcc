// The other ends of the vault for its tests: a phone that seals cards, and an acquirer that knows
// the zone key.
#pragma once

#include "base/check.h"
#include "base/hex.h"
#include "crypto/aead.h"
#include "crypto/cipher.h"
#include "crypto/drbg.h"
#include "crypto/dukpt_aes.h"
#include "crypto/envelope.h"
#include "crypto/kcv.h"
#include "crypto/pin_block.h"
#include "platform/keys/key_vault.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace softpos::keys::testing_ends {

constexpr std::array<std::uint8_t, 8> phone_id{0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1};

template <typename T>
void expect_fault(const Result<T>& result, ErrorKind kind, VaultFault fault) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().kind, kind);
    EXPECT_EQ(protocol::name_of(static_cast<VaultFault>(result.error().detail)),
              protocol::name_of(fault));
}

inline const char* const card_list =
    "57106210940000000003D30122010000000F"
    "5F340101"
    "DF81551D950500000000009F10030102039F260811223344556677889F36020007";

inline Buffer bytes_of_hex(std::string_view text) {
    auto bytes = from_hex(text);
    CHECK(bytes.has_value());
    return std::move(*bytes);
}

inline crypto::DukptAesDevice load_device(KeyVault& vault, std::string_view bdk,
                                          const std::array<std::uint8_t, 8>& id) {
    const auto core = crypto::P256Key::generate();
    CHECK(core.has_value());
    const auto envelope = vault.export_dukpt_initial_key(bdk, id, core->public_point());
    CHECK(envelope.has_value());
    const auto key =
        crypto::open_envelope(*core, protocol::initial_key_envelope_info(id), *envelope);
    CHECK(key.has_value());
    auto device = crypto::DukptAesDevice::load(key->bytes(), id);
    CHECK(device.has_value());
    return std::move(*device);
}

// Gets its initial key the way a phone does, and counts.
class Phone {
public:
    Phone(KeyVault& vault, std::string_view bdk, const std::array<std::uint8_t, 8>& id)
        : device_(load_device(vault, bdk, id)) {}

    protocol::SealedCard seal(Bytes aad, const std::string& list = card_list) {
        auto step = device_.next(crypto::DukptUsage::data_encrypt, crypto::DukptKeyKind::aes128);
        CHECK(step.has_value());
        return seal_with(*step, aad, list);
    }

    // As a phone would that lost its counter: the same serial number for other data.
    std::pair<protocol::SealedCard, protocol::SealedCard> seal_twice(Bytes aad) {
        auto step = device_.next(crypto::DukptUsage::data_encrypt, crypto::DukptKeyKind::aes128);
        CHECK(step.has_value());
        std::string other = card_list;
        other[30] = '1';
        return {seal_with(*step, aad, card_list), seal_with(*step, aad, other)};
    }

private:
    static protocol::SealedCard seal_with(const crypto::DukptAesDevice::Step& step, Bytes aad,
                                          const std::string& list) {
        const auto sealed =
            crypto::gcm_seal(step.key.bytes(), step.ksn.bytes, aad, bytes_of_hex(list));
        CHECK(sealed.has_value());
        return {step.ksn.bytes, *sealed};
    }

    crypto::DukptAesDevice device_;
};

// The same phone with the key for its PINs.
class PinPhone {
public:
    PinPhone(KeyVault& vault, std::string_view bdk, const std::array<std::uint8_t, 8>& id)
        : device_(load_device(vault, bdk, id)) {}

    protocol::SealedPin seal(std::string_view pin, std::string_view pan) {
        auto step = device_.next(crypto::DukptUsage::pin_encryption, crypto::DukptKeyKind::aes128);
        CHECK(step.has_value());
        return seal_with(*step, pin, pan);
    }
    // As a phone would that lost its counter: the same serial number for another PIN.
    std::pair<protocol::SealedPin, protocol::SealedPin> seal_twice(std::string_view pin,
                                                                   std::string_view other,
                                                                   std::string_view pan) {
        auto step = device_.next(crypto::DukptUsage::pin_encryption, crypto::DukptKeyKind::aes128);
        CHECK(step.has_value());
        return {seal_with(*step, pin, pan), seal_with(*step, other, pan)};
    }

private:
    static protocol::SealedPin seal_with(const crypto::DukptAesDevice::Step& step,
                                         std::string_view pin, std::string_view pan) {
        const auto digits = crypto::Pin::parse(bytes_of(pin));
        const auto card = Pan::parse(pan);
        const auto key = crypto::BlockKey::make(crypto::Cipher::aes, step.key.bytes());
        crypto::KeyRandom random;
        CHECK(digits.has_value() && card.has_value() && key.has_value());
        const auto block =
            crypto::encrypt_pin(crypto::PinFormat::iso4, *key, *digits, &*card, random);
        CHECK(block.has_value());
        protocol::SealedPin sealed{step.ksn.bytes, {}};
        std::ranges::copy(block->bytes(), sealed.block.begin());
        return sealed;
    }

    crypto::DukptAesDevice device_;
};

// A key under the terminal master key, with its check value.
struct Cryptogram {
    Buffer cryptogram;
    Buffer check_value;

    codec::KeyCryptogram view() const { return {cryptogram, check_value}; }
};

class Acquirer {
public:
    Acquirer() = default;

    std::vector<SecretBytes> components() const {
        std::vector<SecretBytes> parts;
        parts.push_back(SecretBytes::copy_of(part_1_));
        parts.push_back(SecretBytes::copy_of(part_2_));
        return parts;
    }
    Buffer zone_key() const {
        Buffer key = part_1_;
        for (std::size_t i = 0; i < key.size(); ++i) {
            key[i] = static_cast<std::uint8_t>(key[i] ^ part_2_[i]);
        }
        return key;
    }
    Buffer master_key(const MasterKeyExport& out) const {
        return crypto::ecb_decrypt(crypto::Cipher::tdes, zone_key(), out.cryptogram).value();
    }
    static Cryptogram under(Bytes master, Bytes key) {
        const auto kcv = crypto::zero_block_kcv(crypto::Cipher::tdes, key).value();
        return {crypto::ecb_encrypt(crypto::Cipher::tdes, master, key).value(),
                {kcv.begin(), kcv.end()}};
    }

private:
    Buffer part_1_ = bytes_of_hex("00112233445566778899AABBCCDDEEFF");
    Buffer part_2_ = bytes_of_hex("13579BDF02468ACE1032547698BADCFE");
};

}  // namespace softpos::keys::testing_ends
