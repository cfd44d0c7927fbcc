// Every MAC against cases that nobody here made, and against its own definition where none exist.
#include "crypto/mac.h"

#include "base/hex.h"
#include "crypto/cipher.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <sstream>

namespace softpos::crypto {
namespace {

using testing::unhex;

std::string text(const boost::json::value& value) {
    return std::string(value.as_string());
}

BlockKey key_of(Cipher cipher, Bytes key) {
    return BlockKey::make(cipher, key).value();
}

Buffer message_of(const boost::json::object& row) {
    if (const auto* hex = row.if_contains("msg")) return unhex(text(*hex));
    const std::string ascii = text(row.at("msg_ascii"));
    return {ascii.begin(), ascii.end()};
}

Buffer key_field(const boost::json::object& row, std::string_view name) {
    return unhex(text(row.at(name)));
}

// "key1_ascii" and "key2_ascii" are hex digits of the halves.
void check_tdes_row(const boost::json::object& row) {
    const std::string alg = text(row.at("alg"));
    const auto padding =
        row.contains("pad") ? static_cast<Padding>(row.at("pad").as_int64()) : Padding::zeros;
    const Buffer message = message_of(row);
    const std::string expected = text(row.at("mac"));
    std::string got;
    if (alg.starts_with("ISO9797-1 alg1")) {
        got = to_hex(
            iso9797_alg1(key_of(Cipher::tdes, key_field(row, "key")), message, padding).bytes());
    } else if (row.contains("key1_ascii")) {
        const std::string k1 = text(row.at("key1_ascii"));
        const std::string k2 = text(row.at("key2_ascii"));
        got = to_hex(iso9797_alg3(key_of(Cipher::tdes, bytes_of(k1)),
                                  key_of(Cipher::tdes, bytes_of(k2)), message, padding)
                         .bytes());
    } else {
        const Buffer key = key_field(row, "key");
        const Buffer both = key.size() == 8 ? unhex(to_hex(key) + to_hex(key)) : key;
        got = to_hex(iso9797_alg3(both, message, padding).value());
    }
    EXPECT_EQ(got.substr(0, expected.size()), expected) << alg;
}

// The GB/T 15852.1 rows: key, maybe second key, message, MAC.
struct Sm4Row {
    std::string name;
    Padding padding;
    Buffer key, second;
    std::string message, mac;
};

Sm4Row sm4_row(const boost::json::object& row) {
    Sm4Row out{.name = text(row.at("alg")).substr(4),
               .padding = Padding::bit,
               .key = {},
               .second = {},
               .message = {},
               .mac = {}};
    const auto* padding = row.if_contains("padding");
    if (padding->is_string()) {
        out.padding = text(*padding) == "NewISO9797M3Padding" ? Padding::length : Padding::bit;
    }
    const auto& fields = row.at("fields").as_array();
    out.key = unhex(text(fields.at(0)));
    if (fields.size() == 4) out.second = unhex(text(fields.at(1)));
    out.message = text(fields.at(fields.size() - 2)).substr(6);
    out.mac = text(fields.at(fields.size() - 1));
    return out;
}

// nullopt: a mechanism of the standard that no peer of ours uses.
std::optional<std::string> sm4_mac(const Sm4Row& row) {
    const BlockKey key = key_of(Cipher::sm4, row.key);
    const Bytes message = bytes_of(row.message);
    const auto name = [&row](std::string_view prefix) { return row.name.starts_with(prefix); };
    if (name("TestCBCMAC")) return to_hex(iso9797_alg1(key, message, row.padding).bytes());
    if (name("TestCMAC")) return to_hex(cmac(Cipher::sm4, row.key, message).value().bytes());
    if (name("TestMACDES")) {
        return to_hex(iso9797_alg4(key, row.second, message, row.padding).value().bytes());
    }
    if (row.second.empty()) return std::nullopt;
    const BlockKey second = key_of(Cipher::sm4, row.second);
    if (name("TestEMAC")) return to_hex(iso9797_alg2(key, second, message, row.padding).bytes());
    if (name("TestANSIRetailMAC")) {
        return to_hex(iso9797_alg3(key, second, message, row.padding).bytes());
    }
    return std::nullopt;
}

TEST(Mac, GivesThePublishedValues) {
    const auto file = testing::read_shared("crypto/mac.json");
    if (!file) GTEST_SKIP();
    std::size_t sm4 = 0;
    std::size_t tdes = 0;
    const auto document = boost::json::parse(*file);  // Outlives the loop, also for g++ 12.
    for (const auto& value : document.at("vectors").as_array()) {
        const auto& row = value.as_object();
        if (!text(row.at("alg")).starts_with("SM4")) {
            check_tdes_row(row);
            ++tdes;
            continue;
        }
        const Sm4Row parsed = sm4_row(row);
        const auto mac = sm4_mac(parsed);
        if (!mac) continue;
        EXPECT_EQ(*mac, to_hex(unhex(parsed.mac))) << parsed.name << " '" << parsed.message << '\'';
        ++sm4;
    }
    EXPECT_EQ(tdes, 9U);
    EXPECT_GE(sm4, 20U);
}

// One CMAC case a paragraph: [CMAC(AES-128)], then Key, In, Out.
TEST(Mac, GivesThePublishedCmacs) {
    const auto file = testing::read_shared("crypto/botan_cmac.vec");
    if (!file) GTEST_SKIP();
    std::istringstream lines(*file);
    std::string line;
    std::optional<Cipher> cipher;
    std::map<std::string, std::string> fields;
    std::size_t checked = 0;
    while (std::getline(lines, line)) {
        if (line.starts_with("[")) {
            cipher = line.find("AES") != std::string::npos         ? std::optional(Cipher::aes)
                     : line.find("TripleDES") != std::string::npos ? std::optional(Cipher::tdes)
                                                                   : std::nullopt;
        }
        const auto sign = line.find(" =");
        if (sign == std::string::npos) continue;
        fields[line.substr(0, sign)] = line.size() > sign + 3 ? line.substr(sign + 3) : "";
        if (!line.starts_with("Out") || !cipher) continue;
        const auto mac = cmac(*cipher, unhex(fields["Key"]), unhex(fields["In"]));
        EXPECT_EQ(to_hex(mac.value().bytes()), fields["Out"]);
        ++checked;
    }
    EXPECT_GE(checked, 20U);
}

TEST(Mac, UnionpayEcbGivesThePublishedValues) {
    const auto file = testing::read_shared("iso8583/unionpay_keys_mac.jsonl");
    if (!file) GTEST_SKIP();
    std::istringstream lines(*file);
    std::string line;
    std::size_t checked = 0;
    while (std::getline(lines, line)) {
        const auto value = boost::json::parse(line);
        const auto& row = value.as_object();
        if (text(row.at("kind")) != "mac-cup-ecb") continue;
        const BlockKey mak = key_of(Cipher::tdes, unhex(text(row.at("mak"))));
        EXPECT_EQ(text_of(unionpay_ecb_mac(mak, unhex(text(row.at("mab"))))),
                  text(row.at("field64_ascii")));
        ++checked;
    }
    EXPECT_EQ(checked, 2U);
}

TEST(Mac, UnionpayEcbGivesTheWorkedExamples) {
    const auto file = testing::read_shared("crypto/unionpay_terminal.json");
    if (!file) GTEST_SKIP();
    const auto data = boost::json::parse(*file);
    const auto& des = data.at("mac_des_ecb");
    const Buffer tak =
        ecb_decrypt(Cipher::tdes, unhex(text(des.at("tmk"))), unhex(text(des.at("tak_under_tmk"))))
            .value();
    EXPECT_EQ(to_hex(tak), text(des.at("tak")));
    EXPECT_EQ(text_of(unionpay_ecb_mac(key_of(Cipher::tdes, tak), unhex(text(des.at("mab"))))),
              text(des.at("recomputed_here").at("mac_ascii")));
    const auto& sm4 = data.at("mac_sm4_ecb");
    const std::string message = text(sm4.at("mab_ascii"));
    EXPECT_EQ(text_of(unionpay_ecb_mac(key_of(Cipher::sm4, unhex(text(sm4.at("key")))),
                                       bytes_of(message))),
              text(sm4.at("recomputed_here").at("mac_ascii")));
}

// Zero padding adds nothing to a fold by XOR, and an empty message folds to zeros.
TEST(Mac, UnionpayEcbIgnoresZerosAtTheEnd) {
    const BlockKey mak = key_of(Cipher::tdes, unhex("C24A8FB57AA20123"));
    EXPECT_EQ(unionpay_ecb_mac(mak, unhex("010203")), unionpay_ecb_mac(mak, unhex("0102030000")));
    EXPECT_EQ(unionpay_ecb_mac(mak, {}), unionpay_ecb_mac(mak, unhex("0000000000000000")));
    EXPECT_NE(unionpay_ecb_mac(mak, {}), unionpay_ecb_mac(mak, unhex("01")));
}

// Spec: [ISO-9797-1] 6.3: what each method makes of an empty message and of a whole block.
TEST(Mac, PaddingMethodsDifferWhereTheyMust) {
    const BlockKey key = key_of(Cipher::tdes, unhex("0123456789ABCDEF"));
    const auto mac = [&key](std::string_view hex, Padding padding) {
        return to_hex(iso9797_alg1(key, unhex(hex), padding).bytes());
    };
    EXPECT_EQ(mac("", Padding::zeros), mac("0000000000000000", Padding::zeros));
    EXPECT_EQ(mac("", Padding::bit), mac("8000000000000000", Padding::zeros));
    EXPECT_EQ(mac("", Padding::length), mac("0000000000000000", Padding::zeros));
    EXPECT_EQ(mac("1122334455667788", Padding::bit),
              mac("11223344556677888000000000000000", Padding::zeros));
    EXPECT_EQ(mac("112233", Padding::length),
              mac("00000000000000181122330000000000", Padding::zeros));
}

// RFC 4231 test cases 1 and 2; RFC 2104 for the empty key.
TEST(Mac, HmacGivesTheRfcValues) {
    EXPECT_EQ(to_hex(hmac_sha256(unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
                                 bytes_of("Hi There"))),
              "B0344C61D8DB38535CA8AFCEAF0BF12B881DC200C9833DA726E9376C2E32CFF7");
    EXPECT_EQ(to_hex(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))),
              "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843");
    EXPECT_EQ(to_hex(hmac_sha256({}, {})),
              "B613679A0814D9EC772F95D778C35FC5FF1697C493715653C6C712144292C5AD");
}

TEST(Mac, RefusesWrongKeySizes) {
    EXPECT_FALSE(iso9797_alg3(unhex("0123456789ABCDEF"), {}, Padding::bit).has_value());
    EXPECT_FALSE(cmac(Cipher::aes, unhex("00"), {}).has_value());
    EXPECT_FALSE(cmac(Cipher::tdes, unhex("0123456789ABCDEF"), {}).has_value());
    const BlockKey key = key_of(Cipher::sm4, unhex("0123456789ABCDEFFEDCBA9876543210"));
    EXPECT_FALSE(iso9797_alg4(key, unhex("00"), {}, Padding::bit).has_value());
}

}  // namespace
}  // namespace softpos::crypto
