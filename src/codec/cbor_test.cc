// CBOR against the examples of its standard, and against itself.
#include "codec/cbor.h"

#include "base/hex.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <limits>

namespace softpos::codec {
namespace {

Buffer hex(std::string_view digits) {
    return from_hex(digits).value();
}

template <typename Write>
std::string written(Write write) {
    Buffer out;
    CborWriter writer(out);
    write(writer);
    return to_hex(out);
}

// The examples of the standard. Spec: [RFC-8949] Appendix A.
TEST(Cbor, NumbersAreWrittenAsTheStandardShows) {
    const std::pair<std::int64_t, const char*> rows[] = {{0, "00"},
                                                         {23, "17"},
                                                         {24, "1818"},
                                                         {100, "1864"},
                                                         {1000, "1903E8"},
                                                         {1000000, "1A000F4240"},
                                                         {-1, "20"},
                                                         {-10, "29"},
                                                         {-100, "3863"},
                                                         {-1000, "3903E7"},
                                                         {1000000000000, "1B000000E8D4A51000"}};
    for (const auto& [value, form] : rows) {
        EXPECT_EQ(written([&](CborWriter& out) { out.put_integer(value); }), form);
        const Buffer bytes = hex(form);
        CborReader in(bytes);
        EXPECT_EQ(in.take_integer().value(), value);
        EXPECT_TRUE(in.end().has_value());
    }
}

TEST(Cbor, NestedItemsAreTakenWhole) {
    const Buffer bytes = hex("8301820203820405F6");  // [1, [2, 3], [4, 5]], then null.
    CborReader in(bytes);
    EXPECT_EQ(to_hex(in.take_item().value()), "8301820203820405");
    EXPECT_TRUE(in.take_null().value());
    EXPECT_TRUE(in.end().has_value());
}

TEST(Cbor, WhatIsNotTheOneFormIsRefused) {
    const char* rows[] = {"1817",                // 23 in two bytes.
                          "190018",              // 24 in three.
                          "1A0000FFFF",          // 65535 in five.
                          "1B00000000FFFFFFFF",  // Below 2^32 in nine.
                          "5F41004100FF",        // Bytes of indefinite length.
                          "9FFF",
                          "C100",
                          "F93C00",
                          "F7",
                          "1C",
                          "18",
                          "5803AABB",
                          "8201"};
    for (const char* row : rows) {
        const Buffer bytes = hex(row);
        EXPECT_FALSE(CborReader(bytes).take_item().has_value()) << row;
    }
}

// Shows: A8
TEST(Cbor, DepthHasALimit) {
    Buffer deep(CborReader::depth_max - 1, 0x81);
    deep.push_back(0x00);
    EXPECT_TRUE(CborReader(deep).take_item().has_value());
    deep.insert(deep.begin(), 0x81);
    EXPECT_EQ(CborReader(deep).take_item().error().kind, ErrorKind::denied);
}

TEST(Cbor, CountsCannotPromiseMoreThanIsThere) {
    const Buffer bytes = hex("9AFFFFFFFF00");
    EXPECT_FALSE(CborReader(bytes).take_array(std::numeric_limits<std::size_t>::max()).has_value());
    EXPECT_FALSE(CborReader(bytes).take_item().has_value());
}

TEST(Cbor, WhatIsWrittenIsRead) {
    testing::Prng random = testing::Prng::from_environment();
    for (int round = 0; round < 2000; ++round) {
        const auto number = static_cast<std::int64_t>(random.next() >> (random.next() % 64));
        const Buffer bytes = random.bytes(random.next() % 300);
        Buffer out;
        CborWriter writer(out);
        writer.begin_array(3);
        writer.put_integer(-number);
        writer.put_bytes(bytes);
        writer.put_bool(number % 2 == 0);
        CborReader in(out);
        EXPECT_EQ(in.take_array(3).value(), 3U);
        EXPECT_EQ(in.take_integer().value(), -number);
        const Bytes taken = in.take_bytes(300).value();
        EXPECT_EQ(Buffer(taken.begin(), taken.end()), bytes);
        EXPECT_EQ(in.take_bool().value(), number % 2 == 0);
        EXPECT_TRUE(in.end().has_value());
        ASSERT_FALSE(HasFailure()) << "SEED=" << random.seed();
        for (std::size_t cut = 0; cut < out.size(); ++cut) {
            ASSERT_FALSE(CborReader(Bytes(out).first(cut)).take_item().has_value());
        }
    }
}

}  // namespace
}  // namespace softpos::codec
