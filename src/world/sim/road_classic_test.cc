// A traditional POS beside a phone: one merchant, one ledger, one day.
#include "base/hex.h"
#include "codec/cup_frame.h"
#include "world/sim/pos_line.h"
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::sim {
namespace {

using test::Reply;
using test::RoadPhone;
using test::RoadWorld;

constexpr const char* everything =
    R"({"purchase":true,"void":true,"refund":true,"amount_max_minor":1000000})";

class RoadClassic : public ::testing::Test {
protected:
    RoadClassic() : pos_(world_.add_classic(everything, &terminal_)) {
        EXPECT_EQ(pos_->sign_in()->code, "00");
    }
    std::string sell(std::int64_t amount_minor, const std::string& card = "credit",
                     const std::string& pin = {}, PosEntry entry = PosEntry::chip) {
        const auto answer =
            pos_->sell({.card = card, .amount_minor = amount_minor, .entry = entry, .pin = pin});
        EXPECT_TRUE(answer.has_value());
        if (!answer || !answer->heard) return "silence";
        EXPECT_TRUE(answer->mac_right) << answer->text;
        return answer->code;
    }
    const PosSlip& slip() const { return pos_->memory().slips.back(); }
    Reply payments() { return world_.acquirer("/v1/merchants/" + world_.merchant() + "/payments"); }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
    std::string terminal_;
    std::unique_ptr<ClassicPos> pos_;
};

TEST_F(RoadClassic, SellsByChipFieldAndStripe) {
    EXPECT_EQ(pos_->echo()->code, "00");
    EXPECT_EQ(sell(12'300), "00");
    EXPECT_EQ(sell(4'500, "pin", RoadWorld::classic_pin, PosEntry::tap), "00");
    EXPECT_EQ(sell(6'700, "pin", RoadWorld::classic_pin, PosEntry::stripe), "00");
    EXPECT_EQ(sell(800, "pin", "135790"), "55") << "the issuer knows another PIN";
    EXPECT_EQ(sell(900, "credit", {}, PosEntry::stripe), "57");
    EXPECT_EQ(world_.spent(), 12'300 + 4'500 + 6'700);
    const Reply list = payments();
    ASSERT_EQ(list.size("payments"), 5U);
    EXPECT_EQ(list.text("payments.4.terminal_id"), terminal_);
    EXPECT_EQ(list.text("payments.4.masked_pan"), "623120*********0217");
    world_.expect_consistent();
}

TEST_F(RoadClassic, AClassicSaleAndAPhonesSaleInOneReconciledDay) {
    ASSERT_EQ(sell(10'000), "00");
    ASSERT_EQ(phone_.purchase(20'000).result(), "approved");
    ASSERT_EQ(sell(3'000), "00");
    ASSERT_EQ(pos_->void_sale(slip())->code, "00");
    const auto settled = pos_->settle();
    ASSERT_TRUE(settled->totals.has_value());
    EXPECT_EQ(settled->totals->domestic.verdict, codec::BatchVerdict::balanced);
    EXPECT_EQ(settled->totals->domestic.debit_amount_minor, 13'000);

    const std::string day = "/v1/days/" + world_.business_date();
    const Reply batches = world_.acquirer(day + "/settle", "{}");
    ASSERT_EQ(batches.size("batches"), 2U) << batches.body();
    EXPECT_TRUE(batches.flag("batches.0.balanced"));
    EXPECT_TRUE(batches.flag("batches.1.balanced"));
    const std::string file = world_.network("/v1/cut-over", "{}").body();
    EXPECT_EQ(world_.acquirer(day + "/clearing?file=ACOMN", file).number("net_minor"), 30'000);
    const Reply report = world_.acquirer(day + "/reconcile", "{}");
    EXPECT_TRUE(report.flag("proved")) << report.body();
    EXPECT_EQ(report.size("exceptions"), 0U);
    const Reply paid = world_.acquirer(day + "/payouts", "{}");
    EXPECT_EQ(paid.size("payouts"), 1U) << "one merchant, one payout";
    EXPECT_GT(paid.number("total_minor"), 29'000);
    world_.expect_consistent();
}

TEST_F(RoadClassic, VoidsAndRefundsNameWhatTheyAreAbout) {
    ASSERT_EQ(sell(5'000), "00");
    PosSlip wrong = slip();
    wrong.reference = "999999999999";
    EXPECT_EQ(pos_->void_sale(wrong)->code, "25");
    wrong = slip();
    wrong.card = "pin";
    EXPECT_EQ(pos_->void_sale(wrong)->code, "25") << "another card";
    wrong = slip();
    wrong.amount_minor = 4'999;
    EXPECT_EQ(pos_->void_sale(wrong)->code, "64");
    EXPECT_EQ(pos_->refund(slip(), 1'000)->code, "25") << "today's sale is voided";
    const PosSlip good = slip();
    EXPECT_EQ(pos_->void_sale(good)->code, "00");
    EXPECT_EQ(pos_->void_sale(good)->code, "5M");
    world_.expect_consistent();
}

// Another day; the phone's sale too, by the network's number.
TEST_F(RoadClassic, RefundsWhatWasSoldOnAnotherDay) {
    ASSERT_EQ(sell(5'000), "00");
    PosSlip sold = slip();
    ASSERT_EQ(pos_->settle()->code, "00");
    ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    ASSERT_EQ(phone_.purchase(200).result(), "approved") << "the platform knows the new day";
    EXPECT_EQ(pos_->refund(sold, 1'000)->code, "A8");
    ASSERT_EQ(pos_->sign_in()->code, "00");
    EXPECT_EQ(pos_->memory().batch, 2U);
    // The network wants a sign-in first: the refund goes again by itself, and asking again tells.
    ASSERT_TRUE(pos_->refund(sold, 1'000).has_value());
    EXPECT_TRUE(RoadWorld::wait_until([this] { return pos_->repeat()->code == "00"; }));
    sold.batch = sold.trace = 0;
    EXPECT_EQ(pos_->refund(sold, 2'000)->code, "00") << "by the network's number alone";
    EXPECT_EQ(pos_->refund(sold, 2'001)->code, "64") << "more than was paid";
    world_.wait_until_nothing_is_open();
    world_.expect_consistent();
}

TEST_F(RoadClassic, TheSameAgainIsDoneOnceAlsoAfterARestart) {
    ASSERT_EQ(sell(5'000), "00");
    EXPECT_EQ(pos_->repeat()->code, "00");
    EXPECT_EQ(world_.spent(), 5'000);
    world_.stop_service();
    world_.start_service();
    EXPECT_EQ(pos_->repeat()->code, "A8") << "keys are given anew";
    pos_->memory().slips.clear();
    ASSERT_EQ(pos_->sign_in()->code, "00");
    EXPECT_EQ(pos_->memory().batch, 1U);
    EXPECT_EQ(pos_->repeat()->code, "00");
    EXPECT_EQ(world_.spent(), 5'000);
    world_.expect_consistent();
}

TEST_F(RoadClassic, WhatItTakesBackIsReversed) {
    ASSERT_EQ(sell(5'000), "00");
    EXPECT_EQ(pos_->reverse()->code, "00");
    EXPECT_EQ(pos_->reverse()->code, "00") << "as often as it asks";
    world_.wait_until_nothing_is_open();
    EXPECT_EQ(world_.spent(), 0);
    world_.fault(R"({"action":"no_answer","mti":"0200"})");
    const auto lost = pos_->sell({.card = "credit", .amount_minor = 700});
    EXPECT_TRUE(!lost->heard || lost->code == "A2") << lost->text;
    EXPECT_EQ(pos_->reverse()->code, "00");
    world_.wait_until_nothing_is_open();
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

// The sale waits for the line to sign in, and stands nowhere yet: it must not be denied.
TEST_F(RoadClassic, AReversalDoesNotOvertakeItsSale) {
    world_.fault(R"({"action":"late_answer","mti":"0800","delay_ms":1500})");
    EXPECT_FALSE(pos_->sell({.card = "credit", .amount_minor = 700})->heard);
    EXPECT_EQ(pos_->reverse()->code, "96") << "asked again later";
    EXPECT_TRUE(RoadWorld::wait_until([this] { return pos_->reverse()->code == "00"; }));
    world_.wait_until_nothing_is_open();
    EXPECT_EQ(world_.spent(), 0);
    EXPECT_EQ(payments().text("payments.0.state"), "reversed");
    world_.expect_consistent();
}

// A refund is done in the end: nobody may be told that it was taken back.
TEST_F(RoadClassic, AReversalNamesWhatItIsAboutAndNeverARefund) {
    ASSERT_EQ(sell(5'000), "00");
    const PosSlip sold = slip();
    ASSERT_EQ(pos_->settle()->code, "00");
    ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    ASSERT_EQ(phone_.purchase(200).result(), "approved") << "the platform knows the new day";
    ASSERT_EQ(pos_->sign_in()->code, "00");
    ASSERT_TRUE(pos_->refund(sold, 1'000).has_value());
    ASSERT_TRUE(RoadWorld::wait_until([this] { return pos_->repeat()->code == "00"; }));
    const std::int64_t spent = world_.spent();
    // As a sale of the same trace and amount: the only reversal that could name it.
    EXPECT_EQ(pos_->reverse_as_sale()->code, "25");
    world_.wait_until_nothing_is_open();
    EXPECT_EQ(world_.spent(), spent);
    world_.expect_consistent();
}

TEST_F(RoadClassic, ACardThatContradictsItselfIsNotTaken) {
    pos_->strip_next_chip();
    EXPECT_EQ(sell(900), "14") << "a chip sale without its chip data";
    EXPECT_EQ(world_.spent(), 0);
    EXPECT_EQ(payments().size("payments"), 0U);
    EXPECT_EQ(sell(900), "00");
}

// The reversal of a sale that never arrived keeps it out when it arrives late.
TEST_F(RoadClassic, AReversalThatComesFirstWins) {
    pos_->damage_next_mac();
    EXPECT_EQ(pos_->sell({.card = "credit", .amount_minor = 900})->code, "A0");
    EXPECT_EQ(pos_->reverse()->code, "25");
    pos_->memory().trace -= 1;  // The sale again, under its trace.
    EXPECT_EQ(sell(900), "B3");
    EXPECT_EQ(world_.spent(), 0);
}

TEST_F(RoadClassic, TheDoorBelievesNothingWithoutItsReason) {
    pos_->damage_next_mac();
    const auto damaged = pos_->sell({.card = "credit", .amount_minor = 900});
    EXPECT_EQ(damaged->code, "A0");
    std::string other;
    const auto stranger = world_.add_classic(everything, &other);
    EXPECT_EQ(stranger->sell({.card = "credit", .amount_minor = 900}).error().kind,
              ErrorKind::conflict)
        << "no keys, no MAC";
    ASSERT_EQ(pos_->sign_out()->code, "00");
    EXPECT_EQ(pos_->sell({.card = "credit", .amount_minor = 900})->code, "A8");
    ASSERT_EQ(pos_->sign_in()->code, "00");
    EXPECT_EQ(sell(900), "00");
    EXPECT_EQ(world_.spent(), 900);
    // A phone's number is none here.
    const auto phone_number =
        world_.classic_exchange(codec::build_frame({.tpdu = {0x60, 0, 6, 0, 0},
                                                    .header = {0x60, 0x31, 0, 0x31, 0x10, 3},
                                                    .message = from_hex("0820").value()}));
    EXPECT_FALSE(phone_number.has_value()) << "what is no message is not answered";
}

TEST_F(RoadClassic, ThePolicyIsChangedWhileItSells) {
    ASSERT_EQ(sell(900), "00");
    const std::string path = "/v1/terminals/" + terminal_ + "/classic";
    const Reply stopped = world_.acquirer(
        path, R"({"purchase":false,"void":true,"refund":false,"amount_max_minor":1000})");
    ASSERT_EQ(stopped.status(), 200U) << stopped.body();
    EXPECT_EQ(sell(900), "57");
    EXPECT_EQ(pos_->void_sale(slip())->code, "00");
    ASSERT_EQ(
        world_
            .acquirer(path,
                      R"({"purchase":true,"void":true,"refund":false,"amount_max_minor":500})")
            .status(),
        200U);
    const Reply shown = world_.acquirer("/v1/terminals/" + terminal_);
    EXPECT_EQ(shown.text("state"), "CLASSIC");
    EXPECT_EQ(shown.number("classic.amount_max_minor"), 500);
    EXPECT_EQ(sell(501), "61");
    EXPECT_EQ(sell(500), "00");
    EXPECT_EQ(world_.acquirer("/v1/terminals/00000009/classic", everything).refusal(), "NOT_FOUND");
    EXPECT_EQ(world_.acquirer("/v1/terminals/" + terminal_ + "/activation", "{}").refusal(),
              "NOT_FOUND")
        << "no phone can become a classic terminal";
    world_.expect_consistent();
}

TEST_F(RoadClassic, ABatchThatDiffersIsUploadedAndTold) {
    ASSERT_EQ(sell(1'000), "00");
    ASSERT_EQ(sell(2'000), "00");
    pos_->memory().slips.erase(pos_->memory().slips.begin());  // It forgot one,
    pos_->memory().slips.front().amount_minor = 2'500;         // and remembers another one wrong.
    const auto settled = pos_->settle();
    ASSERT_TRUE(settled->totals.has_value());
    EXPECT_EQ(settled->totals->domestic.verdict, codec::BatchVerdict::unbalanced);
    ASSERT_EQ(pos_->sign_in()->code, "00");
    EXPECT_EQ(pos_->memory().batch, 2U);
    EXPECT_EQ(sell(300), "00");
    world_.expect_consistent();
}

// The answer to a settlement was lost: the terminal asks again, also after it signed in.
TEST_F(RoadClassic, ASettlementIsRepeatedWithTheSameResult) {
    ASSERT_EQ(sell(1'000), "00");
    const auto slips = pos_->memory().slips;
    for (int i = 0; i < 2; ++i) {
        pos_->memory().slips = slips;
        const auto settled = pos_->settle();
        ASSERT_EQ(settled->code, "00");
        EXPECT_EQ(settled->totals->domestic.verdict, codec::BatchVerdict::balanced);
    }
    EXPECT_EQ(sell(200), "A8") << "the batch is closed";
    ASSERT_EQ(pos_->sign_in()->code, "00");
    EXPECT_EQ(sell(200), "00");
    world_.expect_consistent();
}

TEST_F(RoadClassic, ItsMemoryOutlivesItsProcess) {
    ASSERT_EQ(sell(1'000), "00");
    const auto kept = parse_memory(memory_text(pos_->memory()));
    ASSERT_TRUE(kept.has_value());
    EXPECT_EQ(memory_text(*kept), memory_text(pos_->memory()));
    EXPECT_FALSE(parse_memory("{}").has_value());
}

}  // namespace
}  // namespace softpos::sim
