// Paths into a JSON text.
#include "codec/json_document.h"

#include <gtest/gtest.h>

#include <optional>

namespace softpos::codec {
namespace {

constexpr const char* sample =
    R"({"id":"7","paid":true,"card":{"pan":"62109"},"rows":[{"n":1},{"n":22}],"none":null})";

TEST(JsonDocument, FindsValuesByPath) {
    const JsonDocument document(sample);
    EXPECT_EQ(document.text("id"), "7");
    EXPECT_EQ(document.text("card.pan"), "62109");
    EXPECT_EQ(document.number("rows.1.n"), 22);
    EXPECT_EQ(document.size("rows"), 2U);
    EXPECT_TRUE(document.flag("paid"));
    EXPECT_EQ(document.text("rows.0"), R"({"n":1})");
    EXPECT_EQ(document.text("rows.0.n"), "1");
    EXPECT_EQ(document.text("none"), "");
}

TEST(JsonDocument, WhatIsNotThereIsEmpty) {
    const JsonDocument document(sample);
    for (const char* path : {"x", "id.x", "card.x", "rows.2", "rows.-1", "rows.x"}) {
        EXPECT_EQ(document.text(path), "") << path;
        EXPECT_EQ(document.number(path), 0) << path;
        EXPECT_FALSE(document.flag(path)) << path;
        EXPECT_EQ(document.size(path), 0U) << path;
    }
}

TEST(JsonDocument, WhatIsNoJsonHasNothingInIt) {
    for (const char* text : {"", "{", R"({"id":"7"} x)", "nonsense"}) {
        const JsonDocument document(text);
        EXPECT_EQ(document.text("id"), "") << text;
    }
}

TEST(JsonDocument, CopiesOutliveTheFirst) {
    std::optional<JsonDocument> first(sample);
    const JsonDocument second = *first;
    first.reset();
    EXPECT_EQ(second.text("id"), "7");
}

TEST(JsonDocument, IsPrintedAMemberALine) {
    EXPECT_EQ(JsonDocument(R"({"a":[1,{"b":"x"}],"c":{}})").pretty(),
              "{\n  \"a\": [\n    1,\n    {\n      \"b\": \"x\"\n    }\n  ],\n  \"c\": {}\n}");
}

}  // namespace
}  // namespace softpos::codec
