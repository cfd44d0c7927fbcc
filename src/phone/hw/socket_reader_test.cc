// The reader against a bridge that this test plays: a thread with a script.
#include "phone/hw/socket_reader.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace softpos::hw {
namespace {

constexpr FrameLimits any_frame{.frame_bytes_max = 1024, .timeout_ms = 5000};
const Buffer atr{0x3B, 0x80, 0x80, 0x01, 0x01};
const Buffer select_ppse{0x00, 0xA4, 0x04, 0x00, 0x00};
const Buffer ok{0x90, 0x00};

// Listens, and runs one script for each connection, in order.
class Bridge {
public:
    using Script = std::function<void(FrameSocket&)>;

    explicit Bridge(std::vector<Script> scripts)
        : thread_([this, scripts = std::move(scripts)] {
              for (const Script& script : scripts) {
                  pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
                  if (::poll(&ready, 1, 5000) != 1) return;
                  FrameSocket socket(Fd(::accept(listener_.get(), nullptr, nullptr)));
                  script(socket);
              }
          }) {}
    ~Bridge() {
        thread_.join();
        std::filesystem::remove(path_);
    }
    const std::string& path() const { return path_; }

    // Takes power_on and get_atr, and answers.
    static void activate(FrameSocket& socket) {
        EXPECT_EQ(socket.receive(any_frame).value(), Buffer{1});
        EXPECT_EQ(socket.receive(any_frame).value(), Buffer{4});
        EXPECT_TRUE(socket.send(atr, 1000));
    }

    // Reads until the reader closes.
    static void drain(FrameSocket& socket) {
        while (socket.receive(any_frame)) {
        }
    }

private:
    std::string path_ =
        (std::filesystem::temp_directory_path() / ("softpos-bridge." + std::to_string(::getpid())))
            .string();
    Fd listener_ = listen_unix(path_).value();
    std::thread thread_;
};

ReaderFault fault(const auto& result) {
    return result ? ReaderFault::none : fault_of(result.error());
}

TEST(SocketReader, ExchangesCommandsWithACard) {
    Bridge bridge({[](FrameSocket& socket) {
        Bridge::activate(socket);
        EXPECT_EQ(socket.receive(any_frame).value(), select_ppse);
        EXPECT_TRUE(socket.send(Buffer{0x6A, 0x82}, 1000));
        EXPECT_EQ(socket.receive(any_frame).value(), Buffer{0});  // power_off
        EXPECT_EQ(socket.receive(any_frame).error(), FrameEnd::closed);
    }});
    auto reader = SocketReader::open(bridge.path()).value();
    EXPECT_EQ(reader->name(), bridge.path());
    ASSERT_TRUE(reader->wait_for_card(5000));
    EXPECT_FALSE(reader->last_exchange_us());
    EXPECT_EQ(reader->transmit(select_ppse, 5000).value(), (Buffer{0x6A, 0x82}));
    EXPECT_GE(reader->last_exchange_us().value(), 0);
    reader->release();
    reader->release();
    EXPECT_EQ(fault(reader->transmit(select_ppse, 1000)), ReaderFault::no_card);
}

TEST(SocketReader, NobodyListeningIsNoReader) {
    auto reader = SocketReader::open("/nonexistent/softpos.sock").value();
    EXPECT_EQ(fault(reader->wait_for_card(5000)), ReaderFault::no_reader);
    EXPECT_EQ(fault(reader->transmit(select_ppse, 1000)), ReaderFault::no_card);
}

TEST(SocketReader, BridgeWithoutACardIsNoCard) {
    Bridge bridge({Bridge::drain});
    auto reader = SocketReader::open(bridge.path()).value();
    EXPECT_EQ(fault(reader->wait_for_card(1)), ReaderFault::no_card);
}

TEST(SocketReader, BridgeThatOnlyHangsUpIsNoReader) {
    const Bridge::Script hang_up = [](FrameSocket&) {};
    Bridge bridge(std::vector<Bridge::Script>(16, hang_up));
    auto reader = SocketReader::open(bridge.path()).value();
    EXPECT_EQ(fault(reader->wait_for_card(5000)), ReaderFault::no_reader);
}

TEST(SocketReader, CardThatLeavesWhileActivatedIsLookedForAgain) {
    Bridge bridge(
        {[](FrameSocket& socket) { [[maybe_unused]] auto on = socket.receive(any_frame); },
         [](FrameSocket& socket) {
             Bridge::activate(socket);
             Bridge::drain(socket);
         }});
    auto reader = SocketReader::open(bridge.path()).value();
    EXPECT_TRUE(reader->wait_for_card(5000));
}

TEST(SocketReader, CardRemovedMidwayIsSaidAndTheNextTapWorks) {
    Bridge bridge({[](FrameSocket& socket) {
                       Bridge::activate(socket);
                       EXPECT_TRUE(socket.receive(any_frame));
                   },
                   [](FrameSocket& socket) {
                       Bridge::activate(socket);
                       EXPECT_TRUE(socket.receive(any_frame));
                       EXPECT_TRUE(socket.send(ok, 1000));
                       Bridge::drain(socket);
                   }});
    auto reader = SocketReader::open(bridge.path()).value();
    ASSERT_TRUE(reader->wait_for_card(5000));
    EXPECT_EQ(fault(reader->transmit(select_ppse, 5000)), ReaderFault::card_removed);
    EXPECT_EQ(fault(reader->transmit(select_ppse, 5000)), ReaderFault::no_card);
    ASSERT_TRUE(reader->wait_for_card(5000));
    EXPECT_EQ(reader->transmit(select_ppse, 5000).value(), ok);
}

TEST(SocketReader, SilentCardTimesOutAndItsLateAnswerIsNeverRead) {
    Bridge bridge({[](FrameSocket& socket) {
        Bridge::activate(socket);
        Bridge::drain(socket);
    }});
    auto reader = SocketReader::open(bridge.path()).value();
    ASSERT_TRUE(reader->wait_for_card(5000));
    EXPECT_EQ(fault(reader->transmit(select_ppse, 1)), ReaderFault::timeout);
    EXPECT_EQ(fault(reader->transmit(select_ppse, 1)), ReaderFault::no_card);
}

TEST(SocketReader, AnswerOverOrUnderItsSizeBreaksTheProtocol) {
    for (const std::size_t size : {std::size_t{0}, rapdu_bytes_min - 1, rapdu_bytes_max + 1}) {
        Bridge bridge({[size](FrameSocket& socket) {
            Bridge::activate(socket);
            EXPECT_TRUE(socket.receive(any_frame));
            EXPECT_TRUE(socket.send(Buffer(size), 1000));
            Bridge::drain(socket);
        }});
        auto reader = SocketReader::open(bridge.path()).value();
        ASSERT_TRUE(reader->wait_for_card(5000));
        EXPECT_EQ(fault(reader->transmit(select_ppse, 5000)), ReaderFault::protocol) << size;
    }
}

TEST(SocketReader, LongestAnswerPasses) {
    Bridge bridge({[](FrameSocket& socket) {
        Bridge::activate(socket);
        EXPECT_TRUE(socket.receive(any_frame));
        EXPECT_TRUE(socket.send(Buffer(rapdu_bytes_max, 0x90), 1000));
        Bridge::drain(socket);
    }});
    auto reader = SocketReader::open(bridge.path()).value();
    ASSERT_TRUE(reader->wait_for_card(5000));
    EXPECT_EQ(reader->transmit(Buffer(capdu_bytes_max), 5000).value().size(), rapdu_bytes_max);
}

TEST(SocketReader, CommandOutsideTheLimitsIsDeniedBeforeItIsSent) {
    Bridge bridge({[](FrameSocket& socket) {
        Bridge::activate(socket);
        EXPECT_EQ(socket.receive(any_frame).value(), select_ppse);  // And nothing in front of it.
        EXPECT_TRUE(socket.send(ok, 1000));
        Bridge::drain(socket);
    }});
    auto reader = SocketReader::open(bridge.path()).value();
    ASSERT_TRUE(reader->wait_for_card(5000));
    EXPECT_EQ(reader->transmit(Buffer(capdu_bytes_min - 1), 5000).error().kind, ErrorKind::denied);
    EXPECT_EQ(reader->transmit(Buffer(capdu_bytes_max + 1), 5000).error().kind, ErrorKind::denied);
    EXPECT_TRUE(reader->transmit(select_ppse, 5000));
}

TEST(SocketReader, AtrOverItsSizeBreaksTheProtocol) {
    Bridge bridge({[](FrameSocket& socket) {
        EXPECT_TRUE(socket.send(Buffer(34), 1000));
        Bridge::drain(socket);
    }});
    auto reader = SocketReader::open(bridge.path()).value();
    EXPECT_EQ(fault(reader->wait_for_card(5000)), ReaderFault::protocol);
}

TEST(SocketReader, CancelEndsTheWaitFromAnotherThread) {
    Bridge bridge({Bridge::drain});
    auto reader = SocketReader::open(bridge.path()).value();
    std::thread other([&reader] { reader->cancel(); });
    EXPECT_EQ(fault(reader->wait_for_card(5000)), ReaderFault::cancelled);
    other.join();
}

TEST(SocketReader, CancelThatComesEarlyIsKeptAndOneThatIsReleasedIsNot) {
    Bridge bridge({Bridge::drain, Bridge::drain});
    auto reader = SocketReader::open(bridge.path()).value();
    reader->cancel();
    EXPECT_EQ(fault(reader->wait_for_card(5000)), ReaderFault::cancelled);
    reader->cancel();
    reader->release();
    EXPECT_EQ(fault(reader->wait_for_card(1)), ReaderFault::no_card);
}

}  // namespace
}  // namespace softpos::hw
