// Heads of frames: what is read, what is refused, and how an answer is addressed.
#include "codec/cup_frame.h"

#include "base/hex.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::codec {
namespace {

using testing::unhex;

const Buffer echo = unhex("6000060000 603100311003 0820 0020000000C00010 000001");

TEST(CupFrame, IsTakenApart) {
    const CupFrame frame = parse_frame(echo).value();
    EXPECT_EQ(to_hex(frame.tpdu), "6000060000");
    EXPECT_EQ(to_hex(frame.header), "603100311003");
    EXPECT_EQ(to_hex(frame.message), "08200020000000C00010000001");
    EXPECT_EQ(to_hex(build_frame(frame)), to_hex(echo));
}

TEST(CupFrame, AnswerGoesBackWhereItCameFrom) {
    EXPECT_EQ(to_hex(answer_tpdu({0x60, 0x12, 0x34, 0x56, 0x78})), "6056781234");
}

TEST(CupFrame, HeaderSaysWhatTheHostWants) {
    EXPECT_EQ(processing_demand({0x60, 0x22, 0x00, 0, 0, 1}), ProcessingDemand::none);
    EXPECT_EQ(processing_demand({0x60, 0x22, 0x03, 0, 0, 1}), ProcessingDemand::sign_in);
    EXPECT_EQ(processing_demand({0x60, 0x22, 0x17, 0, 0, 1}), ProcessingDemand::bin_list);
    EXPECT_EQ(processing_demand({0x60, 0x22, 0x09, 0, 0, 1}), ProcessingDemand::none);
}

TEST(CupFrame, AnyCutInTheHeadIsRefused) {
    for (std::size_t cut = 0; cut < cup_frame_head_bytes + 10; ++cut) {
        EXPECT_EQ(parse_frame(Bytes(echo).first(cut)).error().kind, ErrorKind::malformed) << cut;
    }
}

TEST(CupFrame, OtherHeadsAreRefused) {
    Buffer bytes = echo;
    bytes[0] = 0x68;
    EXPECT_STREQ(parse_frame(bytes).error().what.c_str(), "frame: no tpdu");
    bytes = echo;
    bytes[8] = 0x3A;
    EXPECT_STREQ(parse_frame(bytes).error().what.c_str(), "frame: header digit");
    bytes = unhex("6000060000 4C5249001C 00000000");
    EXPECT_EQ(parse_frame(bytes).error().kind, ErrorKind::unsupported);
    bytes = echo;
    bytes.resize(cup_frame_bytes_max + 1);
    EXPECT_EQ(parse_frame(bytes).error().kind, ErrorKind::denied);
}

}  // namespace
}  // namespace softpos::codec
