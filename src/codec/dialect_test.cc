// The shipped dialects load; each thing that cannot be so is refused with its line.
#include "codec/dialect.h"

#include "codec/dialect_test_data.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::codec {
namespace {

const std::string head = "dialect test\nversion 0\nmti bcd\nbitmap 8\n";
const std::string good = "field 3 n bcd fixed digits 6 none public processing_code\n";

// What is wrong, and in which line.
std::string complaint(const std::string& text) {
    const auto dialect = Dialect::parse(text);
    if (dialect) return "none";
    return std::to_string(dialect.error().detail) + " " + dialect.error().what.c_str();
}

TEST(Dialect, LoadsWhatIsShipped) {
    EXPECT_EQ(cup_pos().name(), "cup-pos");
    EXPECT_EQ(cup_pos().bitmap_bytes(), 8U);
    EXPECT_FALSE(cup_pos().mti_ascii());
    EXPECT_EQ(cup_pos().field_name(2), "primary_account_number");
    EXPECT_EQ(cup_pos().field(22).size_max, 3);
    EXPECT_FALSE(cup_pos().field(22).pad_left);
    EXPECT_TRUE(cup_pos().field(23).pad_left);
    EXPECT_EQ(cup_pos().field(36).length_bytes, 2);
    EXPECT_FALSE(cup_pos().field(65).defined);
    EXPECT_EQ(cups().bitmap_bytes(), 16U);
    EXPECT_TRUE(cups().mti_ascii());
    EXPECT_EQ(cups().field(128).klass, FieldClass::mac);
}

TEST(Dialect, BitmapsMayTravelAsText) {
    const auto parsed = Dialect::parse("dialect t\nversion 0\nmti ascii\nbitmap auto hex\n" + good);
    ASSERT_TRUE(parsed);
    EXPECT_TRUE(parsed->bitmap_hex());
    EXPECT_EQ(parsed->bitmap_bytes(), 0U);
    EXPECT_FALSE(cups().bitmap_hex());
}

// A log row is masked by class: no field that carries a card may be public.
TEST(Dialect, NoCardFieldIsPublic) {
    for (const Dialect* dialect : shipped_dialects()) {
        for (const unsigned field : {2U, 14U, 35U, 36U, 48U, 52U, 55U, 59U, 62U}) {
            if (!dialect->field(field).defined) continue;
            EXPECT_NE(dialect->field(field).klass, FieldClass::open) << field;
        }
    }
}

TEST(Dialect, CommentsBlankLinesAndCarriageReturnsMeanNothing) {
    EXPECT_EQ(complaint("# first\r\n\r\n" + head + good + "  # last"), "none");
}

TEST(Dialect, HeaderLinesAreChecked) {
    const std::pair<std::string, const char*> cases[] = {
        {"", "0 dialect: header line missing"},
        {head, "4 dialect: no field"},
        {"dialect\n", "1 dialect: header line needs two words"},
        {"dialect A\n", "1 dialect: name"},
        {"colour red\n", "1 dialect: unknown header line"},
        {"version 10\n", "1 dialect: version"},
        {"version x\n", "1 dialect: version"},
        {"mti ebcdic\n", "1 dialect: mti encoding"},
        {"bitmap 24\n", "1 dialect: bitmap"},
        {"bitmap 8 HEX\n", "1 dialect: header line needs two words"},
        {"mti ascii hex\n", "1 dialect: header line needs two words"},
        {"mti bcd\nmti bcd\n", "2 dialect: header line twice"},
        {head + good + "mti bcd\n", "6 dialect: header line behind a field"},
        {good, "1 dialect: field in front of the bitmap line"},
        {"dialect a\nbitmap 8\n" + good, "3 dialect: header line missing"},
        {"a b c d e f g h i j k\n", "1 dialect: too many words"},
    };
    for (const auto& [text, expected] : cases) EXPECT_EQ(complaint(text), expected) << text;
}

TEST(Dialect, FieldLinesAreChecked) {
    const std::pair<const char*, const char*> cases[] = {
        {"field 3 n bcd fixed digits 6 none public", "dialect: field needs ten words"},
        {"field 1 n bcd fixed digits 6 none public x", "dialect: field number"},
        {"field 65 n bcd fixed digits 6 none public x", "dialect: field number"},
        {"field 3x n bcd fixed digits 6 none public x", "dialect: field number"},
        {"field 3 num bcd fixed digits 6 none public x", "dialect: format"},
        {"field 3 n ebcdic fixed digits 6 none public x", "dialect: encoding"},
        {"field 3 n bcd l digits 6 none public x", "dialect: length rule"},
        {"field 3 n bcd fixed nibbles 6 none public x", "dialect: count"},
        {"field 3 n bcd fixed digits six none public x", "dialect: size"},
        {"field 3 n bcd fixed digits 0 none public x", "dialect: size"},
        {"field 3 n bcd ll_bcd digits 9-6 right0 public x", "dialect: size"},
        {"field 3 n bcd lll_bcd digits 1-1000 right0 public x", "dialect: size"},
        {"field 3 n bcd fixed digits 6 left public x", "dialect: pad"},
        {"field 3 n bcd fixed digits 6 none secret x", "dialect: class"},
        {"field 3 n bcd fixed digits 6 none public X", "dialect: field name"},
        {"field 3 an bcd fixed digits 6 none public x",
         "dialect: encoding does not fit the format"},
        {"field 3 n binary fixed bytes 6 none public x",
         "dialect: encoding does not fit the format"},
        {"field 3 b ascii fixed bytes 6 none public x",
         "dialect: encoding does not fit the format"},
        {"field 3 n bcd fixed characters 6 none public x",
         "dialect: count does not fit the encoding"},
        {"field 3 an ascii fixed digits 6 none public x",
         "dialect: count does not fit the encoding"},
        {"field 3 n bcd fixed bytes 6 none public x",
         "dialect: fixed field with a range or another unit"},
        {"field 3 n bcd fixed digits 1-6 none public x",
         "dialect: fixed field with a range or another unit"},
        {"field 3 an ascii ll_bcd bytes 1-100 none public x", "dialect: size over the length rule"},
        {"field 3 b binary lll_bcd digits 1-500 none public x",
         "dialect: size over the length rule"},
        {"field 3 n bcd fixed digits 5 none public x", "dialect: pad does not fit the size"},
        {"field 3 n bcd fixed digits 6 left0 public x", "dialect: pad does not fit the size"},
        {"field 3 an ascii fixed bytes 5 right0 public x", "dialect: pad does not fit the size"},
        {"field 3 an ascii fixed bytes 5 none track2 x", "dialect: class does not fit the format"},
        {"field 3 b binary fixed bytes 5 none pan x", "dialect: class does not fit the format"},
        {"field 3 n bcd fixed digits 6 none chip x", "dialect: class does not fit the format"},
    };
    for (const auto& [row, expected] : cases) {
        EXPECT_EQ(complaint(head + row + "\n"), std::string("5 ") + expected) << row;
    }
}

TEST(Dialect, NumbersAndNamesStandOnce) {
    EXPECT_EQ(complaint(head + good + good), "6 dialect: field twice");
    EXPECT_EQ(complaint(head + good + "field 4 n bcd fixed digits 6 none public processing_code\n"),
              "6 dialect: field name twice");
}

TEST(Dialect, TextHasALimit) {
    EXPECT_EQ(Dialect::parse(std::string(Dialect::text_bytes_max + 1, '\n')).error().kind,
              ErrorKind::denied);
}

TEST(Dialect, AnyCutOfAShippedDialectIsReadOrRefused) {
    std::ifstream file(SOFTPOS_DATA "/dialects/cup-pos.dialect");
    std::ostringstream text;
    text << file.rdbuf();
    const std::string whole = text.str();
    unsigned loaded = 0;
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        loaded += Dialect::parse(whole.substr(0, cut)).has_value() ? 1U : 0U;
    }
    EXPECT_GT(loaded, 0U);
    EXPECT_LT(loaded, whole.size());
}

}  // namespace
}  // namespace softpos::codec
