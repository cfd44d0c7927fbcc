// TDES DUKPT against the standard's test data and the rows of a terminal framework.
#include "crypto/dukpt_tdes.h"

#include "base/hex.h"
#include "crypto/cipher.h"
#include "crypto/mac.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <charconv>

namespace softpos::crypto {
namespace {

using testing::unhex;

std::string text(const boost::json::value& value) {
    return std::string(value.as_string());
}

boost::json::object parse(const std::string& file) {
    return boost::json::parse(file).as_object();
}

SecretBytes key_for(Bytes bdk, const TdesKsn& ksn, TdesDukptUsage usage) {
    return dukpt_tdes_host_key(bdk, ksn, usage).value();
}

std::string encrypted(const SecretBytes& key, Bytes block) {
    return to_hex(ecb_encrypt(Cipher::tdes, key.bytes(), block).value());
}

std::string mac4(const SecretBytes& key, Bytes message) {
    return to_hex(Bytes(iso9797_alg3(key.bytes(), message, Padding::zeros).value()).first(4));
}

TEST(DukptTdes, GivesTheStandardsKeys) {
    const auto file = testing::read_shared("crypto/dukpt_tdes.json");
    if (!file) GTEST_SKIP();
    const auto data = parse(*file);
    const Buffer bdk = unhex(text(data.at("bdk")));
    const auto iksn = TdesKsn::parse(unhex(text(data.at("iksn")))).value();
    const SecretBytes initial_key = dukpt_tdes_initial_key(bdk, iksn).value();
    EXPECT_EQ(to_hex(initial_key.bytes()), text(data.at("initial_key")));
    const Buffer clear = unhex(text(data.at("clear_pinblock_iso0")));
    const std::string message = text(data.at("mac_message_ascii"));
    using enum TdesDukptUsage;
    for (const auto& row : data.at("rows").as_array()) {
        const auto ksn = TdesKsn::parse(unhex(text(row.at("ksn")))).value();
        const auto key = dukpt_tdes_transaction_key(initial_key.bytes(), ksn).value();
        EXPECT_EQ(to_hex(key.bytes()), text(row.at("txn_key")));
        EXPECT_EQ(encrypted(key_for(bdk, ksn, pin_encryption), clear), text(row.at("pinblock")));
        const SecretBytes request = key_for(bdk, ksn, mac_request);
        const SecretBytes response = key_for(bdk, ksn, mac_response);
        EXPECT_EQ(mac4(request, bytes_of(message)), text(row.at("mac_request")));
        EXPECT_EQ(mac4(response, bytes_of(message)), text(row.at("mac_response")));
        if (const auto* mac = row.as_object().if_contains("cmac_request_handcrafted")) {
            EXPECT_EQ(
                to_hex(cmac(Cipher::tdes, request.bytes(), bytes_of(message)).value().bytes()),
                text(*mac));
        }
        if (const auto* mac = row.as_object().if_contains("cmac_response_handcrafted")) {
            EXPECT_EQ(
                to_hex(cmac(Cipher::tdes, response.bytes(), bytes_of(message)).value().bytes()),
                text(*mac));
        }
        if (const auto* wanted = row.as_object().if_contains("encrypted_request_data")) {
            // CBC from a zero vector over the message, filled with zeros to whole blocks.
            const SecretBytes data_key = key_for(bdk, ksn, data_request);
            const BlockKey cipher = BlockKey::make(Cipher::tdes, data_key.bytes()).value();
            Buffer out(24);
            std::ranges::copy(bytes_of(message), out.begin());
            for (std::size_t at = 0; at < out.size(); at += 8) {
                for (std::size_t i = 0; at > 0 && i < 8; ++i) {
                    out[at + i] = static_cast<std::uint8_t>(out[at + i] ^ out[at + i - 8]);
                }
                const auto block = std::span(out).subspan(at, 8);
                cipher.encrypt_block(block, block);
            }
            EXPECT_EQ(to_hex(out), text(*wanted));
        }
    }
    EXPECT_EQ(data.at("rows").as_array().size(), 22U);
}

// ISO 9564 format 0 with PIN 1234.
Buffer clear_block(std::string_view pan) {
    Buffer block = unhex("041234FFFFFFFFFF");
    const std::string digits(pan.substr(pan.size() - 13, 12));
    const Buffer account = unhex("0000" + digits);
    for (std::size_t i = 0; i < 8; ++i) block[i] = static_cast<std::uint8_t>(block[i] ^ account[i]);
    return block;
}

// The rows without TDES are the single-length DUKPT of 1998, which nothing here speaks.
TEST(DukptTdes, GivesTheFrameworksPinBlocks) {
    const auto file = testing::read_shared("crypto/dukpt_tdes.json");
    if (!file) GTEST_SKIP();
    const auto data = parse(*file);
    const Buffer bdk = unhex(text(data.at("bdk")));
    const auto& pans = data.at("jpos_pans").as_array();
    std::size_t used = 0;
    for (const auto& row : data.at("jpos_rows").as_array()) {
        if (!row.at("tdes").as_bool()) continue;
        // The counter has 21 bits: its highest is the lowest of the device id's last digit.
        const std::string counter = text(row.at("counter"));
        std::uint32_t number = 0;
        std::from_chars(counter.data(), counter.data() + counter.size(), number, 16);
        const auto ksn = TdesKsn::parse(unhex("FFFF" + text(row.at("ksi")) +
                                              text(row.at("device_id")) + "00000"))
                             .value()
                             .with_counter(number);
        const std::string pan = text(pans.at(text(row.at("pan")) == "PAN" ? 0 : 1));
        EXPECT_EQ(encrypted(key_for(bdk, ksn, TdesDukptUsage::pin_encryption), clear_block(pan)),
                  text(row.at("pinblock")))
            << counter;
        ++used;
    }
    EXPECT_GT(used, 20U);
}

TEST(DukptTdes, GivesTheGatewaysPinBlock) {
    const auto file = testing::read_shared("crypto/unionpay_terminal.json");
    if (!file) GTEST_SKIP();
    const auto data = parse(*file).at("dukpt_tdes_pin_everonet").as_object();
    const Buffer bdk = unhex(text(data.at("bdk")));
    const auto ksn = TdesKsn::parse(unhex(text(data.at("ksn")))).value();
    EXPECT_EQ(to_hex(dukpt_tdes_initial_key(bdk, ksn).value().bytes()), text(data.at("ik")));
    EXPECT_EQ(encrypted(key_for(bdk, ksn, TdesDukptUsage::pin_encryption),
                        unhex(text(data.at("pinblock_iso0")))),
              text(data.at("pinblock_encrypted")));
}

TEST(DukptTdes, DeviceAndHostAgreeAndOnlyUsableCountersAppear) {
    const Buffer bdk = unhex("0123456789ABCDEFFEDCBA9876543210");
    const auto iksn = TdesKsn::parse(unhex("FFFF9876543210E00000")).value();
    const SecretBytes initial_key = dukpt_tdes_initial_key(bdk, iksn).value();
    auto device = DukptTdesDevice::load(initial_key.bytes(), iksn).value();
    std::uint32_t before = 0;
    for (int i = 0; i < 3000; ++i) {
        const auto step = device.next().value();
        const std::uint32_t counter = step.ksn.counter();
        ASSERT_TRUE(is_tdes_dukpt_counter(counter));
        for (std::uint32_t skipped = before + 1; skipped < counter; ++skipped) {
            ASSERT_FALSE(is_tdes_dukpt_counter(skipped)) << skipped;
        }
        before = counter;
        const auto host = dukpt_tdes_transaction_key(initial_key.bytes(), step.ksn).value();
        ASSERT_EQ(to_hex(step.key.bytes()), to_hex(host.bytes())) << counter;
    }
}

TEST(DukptTdes, RefusesWrongSizesAndCounters) {
    const Buffer key = unhex("0123456789ABCDEFFEDCBA9876543210");
    const auto ksn = TdesKsn::parse(unhex("FFFF9876543210E00000")).value();
    EXPECT_FALSE(TdesKsn::parse(unhex("FFFF9876543210E000")).has_value());
    EXPECT_FALSE(dukpt_tdes_initial_key(unhex("00"), ksn).has_value());
    EXPECT_FALSE(dukpt_tdes_variant(unhex("00"), TdesDukptUsage::mac_request).has_value());
    EXPECT_EQ(dukpt_tdes_transaction_key(key, ksn).error().kind, ErrorKind::denied);
    EXPECT_EQ(dukpt_tdes_transaction_key(key, ksn.with_counter(0x7FF)).error().kind,
              ErrorKind::denied);
}

}  // namespace
}  // namespace softpos::crypto
