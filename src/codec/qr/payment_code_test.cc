// Whose code a text is, and UnionPay's own addresses and accounts.
#include "codec/qr/payment_code.h"

#include "codec/qr/unionpay_code.h"

#include <gtest/gtest.h>

#include <array>

namespace softpos::qr {
namespace {

struct Case {
    std::string text;
    CodeKind kind;
};

// Digits of that length behind that start.
std::string digits(std::string start, std::size_t size) {
    while (start.size() < size) start += static_cast<char>('0' + start.size() % 10);
    return start;
}

TEST(ClassifyCode, DigitsAreKnownByStartAndLength) {
    for (unsigned start = 0; start < 100; ++start) {
        for (std::size_t size = 2; size <= 40; ++size) {
            const std::string two = {static_cast<char>('0' + start / 10),
                                     static_cast<char>('0' + start % 10)};
            CodeKind expected = CodeKind::unknown;
            if (start >= 10 && start <= 15 && size == 18) expected = CodeKind::wechat;
            if (start >= 25 && start <= 30 && size >= 16 && size <= 24) expected = CodeKind::alipay;
            if (start == 62 && size == 19) expected = CodeKind::unionpay;
            EXPECT_EQ(classify_code(digits(two, size)), expected) << two << " " << size;
        }
    }
}

TEST(ClassifyCode, KnowsEveryOtherKind) {
    const Case cases[] = {
        {"hQVDUFYwMWEHTwWgAAADMw==", CodeKind::emv_payer},
        {"fp0123456789abcdef0123456789abcdef", CodeKind::alipay_face},
        {"00020101021215310001000000010000898440000000001", CodeKind::emv_merchant},
        {"00020126100006A000006304ABCD", CodeKind::emv_merchant},
        {"https://qr.95516.com/00010000/6212345678901234567890", CodeKind::unionpay_dynamic},
        {"https://qr.95516.com/00010001/0112345678901234567890", CodeKind::unionpay_fixed},
        {"https://qr.95516.com/48021000/6212345678901234567890", CodeKind::unionpay_acquirer},
        {"HTTPS://QR.95516.COM/00010000/6212345678901234567890", CodeKind::unionpay_dynamic},
        {"https://qr.alipay.com/fkx00000000000000000", CodeKind::alipay_merchant},
        {"weixin://wxpay/bizpayurl?pr=AAAAAAA", CodeKind::wechat_merchant},
        {"wxp://f2f0AAAA", CodeKind::wechat_merchant},
    };
    for (const Case& one : cases) {
        EXPECT_EQ(name_of(classify_code(one.text)), name_of(one.kind)) << one.text;
        EXPECT_NE(is_payment_code(one.kind), is_merchant_code(one.kind));
    }
}

TEST(ClassifyCode, LookalikesAreUnknown) {
    for (const char* text :
         {"", " ", "1", "x", "13491958621392673x", "hQVDUFYwMWE", "hQVDUFYwMmEHTwWgAAADMw==",
          "fp12", "fp01234567-89abcdef", "000201", "https://qr.95516.com/", "weixin://wxpay/",
          "http://qr.95516.com/00010000/6212345678901234567890",
          "https://qr.95516.com.example/00010000/6212345678901234567890",
          "https://qr.95516.com/0001000/6212345678901234567890",
          "https://qr.95516.com/00010000/62123456789012345678?x", "https://qr.alipay.com/"}) {
        EXPECT_EQ(classify_code(text), CodeKind::unknown) << text;
    }
    EXPECT_FALSE(is_payment_code(CodeKind::unknown) || is_merchant_code(CodeKind::unknown));
}

TEST(ClassifyCode, WhatAScannerAddsIsPassedOver) {
    EXPECT_EQ(classify_code(" 131234567890123456\r\n"), CodeKind::wechat);
    EXPECT_EQ(trimmed_code("\t131234567890123456\n"), "131234567890123456");
    EXPECT_EQ(classify_code("13123456789 0123456"), CodeKind::unknown);
}

TEST(UnionpayAddress, PartsComeBack) {
    const auto text = build_unionpay_address("48020000", "58340000000000000000000000");
    ASSERT_TRUE(text);
    const auto address = parse_unionpay_address(*text);
    ASSERT_TRUE(address);
    EXPECT_EQ(address->institution, "48020000");
    EXPECT_EQ(address->number, "58340000000000000000000000");
    EXPECT_EQ(address->kind, UnionpayAddress::Kind::acquirer);
}

TEST(UnionpayAddress, NothingElseIsBuilt) {
    EXPECT_EQ(build_unionpay_address("4802000", digits("62", 26)).error().rule, Rule::value_length);
    EXPECT_EQ(build_unionpay_address("4802000x", digits("62", 26)).error().rule, Rule::value);
    EXPECT_EQ(build_unionpay_address("48020000", digits("62", 15)).error().rule,
              Rule::value_length);
    EXPECT_EQ(build_unionpay_address("48020000", digits("62", 65)).error().rule,
              Rule::value_length);
    EXPECT_EQ(build_unionpay_address("48020000", digits("6x", 26)).error().rule, Rule::value);
}

TEST(UnionpayAccount, PartsComeBack) {
    const UnionpayAccount account{"00010000", "00010344", "898440012345678"};
    const auto value = build_unionpay_account(account);
    EXPECT_EQ(value.value(), "0001000000010344898440012345678");
    EXPECT_EQ(parse_unionpay_account(*value).value(), account);
}

TEST(UnionpayAccount, OtherWidthsAndSignsAreRefused) {
    EXPECT_EQ(parse_unionpay_account("").error().rule, Rule::value_length);
    EXPECT_EQ(parse_unionpay_account(digits("00", 30)).error().rule, Rule::value_length);
    EXPECT_EQ(parse_unionpay_account("x" + digits("00", 30)).error(),
              (Fault{Rule::value, 15, 0, 0}));
    EXPECT_EQ(parse_unionpay_account(digits("00", 30) + "-").error(),
              (Fault{Rule::value, 15, 0, 16}));
    EXPECT_EQ(build_unionpay_account({"0001000", "000103440", "898440012345678"}).error().rule,
              Rule::value_length);
}

}  // namespace
}  // namespace softpos::qr
