// The table of the standard, and that every text has one form.
#include "codec/base64.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::codec {
namespace {

// Spec: [RFC-4648] 10.
TEST(Base64, TableOfTheStandard) {
    const std::pair<const char*, const char*> table[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : table) {
        EXPECT_EQ(to_base64(bytes_of(plain)), text);
        EXPECT_EQ(text_of(from_base64(text).value()), plain);
    }
}

TEST(Base64, UrlAlphabetHasNoPaddingAndNoSlash) {
    const Buffer bytes = {0xFB, 0xFF, 0xBF, 0xFE};
    EXPECT_EQ(to_base64(bytes), "+/+//g==");
    EXPECT_EQ(to_base64url(bytes), "-_-__g");
    EXPECT_EQ(from_base64url("-_-__g").value(), bytes);
    EXPECT_FALSE(from_base64url("+/+//g"));
    EXPECT_FALSE(from_base64url("-_-__g=="));
    EXPECT_FALSE(from_base64("-_-__g=="));
}

TEST(Base64, OtherFormsAreRefusedWithTheirPlace) {
    for (const char* text :
         {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zh==", "Zm9="}) {
        const auto bytes = from_base64(text);
        ASSERT_FALSE(bytes) << text;
        EXPECT_EQ(bytes.error().kind, ErrorKind::malformed);
    }
    EXPECT_EQ(from_base64url("Zm9vY*").error().at, 5U);
    EXPECT_FALSE(from_base64url("A"));
    EXPECT_FALSE(from_base64url("Zh"));
    EXPECT_TRUE(from_base64url("Zg"));
}

TEST(Base64, WhatIsWrittenIsReadAndOneCharacterMoreIsNot) {
    auto prng = testing::Prng::from_environment();
    for (unsigned size = 0; size < 200; ++size) {
        const Buffer bytes = prng.bytes(size);
        EXPECT_EQ(from_base64(to_base64(bytes)).value(), bytes) << "SEED=" << prng.seed();
        EXPECT_EQ(from_base64url(to_base64url(bytes)).value(), bytes) << "SEED=" << prng.seed();
        EXPECT_FALSE(from_base64(to_base64(bytes) + "A"));
    }
}

}  // namespace
}  // namespace softpos::codec
