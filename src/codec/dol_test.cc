// Each rule of cutting and padding is a case in tests/vectors/dol.vec.
#include "codec/dol.h"

#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <map>

namespace softpos::codec {
namespace {

using testing::unhex;

struct Known {
    Buffer value;
    DataFormat format;
    bool constructed = false;
};

std::optional<DolValue> look_up(Tag tag) {
    static const std::map<Tag, Known> known{
        {Tag{0x9F02}, {unhex("000000001000"), DataFormat::numeric}},
        {Tag{0x5A}, {unhex("6210940000000001"), DataFormat::compressed_numeric}},
        {Tag{0x9F37}, {unhex("01020304"), DataFormat::binary}},
        {Tag{0x50}, {unhex("41424344"), DataFormat::alphanumeric}},
        {Tag{0x70}, {unhex("5A0112"), DataFormat::binary, true}},
    };
    const auto found = known.find(tag);
    if (found == known.end()) return std::nullopt;
    return DolValue{found->second.value, found->second.format, found->second.constructed};
}

TEST(Dol, AgreesWithTheCases) {
    const auto cases = testing::read_vectors("dol.vec");
    ASSERT_GE(cases.size(), 15U);
    for (const auto& one : cases) {
        Buffer out;
        const auto filled = fill_dol(unhex(one.at("Dol")), look_up, out);
        if (one.fields.contains("Error")) {
            ASSERT_FALSE(filled.has_value()) << one.name;
            EXPECT_STREQ(filled.error().what.c_str(), one.at("Error").c_str()) << one.name;
        } else {
            ASSERT_TRUE(filled.has_value()) << one.name;
            EXPECT_EQ(to_hex(out), to_hex(unhex(one.at("Out")))) << one.name;
        }
    }
}

TEST(Dol, ErrorIsFinalAndNamesTheOffset) {
    const auto dol = unhex("9F0206 9F37");
    DolReader reader(dol);
    EXPECT_EQ(reader.next().value()->size, 6);
    EXPECT_EQ(reader.next().error().at, 3U);
    EXPECT_FALSE(reader.next().value().has_value());
}

TEST(Dol, FillsExactlyWhatIsAskedFor) {
    auto prng = testing::Prng::from_environment();
    const char* tags[] = {"9F02", "5A", "9F37", "50", "70", "9F66"};
    for (int round = 0; round < 300; ++round) {
        Buffer dol;
        std::size_t wanted = 0;
        for (unsigned count = prng.below(5); count > 0; --count) {
            append(dol, unhex(tags[prng.below(6)]));
            dol.push_back(static_cast<std::uint8_t>(prng.below(200)));
            wanted += dol.back();
        }
        Buffer out;
        ASSERT_TRUE(fill_dol(dol, look_up, out).has_value()) << "SEED=" << prng.seed();
        ASSERT_EQ(out.size(), wanted) << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::codec
