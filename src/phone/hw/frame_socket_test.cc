// Frames over a pair of connected sockets: what travels, and how each wait ends.
#include "phone/hw/frame_socket.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace softpos::hw {
namespace {

constexpr FrameLimits small{.frame_bytes_max = 16, .timeout_ms = 2000};
constexpr FrameLimits at_once{.frame_bytes_max = 16, .timeout_ms = 0};

struct Pair {
    Pair() {
        std::array<int, 2> fds{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
        near = FrameSocket(Fd(fds[0]));
        far = Fd(fds[1]);
    }
    void far_sends(Bytes bytes) const {
        ASSERT_EQ(::send(far.get(), bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
    }
    FrameSocket near{Fd()};
    Fd far;
};

std::string temporary_path(const char* name) {
    return (std::filesystem::temp_directory_path() /
            (std::string(name) + "." + std::to_string(::getpid())))
        .string();
}

TEST(FrameSocket, SendPutsTheLengthInFront) {
    Pair pair;
    ASSERT_TRUE(pair.near.send(Buffer{0xA1, 0xA2, 0xA3}, 1000));
    std::array<std::uint8_t, 8> seen{};
    ASSERT_EQ(::recv(pair.far.get(), seen.data(), seen.size(), 0), 5);
    EXPECT_EQ(Buffer(seen.begin(), seen.begin() + 5), (Buffer{0, 3, 0xA1, 0xA2, 0xA3}));
}

TEST(FrameSocket, ReceivesFramesThatComeTogetherOneByOne) {
    Pair pair;
    pair.far_sends(Buffer{0, 2, 7, 8, 0, 0, 0, 1, 9});
    EXPECT_EQ(pair.near.receive(small).value(), (Buffer{7, 8}));
    EXPECT_EQ(pair.near.receive(small).value(), Buffer{});
    EXPECT_EQ(pair.near.receive(small).value(), Buffer{9});
}

TEST(FrameSocket, WaitsForTheRestOfAFrame) {
    Pair pair;
    pair.far_sends(Buffer{0});
    std::thread writer([&pair] {
        pair.far_sends(Buffer{2});
        pair.far_sends(Buffer{7});
        pair.far_sends(Buffer{8});
    });
    EXPECT_EQ(pair.near.receive(small).value(), (Buffer{7, 8}));
    writer.join();
}

TEST(FrameSocket, FrameOverTheLimitIsRefusedByItsLength) {
    Pair pair;
    pair.far_sends(Buffer{0, 17});
    EXPECT_EQ(pair.near.receive(small).error(), FrameEnd::oversize);
}

TEST(FrameSocket, SilenceIsATimeout) {
    Pair pair;
    EXPECT_EQ(pair.near.receive(at_once).error(), FrameEnd::timeout);
    pair.far_sends(Buffer{0, 2, 7});
    EXPECT_EQ(pair.near.receive({.frame_bytes_max = 16, .timeout_ms = 1}).error(),
              FrameEnd::timeout);
}

TEST(FrameSocket, ClosedPeerIsSeenInEveryPlace) {
    for (std::size_t sent = 0; sent < 4; ++sent) {
        Pair pair;
        pair.far_sends(Bytes(Buffer{0, 2, 7, 8}).first(sent));
        EXPECT_FALSE(pair.near.peer_closed());
        pair.far = Fd();
        EXPECT_EQ(pair.near.receive(small).error(), FrameEnd::closed) << sent;
        EXPECT_TRUE(pair.near.peer_closed());
        EXPECT_EQ(pair.near.send(Buffer{1}, 1000).error(), FrameEnd::closed);
    }
}

TEST(FrameSocket, WakeCanBeWaitedForAlone) {
    const Wake wake = Wake::make().value();
    EXPECT_FALSE(wake.wait(1));
    std::thread other([&wake] { wake.raise(); });
    EXPECT_TRUE(wake.wait(5000));
    other.join();
    wake.lower();
    EXPECT_FALSE(wake.wait(0));
}

TEST(FrameSocket, WakeEndsAWaitAndStaysRaised) {
    Pair pair;
    const Wake wake = Wake::make().value();
    wake.raise();
    EXPECT_EQ(pair.near.receive(small, &wake).error(), FrameEnd::woken);
    EXPECT_EQ(pair.near.receive(small, &wake).error(), FrameEnd::woken);
    wake.lower();
    pair.far_sends(Buffer{0, 1, 5});
    EXPECT_EQ(pair.near.receive(small, &wake).value(), Buffer{5});
}

TEST(FrameSocket, RestEndsByTimeHangUpOrWakeAndReadsNothing) {
    Pair pair;
    const Wake wake = Wake::make().value();
    pair.far_sends(Buffer{0, 1, 5});
    EXPECT_EQ(pair.near.rest(1, wake), FrameEnd::timeout);
    EXPECT_EQ(pair.near.receive(small).value(), Buffer{5});
    wake.raise();
    EXPECT_EQ(pair.near.rest(5000, wake), FrameEnd::woken);
    wake.lower();
    pair.far = Fd();
    EXPECT_EQ(pair.near.rest(5000, wake), FrameEnd::closed);
}

TEST(FrameSocket, SendToAPeerThatDoesNotReadEndsInTime) {
    Pair pair;
    const Buffer large(0xFFFF);
    std::expected<void, FrameEnd> sent;
    for (int i = 0; i < 100 && sent; ++i) sent = pair.near.send(large, 0);
    EXPECT_EQ(sent.error(), FrameEnd::timeout);
}

TEST(FrameSocket, WhateverIsSentArrives) {
    auto prng = testing::Prng::from_environment();
    SCOPED_TRACE("SEED=" + std::to_string(prng.seed()));
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    FrameSocket left{Fd(fds[0])};
    FrameSocket right{Fd(fds[1])};
    for (int i = 0; i < 200; ++i) {
        const Buffer payload = prng.bytes(prng.below(300));
        ASSERT_TRUE(left.send(payload, 1000));
        ASSERT_EQ(right.receive({.frame_bytes_max = 300, .timeout_ms = 1000}).value(), payload);
    }
}

TEST(FrameSocket, NobodyListeningIsUnavailable) {
    const auto unix_socket = FrameSocket::connect_unix(temporary_path("softpos-none"));
    EXPECT_EQ(unix_socket.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(FrameSocket::connect_unix(std::string(200, 'x')).error().kind, ErrorKind::denied);
    const auto name = FrameSocket::connect_tcp("localhost", 1, 0, {});
    EXPECT_EQ(name.error().kind, ErrorKind::denied);  // Addresses only: no resolver behind this.
}

TEST(FrameSocket, ListenerIsForItsOwnerOnlyAndReplacesAStaleSocket) {
    const std::string path = temporary_path("softpos-listen");
    { const Fd stale = listen_unix(path).value(); }
    const Fd listener = listen_unix(path).value();
    struct stat found {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
    EXPECT_TRUE(FrameSocket::connect_unix(path));
    EXPECT_EQ(listen_unix(path).error().kind, ErrorKind::conflict);  // Somebody answers there.
    std::filesystem::remove(path);
}

TEST(FrameSocket, ListenerNeverReplacesAFile) {
    const std::string path = temporary_path("softpos-file");
    std::ofstream(path) << "mine";
    EXPECT_EQ(listen_unix(path).error().kind, ErrorKind::conflict);
    EXPECT_TRUE(std::filesystem::exists(path));
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace softpos::hw
