// Live: a virtual card in vpcd's slot, tapped through the system's PC/SC service. Runs where pcscd
// with vpcd runs; SOFTPOS_PCSC=1 turns the skip into a failure.
#include "phone/hw/pcsc_reader.h"
#include "testing/vectors.h"
#include "world/sim/card_folder.h"
#include "world/sim/vpcd_carrier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
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

// One test, because there is one slot: test programs run side by side.
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

    // Runs `steps` while the card is in the field; gives how its presentation ended.
    template <typename Steps>
    CardEnd with_card(Presence presence, Steps&& steps) {
        auto end = std::async(std::launch::async,
                              [this, presence] { return carrier_->present(card_, presence); });
        steps();
        reader_->release();
        // A tap that failed early must not leave the card in the field for ever.
        const bool ended =
            presence == Presence::one_tap &&
            end.wait_for(std::chrono::milliseconds(wait_ms)) == std::future_status::ready;
        if (!ended) carrier_->remove();
        return end.get().value();
    }

    bool tap() {
        return reader_->wait_for_card(wait_ms) && is_ok(reader_->transmit(select_ppse, wait_ms)) &&
               is_ok(reader_->transmit(select_card, wait_ms)) &&
               is_ok(reader_->transmit(gpo, wait_ms));
    }

    void tap_goes_through() {
        const CardEnd end = with_card(Presence::one_tap, [this] { EXPECT_TRUE(tap()); });
        EXPECT_EQ(end, CardEnd::tap_done);
        EXPECT_EQ(card_.state().atc, 1);
    }

    void removed_card_is_said() {
        card_.set_faults(card::CardFaults::parse("leave@4*1").value());
        const CardEnd end = with_card(Presence::one_tap, [this] {
            ASSERT_TRUE(tap());
            EXPECT_EQ(hw::fault_of(reader_->transmit(select_ppse, wait_ms).error()),
                      hw::ReaderFault::card_removed);
        });
        EXPECT_EQ(end, CardEnd::left_field);
    }

    void cancel_ends_the_wait() {
        std::thread other([this] { reader_->cancel(); });
        EXPECT_EQ(hw::fault_of(reader_->wait_for_card(wait_ms).error()),
                  hw::ReaderFault::cancelled);
        other.join();
    }

    // What one command costs on the way reader, pcscd, vpcd, card and back. With late
    // acknowledgements it would be some 50 ms.
    void round_trip_is_short() {
        constexpr std::size_t commands = 500;
        std::vector<std::int64_t> took_us;
        with_card(Presence::until_removed, [&] {
            ASSERT_TRUE(tap());
            for (std::size_t i = 0; i < commands; ++i) {
                ASSERT_TRUE(is_ok(reader_->transmit(get_counter, wait_ms)));
                took_us.push_back(reader_->last_exchange_us().value());
            }
        });
        ASSERT_EQ(took_us.size(), commands);
        std::ranges::sort(took_us);
        RecordProperty("median_us", std::to_string(took_us[commands / 2]));
        RecordProperty("p99_us", std::to_string(took_us[commands * 99 / 100]));
        RecordProperty("max_us", std::to_string(took_us.back()));
        EXPECT_LT(took_us[commands / 2], 10'000);
    }

    card::VirtualCard card_ = load_card("data/cards", "debit").value();
    std::unique_ptr<VpcdCarrier> carrier_ = VpcdCarrier::make({}).value();
    std::unique_ptr<hw::PcscReader> reader_;
};

TEST_F(PcscLive, CardIsTappedThroughTheSystemsService) {
    tap_goes_through();
    removed_card_is_said();
    cancel_ends_the_wait();
    round_trip_is_short();
}

}  // namespace
}  // namespace softpos::sim
