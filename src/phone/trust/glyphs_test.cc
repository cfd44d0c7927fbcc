// Shapes: that digits are told apart, that files of glyphs are read strictly, and that no file
// touches a digit.
#include "phone/trust/glyphs.h"

#include <gtest/gtest.h>

#include <set>

namespace softpos::trust {
namespace {

TEST(OwnGlyph, EveryOneIsAShapeOfItsOwn) {
    std::set<std::array<std::uint16_t, glyph_side_max>> shapes;
    const std::string_view all = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.,-:'&/#()?";
    for (const char one : all) {
        const auto glyph = own_glyph(static_cast<char32_t>(one));
        ASSERT_TRUE(glyph) << one;
        EXPECT_TRUE(shapes.insert(glyph->rows).second) << one;
    }
    EXPECT_EQ(own_glyph(U'a')->rows, own_glyph(U'A')->rows);
    EXPECT_FALSE(own_glyph(U'请'));
}

// A digit that is taken for another costs the customer an attempt: they differ in four points or
// more.
TEST(OwnGlyph, DigitsDifferInManyPoints) {
    for (char32_t one = U'0'; one <= U'9'; ++one) {
        for (char32_t other = one + 1; other <= U'9'; ++other) {
            int different = 0;
            for (unsigned row = 0; row < 7; ++row) {
                different += std::popcount(
                    static_cast<unsigned>(own_glyph(one)->rows[row] ^ own_glyph(other)->rows[row]));
            }
            EXPECT_GE(different, 4) << static_cast<int>(one) << " " << static_cast<int>(other);
        }
    }
}

constexpr std::string_view wide =
    "4E00:0000000000000000000000000000FFFE00000000000000000000000000000000\n";

TEST(GlyphFileText, IsReadAndFound) {
    const auto file = GlyphFile::parse(bytes_of(wide));
    ASSERT_TRUE(file);
    const auto glyph = file->find(0x4E00);
    ASSERT_TRUE(glyph);
    EXPECT_EQ(glyph->width, 16U);
    EXPECT_TRUE(glyph->at(0, 7));
    EXPECT_FALSE(glyph->at(15, 7));
    EXPECT_FALSE(file->find(0x4E01));
    EXPECT_FALSE(file->find(0x14E00)) << "a character beyond the first plane is another one";
}

TEST(GlyphFileText, DigitsInItArePassedOver) {
    const std::string text = "0031:00000000000000000000000000000000\n" + std::string(wide);
    const auto file = GlyphFile::parse(bytes_of(text));
    ASSERT_TRUE(file);
    EXPECT_EQ(file->size(), 1U);
    EXPECT_FALSE(file->find(U'1'));
}

TEST(GlyphFileText, EveryMistakeIsALineWithANumber) {
    const std::string good(wide);
    const std::string rows = good.substr(5, 64);
    const std::pair<std::string, std::uint32_t> bad[] = {
        {"no colon\n", 1},
        {good + "4E01" + rows + "\n", 2},
        {"4E00:" + rows.substr(1) + "\n", 1},
        {"4E00:" + rows.substr(1) + "G\n", 1},
        {"XYZ0:" + rows + "\n", 1},
        {good + good, 2},
        {good + "4DFF:" + rows + "\n", 2},
        {good + "\n", 2},
    };
    for (const auto& [text, line] : bad) {
        const auto file = GlyphFile::parse(bytes_of(text));
        ASSERT_FALSE(file) << text;
        EXPECT_EQ(file.error().detail, line) << text;
    }
}

TEST(Utf8, TakesCharactersAndMarksWhatIsNone) {
    std::string_view text = "A请\xF0\x9F\x98\x80";
    EXPECT_EQ(next_character(text), U'A');
    EXPECT_EQ(next_character(text), U'请');
    EXPECT_EQ(next_character(text), char32_t{0x1F600});
    EXPECT_FALSE(next_character(text));
    for (const std::string_view broken : {"\x80", "\xC0", "\xE8\xAF", "\xFF", "\xE8\x41\x41"}) {
        std::string_view rest = broken;
        EXPECT_EQ(next_character(rest), char32_t{0xFFFD});
    }
}

}  // namespace
}  // namespace softpos::trust
