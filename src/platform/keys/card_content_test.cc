// What of a card is kept, and which lists are no card.
#include "platform/keys/card_content.h"

#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::keys {
namespace {

using testing::unhex;

// Track 2 of test card 6210 9400 0000 0003, expiry 3012; field 55 with 95, 9F10, 9F26 and 9F36.
const std::string track = "57106210940000000003D30122010000000F";
const std::string sequence = "5F340101";
const std::string expiry = "5F2403301231";
std::string chip_data() {
    const std::string objects = "950500000000009F10030102039F260811223344556677889F36020007";
    std::string length = to_hex(Buffer{static_cast<std::uint8_t>(objects.size() / 2)});
    return "DF8155" + length + objects;
}

std::string stored(const std::string& list) {
    const auto content = read_card_content(unhex(list), CardSource::phone);
    return content ? to_hex(content->stored_tlv.bytes()) : "refused";
}

TEST(CardContent, KeepsNumberSequenceExpiryAndWhatAReversalRepeats) {
    EXPECT_EQ(stored(track + sequence + expiry + chip_data()),
              "5A0862109400000000035F3401015F2403301231"
              "DF815512950500000000009F10030102039F36020007");
}

TEST(CardContent, TakesTheMonthFromTheTrackWhereTheCardNamesNone) {
    EXPECT_EQ(stored(track + chip_data()),
              "5A0862109400000000035F2403301200"
              "DF815512950500000000009F10030102039F36020007");
}

TEST(CardContent, PadsAnOddNumber) {
    const std::string long_length = "57116210940000000000018D301220100000";
    const auto content = read_card_content(
        unhex("57106210940000000000018D301220100000" + chip_data()), CardSource::phone);
    ASSERT_TRUE(content.has_value());
    EXPECT_EQ(to_hex(content->stored_tlv.bytes()).substr(0, 24), "5A0A6210940000000000018F");
    EXPECT_EQ(content->masked_pan, "621094*********0018");
    EXPECT_EQ(stored(long_length + chip_data()), "refused") << "the length does not fit";
}

// Nothing of the track but number and expiry: neither service code nor discretionary data.
// Shows: MPOC-5-DATA
TEST(CardContent, NeverKeepsTheTrack) {
    const std::string kept = stored(track + sequence + expiry + chip_data());
    EXPECT_EQ(kept.find("D3012"), std::string::npos);
    EXPECT_EQ(kept.find("9F26"), std::string::npos);
    const auto content = read_card_content(unhex(track + chip_data()), CardSource::phone);
    EXPECT_EQ(content->masked_pan, "621094******0003");
}

TEST(CardContent, RefusesWhatIsNoCard) {
    const std::string good = track + chip_data();
    ASSERT_NE(stored(good), "refused");
    const std::string cases[] = {
        "",                                                    // Nothing.
        track,                                                 // No chip data.
        chip_data(),                                           // No track.
        good + "9F0100",                                       // An unknown object.
        good + track,                                          // One twice.
        "5700" + chip_data(),                                  // Empty track.
        "57106210940000000003A30122010000000F" + chip_data(),  // No separator.
        "570462109412" + chip_data(),                          // Number too short, no expiry.
        "57106210940000000003D3A122010000000F" + chip_data(),  // Expiry is no number.
        track + "5F34020101" + chip_data(),                    // Sequence of two bytes.
        track + "5F24023012" + chip_data(),                    // Expiry of two bytes.
        track + "DF815503950500",                              // Chip data cut short.
    };
    for (const std::string& list : cases) EXPECT_EQ(stored(list), "refused") << list;
}

TEST(CardContent, ChangedListsAreReadOrRefused) {
    auto prng = testing::Prng::from_environment();
    const Buffer good = unhex(track + sequence + expiry + chip_data());
    for (int round = 0; round < 20'000; ++round) {
        Buffer list = good;
        for (unsigned changes = 1 + prng.below(3); changes > 0; --changes) {
            list[prng.below(static_cast<unsigned>(list.size()))] =
                static_cast<std::uint8_t>(prng.next());
        }
        const auto content = read_card_content(list, CardSource::phone);
        if (content) {
            ASSERT_LE(content->stored_tlv.size(), stored_tlv_bytes_max) << "SEED=" << prng.seed();
            ASSERT_GE(content->masked_pan.size(), 12U);
        } else {
            ASSERT_EQ(content.error().kind, ErrorKind::malformed) << "SEED=" << prng.seed();
        }
    }
}

}  // namespace
}  // namespace softpos::keys
