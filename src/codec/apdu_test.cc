// The four short command cases, answers, and that each form is read back as it was written.
#include "codec/apdu.h"

#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::codec {
namespace {

using testing::unhex;

TEST(Apdu, EncodesTheFourCases) {
    const Buffer data = unhex("A0000003330101");
    EXPECT_EQ(to_hex(encode({0x00, 0x70, 0x01, 0x02, {}, {}})), "00700102");
    EXPECT_EQ(to_hex(encode({0x00, 0xB2, 0x01, 0x0C, {}, 256})), "00B2010C00");
    EXPECT_EQ(to_hex(encode({0x00, 0xA4, 0x04, 0x00, data, {}})), "00A4040007A0000003330101");
    EXPECT_EQ(to_hex(encode({0x00, 0xA4, 0x04, 0x00, data, 256})), "00A4040007A000000333010100");
    EXPECT_EQ(to_hex(encode({0x80, 0xCA, 0x9F, 0x36, {}, 5})), "80CA9F3605");
}

TEST(Apdu, OurOwnMistakesAreChecked) {
    const Buffer data(256);
    EXPECT_DEATH(encode({0, 0, 0, 0, data, {}}), "command_data_bytes_max");
    EXPECT_DEATH(encode({0, 0, 0, 0, {}, 257}), "le_max");
    EXPECT_DEATH(encode({0, 0, 0, 0, {}, 0}), "le");
}

TEST(Apdu, ReadsWhatItWrites) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 500; ++round) {
        const Buffer data = prng.bytes(prng.below(256));
        const Buffer head = prng.bytes(4);
        CommandApdu command{head[0], head[1], head[2], head[3], data, {}};
        if (prng.below(2) == 0) command.le = 1 + prng.below(256);
        const Buffer bytes = encode(command);
        const auto read = parse_command(bytes).value();
        ASSERT_EQ(to_hex(read.data), to_hex(data)) << "SEED=" << prng.seed();
        ASSERT_EQ(read.le, command.le) << "SEED=" << prng.seed();
        ASSERT_EQ(to_hex(encode(read)), to_hex(bytes)) << "SEED=" << prng.seed();
    }
}

TEST(Apdu, RefusesWhatIsNoShortCommand) {
    struct Case {
        const char* bytes;
        ErrorKind kind;
        std::uint32_t at;
    };
    const Case cases[] = {
        {"", ErrorKind::malformed, 0},
        {"00A404", ErrorKind::malformed, 3},
        {"00A4040000 0001 AA", ErrorKind::unsupported, 4},
        {"00A4040003 AABB", ErrorKind::malformed, 5},
        {"00A4040001 AA 00 00", ErrorKind::malformed, 7},
    };
    for (const Case& one : cases) {
        const auto error = parse_command(unhex(one.bytes)).error();
        EXPECT_EQ(error.kind, one.kind) << one.bytes;
        EXPECT_EQ(error.at, one.at) << one.bytes;
    }
}

TEST(Apdu, AnswerIsDataAndStatus) {
    const Buffer bytes = unhex("6F02 8400 9000");
    const auto answer = parse_response(bytes).value();
    EXPECT_EQ(to_hex(answer.data), "6F028400");
    EXPECT_TRUE(answer.ok());
    const auto refusal = parse_response(unhex("6985")).value();
    EXPECT_EQ(refusal.sw, 0x6985);
    EXPECT_FALSE(refusal.ok());
}

TEST(Apdu, AnswerHasAStatusAndAtMost256Bytes) {
    EXPECT_EQ(parse_response(unhex("90")).error().kind, ErrorKind::malformed);
    EXPECT_TRUE(parse_response(Buffer(258)).has_value());
    EXPECT_EQ(parse_response(Buffer(259)).error().kind, ErrorKind::unsupported);
}

}  // namespace
}  // namespace softpos::codec
