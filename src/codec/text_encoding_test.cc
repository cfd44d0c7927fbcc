// Both encodings, and bytes that are neither.
#include "codec/text_encoding.h"

#include "base/hex.h"

#include <gtest/gtest.h>

namespace softpos::codec {
namespace {

TEST(TextEncoding, BothComeOutAsUtf8) {
    EXPECT_EQ(utf8_text(bytes_of("微信 1")), "微信 1");
    EXPECT_EQ(utf8_text(bytes_of("\xEF\xBB\xBF微信")), "微信");
    EXPECT_EQ(utf8_text(from_hex("D6A7B8B6B1A6").value()), "支付宝");
    EXPECT_EQ(utf8_text(from_hex("A8A4").value()), "à") << "grows, or not";
    EXPECT_EQ(utf8_text({}), "");
    std::string long_gbk, long_utf8;
    for (int i = 0; i < 10'000; ++i) {
        long_gbk += "\xB1\xA6";
        long_utf8 += "宝";
    }
    EXPECT_TRUE(utf8_text(bytes_of(long_gbk)) == long_utf8);
}

TEST(TextEncoding, GoesThereAndBack) {
    const std::string text = "#支付宝业务明细,1";
    const auto gbk = gbk_text(text);
    ASSERT_TRUE(gbk);
    EXPECT_LT(gbk->size(), text.size());
    EXPECT_EQ(utf8_text(bytes_of(*gbk)), text);
    EXPECT_FALSE(gbk_text("\xFF"));
    EXPECT_FALSE(gbk_text("😀")) << "not in GBK";
}

TEST(TextEncoding, WhatIsNeitherIsRefusedWithItsPlace) {
    const auto refused = utf8_text(from_hex("4142FFFF").value());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::malformed);
    EXPECT_EQ(refused.error().at, 2U);
    EXPECT_FALSE(utf8_text(from_hex("41D6").value())) << "half a character";
}

}  // namespace
}  // namespace softpos::codec
