// FrameLink and FrameServer, towards each other and towards raw sockets that do as they like.
#include "net/frame_link.h"

#include "net/frame_server.h"
#include "net/frame_splitter.h"
#include "net/test_support.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

namespace softpos::net {
namespace {

using testing::RawServer;
using testing::RawSocket;

constexpr auto patience = std::chrono::seconds(20);

// What callbacks bring, for a test to take in order.
template <typename T>
class Inbox {
public:
    void put(T item) {
        const std::lock_guard lock(mutex_);
        items_.push_back(std::move(item));
        changed_.notify_all();
    }
    std::optional<T> take() {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, patience, [&] { return !items_.empty(); })) {
            return std::nullopt;
        }
        T item = std::move(items_.front());
        items_.pop_front();
        return item;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> items_;
};

struct TestLink {
    explicit TestLink(FrameLinkConfig config) {
        auto started = FrameLink::start(
            std::move(config),
            [this](Bytes frame) { frames.put(Buffer(frame.begin(), frame.end())); },
            [this](LinkState state) { states.put(state); });
        EXPECT_TRUE(started);
        link = *std::move(started);
    }
    void expect(LinkState state) { EXPECT_EQ(states.take(), state); }

    Inbox<Buffer> frames;
    Inbox<LinkState> states;
    std::unique_ptr<FrameLink> link;
};

std::unique_ptr<FrameServer> serve(FrameServerConfig config, FrameServer::OnFrame on_frame,
                                   FrameServer::OnClose on_close = {}) {
    auto server = FrameServer::listen(std::move(config), std::move(on_frame), std::move(on_close));
    EXPECT_TRUE(server);
    return *std::move(server);
}

void echo(const FrameConnection& connection, Bytes frame) {
    connection.send(Buffer(frame.begin(), frame.end()));
}

std::string wire_of(const Buffer& frame) {
    Buffer wire;
    append_frame(wire, frame);
    return std::string(text_of(wire));
}

Buffer numbered(unsigned number) {
    return {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number & 0xFF)};
}

TEST(FrameLink, ThousandFramesKeepTheirOrder) {
    const auto server = serve({}, echo);
    TestLink test({.port = server->port()});
    test.expect(LinkState::connected);
    for (unsigned i = 0; i < 1'000; ++i) ASSERT_TRUE(test.link->send(numbered(i)));
    for (unsigned i = 0; i < 1'000; ++i) ASSERT_EQ(test.frames.take(), numbered(i));
}

TEST(FrameLink, ThreadsMaySendTogether) {
    const auto server = serve({}, echo);
    TestLink test({.port = server->port()});
    test.expect(LinkState::connected);
    {
        std::vector<std::jthread> threads;
        threads.reserve(4);
        for (unsigned t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (unsigned i = 0; i < 250; ++i)
                    EXPECT_TRUE(test.link->send(numbered(t << 8 | i)));
            });
        }
    }
    std::array<unsigned, 4> next{};
    for (int i = 0; i < 1'000; ++i) {
        const auto frame = test.frames.take();
        ASSERT_TRUE(frame && frame->size() == 2);
        ASSERT_EQ(frame->at(1), next.at(frame->at(0))++);
    }
}

TEST(FrameLink, EmptyAndLargestFramesPass) {
    const auto server = serve({.frame_bytes_max = frame_bytes_ceiling}, echo);
    TestLink test({.port = server->port()});
    test.expect(LinkState::connected);
    for (const std::size_t size : {0U, 1U, 4096U}) {
        ASSERT_TRUE(test.link->send(Buffer(size, 0x5A)));
        EXPECT_EQ(test.frames.take(), Buffer(size, 0x5A));
    }
    const auto too_large = test.link->send(Buffer(4097));
    ASSERT_FALSE(too_large);
    EXPECT_EQ(too_large.error().kind, ErrorKind::malformed);
}

TEST(FrameLink, FramesMayBeSplitAtEveryByte) {
    const Buffer frame{1, 2, 3, 4, 5};
    RawServer server([&](RawServer& s) {
        RawSocket socket = s.accept();
        for (const char byte : wire_of(frame) + wire_of({9})) socket.send({&byte, 1});
        socket.read_all();
    });
    TestLink test({.port = server.port()});
    EXPECT_EQ(test.frames.take(), frame);
    EXPECT_EQ(test.frames.take(), Buffer{9});
    test.link.reset();
}

TEST(FrameLink, ConnectsAgainAndSaysSo) {
    RawServer server([](RawServer& s) {
        s.accept().read_size(3);
        RawSocket second = s.accept();
        second.send(wire_of({2}));
        second.read_all();
    });
    TestLink test({.port = server.port(), .backoff_first_ms = 1});
    test.expect(LinkState::connected);
    EXPECT_TRUE(test.link->connected());
    ASSERT_TRUE(test.link->send({1}));
    test.expect(LinkState::disconnected);
    test.expect(LinkState::connected);
    EXPECT_EQ(test.frames.take(), Buffer{2});
    test.link.reset();
}

// What was queued for a lost connection must not turn up on the next one: it was given up.
TEST(FrameLink, NothingIsSentAgainOnTheNextConnection) {
    std::promise<std::string> seen;
    RawServer server([&](RawServer& s) {
        s.accept().read_size(2 + 1);
        RawSocket second = s.accept();
        seen.set_value(second.read_size(3));
        second.read_all();
    });
    TestLink test({.port = server.port(), .backoff_first_ms = 1});
    test.expect(LinkState::connected);
    ASSERT_TRUE(test.link->send({1}));
    test.expect(LinkState::disconnected);
    test.expect(LinkState::connected);
    ASSERT_TRUE(test.link->send({7}));
    auto result = seen.get_future();
    ASSERT_EQ(result.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(result.get(), wire_of({7}));
    test.link.reset();
}

TEST(FrameLink, SendWithoutConnectionIsRefused) {
    std::uint16_t port = 0;
    {
        const RawServer gone([](RawServer&) {});
        port = gone.port();
    }
    const TestLink test({.port = port});
    const auto result = test.link->send({1});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
    EXPECT_FALSE(test.link->connected());
    EXPECT_FALSE(FrameLink::start(
        {.port = 0}, [](Bytes) {}, [](LinkState) {}));
}

TEST(FrameLink, FindsAServerThatComesLate) {
    auto first = serve({}, echo);
    const std::uint16_t port = first->port();
    first.reset();
    TestLink test({.port = port, .backoff_first_ms = 1, .backoff_last_ms = 5});
    const auto server = serve({.port = port}, echo);
    test.expect(LinkState::connected);
    ASSERT_TRUE(test.link->send({3}));
    EXPECT_EQ(test.frames.take(), Buffer{3});
}

TEST(FrameLink, QueueHasALimit) {
    std::promise<void> over;
    RawServer server([&](RawServer& s) {
        const RawSocket never_reads = s.accept();
        over.get_future().wait();
    });
    TestLink test({.port = server.port(), .queue_bytes_max = 100'000});
    test.expect(LinkState::connected);
    Result<void> last;
    for (int i = 0; i < 100'000 && last; ++i) last = test.link->send(Buffer(4'000));
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().kind, ErrorKind::unavailable);
    test.link.reset();
    over.set_value();
}

TEST(FrameLink, OversizeFrameEndsTheConnection) {
    RawServer server([](RawServer& s) {
        RawSocket socket = s.accept();
        socket.send(wire_of(Buffer(9)));
        socket.read_all();
        s.accept().read_all();
    });
    TestLink test({.port = server.port(), .frame_bytes_max = 8, .backoff_first_ms = 1});
    test.expect(LinkState::connected);
    test.expect(LinkState::disconnected);
    test.expect(LinkState::connected);
    test.link.reset();
}

TEST(FrameServer, OversizeFrameClosesWithoutAnAnswer) {
    const auto server = serve({.frame_bytes_max = 8}, echo);
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(socket.send(wire_of(Buffer(8, 1))));
    EXPECT_EQ(socket.read_size(10), wire_of(Buffer(8, 1)));
    ASSERT_TRUE(socket.send(wire_of(Buffer(9, 1))));
    EXPECT_EQ(socket.read_all(), "");
}

TEST(FrameServer, IdleConnectionIsClosed) {
    const auto server = serve({.idle_ms = 30}, echo);
    EXPECT_EQ(RawSocket::connect(server->port()).read_all(), "");
}

TEST(FrameServer, ConnectionsHaveALimit) {
    const auto server = serve({.connections_max = 1}, echo);
    RawSocket first = RawSocket::connect(server->port());
    ASSERT_TRUE(first.send(wire_of({1})));
    EXPECT_EQ(first.read_size(3), wire_of({1}));
    EXPECT_EQ(RawSocket::connect(server->port()).read_all(), "");
    ASSERT_TRUE(first.send(wire_of({2})));
    EXPECT_EQ(first.read_size(3), wire_of({2}));
}

TEST(FrameServer, PeerThatDoesNotReadIsClosed) {
    std::promise<void> closed;
    const auto server = serve(
        {.queue_bytes_max = 100'000, .idle_ms = 1'000},
        [](const FrameConnection& c, Bytes) {
            for (int i = 0; i < 10'000; ++i) c.send(Buffer(4'000));
        },
        [&](const FrameConnection&) { closed.set_value(); });
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(socket.send(wire_of({1})));
    EXPECT_EQ(closed.get_future().wait_for(patience), std::future_status::ready);
}

TEST(FrameServer, AnswersMayComeLateAndManyFromAnotherThread) {
    std::vector<std::jthread> workers;
    const auto server = serve({}, [&](const FrameConnection& connection, Bytes frame) {
        workers.emplace_back([connection, kept = Buffer(frame.begin(), frame.end())] {
            for (int i = 0; i < 3; ++i) connection.send(kept);
        });
    });
    TestLink test({.port = server->port()});
    test.expect(LinkState::connected);
    ASSERT_TRUE(test.link->send({6}));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(test.frames.take(), Buffer{6});
}

TEST(FrameServer, HandlerMayClose) {
    std::promise<std::uint64_t> closed;
    const auto server = serve(
        {}, [](const FrameConnection& connection, Bytes) { connection.close(); },
        [&](const FrameConnection& connection) { closed.set_value(connection.id()); });
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(socket.send(wire_of({1})));
    EXPECT_EQ(socket.read_all(), "");
    auto id = closed.get_future();
    ASSERT_EQ(id.wait_for(patience), std::future_status::ready);
    EXPECT_EQ(id.get(), 1U);
}

TEST(FrameServer, ConnectionsAreUsableAfterTheEnd) {
    std::promise<FrameConnection> kept;
    auto server =
        serve({}, [&](const FrameConnection& connection, Bytes) { kept.set_value(connection); });
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(socket.send(wire_of({1})));
    auto future = kept.get_future();
    ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
    const FrameConnection connection = future.get();
    server->stop();
    connection.send({1});
    server.reset();
    connection.send({1});
    connection.close();
    EXPECT_EQ(socket.read_all(), "");
}

TEST(FrameServer, StopsUnderLoadFromOtherThreads) {
    for (int round = 0; round < 20; ++round) {
        std::promise<FrameConnection> kept;
        std::atomic<bool> first = true;
        auto server = serve({}, [&](const FrameConnection& connection, Bytes) {
            if (first.exchange(false)) kept.set_value(connection);
        });
        TestLink test({.port = server->port()});
        test.expect(LinkState::connected);
        ASSERT_TRUE(test.link->send({1}));
        auto future = kept.get_future();
        ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
        const std::jthread sender([connection = future.get()] {
            for (int i = 0; i < 500; ++i) connection.send(Buffer(100));
        });
        server.reset();
    }
}

TEST(FrameServer, PortInUseIsUnavailable) {
    const auto server = serve({}, echo);
    const auto second = FrameServer::listen({.port = server->port()}, echo);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace softpos::net
