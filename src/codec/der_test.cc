// What the DER reader takes, what it refuses, and that the writer and it agree.
#include "codec/der.h"

#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <limits>

namespace softpos::codec {
namespace {

using testing::unhex;

std::string what_of(const Error& error) {
    return error.what.c_str();
}

TEST(Der, ReadsWhatStandsInSequence) {
    const Buffer bytes = unhex("3011 02020190 0A0102 0101FF 0403616263 0500");
    DerReader in(bytes);
    auto inner = in.enter(der::sequence);
    ASSERT_TRUE(inner.has_value());
    EXPECT_EQ(inner->take_unsigned(der::integer).value(), 400U);
    EXPECT_EQ(inner->take_unsigned(der::enumerated).value(), 2U);
    EXPECT_TRUE(inner->take_boolean().value());
    EXPECT_EQ(text_of(inner->take_octets().value()), "abc");
    EXPECT_TRUE(inner->take_null().has_value());
    EXPECT_TRUE(inner->end().has_value());
    EXPECT_TRUE(in.end().has_value());
}

TEST(Der, ReadsHighTagNumbers) {
    const Buffer bytes = unhex("BF853D02 0500");  // [701]
    DerReader in(bytes);
    const auto object = in.take();
    ASSERT_TRUE(object.has_value());
    EXPECT_EQ(object->tag, der::context(701));
    EXPECT_EQ(object->content.size(), 2U);
    EXPECT_EQ(object->content_at, 4U);
    for (const auto* wrong : {"BF1E00", "BF803D00", "BF8F8F8F8F8F0100", "BF85"}) {
        const Buffer refused = unhex(wrong);
        EXPECT_FALSE(DerReader(refused).take().has_value()) << wrong;
    }
}

TEST(Der, RefusesWhatIsNotDer) {
    struct Case {
        const char* hex;
        const char* what;
    };
    for (const Case& c :
         {Case{"3080020101 0000", "der: indefinite length"}, Case{"300502", "der: ends too soon"},
          Case{"3085000000000102", "der: length"},
          Case{"3081 03 020101", "der: length longer than needed"},
          Case{"30820003 020101", "der: length longer than needed"},
          Case{"30", "der: ends too soon"}, Case{"", "der: ends too soon"}}) {
        const Buffer bytes = unhex(c.hex);
        const auto taken = DerReader(bytes).take();
        ASSERT_FALSE(taken.has_value()) << c.hex;
        EXPECT_EQ(what_of(taken.error()), c.what) << c.hex;
    }
}

TEST(Der, TakesKnownQuirksOnlyFromWhoAsksForThem) {
    const Buffer bytes = unhex("30810A 010101 02020007 010142");
    EXPECT_FALSE(DerReader(bytes).take().has_value());
    DerQuirks quirks;
    DerReader in(bytes, &quirks);
    auto inner = in.enter(der::sequence);
    ASSERT_TRUE(inner.has_value());
    EXPECT_TRUE(inner->take_boolean().value());
    EXPECT_EQ(inner->take_unsigned(der::integer).value(), 7U);
    EXPECT_TRUE(inner->take_boolean().value());
    EXPECT_EQ(quirks.long_lengths, 1U);
    EXPECT_EQ(quirks.odd_booleans, 2U);
    EXPECT_EQ(quirks.long_integers, 1U);
    EXPECT_EQ(quirks.first_at, 1U);
}

TEST(Der, NumbersAreNeitherNegativeNorTooLarge) {
    for (const auto* wrong : {"0200", "0201FF", "0209010000000000000000", "02020001"}) {
        const Buffer bytes = unhex(wrong);
        EXPECT_FALSE(DerReader(bytes).take_unsigned(der::integer).has_value()) << wrong;
    }
    const Buffer largest = unhex("020900FFFFFFFFFFFFFFFF");
    EXPECT_EQ(DerReader(largest).take_unsigned(der::integer).value(),
              std::numeric_limits<std::uint64_t>::max());
    const Buffer serial = unhex("021100F165849EF08B4658DD0A8AB95BE53006");
    EXPECT_EQ(to_hex(DerReader(serial).take_magnitude().value()),
              "F165849EF08B4658DD0A8AB95BE53006");
}

TEST(Der, OffsetsCountFromTheOutermostByte) {
    const Buffer bytes = unhex("300A 0201 01 3005 020103 0101");
    DerReader in(bytes);
    auto outer = in.enter(der::sequence).value();
    ASSERT_TRUE(outer.take().has_value());
    auto inner = outer.enter(der::sequence).value();
    ASSERT_TRUE(inner.take().has_value());
    const auto broken = inner.take();
    ASSERT_FALSE(broken.has_value());
    EXPECT_EQ(broken.error().at, 10U);
}

Buffer nested(unsigned levels) {
    Buffer inner;
    for (unsigned i = 0; i < levels; ++i) {
        Buffer outer;
        DerWriter(outer).put(der::sequence, inner);
        inner = outer;
    }
    return inner;
}

// Shows: A8
TEST(Der, DepthAndSizeHaveLimits) {
    EXPECT_TRUE(check_der(nested(DerReader::depth_max - 1)).has_value());
    const auto deep = check_der(nested(DerReader::depth_max));
    ASSERT_FALSE(deep.has_value());
    EXPECT_EQ(what_of(deep.error()), "der: too deep");
    EXPECT_FALSE(check_der(nested(10'000)).has_value());

    Buffer large;
    DerWriter(large).put(der::octet_string, Buffer(DerReader::bytes_max - 4));
    EXPECT_EQ(large.size(), DerReader::bytes_max);
    EXPECT_TRUE(DerReader(large).take().has_value());
    large.push_back(0);
    const auto refused = DerReader(large).take();
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().kind, ErrorKind::denied);
}

TEST(Der, IdentifiersReadAsTheyAreWritten) {
    for (const auto* text : {"1.3.6.1.4.1.11129.2.1.17", "2.5.4.5", "0.9.2342", "2.999.3",
                             "1.2.840.113635.100.8.2", "1.3.6.1.4.1.2011.2.376.1.3"}) {
        const auto bytes = oid_bytes(text);
        ASSERT_TRUE(bytes.has_value()) << text;
        EXPECT_EQ(oid_text(*bytes).value(), text);
    }
    EXPECT_EQ(to_hex(oid_bytes("1.3.6.1.4.1.11129.2.1.17").value()), "2B06010401D679020111");
    for (const auto* wrong :
         {"", "1", "1.", ".1", "3.1", "1.40", "1.2.", "1.2.x", "1.2.4294967296"})
        EXPECT_FALSE(oid_bytes(wrong).has_value()) << wrong;
    for (const auto* wrong : {"", "80", "2B80", "2B8001", "2B9F8F8F8F8F01"})
        EXPECT_FALSE(oid_text(unhex(wrong)).has_value()) << wrong;
}

TEST(Der, WhatIsWrittenReadsTheSame) {
    auto prng = testing::Prng::from_environment();
    for (unsigned round = 0; round < 2'000; ++round) {
        SCOPED_TRACE(::testing::Message() << "SEED=" << prng.seed() << " round " << round);
        const std::uint64_t number = prng.next() >> prng.below(64);
        const Buffer octets = prng.bytes(prng.below(round % 50 == 0 ? 60'000 : 400));
        const Buffer magnitude = prng.bytes(prng.below(24));
        const std::uint32_t tag = prng.below(DerReader::tag_number_max);
        Buffer content;
        DerWriter inner(content);
        inner.put_unsigned(der::integer, number);
        inner.put_octets(octets);
        inner.put_magnitude(magnitude);
        inner.put_boolean(number % 2 == 0);
        Buffer bytes;
        DerWriter(bytes).put(der::context(tag), content);

        DerReader in(bytes);
        auto reader = in.enter(der::context(tag));
        ASSERT_TRUE(reader.has_value());
        EXPECT_EQ(reader->take_unsigned(der::integer).value(), number);
        EXPECT_EQ(to_hex(reader->take_octets().value()), to_hex(octets));
        Buffer again;
        DerWriter(again).put_magnitude(reader->take_magnitude().value());
        Buffer once;
        DerWriter(once).put_magnitude(magnitude);
        EXPECT_EQ(again, once);
        EXPECT_EQ(reader->take_boolean().value(), number % 2 == 0);
        EXPECT_TRUE(reader->end().has_value());
        EXPECT_TRUE(in.end().has_value());
    }
}

}  // namespace
}  // namespace softpos::codec
