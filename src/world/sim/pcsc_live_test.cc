// Live: a virtual card in vpcd's slot, tapped through the system's PC/SC service. Runs where pcscd
// with vpcd runs; SOFTPOS_PCSC=1 turns the skip into a failure.
#include "base/clock.h"
#include "phone/hw/pcsc_reader.h"
#include "testing/vectors.h"
#include "world/sim/card_folder.h"
#include "world/sim/vpcd_carrier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace softpos::sim {
namespace {

using testing::unhex;

constexpr unsigned wait_ms = 10'000;
const Buffer select_ppse = unhex("00A404000E325041592E5359532E444446303100");
const Buffer select_card = unhex("00A4040008A00000033301010100");
const Buffer gpo =
    unhex("80A8000023832126800000000000000100000000000000015600000000000156261122002B29EBE400");
const Buffer get_counter = unhex("80CA9F3600");

bool is_ok(const Result<Buffer>& rapdu) {
    return rapdu && rapdu->size() > 2 && (*rapdu)[rapdu->size() - 2] == 0x90;
}

class PcscLive : public ::testing::Test {
protected:
    void SetUp() override {
        auto reader = hw::PcscReader::open("Virtual PCD 00 00");
        if (!reader) {
            // NOLINTNEXTLINE(concurrency-mt-unsafe): tests set no environment.
            ASSERT_EQ(std::getenv("SOFTPOS_PCSC"), nullptr) << "no virtual PC/SC reader";
            GTEST_SKIP() << "no virtual PC/SC reader here";
        }
        reader_ = *std::move(reader);
    }
    void TearDown() override {
        carrier_->remove();
        if (field_.joinable()) field_.join();
    }

    void present(Presence presence) {
        field_ = std::thread([this, presence] { end_ = carrier_->present(card_, presence); });
    }
    bool tap() {
        return reader_->wait_for_card(wait_ms) && is_ok(reader_->transmit(select_ppse, wait_ms)) &&
               is_ok(reader_->transmit(select_card, wait_ms)) &&
               is_ok(reader_->transmit(gpo, wait_ms));
    }

    card::VirtualCard card_ = load_card("data/cards", "debit").value();
    std::unique_ptr<VpcdCarrier> carrier_ = VpcdCarrier::make({}).value();
    std::unique_ptr<hw::PcscReader> reader_;
    std::thread field_;
    Result<CardEnd> end_ = fail(ErrorKind::not_found, "test: not presented yet");
};

TEST_F(PcscLive, TapGoesThrough) {
    present(Presence::one_tap);
    EXPECT_TRUE(tap());
    reader_->release();
    field_.join();
    EXPECT_EQ(end_.value(), CardEnd::tap_done);
    EXPECT_EQ(card_.state().atc, 1);
}

TEST_F(PcscLive, RemovedCardIsSaid) {
    present(Presence::until_removed);
    ASSERT_TRUE(tap());
    carrier_->remove();
    field_.join();
    EXPECT_EQ(hw::fault_of(reader_->transmit(select_ppse, wait_ms).error()),
              hw::ReaderFault::card_removed);
}

TEST_F(PcscLive, NoCardIsSaidInTime) {
    const std::int64_t start_us = SystemClock().ticks().us;
    const auto waited = reader_->wait_for_card(50);
    // pcscd may still see the card of the test before; then it goes while it is waited for.
    if (!waited) EXPECT_EQ(hw::fault_of(waited.error()), hw::ReaderFault::no_card);
    EXPECT_LT(SystemClock().ticks().us - start_us, 5'000'000);
}

TEST_F(PcscLive, CancelEndsTheWait) {
    std::thread other([this] { reader_->cancel(); });
    EXPECT_EQ(hw::fault_of(reader_->wait_for_card(wait_ms).error()), hw::ReaderFault::cancelled);
    other.join();
}

// What one command costs on the way reader, pcscd, vpcd, card and back: with late acknowledgements
// it would be some 50 ms.
TEST_F(PcscLive, RoundTripIsShort) {
    constexpr std::size_t commands = 500;
    present(Presence::until_removed);
    ASSERT_TRUE(tap());
    std::vector<std::int64_t> took_us;
    for (std::size_t i = 0; i < commands; ++i) {
        ASSERT_TRUE(is_ok(reader_->transmit(get_counter, wait_ms)));
        took_us.push_back(reader_->last_exchange_us().value());
    }
    std::ranges::sort(took_us);
    const std::int64_t median = took_us[commands / 2];
    RecordProperty("median_us", std::to_string(median));
    RecordProperty("p99_us", std::to_string(took_us[commands * 99 / 100]));
    RecordProperty("max_us", std::to_string(took_us.back()));
    EXPECT_LT(median, 10'000);
    reader_->release();
}

}  // namespace
}  // namespace softpos::sim
