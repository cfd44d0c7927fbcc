// The bytes of members as they stand, also where they could have been written otherwise.
#include "codec/json_slices.h"

#include "testing/prng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace softpos::codec {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::vector<std::pair<std::string, std::string>> slices_of(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> found;
    const auto slices = json_slices(text);
    EXPECT_TRUE(slices) << text;
    if (!slices) return found;
    for (const JsonSlice& slice : *slices) found.emplace_back(slice.name, slice.bytes);
    return found;
}

TEST(JsonSlices, BytesStandAsTheyStood) {
    EXPECT_THAT(
        slices_of(R"( { "a" : {"u":"http:\/\/x", "n":1 } ,"s":"q\"}{" , "l":[1, {"a":2}]})"),
        ElementsAre(Pair("a", R"({"u":"http:\/\/x", "n":1 })"), Pair("s", R"("q\"}{")"),
                    Pair("l", R"([1, {"a":2}])")));
}

TEST(JsonSlices, NumbersAndLiteralsAreLeftOut) {
    EXPECT_THAT(
        slices_of(R"({"a":1,"b":true,"c":null,"d":-1.5e3,"e":18446744073709551615,"f":""})"),
        ElementsAre(Pair("f", "\"\"")));
    EXPECT_TRUE(slices_of("{}").empty());
}

TEST(JsonSlices, NamesComeResolvedAndInnerOnesDoNotCount) {
    EXPECT_THAT(slices_of(R"({"\u0061b":{"a":{"a":"1"},"a":2},"c":"x"})"),
                ElementsAre(Pair("ab", R"({"a":{"a":"1"},"a":2})"), Pair("c", "\"x\"")));
}

TEST(JsonSlices, OtherTextsAreRefusedInside) {
    for (const std::string_view text :
         {"", "[]", "1", "\"a\"", "{", "{\"a\"", "{\"a\":", "{\"a\":\"x\"", "{\"a\":\"x\"}}",
          "{\"a\":\"x\"} x", "{\"a\":\"x\",}", "{a:1}", "[{\"a\":\"x\"}]",
          "{\"a\":\"x\",\"a\":\"y\"}", "{\"a\":\"x\",\"\\u0061\":\"y\"}"}) {
        const auto slices = json_slices(text);
        ASSERT_FALSE(slices) << text;
        EXPECT_EQ(slices.error().kind, ErrorKind::malformed) << text;
        EXPECT_LE(slices.error().at, text.size()) << text;
    }
}

TEST(JsonSlices, SizeDepthAndNumberAreLimited) {
    const auto kind = [](const std::string& text) { return json_slices(text).error().kind; };
    EXPECT_EQ(kind(std::string(json_slices_bytes_max + 1, ' ')), ErrorKind::denied);
    EXPECT_EQ(kind("{\"a\":" + std::string(40, '[') + std::string(40, ']') + "}"),
              ErrorKind::denied);
    std::string many = "{";
    for (std::size_t i = 0; i <= json_slices_max; ++i)
        many += "\"" + std::to_string(i) + "\":\"\",";
    EXPECT_EQ(kind(many + "\"z\":\"\"}"), ErrorKind::denied);
}

// Wherever the text is cut it is refused, and slices lie where the text says.
TEST(JsonSlices, CutAnywhereIsRefused) {
    const std::string text = R"({"alipay_response":{"code":"10000","x":[1,2]},"sign":"abc="})";
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
        EXPECT_FALSE(json_slices(std::string_view(text).substr(0, cut))) << cut;
    }
    const auto slices = json_slices(text);
    ASSERT_TRUE(slices);
    for (const JsonSlice& slice : *slices) {
        EXPECT_NE(text.find("\"" + slice.name + "\":" + std::string(slice.bytes)),
                  std::string::npos);
    }
}

}  // namespace
}  // namespace softpos::codec
