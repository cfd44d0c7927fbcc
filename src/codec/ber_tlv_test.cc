// The rules one by one (tests/vectors/ber_tlv.vec), then what holds for every input.
#include "codec/ber_tlv.h"

#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace softpos::codec {
namespace {

using testing::unhex;

std::vector<std::string> walk(Bytes input) {
    std::vector<std::string> words;
    TlvReader reader(input);
    for (;;) {
        const auto object = reader.next();
        if (!object) {
            words.push_back("! " + std::to_string(object.error().at) + " " +
                            object.error().what.c_str());
            return words;
        }
        if (!*object) return words;
        const std::string tag = hex_number(std::to_underlying((*object)->tag));
        words.push_back(((*object)->constructed ? "[" + tag + "]" : tag) + "=" +
                        to_hex((*object)->value));
    }
}

TEST(BerTlv, AgreesWithTheCases) {
    const auto cases = testing::read_vectors("ber_tlv.vec");
    ASSERT_GE(cases.size(), 19U);
    for (const auto& one : cases) {
        std::string words;
        for (const auto& word : walk(unhex(one.at("In")))) {
            words += (words.empty() ? "" : " ") + word;
        }
        EXPECT_EQ(words, one.at("Out")) << one.name;
    }
}

TEST(BerTlv, AnErrorIsFinal) {
    const auto input = unhex("9F36 05 00");
    TlvReader reader(input);
    EXPECT_EQ(reader.next().error().kind, ErrorKind::malformed);
    EXPECT_FALSE(reader.next().value().has_value());
}

TEST(BerTlv, FindsTheFirstAndLooksNoFurther) {
    const auto input = unhex("9C 01 20  9C 01 00  5A 7F");
    EXPECT_EQ(to_hex(find_value(input, Tag{0x9C}).value().value()), "20");
    EXPECT_EQ(find_value(input, Tag{0x95}).error().detail, 0x5AU);
    EXPECT_FALSE(find_value(Bytes(input).first(6), Tag{0x95}).value().has_value());
}

TEST(BerTlv, WriterUsesTheShortestLength) {
    const std::pair<std::size_t, const char*> cases[] = {{0, "5A00"},       {127, "5A7F"},
                                                         {128, "5A8180"},   {255, "5A81FF"},
                                                         {256, "5A820100"}, {65535, "5A82FFFF"}};
    for (const auto& [size, head] : cases) {
        Buffer out;
        TlvWriter(out).put(Tag{0x5A}, Buffer(size, 0xEE));
        const std::string text = to_hex(Bytes(out).first(out.size() - size));
        EXPECT_EQ(text, head) << size;
    }
}

TEST(BerTlv, WhatIsWrittenIsRead) {
    auto prng = testing::Prng::from_environment();
    const Tag tags[] = {Tag{0x5A}, Tag{0x9F26}, Tag{0xDF8155}, Tag{0x77}};
    for (int round = 0; round < 300; ++round) {
        std::vector<std::pair<Tag, Buffer>> objects(prng.below(6));
        Buffer out;
        for (auto& [tag, value] : objects) {
            tag = tags[prng.below(4)];
            value = prng.bytes(prng.below(400));
            TlvWriter(out).put(tag, value);
        }
        TlvReader reader(out);
        for (const auto& [tag, value] : objects) {
            const auto read = reader.next().value().value();
            ASSERT_EQ(read.tag, tag) << "SEED=" << prng.seed();
            ASSERT_EQ(to_hex(read.value), to_hex(value)) << "SEED=" << prng.seed();
        }
        ASSERT_FALSE(reader.next().value().has_value()) << "SEED=" << prng.seed();
    }
}

TEST(BerTlv, AnyCutGivesWholeObjectsThenAnEndOrAnError) {
    const auto input =
        unhex("9F2608 0011223344556677 77 04 9F360100 57 81 02 1234 9505 0000008000");
    const auto whole = walk(input);
    for (std::size_t cut = 0; cut < input.size(); ++cut) {
        auto words = walk(Bytes(input).first(cut));
        if (!words.empty() && words.back().starts_with("!")) words.pop_back();
        ASSERT_LT(words.size(), whole.size());
        EXPECT_TRUE(std::equal(words.begin(), words.end(), whole.begin())) << cut;
    }
}

}  // namespace
}  // namespace softpos::codec
