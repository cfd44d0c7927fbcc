// Cards out of the project's own folder, and counters that outlive them.
#include "world/sim/card_folder.h"

#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace softpos::sim {
namespace {

constexpr const char* folder = "data/cards";

const Buffer select_card = testing::unhex("00A4040005A00000033300");
const Buffer gpo = testing::unhex(
    "80A8000023832126800000000000000100000000000000015600000000000156261122002B29EBE400");

class CardFolder : public ::testing::Test {
protected:
    ~CardFolder() override { std::filesystem::remove(state_file_); }

    static bool tap(card::VirtualCard& card) {
        card.reset();
        card.transmit(select_card);
        const Buffer rapdu = card.transmit(gpo);
        return rapdu.size() > 2 && rapdu[rapdu.size() - 2] == 0x90;
    }

    void write(std::string_view text) const { std::ofstream(state_file_) << text; }

    std::string state_file_ = (std::filesystem::temp_directory_path() /
                               ("softpos-card-state." + std::to_string(::getpid())))
                                  .string();
};

TEST_F(CardFolder, EveryListedCardLoads) {
    const auto names = list_cards(folder).value();
    EXPECT_NE(std::ranges::find(names, "debit"), names.end());
    for (const std::string& name : names) {
        EXPECT_EQ(load_card(folder, name).value().profile().name, name);
    }
}

TEST_F(CardFolder, NameLeadsNowhereElse) {
    EXPECT_EQ(load_card(folder, "../cards/debit").error().kind, ErrorKind::denied);
    EXPECT_EQ(load_card(folder, "").error().kind, ErrorKind::denied);
    EXPECT_EQ(load_card(folder, "nobody").error().kind, ErrorKind::not_found);
    EXPECT_EQ(list_cards("data/no-such-folder").error().kind, ErrorKind::not_found);
}

TEST_F(CardFolder, CounterOutlivesTheCard) {
    for (std::uint16_t tap_number = 1; tap_number <= 3; ++tap_number) {
        card::VirtualCard card = load_card(folder, "debit", state_file_).value();
        EXPECT_TRUE(tap(card));
        EXPECT_EQ(card.state().atc, tap_number);
    }
}

TEST_F(CardFolder, BrokenStateIsNoFreshStart) {
    for (const char* text : {"", "atc = ", "atc = 65536\n", "atc = -1\n", "atc = 12", "atc = 1 2\n",
                             "atc = 12\natc = 13\natc = 14\natc = 15\n"}) {
        write(text);
        EXPECT_FALSE(load_card(folder, "debit", state_file_)) << text;
    }
    write("atc = 65534\n");
    EXPECT_EQ(load_card(folder, "debit", state_file_).value().state().atc, 65534);
}

TEST_F(CardFolder, CardWhoseStateCannotBeWrittenGivesNoCryptogram) {
    card::VirtualCard card =
        load_card(folder, "debit", "/nonexistent-folder/softpos-card-state").value();
    EXPECT_FALSE(tap(card));
}

}  // namespace
}  // namespace softpos::sim
