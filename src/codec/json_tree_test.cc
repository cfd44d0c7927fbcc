// What a path finds, and what is no document.
#include "codec/json_tree.h"

#include <gtest/gtest.h>

namespace softpos::codec {
namespace {

TEST(JsonTree, PathsFindValuesOfTheirType) {
    const auto json = JsonTree::parse(
        R"( {"a":{"b":"text","n":-7,"t":true,"list":["x","y"],"mixed":["x",1],"e":[]},"null":null} )");
    ASSERT_TRUE(json);
    const auto a = json->root()["a"];
    EXPECT_EQ(a["b"].text(), "text");
    EXPECT_EQ(a["n"].integer(), -7);
    EXPECT_EQ(a["t"].flag(), true);
    EXPECT_EQ(a["list"].texts(), (std::vector<std::string_view>{"x", "y"}));
    EXPECT_EQ(a["list"].items().size(), 2U);
    EXPECT_FALSE(a["mixed"].texts());
    EXPECT_TRUE(a["e"].texts()->empty());
    EXPECT_EQ(json->root().members().size(), 2U);
}

TEST(JsonTree, WhatIsNotThereOrOfAnotherTypeIsEmpty) {
    const auto json = JsonTree::parse(R"({"a":"1","f":1.5,"big":18446744073709551615})");
    ASSERT_TRUE(json);
    EXPECT_FALSE(json->root()["b"]["c"]["d"]);
    EXPECT_FALSE(json->root()["a"].integer());
    EXPECT_FALSE(json->root()["a"]["x"]);
    EXPECT_FALSE(json->root()["f"].integer());
    EXPECT_FALSE(json->root()["big"].integer());
    EXPECT_TRUE(json->root()["big"]);
    EXPECT_FALSE(json->root().text());
    EXPECT_FALSE(json->root()["a"].texts());
}

// The signer may mean one of them and the checker read the other.
TEST(JsonTree, NameTwiceIsRefusedAlsoWhereItIsWrittenDifferently) {
    for (const char* text :
         {R"({"a":1,"a":1})", R"({"x":{"a":1,"b":2,"a":3}})", R"({"a":1,"\u0061":2})"}) {
        const auto json = JsonTree::parse(text);
        ASSERT_FALSE(json) << text;
        EXPECT_EQ(json.error().kind, ErrorKind::malformed);
    }
    EXPECT_TRUE(JsonTree::parse(R"({"a":{"a":1}})"));
}

TEST(JsonTree, NoDocument) {
    for (const char* text : {"", " ", "{", "{}x", "{} {}", "{'a':1}", "[1,]", "{\"a\":01}", "\xFF",
                             "\"\xC3\x28\"", "// c\n{}", "nul"}) {
        const auto json = JsonTree::parse(text);
        ASSERT_FALSE(json) << text;
        EXPECT_EQ(json.error().kind, ErrorKind::malformed) << text;
    }
}

TEST(JsonTree, LimitsHold) {
    EXPECT_EQ(JsonTree::parse(std::string(20, '[') + std::string(20, ']')).error().kind,
              ErrorKind::denied);
    std::string many = "[";
    for (std::size_t i = 0; i < JsonLimits().values_max; ++i) many += "1,";
    EXPECT_EQ(JsonTree::parse(many + "1]").error().kind, ErrorKind::denied);
    EXPECT_EQ(JsonTree::parse(std::string(JsonLimits().bytes_max + 1, ' ')).error().kind,
              ErrorKind::denied);
    EXPECT_TRUE(JsonTree::parse("[1,2,3]", {.bytes_max = 7, .values_max = 4}));
    EXPECT_FALSE(JsonTree::parse("[1,2,3]", {.bytes_max = 7, .values_max = 3}));
    EXPECT_FALSE(JsonTree::parse("[1,2,3] ", {.bytes_max = 7, .values_max = 4}));
}

}  // namespace
}  // namespace softpos::codec
