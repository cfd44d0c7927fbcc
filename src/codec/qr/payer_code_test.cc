// Payer-presented EMV codes, with made-up cards and tokens.
#include "codec/qr/payer_code.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::qr {
namespace {

using codec::Tag;
using testing::unhex;

std::string coded(std::string_view hex) {
    return codec::to_base64(unhex(hex));
}

constexpr const char* indicator = "8505 4350563031 ";
constexpr const char* card = "4F08A000000333010101 5708 6210940000000001 5F340101 ";
constexpr const char* chip = "6310 9F2608 0011223344556677 9F36020001 ";

std::string template_61(std::string_view content) {
    const Buffer bytes = unhex(content);
    Buffer out;
    codec::TlvWriter(out).put(payer_tags::application, bytes);
    return to_hex(out);
}

std::string whole_code() {
    return coded(std::string(indicator) + template_61(std::string(card) + chip) +
                 template_61("4F07A0000000031010") + "620E 5F2D047A68656E 6405 9F37021234");
}

std::string hex_of(const std::optional<Bytes>& bytes) {
    return bytes ? to_hex(*bytes) : "none";
}

TEST(PayerCode, GivesItsApplicationsInOrder) {
    const auto code = PayerCode::parse(whole_code(), Reading::strict);
    ASSERT_TRUE(code) << name_of(code.error().rule);
    ASSERT_EQ(code->applications().size(), 2U);
    const PayerApplication& first = code->applications()[0];
    EXPECT_EQ(to_hex(first.adf_name), "A000000333010101");
    EXPECT_EQ(hex_of(code->find(first, payer_tags::track2)), "6210940000000001");
    EXPECT_EQ(hex_of(code->find(first, payer_tags::cryptogram)), "0011223344556677");
    EXPECT_EQ(hex_of(code->find(first, payer_tags::pan)), "none");
    EXPECT_TRUE(code->forgiven().empty());
}

TEST(PayerCode, CommonDataIsForEveryApplication) {
    const auto code = PayerCode::parse(whole_code(), Reading::strict);
    ASSERT_TRUE(code);
    for (const PayerApplication& application : code->applications()) {
        EXPECT_EQ(hex_of(code->find(application, Tag{0x5F2D})), "7A68656E");
        EXPECT_EQ(hex_of(code->find(application, Tag{0x9F37})), "1234");
    }
    EXPECT_EQ(hex_of(code->find(code->applications()[1], payer_tags::cryptogram)), "none");
}

TEST(PayerCode, StaysWholeWhenItIsMoved) {
    auto first = PayerCode::parse(whole_code(), Reading::strict);
    ASSERT_TRUE(first);
    const PayerCode moved = *std::move(first);
    EXPECT_EQ(to_hex(moved.applications()[1].adf_name), "A0000000031010");
}

struct Broken {
    const char* name;
    std::string text;
    Fault fault;
};

class BrokenPayerCode : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenPayerCode, NamesRuleTagAndPlace) {
    for (const Reading reading : {Reading::strict, Reading::lenient}) {
        const auto code = PayerCode::parse(GetParam().text, reading);
        ASSERT_FALSE(code);
        EXPECT_EQ(name_of(code.error().rule), name_of(GetParam().fault.rule));
        EXPECT_EQ(code.error(), GetParam().fault);
    }
}

const Broken broken_codes[] = {
    {"Empty", "", {Rule::size, 0, 0, 0}},
    {"Long", std::string(4100, 'A'), {Rule::size, 0, 0, 0}},
    {"NoBase64", "hQVDUFYwM!==", {Rule::encoding, 0, 0, 9}},
    {"OtherStart", coded("6102 4F00"), {Rule::format_indicator, 0x61, 0, 0}},
    {"OtherVersion", coded("8505 4350563032"), {Rule::format_indicator, 0x85, 0, 0}},
    {"NoApplication", coded(indicator), {Rule::missing, 0x61, 0, 7}},
    {"Overrun", coded("8505 4350563031 617F 4F"), {Rule::truncated, 0x61, 0, 7}},
    {"NoName", coded("8505 4350563031 6103 500141"), {Rule::missing, 0x4F, 0x61, 7}},
    {"ShortName", coded("8505 4350563031 6106 4F04A0000003"), {Rule::value_length, 0x4F, 0x61, 11}},
    {"NameTwice",
     coded("8505 4350563031 610E 4F05A000000333 4F05A000000333"),
     {Rule::duplicate, 0x4F, 0x61, 18}},
    {"BrokenInside",
     coded("8505 4350563031 6109 4F05A000000333 5009"),
     {Rule::truncated, 0x50, 0x61, 16}},
    {"BrokenTransparent",
     coded("8505 4350563031 610B 4F05A000000333 6302 9F26"),
     {Rule::truncated, 0x9F26, 0x63, 20}},
    {"CommonTwice",
     coded("8505 4350563031 6107 4F05A000000333 6203 500141 6203 500141"),
     {Rule::duplicate, 0x62, 0, 21}},
};

INSTANTIATE_TEST_SUITE_P(Rules, BrokenPayerCode, ::testing::ValuesIn(broken_codes),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(PayerCode, TooManyApplicationsAreRefused) {
    std::string hex = indicator;
    for (std::size_t i = 0; i <= PayerCode::applications_max; ++i) hex += "6107 4F05A000000333";
    const auto code = PayerCode::parse(coded(hex), Reading::strict);
    ASSERT_FALSE(code);
    EXPECT_EQ(code.error().rule, Rule::size);
}

// A wallet in the field writes the length of a long template in one byte.
TEST(PayerCode, LongTemplateWithAShortLengthIsForgivenAtTheEnd) {
    const std::string filler = "5081" + to_hex(Buffer{0x85}) + std::string(2UL * 0x85, '4');
    const std::string content = std::string(card) + filler;  // 8 + 2 ... bytes, above 127.
    const std::size_t size = unhex(content).size();
    ASSERT_GT(size, 127U);
    ASSERT_LT(size, 256U);
    const std::string text = coded(std::string(indicator) + "61" +
                                   to_hex(Buffer{static_cast<std::uint8_t>(size)}) + content);
    EXPECT_FALSE(PayerCode::parse(text, Reading::strict));
    const auto code = PayerCode::parse(text, Reading::lenient);
    ASSERT_TRUE(code) << name_of(code.error().rule);
    EXPECT_EQ(code->forgiven().size(), 1U);
    EXPECT_EQ(hex_of(code->find(code->applications()[0], payer_tags::pan_sequence)), "01");
    EXPECT_FALSE(
        PayerCode::parse(coded(to_hex(*codec::from_base64(text)) + "00"), Reading::lenient));
}

TEST(PayerCode, WhatIsBuiltIsRead) {
    const PayerTemplate application{unhex(card), unhex("9F2608 0011223344556677")};
    const PayerTemplate common{unhex("5F2D027A68"), unhex("9F37041A2B3C4D")};
    const std::string text = build_payer_code({&application, 1}, common).value();
    const auto code = PayerCode::parse(text, Reading::strict);
    ASSERT_TRUE(code);
    const PayerApplication& first = code->applications()[0];
    EXPECT_EQ(hex_of(code->find(first, payer_tags::cryptogram)), "0011223344556677");
    EXPECT_EQ(hex_of(code->find(first, Tag{0x9F37})), "1A2B3C4D");
}

TEST(PayerCode, NothingIsBuiltThatCannotBeRead) {
    const PayerTemplate broken{unhex("4F05A0"), {}};
    EXPECT_EQ(build_payer_code({&broken, 1}, {}).error().rule, Rule::truncated);
    EXPECT_EQ(build_payer_code({}, {}).error().rule, Rule::missing);
    const PayerTemplate large{Buffer(600, 0x50), {}};
    EXPECT_EQ(build_payer_code({&large, 1}, {}).error().rule, Rule::size);
}

}  // namespace
}  // namespace softpos::qr
