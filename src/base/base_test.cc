// The ground everything stands on: bytes, hex, masking, the calendar, and the table of refusals.
#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/pan.h"
#include "base/refusal.h"
#include "base/secret.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace softpos {
namespace {

TEST(ByteReader, NeverReadsPastTheEnd) {
    const Buffer bytes{1, 2, 3};
    ByteReader reader(bytes);
    EXPECT_EQ(reader.take(2)->size(), 2u);
    EXPECT_EQ(reader.position(), 2u);
    EXPECT_FALSE(reader.take(2).has_value());
    EXPECT_EQ(reader.take_byte(), 3);
    EXPECT_FALSE(reader.take_byte().has_value());
}

TEST(Hex, RoundTripsEveryByteString) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 200; ++round) {
        const Buffer bytes = prng.bytes(prng.below(64));
        EXPECT_EQ(from_hex(to_hex(bytes)).value(), bytes) << "SEED=" << prng.seed();
    }
}

TEST(Hex, NamesTheOffsetOfAWrongDigit) {
    EXPECT_EQ(from_hex("00 1G").error().at, 4u);
    EXPECT_EQ(from_hex("0 0").error().at, 1u);  // A blank may not part a pair.
    EXPECT_EQ(from_hex("001").error().kind, ErrorKind::malformed);
}

TEST(HexNumber, DropsLeadingZeroBytes) {
    EXPECT_EQ(hex_number(0x9F02), "9F02");
    EXPECT_EQ(hex_number(0), "00");
}

TEST(Pan, PrintsSixAndFourAndNothingElse) {
    const auto pan = Pan::parse("6210948000000001");
    ASSERT_TRUE(pan.has_value());
    EXPECT_EQ(pan->masked(), "621094******0001");
    EXPECT_EQ(mask_track2("6210948000000001D3012201"), "621094******0001********");
    EXPECT_EQ(mask_pan("123456789012"), "************");  // Too short to show any of it.
}

TEST(Pan, RefusesWhatIsNoCardNumber) {
    EXPECT_FALSE(Pan::parse("62109480000").has_value());
    EXPECT_FALSE(Pan::parse("62109480000000010000").has_value());
    EXPECT_FALSE(Pan::parse("621094800000000A").has_value());
}

// Shows: MPOC-5-DATA
TEST(LogId, MasksWhatCouldBeACardNumber) {
    EXPECT_EQ(LogId("6210948000000001").text(), "621094******0001");
    EXPECT_EQ(LogId("a\"b\nc").text(), "a_b_c");
    EXPECT_EQ(LogId("terminal-10000001").text(), "terminal-10000001");
}

TEST(SecretBytes, MovesLeaveNothingBehind) {
    SecretBytes first = SecretBytes::copy_of(bytes_of("key"));
    const SecretBytes second = std::move(first);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the question.
    EXPECT_EQ(text_of(second.bytes()), "key");
    EXPECT_TRUE(equal_constant_time(second.bytes(), bytes_of("key")));
    EXPECT_FALSE(equal_constant_time(second.bytes(), bytes_of("kez")));
    EXPECT_FALSE(equal_constant_time(second.bytes(), bytes_of("ke")));
}

TEST(ChinaTime, CrossesMidnightEightHoursAhead) {
    // 2024-02-28T16:00:00Z is the first second of the leap day in China.
    const LocalTime time = china_time({1'709'136'000'000});
    EXPECT_EQ(time.iso(), "2024-02-29T00:00:00+08:00");
    EXPECT_EQ(time.yyyymmdd(), 20240229u);
    EXPECT_EQ(time.mmdd() + time.hhmmss() + time.yymmdd(), "0229000000240229");
}

TEST(Id128, ParsesOnlyItsOwnForm) {
    SeededRandom random(7);
    const Id128 id = Id128::make(random);
    EXPECT_EQ(Id128::parse(id.text()).value(), id);
    EXPECT_FALSE(Id128::parse(id.text().substr(1)).has_value());
    EXPECT_FALSE(Id128::parse(std::string(31, '0') + " ").has_value());
}

TEST(RefusalTable, EveryRefusalHasItsRowAndEveryCodeIsUnique) {
    std::set<std::string_view> codes;
    std::size_t index = 0;
    for (const RefusalRow& row : refusal_table()) {
        EXPECT_EQ(static_cast<std::size_t>(row.refusal), index++);
        EXPECT_TRUE(codes.insert(row.code).second) << row.code;
        EXPECT_FALSE(row.en.empty());
        EXPECT_FALSE(row.zh.empty());
        EXPECT_GE(row.http_status, 200);
    }
    EXPECT_EQ(index, static_cast<std::size_t>(Refusal::internal) + 1);
}

}  // namespace
}  // namespace softpos
