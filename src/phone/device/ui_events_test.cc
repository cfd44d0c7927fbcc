// The words that a customer reads.
#include "phone/device/ui_events.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>

namespace softpos::device {
namespace {

TEST(UiWords, NameEachNumberOnceInBothLanguages) {
    std::set<std::string_view> names;
    for (unsigned number = 0; number <= 0xFF; ++number) {
        const UiWords words = words_of_message(static_cast<std::uint8_t>(number));
        if (words.name == "unknown") continue;
        EXPECT_TRUE(names.insert(words.name).second) << words.name;
        EXPECT_EQ(words.en.empty(), words.zh.empty()) << words.name;
    }
    EXPECT_EQ(names.size(), 18U);
    EXPECT_EQ(words_of_message(0xFE).name, "unknown");
    EXPECT_EQ(words_of_message(ui_message::present_card).name, "present_card");
}

}  // namespace
}  // namespace softpos::device
