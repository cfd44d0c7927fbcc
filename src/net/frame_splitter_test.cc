// Frames come out as they went in, however the stream is cut.
#include "net/frame_splitter.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::net {
namespace {

// Feeds as much of the bytes as there is space for, and takes out all frames.
Result<void> feed(FrameSplitter& splitter, Bytes bytes, std::vector<Buffer>& frames) {
    while (!bytes.empty()) {
        const auto space = splitter.space();
        const std::size_t count = std::min(space.size(), bytes.size());
        EXPECT_GT(count, 0U);
        std::copy_n(bytes.begin(), count, space.begin());
        splitter.commit(count);
        bytes = bytes.subspan(count);
        while (const auto frame = TRY(splitter.next())) {
            frames.emplace_back(frame->begin(), frame->end());
        }
    }
    return {};
}

Buffer wire_of(const std::vector<Buffer>& frames) {
    Buffer wire;
    for (const Buffer& frame : frames) append_frame(wire, frame);
    return wire;
}

TEST(FrameSplitter, LengthIsHighestByteFirst) {
    EXPECT_EQ(wire_of({Buffer(0x0102, 7)}).at(0), 1);
    EXPECT_EQ(wire_of({Buffer(0x0102, 7)}).at(1), 2);
}

TEST(FrameSplitter, FramesMayBeSplitAtEveryByte) {
    const std::vector<Buffer> sent{{1, 2, 3}, {}, {4}, {5, 6, 7, 8, 9, 10, 11, 12}};
    const Buffer wire = wire_of(sent);
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
        FrameSplitter splitter(8);
        std::vector<Buffer> got;
        ASSERT_TRUE(feed(splitter, Bytes(wire).first(cut), got));
        ASSERT_TRUE(feed(splitter, Bytes(wire).subspan(cut), got));
        EXPECT_EQ(got, sent) << cut;
        EXPECT_FALSE(splitter.in_frame());
    }
}

TEST(FrameSplitter, OneReadYieldsManyFrames) {
    const std::vector<Buffer> sent(10, Buffer{1});
    FrameSplitter splitter(16);
    std::vector<Buffer> got;
    ASSERT_TRUE(feed(splitter, wire_of(sent), got));
    EXPECT_EQ(got, sent);
}

TEST(FrameSplitter, LimitHoldsAndIsFinal) {
    FrameSplitter splitter(4);
    std::vector<Buffer> got;
    EXPECT_TRUE(feed(splitter, wire_of({Buffer(4, 1)}), got));
    const auto result = feed(splitter, wire_of({Buffer(5, 1)}), got);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::malformed);
    EXPECT_EQ(result.error().detail, 5U);
    EXPECT_EQ(got.size(), 1U);
    EXPECT_FALSE(splitter.next());
}

TEST(FrameSplitter, TwoBytesAreEnoughToRefuse) {
    FrameSplitter splitter(4096);
    std::vector<Buffer> got;
    EXPECT_FALSE(feed(splitter, Buffer{0x10, 0x01}, got));
}

TEST(FrameSplitter, LargestFramePasses) {
    FrameSplitter splitter(frame_bytes_ceiling);
    std::vector<Buffer> got;
    const std::vector<Buffer> sent(5, Buffer(frame_bytes_ceiling, 0xAA));
    ASSERT_TRUE(feed(splitter, wire_of(sent), got));
    EXPECT_EQ(got, sent);
}

TEST(FrameSplitter, UnfinishedFrameIsKnown) {
    FrameSplitter splitter(8);
    std::vector<Buffer> got;
    EXPECT_FALSE(splitter.in_frame());
    ASSERT_TRUE(feed(splitter, Buffer{0}, got));
    EXPECT_TRUE(splitter.in_frame());
}

TEST(FrameSplitter, AnyCutsGiveTheSameFrames) {
    testing::Prng prng = testing::Prng::from_environment();
    for (int round = 0; round < 200; ++round) {
        std::vector<Buffer> sent;
        for (unsigned i = prng.below(30); i > 0; --i) sent.push_back(prng.bytes(prng.below(33)));
        const Buffer wire = wire_of(sent);
        FrameSplitter splitter(32);
        std::vector<Buffer> got;
        for (std::size_t at = 0; at < wire.size();) {
            const std::size_t size = std::min<std::size_t>(1 + prng.below(70), wire.size() - at);
            ASSERT_TRUE(feed(splitter, Bytes(wire).subspan(at, size), got))
                << "SEED=" << prng.seed();
            at += size;
        }
        ASSERT_EQ(got, sent) << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::net
