// Rows, words and numbers of the tables that people write.
#include "base/table_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace softpos {
namespace {

std::vector<std::string> rows_of(std::string_view text) {
    std::vector<std::string> rows;
    for (TableText table(text); table.next();) {
        std::string row = std::to_string(table.line()) + ":";
        for (const std::string_view word : table.words()) row += std::string(word) + "|";
        rows.push_back(row);
    }
    return rows;
}

TEST(TableText, ShowsTheWordsOfEachRowAndItsLine) {
    EXPECT_EQ(rows_of("a b\n\n  # only a comment\n\tc\t d  # and this\r\ne"),
              (std::vector<std::string>{"1:a|b|", "4:c|d|", "5:e|"}));
}

TEST(TableText, WithoutAWordHasNoRow) {
    for (const char* text : {"", "\n", " \t\r\n", "#", "# a\n#b", "\n\n\n"}) {
        EXPECT_TRUE(rows_of(text).empty()) << text;
    }
}

TEST(TableText, ALineFeedEndsAComment) {
    EXPECT_EQ(rows_of("#x\na#b\nc"), (std::vector<std::string>{"2:a|", "3:c|"}));
}

TEST(TableText, ShowsOneWordTooManyOfARowThatIsTooLong) {
    std::string text;
    for (std::size_t i = 0; i < TableText::words_max; ++i) text += "w ";
    TableText whole(text);
    ASSERT_TRUE(whole.next());
    EXPECT_EQ(whole.words().size(), TableText::words_max);
    text += "w w w\nnext";
    TableText longer(text);
    ASSERT_TRUE(longer.next());
    EXPECT_EQ(longer.words().size(), TableText::words_max + 1);
    ASSERT_TRUE(longer.next());
    EXPECT_EQ(longer.words().size(), 1U);
    EXPECT_EQ(longer.line(), 2U);
}

TEST(Decimal, TakesDigitsAloneUpToTheLimit) {
    EXPECT_EQ(decimal("0", 10), 0);
    EXPECT_EQ(decimal("0010", 10), 10);
    EXPECT_EQ(decimal("9223372036854775807", INT64_MAX), INT64_MAX);
    for (const char* bad : {"", "-1", "-0", "+1", " 1", "1 ", "1a", "0x1", "11",
                            "9223372036854775808", "99999999999999999999"}) {
        EXPECT_EQ(decimal(bad, 10), std::nullopt) << bad;
    }
}

}  // namespace
}  // namespace softpos
