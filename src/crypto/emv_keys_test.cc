// Card keys and cryptograms against published chains.
#include "crypto/emv_keys.h"

#include "base/hex.h"
#include "crypto/kcv.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

namespace softpos::crypto {
namespace {

using testing::unhex;

std::string text(const boost::json::value& value) {
    return std::string(value.as_string());
}

Cryptogram cryptogram(std::string_view hex) {
    Cryptogram out{};
    std::ranges::copy(unhex(hex), out.begin());
    return out;
}

TEST(EmvKeys, UnionpayChainGivesThePublishedCryptogram) {
    const auto file = testing::read_shared("emv/cryptogram/unionpay_arqc.json");
    if (!file) GTEST_SKIP();
    const auto data = boost::json::parse(*file);
    // The source gives the 16 digits that PAN and sequence number end in.
    const std::string y = text(data.at("y"));
    const auto udk =
        unionpay_card_key(unhex(text(data.at("mdk_ac"))), "62" + y.substr(0, 14), y.substr(14));
    EXPECT_EQ(to_hex(udk.value().bytes()), text(data.at("udk")));
    const Buffer atc = unhex(text(data.at("atc")));
    const auto sk =
        unionpay_session_key(udk->bytes(), static_cast<std::uint16_t>(atc[0] << 8 | atc[1]));
    EXPECT_EQ(to_hex(sk.value().bytes()), text(data.at("sk")));
    // The file leaves out 95 and 5F2A, which the card asks for behind 9F1A; with the terminal's
    // results all zero and 0156 in their places the published cryptogram comes out.
    std::string collected;
    for (const auto& pair : data.at("data").as_array()) {
        collected += text(pair.at(1));
        if (text(pair.at(0)) == "9F1A")
            collected +=
                "0000000000"
                "0156";
    }
    const Cryptogram arqc = application_cryptogram(sk->bytes(), unhex(collected));
    EXPECT_EQ(to_hex(arqc), text(data.at("arqc")));
    EXPECT_EQ(to_hex(arpc_method1(sk->bytes(), arqc, {0x30, 0x30})),
              text(data.at("arpc").at("arpc")));
}

TEST(EmvKeys, CommonSessionKeyGivesTheFrameworksCryptogram) {
    const auto file = testing::read_shared("crypto/emv_ac.json");
    if (!file) GTEST_SKIP();
    const auto data = boost::json::parse(*file).at("jpos");
    const auto udk = card_key_option_a(unhex(text(data.at("imk_hex"))), text(data.at("pan")),
                                       text(data.at("psn")), KeyParity::odd);
    const auto sk = emv_session_key(udk.value().bytes(), 0x3456);
    const Cryptogram arqc =
        application_cryptogram(sk.value().bytes(), unhex(text(data.at("data_nopad"))));
    EXPECT_EQ(to_hex(arqc), text(data.at("arqc").at("EMV_CSK_pad80")));
    EXPECT_EQ(to_hex(arpc_method1(sk->bytes(), cryptogram("55BE45DD2C9E0CBF"), {0x00, 0x12})),
              text(data.at("arpc").at("CSK_M1 arqc=55BE45DD2C9E0CBF arc=0012")));
    // Without a session key: the card's own key signs.
    EXPECT_EQ(to_hex(application_cryptogram(udk->bytes(), unhex(text(data.at("data_nopad"))))),
              text(data.at("arqc").at("VSDC_pad80")));
}

std::string kcv2(const SecretBytes& key) {
    return to_hex(zero_block_kcv(Cipher::tdes, key.bytes()).value()).substr(0, 4);
}

TEST(EmvKeys, OptionAGivesTheSecurityModulesCheckValues) {
    const auto file = testing::read_shared("crypto/emv_ac.json");
    if (!file) GTEST_SKIP();
    const auto data = boost::json::parse(*file);
    std::size_t checked = 0;
    for (const auto& row : data.at("pyemv").as_array()) {
        const auto& inputs = row.at("inputs").as_object();
        if (!text(row.at("doc")).contains("Option A") || !inputs.contains("iss_mk") ||
            !inputs.contains("pan"))
            continue;
        const auto udk = card_key_option_a(unhex(text(inputs.at("iss_mk"))), text(inputs.at("pan")),
                                           text(inputs.at("psn")), KeyParity::odd);
        for (const auto& expected : row.at("expect").as_array()) {
            if (!text(expected.at("what")).starts_with("tools.key_check_digits(icc_mk,")) continue;
            EXPECT_EQ(kcv2(udk.value()), text(expected.at("hex"))) << text(row.at("test"));
            ++checked;
        }
    }
    EXPECT_GE(checked, 4U);
}

TEST(EmvKeys, OptionBGivesTheSecurityModulesCheckValues) {
    const auto file = testing::read_shared("crypto/emv_ac.json");
    if (!file) GTEST_SKIP();
    const auto data = boost::json::parse(*file);
    std::size_t checked = 0;
    for (const auto& row : data.at("pyemv").as_array()) {
        const auto& inputs = row.at("inputs").as_object();
        if (!text(row.at("doc")).contains("Option B") || !inputs.contains("iss_mk") ||
            !inputs.contains("pan"))
            continue;
        const auto udk = card_key_option_b(unhex(text(inputs.at("iss_mk"))), text(inputs.at("pan")),
                                           text(inputs.at("psn")), KeyParity::odd);
        for (const auto& expected : row.at("expect").as_array()) {
            if (!text(expected.at("what")).starts_with("tools.key_check_digits(icc_mk,")) continue;
            EXPECT_EQ(kcv2(udk.value()), text(expected.at("hex"))) << text(row.at("test"));
            ++checked;
        }
    }
    EXPECT_GE(checked, 1U);
}

const Buffer mdk = testing::unhex("0123456789ABCDEFFEDCBA9876543210");

TEST(EmvKeys, ParityChangesOnlyTheLowestBits) {
    const auto plain = unionpay_card_key(mdk, "6210940000000001", "01").value();
    const auto odd = card_key_option_a(mdk, "6210940000000001", "01", KeyParity::odd).value();
    for (std::size_t i = 0; i < 16; ++i) {
        EXPECT_EQ(plain.bytes()[i] & 0xFE, odd.bytes()[i] & 0xFE);
        EXPECT_EQ(std::popcount(odd.bytes()[i]) % 2, 1);
    }
}

// A short PAN is filled with zeros on the left; a long one loses its first digits.
TEST(EmvKeys, OptionATakesTheLastSixteenDigits) {
    const auto short_pan = unionpay_card_key(mdk, "123456789012", "34").value();
    const auto filled = unionpay_card_key(mdk, "00123456789012", "34").value();
    EXPECT_EQ(to_hex(short_pan.bytes()), to_hex(filled.bytes()));
    EXPECT_EQ(to_hex(unionpay_card_key(mdk, "1999999999999999", "12").value().bytes()),
              to_hex(unionpay_card_key(mdk, "9999999999999999", "12").value().bytes()));
    EXPECT_NE(to_hex(unionpay_card_key(mdk, "6210940000000001", "01").value().bytes()),
              to_hex(unionpay_card_key(mdk, "6210940000000001", "02").value().bytes()));
}

TEST(EmvKeys, OptionBIsOptionAUpToSixteenDigits) {
    const auto same = [](std::string_view pan) {
        const auto a = card_key_option_a(mdk, pan, "00", KeyParity::odd).value();
        const auto b = card_key_option_b(mdk, pan, "00", KeyParity::odd).value();
        return to_hex(a.bytes()) == to_hex(b.bytes());
    };
    EXPECT_TRUE(same("6210940000000001"));
    EXPECT_FALSE(same("62109400000000018"));
}

TEST(EmvKeys, RefusesWhatIsNoCard) {
    for (const std::string_view pan :
         {"", "12345678901", "12345678901234567890", "62109400000000A1"}) {
        EXPECT_EQ(unionpay_card_key(mdk, pan, "00").error().kind, ErrorKind::malformed) << pan;
        EXPECT_FALSE(card_key_option_b(mdk, pan, "00", KeyParity::odd).has_value());
    }
    for (const std::string_view psn : {"", "1", "001", "0A"}) {
        EXPECT_FALSE(unionpay_card_key(mdk, "6210940000000001", psn).has_value()) << psn;
    }
    EXPECT_FALSE(unionpay_card_key(Bytes(mdk).first(8), "6210940000000001", "00").has_value());
    EXPECT_FALSE(unionpay_session_key(Bytes(mdk).first(15), 1).has_value());
}

}  // namespace
}  // namespace softpos::crypto
