// The carriers: a card behind a unix socket with our own reader in front of it, and a card in a
// slot of vpcd, whose part this test plays.
#include "phone/hw/socket_reader.h"
#include "testing/vectors.h"
#include "world/sim/card_folder.h"
#include "world/sim/socket_carrier.h"
#include "world/sim/vpcd_carrier.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <filesystem>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace softpos::sim {
namespace {

using hw::FrameEnd;
using hw::ReaderFault;
using hw::SlotControl;
using testing::unhex;

constexpr unsigned wait_ms = 5000;
const Buffer select_ppse = unhex("00A404000E325041592E5359532E444446303100");
const Buffer select_card = unhex("00A4040005A00000033300");
const Buffer gpo =
    unhex("80A8000023832126800000000000000100000000000000015600000000000156261122002B29EBE400");

bool is_ok(const Result<Buffer>& rapdu) {
    return rapdu && rapdu->size() > 2 && (*rapdu)[rapdu->size() - 2] == 0x90;
}

card::VirtualCard debit_card(std::string_view faults = "") {
    card::VirtualCard card = load_card("data/cards", "debit").value();
    card.set_faults(card::CardFaults::parse(faults).value());
    return card;
}

class SocketCarrierTest : public ::testing::Test {
protected:
    ~SocketCarrierTest() override { join(); }

    // In a thread of its own, as a reader's field is.
    void present(Presence presence) {
        join();
        field_ = std::thread([this, presence] { end_ = carrier_->present(card_, presence); });
    }
    Result<CardEnd> join() {
        if (field_.joinable()) field_.join();
        return end_;
    }
    bool tap() {
        return reader_->wait_for_card(wait_ms) && is_ok(reader_->transmit(select_ppse, wait_ms)) &&
               is_ok(reader_->transmit(select_card, wait_ms)) &&
               is_ok(reader_->transmit(gpo, wait_ms));
    }

    std::string path_ =
        (std::filesystem::temp_directory_path() / ("softpos-card." + std::to_string(::getpid())))
            .string();
    card::VirtualCard card_ = debit_card();
    std::unique_ptr<SocketCarrier> carrier_ = SocketCarrier::listen(path_).value();
    std::unique_ptr<hw::SocketReader> reader_ = hw::SocketReader::open(path_).value();
    std::thread field_;
    Result<CardEnd> end_ = fail(ErrorKind::not_found, "test: not presented yet");
};

TEST_F(SocketCarrierTest, OneTapEndsWithTheReadersRelease) {
    present(Presence::one_tap);
    EXPECT_TRUE(tap());
    reader_->release();
    EXPECT_EQ(join().value(), CardEnd::tap_done);
    EXPECT_EQ(card_.state().atc, 1);
}

TEST_F(SocketCarrierTest, CardThatStaysIsThereForTheNextTap) {
    present(Presence::until_removed);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(tap());
        reader_->release();
    }
    carrier_->remove();
    EXPECT_EQ(join().value(), CardEnd::removed);
    EXPECT_EQ(card_.state().atc, 3);
}

TEST_F(SocketCarrierTest, ReaderThatWaitsGetsTheCardWhenItComes) {
    EXPECT_EQ(hw::fault_of(reader_->wait_for_card(1).error()), ReaderFault::no_card);
    std::thread customer([this] { present(Presence::one_tap); });
    EXPECT_TRUE(tap());
    reader_->release();
    customer.join();
    EXPECT_EQ(join().value(), CardEnd::tap_done);
}

TEST_F(SocketCarrierTest, RemovedCardIsSeenByTheReader) {
    present(Presence::until_removed);
    ASSERT_TRUE(reader_->wait_for_card(wait_ms));
    carrier_->remove();
    EXPECT_EQ(join().value(), CardEnd::removed);
    EXPECT_EQ(hw::fault_of(reader_->transmit(select_ppse, wait_ms).error()),
              ReaderFault::card_removed);
    present(Presence::one_tap);
    EXPECT_TRUE(tap());
    reader_->release();
}

TEST_F(SocketCarrierTest, CardThatLeavesByItselfCanComeBack) {
    card_.set_faults(card::CardFaults::parse("tear@3*1").value());
    present(Presence::one_tap);
    EXPECT_FALSE(tap());
    EXPECT_EQ(join().value(), CardEnd::left_field);
    present(Presence::one_tap);
    EXPECT_TRUE(tap());
    reader_->release();
    EXPECT_EQ(card_.state().atc, 2);
}

TEST_F(SocketCarrierTest, SlowCardTimesOutAtTheReaderAndDoesNotHoldTheCarrier) {
    card_.set_faults(card::CardFaults::parse("slow@1=60000").value());
    present(Presence::one_tap);
    ASSERT_TRUE(reader_->wait_for_card(wait_ms));
    EXPECT_EQ(hw::fault_of(reader_->transmit(select_ppse, 1).error()), ReaderFault::timeout);
    EXPECT_EQ(join().value(), CardEnd::tap_done);  // Long before the minute is over.
}

TEST_F(SocketCarrierTest, RemoveThatComesFirstIsNotLost) {
    carrier_->remove();
    present(Presence::until_removed);
    EXPECT_EQ(join().value(), CardEnd::removed);
}

TEST_F(SocketCarrierTest, BrokenReaderIsHungUpOnAndTheNextIsServed) {
    present(Presence::one_tap);
    {
        auto broken = hw::FrameSocket::connect_unix(path_).value();
        ASSERT_TRUE(broken.send(Buffer(hw::capdu_bytes_max + 1), wait_ms));
        EXPECT_EQ(broken.receive({.frame_bytes_max = 300, .timeout_ms = wait_ms}).error(),
                  FrameEnd::closed);
        auto unknown = hw::FrameSocket::connect_unix(path_).value();
        ASSERT_TRUE(unknown.send(Buffer{0x77}, wait_ms));
        EXPECT_EQ(unknown.receive({.frame_bytes_max = 300, .timeout_ms = wait_ms}).error(),
                  FrameEnd::closed);
    }
    EXPECT_TRUE(tap());
    reader_->release();
    EXPECT_EQ(join().value(), CardEnd::tap_done);
}

TEST_F(SocketCarrierTest, SocketGoesWithTheCarrier) {
    EXPECT_TRUE(std::filesystem::exists(path_));
    carrier_.reset();
    EXPECT_FALSE(std::filesystem::exists(path_));
}

// vpcd's end: a port of its own, one connection at a time.
class Vpcd {
public:
    Vpcd() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_.get(), generic, size), 0);
        EXPECT_EQ(::listen(listener_.get(), 1), 0);
        EXPECT_EQ(::getsockname(listener_.get(), generic, &size), 0);
        port_ = ntohs(address.sin_port);
    }
    std::uint16_t port() const { return port_; }
    hw::FrameSocket accept_card() const {
        pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&ready, 1, wait_ms), 1);
        return hw::FrameSocket(hw::Fd(::accept(listener_.get(), nullptr, nullptr)));
    }

private:
    hw::Fd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::uint16_t port_ = 0;
};

class VpcdCarrierTest : public ::testing::Test {
protected:
    Result<Buffer> ask(hw::FrameSocket& slot, Bytes payload) {
        if (!slot.send(payload, wait_ms)) return fail(ErrorKind::unavailable, "test: send");
        auto answer = slot.receive({.frame_bytes_max = 300, .timeout_ms = wait_ms});
        if (!answer) return fail(ErrorKind::unavailable, "test: no answer");
        return *std::move(answer);
    }

    Vpcd vpcd_;
    card::VirtualCard card_ = debit_card();
    std::unique_ptr<VpcdCarrier> carrier_ = VpcdCarrier::make({.port = vpcd_.port()}).value();
};

TEST_F(VpcdCarrierTest, CardAnswersInItsSlotUntilItIsRemoved) {
    Result<CardEnd> end = fail(ErrorKind::not_found, "test");
    std::thread field([&] { end = carrier_->present(card_, Presence::until_removed); });
    hw::FrameSocket slot = vpcd_.accept_card();
    ASSERT_TRUE(slot.send(SlotControl::power_on, wait_ms));
    const auto atr = ask(slot, Buffer{4}).value();
    EXPECT_EQ(atr.front(), 0x3B);
    EXPECT_EQ(atr.size(), 18U);
    EXPECT_TRUE(is_ok(ask(slot, select_ppse)));
    EXPECT_TRUE(is_ok(ask(slot, select_card)));
    EXPECT_TRUE(is_ok(ask(slot, gpo)));
    ASSERT_TRUE(slot.send(SlotControl::reset, wait_ms));
    EXPECT_EQ(ask(slot, gpo).value(), (Buffer{0x69, 0x85}));  // Nothing selected any more.
    carrier_->remove();
    field.join();
    EXPECT_EQ(end.value(), CardEnd::removed);
    EXPECT_EQ(slot.receive({.frame_bytes_max = 300, .timeout_ms = wait_ms}).error(),
              FrameEnd::closed);
}

TEST_F(VpcdCarrierTest, OneTapEndsWhenItsPowerIsTurnedOff) {
    Result<CardEnd> end = fail(ErrorKind::not_found, "test");
    std::thread field([&] { end = carrier_->present(card_, Presence::one_tap); });
    hw::FrameSocket slot = vpcd_.accept_card();
    // pcscd looks at a new card and turns it off again before any program uses it.
    ASSERT_TRUE(slot.send(SlotControl::power_on, wait_ms));
    ASSERT_TRUE(slot.send(SlotControl::power_off, wait_ms));
    ASSERT_TRUE(slot.send(SlotControl::power_on, wait_ms));
    EXPECT_TRUE(is_ok(ask(slot, select_ppse)));
    ASSERT_TRUE(slot.send(SlotControl::power_off, wait_ms));
    field.join();
    EXPECT_EQ(end.value(), CardEnd::tap_done);
}

TEST_F(VpcdCarrierTest, ReaderThatGoesEndsThePresentation) {
    Result<CardEnd> end = fail(ErrorKind::not_found, "test");
    std::thread field([&] { end = carrier_->present(card_, Presence::until_removed); });
    { hw::FrameSocket slot = vpcd_.accept_card(); }
    field.join();
    EXPECT_EQ(end.value(), CardEnd::reader_gone);
}

TEST_F(VpcdCarrierTest, SlotStaysEmptyBetweenTwoCardsAndRemoveEndsThatToo) {
    std::thread reader([this] { hw::FrameSocket slot = vpcd_.accept_card(); });
    EXPECT_EQ(carrier_->present(card_, Presence::one_tap).value(), CardEnd::reader_gone);
    reader.join();
    carrier_->remove();  // While the slot is still being kept empty: nobody accepts any more.
    EXPECT_EQ(carrier_->present(card_, Presence::one_tap).value(), CardEnd::removed);
}

TEST(VpcdCarrier, WithoutVpcdThereIsNothingToPresentTo) {
    std::uint16_t free_port = 0;
    { free_port = Vpcd().port(); }
    card::VirtualCard card = debit_card();
    auto carrier = VpcdCarrier::make({.port = free_port}).value();
    EXPECT_EQ(carrier->present(card, Presence::one_tap).error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace softpos::sim
