// The tables: sorted, consistent, and right in the bits that people read.
#include "phone/emv/dictionary.h"

#include "phone/emv/field55.h"
#include "phone/emv/outcome.h"
#include "phone/emv/track2.h"
#include "testing/vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace softpos::emv {
namespace {

using codec::Tag;
using softpos::testing::unhex;
using ::testing::ElementsAre;

TEST(Dictionary, RowsAreConsistent) {
    for (const auto& row : dictionary(7)) {
        EXPECT_LE(row.bytes_min, row.bytes_max);
        EXPECT_FALSE(row.name.empty());
        EXPECT_EQ(find_object(7, row.tag), &row) << "a tag stands once";
        if (row.parent != 0) {
            EXPECT_NE(find_object(7, Tag{row.parent}), nullptr) << row.name;
        }
    }
    EXPECT_EQ(find_object(7, Tag{0x9FFF}), nullptr);
    EXPECT_TRUE(dictionary(3).empty());
    EXPECT_EQ(find_object(3, Tag{0x9F66}), nullptr);
}

TEST(Dictionary, BitsBelongToObjectsAndAreSingle) {
    std::set<std::tuple<Tag, std::uint8_t, std::uint8_t>> seen;
    for (const auto& row : bit_table(7)) {
        const auto* object = find_object(7, row.tag);
        ASSERT_NE(object, nullptr);
        EXPECT_LE(row.byte, object->bytes_max);
        EXPECT_EQ(row.mask & (row.mask - 1), 0) << row.name;
        EXPECT_TRUE(seen.emplace(row.tag, row.byte, row.mask).second) << row.name;
    }
}

TEST(Dictionary, DecodesTheBitsThatAreSet) {
    EXPECT_THAT(decode_bits(7, Tag{0x9F66}, unhex("36800080")),
                ElementsAre("quick path supported", "contact chip supported",
                            "online PIN supported", "signature supported",
                            "online cryptogram required", "fDDA version 01 supported"));
    EXPECT_THAT(decode_bits(7, Tag{0x9F6C}, unhex("8080")),
                ElementsAre("online PIN required", "consumer device CVM performed"));
    EXPECT_THAT(decode_bits(7, Tag{0x95}, unhex("0000000800")),
                ElementsAre("merchant forced online"));
    EXPECT_THAT(decode_bits(7, Tag{0x9F6C}, unhex("80")), ElementsAre("online PIN required"));
    EXPECT_TRUE(decode_bits(7, Tag{0x9F26}, unhex("FF")).empty());
    EXPECT_TRUE(decode_bits(9, Tag{0x9F6C}, unhex("8080")).empty());
}

TEST(Dictionary, CardNumbersAreMarkedSecret) {
    for (const std::uint32_t tag : {0x57u, 0x5Au, 0x5F20u})
        EXPECT_TRUE(find_object(7, Tag{tag})->secret);
    EXPECT_FALSE(find_object(7, Tag{0x9F26})->secret);
}

TEST(Outcomes, AreNamedAndDescribed) {
    EXPECT_EQ(name_of(OutcomeKind::online_request), "online_request");
    EXPECT_EQ(name_of(Cause::bad_request), "bad_request");
    const ErrorIndication error{Cause::missing, 7, 2, 0x6985, Tag{0x9F10}};
    EXPECT_EQ(describe(error), "kernel 07 state 2: missing 9F10 SW 6985");
    EXPECT_EQ(describe({Cause::stopped, 0, 1, 0, {}}), "entry point state 1: stopped");
}

TEST(Field55, LeavesOutWhatIsAbsentAndRefusesWhatDoesNotFit) {
    Field55 out;
    const Buffer long_value(100, 0xAA);
    EXPECT_TRUE(build_field55(
        [&](Tag tag) -> std::optional<Bytes> {
            if (tag == Tag{0x82}) return Bytes(long_value).first(2);
            return std::nullopt;
        },
        out));
    EXPECT_TRUE(std::ranges::equal(out.bytes(), unhex("8202AAAA")));
    EXPECT_FALSE(build_field55([&](Tag) { return std::optional<Bytes>(long_value); }, out));
    EXPECT_FALSE(append_object(out, Tag{0x82}, Buffer(128, 0)));
}

TEST(Field55, TransactionBytesAreDecimal) {
    TransactionData data;
    data.amount_minor = 123'456'789'012;
    data.trace = 4711;
    data.currency = 344;
    const auto bytes = TransactionBytes::of(data);
    EXPECT_TRUE(std::ranges::equal(*bytes.find(Tag{0x9F02}), unhex("123456789012")));
    EXPECT_TRUE(std::ranges::equal(*bytes.find(Tag{0x9F41}), unhex("00004711")));
    EXPECT_TRUE(std::ranges::equal(*bytes.find(Tag{0x5F2A}), unhex("0344")));
    EXPECT_TRUE(std::ranges::equal(*bytes.find(Tag{0x9F03}), unhex("000000000000")));
    EXPECT_FALSE(bytes.find(Tag{0x9F26}));
}

TEST(Track2, IsTakenApart) {
    const auto track = unhex("6210948000000003D30122010000000000000F");
    EXPECT_TRUE(track2_fits(track));
    EXPECT_EQ(track2_pan(track)->clear_digits(), "6210948000000003");
    EXPECT_EQ(track2_expiry_yymm(track), 3012);
}

TEST(Track2, RefusesWhatIsNone) {
    for (const char* track :
         {"", "6210948000000003", "D30122010000000000000F", "62109480000D3012201F",
          "62109480000000031D3013201F",       // month 13
          "6210948A00000003D3012201000000",   // a sign inside the PAN
          "6210948000000003D30F",             // expiry cut
          "6210948000000003D3012F2010",       // padding inside
          "62109480000000030000D301220F"}) {  // 20 digits
        EXPECT_FALSE(track2_fits(unhex(track))) << track;
    }
}

}  // namespace
}  // namespace softpos::emv
