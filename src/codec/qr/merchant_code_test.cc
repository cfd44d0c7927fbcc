// Merchant-presented codes: what a whole one says, each rule it can break, and that writing and
// reading are each other's way back.
#include "codec/qr/merchant_code.h"

#include "codec/qr/objects.h"
#include "testing/prng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace softpos::qr {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The check sum was computed by another program.
constexpr std::string_view whole_text =
    "00020101021215310001000000010000898440000000001"
    "26280016A0000003330101010104898452045411530315654"
    "0523.705802CN5913LUCKY NOODLES6006SUZHOU62520506SP00010708SP0000010902ME"
    "50200011com.example0101x64200002zh0104好运面馆0202苏州"
    "804100320123456789abcdef0123456789abcdef0201七6304BF79";

MerchantCode whole_code() {
    MerchantCode code;
    code.initiation = Initiation::dynamic;
    code.accounts = {{15, "0001000000010000898440000000001"}};
    code.account_templates = {{26, "A000000333010101", {{1, "8984"}}}};
    code.category_code = "5411";
    code.currency = "156";
    code.amount = "23.70";
    code.country = "CN";
    code.name = "LUCKY NOODLES";
    code.city = "SUZHOU";
    code.additional = AdditionalData{{{additional::reference_label, "SP0001"},
                                      {additional::terminal_label, "SP000001"},
                                      {additional::consumer_data_request, "ME"}},
                                     {{50, "com.example", {{1, "x"}}}}};
    code.localised = LocalisedMerchant{"zh", "好运面馆", "苏州", {}};
    code.templates = {{80, "0123456789abcdef0123456789abcdef", {{2, "七"}}}};
    return code;
}

std::string object(unsigned id, std::string_view value) {
    std::string text;
    EXPECT_TRUE(put_object(text, id, value));
    return text;
}

// The objects with their check sum.
std::string sealed(std::string text) {
    text += "6304";
    return text + crc_text(text);
}

// A code that is whole, with more objects at its end.
std::string code_with(const std::string& more) {
    return sealed(object(0, "01") + object(2, "4000000000000000") + object(52, "5411") +
                  object(53, "156") + object(58, "CN") + object(59, "A") + object(60, "B") + more);
}

std::optional<Fault> fault_of(std::string_view text, Reading reading = Reading::strict) {
    const auto read = parse_merchant_code(text, reading);
    if (read) return std::nullopt;
    return read.error();
}

TEST(MerchantCode, SaysWhatItsTextSays) {
    const auto read = parse_merchant_code(whole_text, Reading::strict);
    ASSERT_TRUE(read) << name_of(read.error().rule) << " " << read.error().id;
    EXPECT_EQ(read->code, whole_code());
    EXPECT_THAT(read->forgiven, IsEmpty());
}

TEST(MerchantCode, IsWrittenAsItWasRead) {
    EXPECT_EQ(build_merchant_code(whole_code()).value(), whole_text);
}

TEST(MerchantCode, ChecksumHasItsPublishedCheckValue) {
    EXPECT_EQ(crc_text("123456789"), "29B1");
    EXPECT_EQ(crc16(""), 0xFFFF);
}

TEST(MerchantCode, AnyOtherByteIsNoticed) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 2000; ++round) {
        std::string text(whole_text);
        const std::size_t at = prng.below(static_cast<unsigned>(text.size()));
        text[at] = static_cast<char>(text[at] ^ static_cast<char>(1 + prng.below(255)));
        ASSERT_FALSE(parse_merchant_code(text, Reading::strict)) << "seed " << prng.seed();
    }
}

TEST(MerchantCode, CutAnywhereIsRefusedInsideTheText) {
    for (std::size_t cut = 0; cut < whole_text.size(); ++cut) {
        const auto fault = fault_of(whole_text.substr(0, cut), Reading::lenient);
        ASSERT_TRUE(fault) << cut;
        EXPECT_LE(fault->at, cut);
    }
}

TEST(MerchantCode, ObjectsComeInAnyOrderBetweenFirstAndLast) {
    const auto read = parse_merchant_code(
        sealed(object(0, "01") + object(60, "B") + object(59, "A") + object(58, "CN") +
               object(53, "156") + object(52, "5411") + object(3, "x") + object(2, "y")),
        Reading::strict);
    ASSERT_TRUE(read);
    EXPECT_THAT(read->code.accounts, ElementsAre(IdValue{2, "y"}, IdValue{3, "x"}));
    EXPECT_EQ(read->code.city, "B");
}

struct Broken {
    const char* name;
    std::string text;
    Fault fault;
};

class BrokenCode : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenCode, NamesRuleIdAndPlace) {
    const auto fault = fault_of(GetParam().text);
    ASSERT_TRUE(fault);
    EXPECT_EQ(name_of(fault->rule), name_of(GetParam().fault.rule));
    EXPECT_EQ(fault->id, GetParam().fault.id);
    EXPECT_EQ(fault->within, GetParam().fault.within);
    EXPECT_EQ(fault->at, GetParam().fault.at);
    EXPECT_EQ(error_of(*fault).detail, fault->id);
    EXPECT_EQ(error_of(*fault).kind, ErrorKind::malformed);
}

constexpr std::size_t more_at = 57;  // Where code_with() puts what it is given.

const Broken broken_codes[] = {
    {"Empty", "", {Rule::size, 0, 0, 0}},
    {"Long", std::string(513, '0'), {Rule::size, 0, 0, 0}},
    {"NoUtf8", "000201\xC0\xAF", {Rule::encoding, 0, 0, 6}},
    {"Surrogate", "000201\xED\xA0\x80", {Rule::encoding, 0, 0, 6}},
    {"IdNoNumber", "0002010x0211", {Rule::id_not_numeric, 0, 0, 6}},
    {"LengthNoNumber", "00020101-111", {Rule::length_not_numeric, 1, 0, 8}},
    {"LengthCut", "000201010", {Rule::truncated, 1, 0, 8}},
    {"ValueCut", "000201010311", {Rule::truncated, 1, 0, 6}},
    {"OtherVersion", sealed("000202"), {Rule::format_indicator, 0, 0, 0}},
    {"OtherFirst", sealed("010211000201"), {Rule::format_indicator, 1, 0, 0}},
    {"NoChecksum", "000201010211", {Rule::truncated, 63, 0, 12}},
    {"ChecksumBeforeTheEnd", "00020163040000010211", {Rule::crc, 63, 0, 14}},
    {"WrongChecksum", "00020163040000", {Rule::crc, 63, 0, 10}},
    {"ShortChecksum", "0002016303123", {Rule::crc, 63, 0, 6}},
    {"TwoChecksums", code_with("63040000"), {Rule::duplicate, 63, 0, more_at}},
    {"TwoAmounts",
     code_with(object(54, "1") + object(54, "2")),
     {Rule::duplicate, 54, 0, more_at + 5}},
    {"Initiation", code_with(object(1, "13")), {Rule::value, 1, 0, more_at + 4}},
    {"AmountZero", code_with(object(54, "0.00")), {Rule::value, 54, 0, more_at + 4}},
    {"AmountSigned", code_with(object(54, "-1")), {Rule::value, 54, 0, more_at + 4}},
    {"AmountTwoPoints", code_with(object(54, "1.2.3")), {Rule::value, 54, 0, more_at + 4}},
    {"AmountLong",
     code_with(object(54, "12345678901234")),
     {Rule::value_length, 54, 0, more_at + 4}},
    {"TipKind", code_with(object(55, "04")), {Rule::value, 55, 0, more_at + 6}},
    {"TipWithoutItsAmount", code_with(object(55, "02")), {Rule::missing, 56, 0, more_at + 6}},
    {"TipWithoutItsPercent", code_with(object(55, "03")), {Rule::missing, 57, 0, more_at + 6}},
    {"TipUnasked", code_with(object(57, "5")), {Rule::missing, 55, 0, more_at + 5}},
    {"NoGuid", code_with(object(30, "0102xy")), {Rule::missing, 0, 30, more_at}},
    {"TemplateCut", code_with(object(30, "0009x")), {Rule::truncated, 0, 30, more_at + 4}},
    {"TemplateTwice", code_with(object(30, "0001a0001b")), {Rule::duplicate, 0, 30, more_at + 9}},
    {"PostalLong", code_with(object(61, "12345678901")), {Rule::value_length, 61, 0, more_at + 4}},
    {"ConsumerData", code_with(object(62, "0901X")), {Rule::value, 9, 62, more_at + 8}},
    {"AdditionalZero", code_with(object(62, "0001X")), {Rule::value, 0, 62, more_at + 4}},
    {"LanguageAlone", code_with(object(64, "0002zh")), {Rule::missing, 1, 64, more_at}},
    {"NoAccount", sealed(object(0, "01") + object(53, "156")), {Rule::missing, 2, 0, 13}},
    {"NoCurrency", sealed(object(0, "01") + object(2, "1")), {Rule::missing, 53, 0, 11}},
    {"NoCategory",
     sealed(object(0, "01") + object(2, "1") + object(53, "156")),
     {Rule::missing, 52, 0, 18}},
};

INSTANTIATE_TEST_SUITE_P(Rules, BrokenCode, ::testing::ValuesIn(broken_codes),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(MerchantCode, LenientReadingForgivesWhatOnlyDescribes) {
    const auto read = parse_merchant_code(
        "0002016006SUZHOU02164000123456789010520454115904好运面馆53031565802CN620407996304DD1A",
        Reading::lenient);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->code.name, "好运面馆");
    EXPECT_FALSE(read->code.additional);
    EXPECT_THAT(read->forgiven,
                ElementsAre(Fault{Rule::value, 59, 0, 48}, Fault{Rule::truncated, 7, 62, 77}));
}

TEST(MerchantCode, LenientReadingTakesASumInSmallLetters) {
    std::string text = code_with("");
    std::string sum = crc_text(std::string_view(text).substr(0, text.size() - 4));
    for (int filler = 0; sum.find_first_of("ABCDEF") == std::string::npos; ++filler) {
        text = code_with(object(61, std::to_string(filler)));
        sum = text.substr(text.size() - 4);
    }
    for (char& c : text.replace(text.size() - 4, 4, sum)) {
        if (&c >= &text[text.size() - 4] && c >= 'A') c = static_cast<char>(c - 'A' + 'a');
    }
    EXPECT_EQ(fault_of(text)->rule, Rule::crc);
    const auto read = parse_merchant_code(text, Reading::lenient);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->forgiven.size(), 1U);
}

TEST(MerchantCode, LenientReadingForgivesNothingThatMovesMoney) {
    for (const Broken& one : broken_codes) {
        const unsigned id = one.fault.id;
        if (one.fault.within != 0 || id < 53 || id > 57) continue;
        EXPECT_TRUE(fault_of(one.text, Reading::lenient)) << one.name;
    }
    EXPECT_TRUE(fault_of("00020163040000", Reading::lenient));
}

TEST(MerchantCode, TipsGoBothWays) {
    for (const Tip& tip : {Tip{Tip::Kind::prompt, ""}, Tip{Tip::Kind::amount, "1.50"},
                           Tip{Tip::Kind::percent, "12.5"}}) {
        MerchantCode code = whole_code();
        code.tip = tip;
        const std::string text = build_merchant_code(code).value();
        EXPECT_EQ(parse_merchant_code(text, Reading::strict)->code.tip, tip);
    }
}

TEST(MerchantCode, NothingIsBuiltThatCannotBeReadBack) {
    const auto rule_of = [](auto change) {
        MerchantCode code = whole_code();
        change(code);
        const auto built = build_merchant_code(code);
        return built ? "" : name_of(built.error().rule);
    };
    EXPECT_EQ(rule_of([](MerchantCode& code) { code.amount = "0"; }), "value");
    EXPECT_EQ(rule_of([](MerchantCode& code) { code.name = std::string(26, 'x'); }),
              "value-length");
    EXPECT_EQ(rule_of([](MerchantCode& code) { code.name = "\xFF"; }), "encoding");
    EXPECT_EQ(rule_of([](MerchantCode& code) { code.currency.clear(); }), "missing");
    EXPECT_EQ(rule_of([](MerchantCode& code) { code.accounts = {{59, "x"}}; }), "duplicate");
    EXPECT_EQ(rule_of([](MerchantCode& code) { code.accounts = {{61, "x"}}; }), "value");
    EXPECT_EQ(rule_of([](MerchantCode& code) { code.accounts = {{100, "x"}}; }), "value");
    EXPECT_EQ(rule_of([](MerchantCode& code) {
                  code.reserved = {{70, std::string(100, 'x')}};
              }),
              "value-length");
    EXPECT_EQ(rule_of([](MerchantCode& code) {
                  for (unsigned id = 81; id < 90; ++id)
                      code.templates.push_back({id, "g", {{1, std::string(80, 'x')}}});
              }),
              "size");
}

TEST(MerchantCode, AmountsAreWholeMinorUnits) {
    EXPECT_EQ(amount_minor_of("23.72", 2), 2372);
    EXPECT_EQ(amount_minor_of("23.7", 2), 2370);
    EXPECT_EQ(amount_minor_of("23.", 2), 2300);
    EXPECT_EQ(amount_minor_of("23", 0), 23);
    EXPECT_EQ(amount_minor_of("0.01", 2), 1);
    EXPECT_EQ(amount_minor_of("9999999999.99", 2), 999'999'999'999);
    for (const char* none : {"", ".", ".5", "0.00", "1.234", "1,5", "10000000000", "1e3", " 1"}) {
        EXPECT_FALSE(amount_minor_of(none, 2)) << none;
    }
    EXPECT_FALSE(amount_minor_of("1.5", 0));
    for (const std::int64_t minor : {1L, 9L, 10L, 99L, 100L, 2370L, 999'999'999'999L}) {
        for (const unsigned decimals : {0U, 2U, 3U}) {
            EXPECT_EQ(amount_minor_of(amount_text(minor, decimals), decimals), minor);
        }
    }
    EXPECT_EQ(amount_text(5, 2), "0.05");
}

TEST(Utf8, CountsCharactersAndFindsTheFirstThatIsNone) {
    EXPECT_EQ(utf8_characters(""), 0U);
    EXPECT_EQ(utf8_characters("aé好😀"), 4U);
    EXPECT_EQ(utf8_characters("\xF4\x8F\xBF\xBF"), 1U);
    for (const std::string_view bad : {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF",
                                       "\xF4\x90\x80\x80", "\xED\xBF\xBF", "\xE5\xA5", "\xF5"}) {
        EXPECT_FALSE(utf8_characters(bad));
        EXPECT_EQ(utf8_valid_bytes("好" + std::string(bad)), 3U);
    }
}

}  // namespace
}  // namespace softpos::qr
