// Every kind of fault is found and named; a good body passes.
#include "codec/strict_json.h"

#include <gtest/gtest.h>

namespace softpos::codec {
namespace {

// What finish() says of a call that knows amount (1-100), name (up to 8) and card{ksn (2 bytes)}.
std::string verdict(std::string_view body) {
    StrictJson json(body);
    json.integer("amount", 1, 100);
    json.optional_text("name", 8);
    StrictJson card = json.object("card");
    card.hex("ksn", 2, 2);
    const auto fault = json.finish();
    if (!fault) return "OK";
    return std::string(row_of(fault->refusal).code) + " " + fault->field;
}

TEST(StrictJson, AcceptsWhatTheCallKnows) {
    EXPECT_EQ(verdict(R"({"amount":5,"card":{"ksn":"0aFF"}})"), "OK");
    EXPECT_EQ(verdict(R"({"amount":100,"name":"till","card":{"ksn":"0000"}})"), "OK");
}

TEST(StrictJson, NamesTheFirstFault) {
    EXPECT_EQ(verdict(""), "BAD_JSON ");
    EXPECT_EQ(verdict("[]"), "BAD_JSON ");
    EXPECT_EQ(verdict(R"({"amount":5,"card":{"ksn":"0000"}} x)"), "BAD_JSON ");
    EXPECT_EQ(verdict(R"({"card":{"ksn":"0000"}})"), "MISSING_FIELD amount");
    EXPECT_EQ(verdict(R"({"amount":"5","card":{"ksn":"0000"}})"), "WRONG_TYPE amount");
    EXPECT_EQ(verdict(R"({"amount":5.0,"card":{"ksn":"0000"}})"), "WRONG_TYPE amount");
    EXPECT_EQ(verdict(R"({"amount":101,"card":{"ksn":"0000"}})"), "BAD_VALUE amount");
    EXPECT_EQ(verdict(R"({"amount":18446744073709551615,"card":{"ksn":"0000"}})"),
              "BAD_VALUE amount");
    EXPECT_EQ(verdict(R"({"amount":5,"name":"too long for it","card":{"ksn":"0000"}})"),
              "BAD_VALUE name");
    EXPECT_EQ(verdict(R"({"amount":5})"), "MISSING_FIELD card");
    EXPECT_EQ(verdict(R"({"amount":5,"card":[]})"), "WRONG_TYPE card");
    EXPECT_EQ(verdict(R"({"amount":5,"card":{"ksn":"00"}})"), "BAD_VALUE card.ksn");
    EXPECT_EQ(verdict(R"({"amount":5,"card":{"ksn":"0000","pan":"1"}})"), "UNKNOWN_FIELD card.pan");
    EXPECT_EQ(verdict(R"({"amount":5,"card":{"ksn":"0000"},"tip":1})"), "UNKNOWN_FIELD tip");
}

TEST(StrictJson, ForeignFieldNamesAreShownClean) {
    EXPECT_EQ(verdict("{\"amount\":5,\"card\":{\"ksn\":\"0000\"},\"a\\n\\\"b\":1}"),
              "UNKNOWN_FIELD a__b");
}

TEST(StrictJson, OnlyLinesMayHaveLineEnds) {
    StrictJson json(R"({"pem":"a\nb\r\n","bell":"a\u0007"})");
    EXPECT_EQ(json.lines("pem", 16), "a\nb\r\n");
    EXPECT_EQ(json.lines("bell", 16), "");
    EXPECT_EQ(json.finish()->field, "bell");
    StrictJson text(R"({"pem":"a\nb"})");
    text.text("pem", 16);
    EXPECT_EQ(text.finish()->refusal, Refusal::bad_value);
}

TEST(StrictJson, DepthIsLimited) {
    std::string body = R"({"amount":5,"card":)";
    for (int i = 0; i < 20; ++i) body += R"({"a":)";
    EXPECT_EQ(verdict(body + "1" + std::string(21, '}')), "BAD_JSON ");
}

TEST(StrictJson, ReadsListsOfObjects) {
    StrictJson json(R"({"rules":[{"mti":"0200"},{"mti":"0400","x":1}]})");
    auto rules = json.objects("rules", 4);
    ASSERT_EQ(rules.size(), 2u);
    EXPECT_EQ(rules[1].text("mti", 4), "0400");
    EXPECT_EQ(rules[0].text("mti", 4), "0200");
    EXPECT_EQ(json.finish()->field, "rules.x");
}

}  // namespace
}  // namespace softpos::codec
