// AES DUKPT against the supplement's test data, host against device, and what must be refused.
#include "crypto/dukpt_aes.h"

#include "base/hex.h"
#include "crypto/cipher.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <bit>

namespace softpos::crypto {
namespace {

using testing::unhex;

const Buffer bdk128 = unhex("FEDCBA9876543210F1F1F1F1F1F1F1F1");
const Buffer key_id = unhex("1234567890123456");

std::string text(const boost::json::value& value) {
    return std::string(value.as_string());
}

void expect_key(const Result<SecretBytes>& key, const boost::json::object& row,
                std::string_view name) {
    const auto* expected = row.if_contains(name);
    if (expected == nullptr) return;
    ASSERT_TRUE(key.has_value()) << name;
    EXPECT_EQ(to_hex(key->bytes()), text(*expected)) << name << ' ' << text(row.at("ksn"));
}

void check_row(Bytes bdk, const boost::json::object& row) {
    const AesKsn ksn = AesKsn::parse(unhex(text(row.at("ksn")))).value();
    using enum DukptUsage;
    using enum DukptKeyKind;
    expect_key(dukpt_aes_derivation_key(bdk, ksn), row, "derivation_key");
    expect_key(dukpt_aes_host_key(bdk, ksn, pin_encryption, aes128), row, "pin_key_aes128");
    expect_key(dukpt_aes_host_key(bdk, ksn, mac_generation, aes128), row,
               "mac_generation_key_aes128");
    expect_key(dukpt_aes_host_key(bdk, ksn, data_encrypt, aes128), row, "data_encrypt_key_aes128");
    if (bdk.size() < 32) return;
    expect_key(dukpt_aes_host_key(bdk, ksn, pin_encryption, aes256), row, "pin_key_aes256");
    expect_key(dukpt_aes_host_key(bdk, ksn, mac_generation, aes256), row,
               "mac_generation_key_aes256");
    expect_key(dukpt_aes_host_key(bdk, ksn, data_encrypt, aes256), row, "data_encrypt_key_aes256");
}

// ISO 9564 format 4: E(E(PIN field) ^ PAN field).
std::string pin_block(Bytes pin_key, Bytes pin_field, Bytes pan_field) {
    const BlockKey key = BlockKey::make(Cipher::aes, pin_key).value();
    Buffer block(16);
    key.encrypt_block(pin_field, block);
    for (std::size_t i = 0; i < 16; ++i)
        block[i] = static_cast<std::uint8_t>(block[i] ^ pan_field[i]);
    key.encrypt_block(block, block);
    return to_hex(block);
}

// Shows: MPOC-1A-CRYPTO
TEST(DukptAes, GivesTheSupplementsKeys) {
    const auto file = testing::read_shared("crypto/dukpt_aes.json");
    if (!file) GTEST_SKIP();
    std::size_t rows = 0;
    const auto document = boost::json::parse(*file);  // Outlives the loop, also for g++ 12.
    for (const auto& value : document.at("sets").as_array()) {
        const auto& set = value.as_object();
        const Buffer bdk = unhex(text(set.at("bdk")));
        const Buffer id = unhex(text(set.at("initial_key_id")));
        EXPECT_EQ(to_hex(dukpt_aes_initial_key(bdk, id).value().bytes()),
                  text(set.at("initial_key")));
        for (const auto& row : set.at("rows").as_array()) {
            check_row(bdk, row.as_object());
            ++rows;
            const auto* block = row.as_object().if_contains("encrypted_pinblock_iso4");
            if (block == nullptr || bdk.size() != 16) continue;
            const auto ksn = AesKsn::parse(unhex(text(row.at("ksn")))).value();
            const auto pin_key =
                dukpt_aes_host_key(bdk, ksn, DukptUsage::pin_encryption, DukptKeyKind::aes128);
            EXPECT_EQ(pin_block(pin_key.value().bytes(), unhex(text(set.at("pinfield_iso4"))),
                                unhex(text(set.at("panfield_iso4")))),
                      text(*block));
        }
    }
    EXPECT_GE(rows, 30U);
}

TEST(DukptAes, GivesTheSupplementsUpdateKeys) {
    const auto file = testing::read_shared("crypto/dukpt_aes.json");
    if (!file) GTEST_SKIP();
    const std::map<std::string, DukptKeyKind> kinds{
        {"update_key_aes128_verify", DukptKeyKind::aes128},
        {"update_key_aes256_verify", DukptKeyKind::aes256},
        {"update_key_tdes2_verify", DukptKeyKind::tdes2},
        {"update_key_tdes3_verify", DukptKeyKind::tdes3}};
    std::size_t rows = 0;
    const auto document = boost::json::parse(*file);  // Outlives the loop, also for g++ 12.
    for (const auto& set : document.at("sets").as_array()) {
        for (const auto& [name, expected] : set.at("update_keys").as_object()) {
            const auto key = dukpt_aes_update_key(unhex(text(set.at("bdk"))),
                                                  unhex(text(set.at("initial_key_id"))),
                                                  kinds.at(std::string(name)));
            EXPECT_EQ(to_hex(key.value().bytes()), text(expected)) << std::string(name);
            ++rows;
        }
    }
    EXPECT_EQ(rows, 5U);
}

TEST(DukptAes, DeviceAndHostAgreeThroughTheFirstThousandSteps) {
    const auto initial_key = dukpt_aes_initial_key(bdk128, key_id).value();
    auto device = DukptAesDevice::load(initial_key.bytes(), key_id).value();
    for (std::uint32_t counter = 1; counter <= 1000; ++counter) {
        const auto step = device.next(DukptUsage::data_encrypt, DukptKeyKind::aes128).value();
        ASSERT_EQ(step.ksn.counter(), counter);
        const auto host =
            dukpt_aes_host_key(bdk128, step.ksn, DukptUsage::data_encrypt, DukptKeyKind::aes128);
        ASSERT_EQ(to_hex(step.key.bytes()), to_hex(host.value().bytes())) << counter;
    }
}

// Any starting point: the state is what a device that began at 1 would have there.
TEST(DukptAes, DeviceStartedAnywhereAgreesWithHostAndSurvivesStorage) {
    auto prng = testing::Prng::from_environment();
    for (const std::size_t size : {16U, 24U, 32U}) {
        const Buffer bdk = prng.bytes(size);
        const auto initial_key = dukpt_aes_initial_key(bdk, key_id).value();
        for (int round = 0; round < 60; ++round) {
            auto first = static_cast<std::uint32_t>(prng.next() & prng.next());
            if (!is_dukpt_counter(first)) continue;
            auto device = DukptAesDevice::load(initial_key.bytes(), key_id, first).value();
            for (int i = 0; i < 20 && device.counter() <= dukpt_counter_last; ++i) {
                const auto expected = device.counter();
                device = DukptAesDevice::restore(device.serialize().bytes()).value();
                const auto step = device.next(DukptUsage::mac_generation, DukptKeyKind::aes128);
                ASSERT_TRUE(step.has_value());
                ASSERT_EQ(step->ksn.counter(), expected);
                const auto host = dukpt_aes_host_key(bdk, step->ksn, DukptUsage::mac_generation,
                                                     DukptKeyKind::aes128);
                ASSERT_EQ(to_hex(step->key.bytes()), to_hex(host.value().bytes()))
                    << "SEED=" << prng.seed() << " counter " << expected;
            }
        }
    }
}

TEST(DukptAes, DeviceSkipsCountersWithTooManyOnes) {
    const auto initial_key = dukpt_aes_initial_key(bdk128, key_id).value();
    // 0001FFFE has 16 ones; 0001FFFF would have 17.
    auto device = DukptAesDevice::load(initial_key.bytes(), key_id, 0x0001FFFE).value();
    ASSERT_TRUE(device.next(DukptUsage::data_encrypt, DukptKeyKind::aes128).has_value());
    EXPECT_EQ(device.counter(), 0x00020000U);
}

TEST(DukptAes, DeviceEndsBehindTheLastCounter) {
    const auto initial_key = dukpt_aes_initial_key(bdk128, key_id).value();
    auto device = DukptAesDevice::load(initial_key.bytes(), key_id, dukpt_counter_last).value();
    ASSERT_TRUE(device.next(DukptUsage::data_encrypt, DukptKeyKind::aes128).has_value());
    device = DukptAesDevice::restore(device.serialize().bytes()).value();
    const auto step = device.next(DukptUsage::data_encrypt, DukptKeyKind::aes128);
    ASSERT_FALSE(step.has_value());
    EXPECT_EQ(step.error().kind, ErrorKind::denied);
}

// What is left after a step must not contain the key that the step used, nor the initial key.
// Shows: MPOC-1A-KEYS
TEST(DukptAes, DeviceForgetsWhatItUsed) {
    const auto initial_key = dukpt_aes_initial_key(bdk128, key_id).value();
    auto device = DukptAesDevice::load(initial_key.bytes(), key_id).value();
    const auto contains = [](const SecretBytes& state, Bytes key) {
        return text_of(state.bytes()).find(text_of(key)) != std::string_view::npos;
    };
    for (std::uint32_t counter = 1; counter < 64; ++counter) {
        const auto used = dukpt_aes_derivation_key(bdk128, AesKsn::make(key_id, counter)).value();
        ASSERT_TRUE(contains(device.serialize(), used.bytes())) << counter;
        ASSERT_TRUE(device.next(DukptUsage::data_encrypt, DukptKeyKind::aes128).has_value());
        ASSERT_FALSE(contains(device.serialize(), used.bytes())) << counter;
        ASSERT_FALSE(contains(device.serialize(), initial_key.bytes())) << counter;
    }
}

// Shows: JRT0156-6.6
TEST(DukptAes, RefusesAWorkingKeyStrongerThanItsBase) {
    const auto key = dukpt_aes_host_key(bdk128, AesKsn::make(key_id, 1), DukptUsage::data_encrypt,
                                        DukptKeyKind::aes256);
    ASSERT_FALSE(key.has_value());
    EXPECT_EQ(key.error().kind, ErrorKind::denied);

    const auto initial_key = dukpt_aes_initial_key(bdk128, key_id).value();
    auto device = DukptAesDevice::load(initial_key.bytes(), key_id).value();
    EXPECT_FALSE(device.next(DukptUsage::data_encrypt, DukptKeyKind::aes192).has_value());
    EXPECT_EQ(device.counter(), 1U) << "a refused step uses nothing up";
}

TEST(DukptAes, RefusesCountersThatNoDeviceUses) {
    for (const std::uint32_t counter : {0U, 0x0001FFFFU, 0xFFFF0001U, 0xFFFFFFFFU}) {
        const auto key = dukpt_aes_host_key(bdk128, AesKsn::make(key_id, counter),
                                            DukptUsage::data_encrypt, DukptKeyKind::aes128);
        ASSERT_FALSE(key.has_value()) << counter;
        EXPECT_EQ(key.error().kind, ErrorKind::denied);
    }
}

// As a token goes down: nothing but encryptions, each under the key before it.
SecretBytes key_by_path(Bytes bdk, const std::vector<Buffer>& steps) {
    SecretBytes key = SecretBytes::copy_of(bdk);
    for (const Buffer& step : steps) {
        key = SecretBytes::copy_of(ecb_encrypt(Cipher::aes, key.bytes(), step).value());
    }
    return key;
}

TEST(DukptAes, ThePathOfEncryptionsEndsAtTheSameKey) {
    auto prng = testing::Prng::from_environment();
    for (const std::size_t size : {16U, 32U}) {
        const Buffer bdk = prng.bytes(size);
        const auto initial = dukpt_aes_initial_key_data(size, key_id).value();
        EXPECT_EQ(to_hex(key_by_path(bdk, {initial}).bytes()),
                  to_hex(dukpt_aes_initial_key(bdk, key_id).value().bytes()));
        for (int i = 0; i < 200; ++i) {
            const auto counter = static_cast<std::uint32_t>(prng.next()) >> (i % 31);
            if (!is_dukpt_counter(counter)) continue;
            const AesKsn ksn = AesKsn::make(key_id, counter);
            const auto steps =
                dukpt_aes_path(size, ksn, DukptUsage::pin_encryption, DukptKeyKind::aes128);
            const auto key =
                dukpt_aes_host_key(bdk, ksn, DukptUsage::pin_encryption, DukptKeyKind::aes128);
            ASSERT_EQ(to_hex(key_by_path(bdk, steps.value()).bytes()), to_hex(key->bytes()))
                << "SEED=" << prng.seed() << ' ' << counter;
        }
    }
}

TEST(DukptAes, NoPathWhereThereIsNoKey) {
    const auto path = [](std::size_t size, std::uint32_t counter, DukptKeyKind kind) {
        return dukpt_aes_path(size, AesKsn::make(key_id, counter), DukptUsage::data_encrypt, kind);
    };
    EXPECT_TRUE(path(16, 1, DukptKeyKind::aes128));
    EXPECT_EQ(path(16, 0, DukptKeyKind::aes128).error().kind, ErrorKind::denied);
    EXPECT_EQ(path(16, 0x1FFFF, DukptKeyKind::aes128).error().kind, ErrorKind::denied);
    EXPECT_EQ(path(16, 1, DukptKeyKind::aes256).error().kind, ErrorKind::denied);
    EXPECT_EQ(path(24, 1, DukptKeyKind::aes128).error().kind, ErrorKind::malformed);
    EXPECT_FALSE(dukpt_aes_initial_key_data(16, unhex("00")));
}

TEST(DukptAes, RefusesWrongSizes) {
    EXPECT_FALSE(AesKsn::parse(unhex("1234567890123456000000")).has_value());
    EXPECT_FALSE(dukpt_aes_initial_key(unhex("00112233"), key_id).has_value());
    EXPECT_FALSE(dukpt_aes_initial_key(bdk128, unhex("00")).has_value());
    EXPECT_FALSE(DukptAesDevice::load(bdk128, unhex("00")).has_value());
}

TEST(DukptAes, RefusesBrokenState) {
    auto device = DukptAesDevice::load(bdk128, key_id).value();
    const SecretBytes state = device.serialize();
    for (std::size_t size = 0; size < state.size(); ++size) {
        ASSERT_FALSE(DukptAesDevice::restore(state.bytes().first(size)).has_value()) << size;
    }
    Buffer longer(state.bytes().begin(), state.bytes().end());
    longer.push_back(0);
    EXPECT_FALSE(DukptAesDevice::restore(longer).has_value());
    longer.pop_back();
    longer[0] ^= 1;
    EXPECT_FALSE(DukptAesDevice::restore(longer).has_value());
}

}  // namespace
}  // namespace softpos::crypto
