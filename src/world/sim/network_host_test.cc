// The network host message by message: who is let in, what is believed, what money moves.
#include "world/sim/network_host.h"

#include "testing/prng.h"
#include "world/sim/sim_test_support.h"

#include <gtest/gtest.h>

#include <memory>

namespace softpos::sim {
namespace {

using test::HostAnswer;
using test::Sale;
using test::TestCard;
using test::TestTerminal;

constexpr std::int64_t balance = 1'000'000;
constexpr std::int64_t amount = 12'800;
const std::string merchant = "826290058120001";

class NetworkHostTest : public ::testing::Test {
protected:
    NetworkHostTest() {
        CHECK(load_issuers(host::data_path("cards"), issuer_).has_value());
        issuer_.open_account(card_.pan(), balance);
        CHECK(terminal_.register_at_host().has_value());
    }
    void sign_in() { ASSERT_EQ(terminal_.sign_in().code, "00"); }
    void next_day() {
        host_.cut_over();
        ASSERT_EQ(terminal_.sign_in().code, "00");
    }
    Sale sell(std::int64_t sold = amount) {
        Sale sale;
        EXPECT_EQ(terminal_.purchase(card_, sold, &sale).code, "00");
        return sale;
    }
    std::int64_t spent() const { return balance - issuer_.balance_minor(card_.pan()); }

    Issuer issuer_;
    SeededRandom random_{7};
    NetworkHost host_{test::dialect(), {.business_date = test::today}, issuer_, random_};
    TestCard card_{"debit"};
    TestTerminal terminal_{host_, "10000001", merchant};
};

TEST_F(NetworkHostTest, KnowsTheCalendar) {
    EXPECT_EQ(next_date(20261122), 20261123U);
    EXPECT_EQ(next_date(20261130), 20261201U);
    EXPECT_EQ(next_date(20261231), 20270101U);
    EXPECT_EQ(next_date(20280228), 20280229U);
    EXPECT_EQ(next_date(20270228), 20270301U);
}

TEST_F(NetworkHostTest, RefusesAMasterKeyOfAnotherSize) {
    EXPECT_FALSE(host_.register_terminal("10000002", merchant, SecretBytes(8)).has_value());
    EXPECT_FALSE(host_.register_terminal("10000002", merchant, SecretBytes(24)).has_value());
}

// 0800

TEST_F(NetworkHostTest, HandsOutKeysAndABatchAtSignIn) {
    const HostAnswer answer = terminal_.sign_in();
    EXPECT_EQ(answer.mti, "0810");
    EXPECT_EQ(answer.code, "00");
    EXPECT_EQ(terminal_.speaker().batch, 1U);
}

TEST_F(NetworkHostTest, KeepsTheBatchUntilTheDayEnds) {
    sign_in();
    sign_in();
    EXPECT_EQ(terminal_.speaker().batch, 1U);
    next_day();
    EXPECT_EQ(terminal_.speaker().batch, 2U);
}

TEST_F(NetworkHostTest, HandsOutOtherKeysEachTime) {
    sign_in();
    const Buffer first = terminal_.sign_in().bytes;
    EXPECT_NE(terminal_.sign_in().bytes, first);
}

TEST_F(NetworkHostTest, DoesNotKnowAStranger) {
    TestTerminal stranger(host_, "10000009", merchant);
    EXPECT_EQ(stranger.sign_in().code, "97");
    stranger.speaker().batch = 1;
    EXPECT_EQ(stranger.purchase(card_, amount).code, "97");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, DoesNotServeAKnownTerminalOfAnotherMerchant) {
    sign_in();
    terminal_.speaker().merchant = "826290058120002";
    EXPECT_EQ(terminal_.purchase(card_, amount).code, "97");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, EchoesWithoutASignIn) {
    codec::IsoMessage message(test::dialect());
    ASSERT_TRUE(channel::build_echo(terminal_.speaker(), 1, message).has_value());
    const HostAnswer answer = terminal_.send(message);
    EXPECT_EQ(answer.mti, "0830");
    EXPECT_EQ(answer.code, "00");
}

// 0200

TEST_F(NetworkHostTest, SellsToACardWithMoney) {
    sign_in();
    Sale sale;
    const HostAnswer answer = terminal_.purchase(card_, amount, &sale);
    EXPECT_EQ(answer.mti, "0210");
    EXPECT_EQ(answer.code, "00");
    EXPECT_TRUE(answer.mac_right);
    EXPECT_EQ(answer.rrn.size(), 12U);
    EXPECT_EQ(answer.auth.size(), 6U);
    EXPECT_EQ(spent(), amount);
    ASSERT_EQ(host_.records().size(), 1U);
    EXPECT_EQ(host_.records()[0].rrn, sale.rrn);
    EXPECT_FALSE(host_.records()[0].credit_card);
    EXPECT_EQ(host_.counters().approved, 1U);
}

TEST_F(NetworkHostTest, PassesOnWhatTheIssuerSays) {
    sign_in();
    const HostAnswer answer = terminal_.purchase(card_, balance + 100);
    EXPECT_EQ(answer.code, "51");
    EXPECT_TRUE(answer.mac_right) << "a refusal is signed too";
    EXPECT_TRUE(host_.records().empty());
    EXPECT_EQ(host_.counters().declined, 1U);
}

TEST_F(NetworkHostTest, NotesACreditCard) {
    sign_in();
    TestCard credit("credit");
    issuer_.open_account(credit.pan(), balance);
    ASSERT_EQ(terminal_.purchase(credit, amount).code, "00");
    EXPECT_TRUE(host_.records()[0].credit_card);
}

TEST_F(NetworkHostTest, WantsASignInFirst) {
    terminal_.speaker().batch = 1;
    EXPECT_EQ(terminal_.purchase(card_, amount).code, "A8");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, WantsASignInEachDay) {
    sign_in();
    host_.cut_over();
    EXPECT_EQ(terminal_.purchase(card_, amount).code, "A8");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, TakesNoMessageOfABatchThatHasEnded) {
    sign_in();
    const std::uint32_t old = terminal_.speaker().batch;
    next_day();
    terminal_.speaker().batch = old;
    EXPECT_EQ(terminal_.purchase(card_, amount).code, "A8");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, BelievesNoWrongMac) {
    sign_in();
    terminal_.damage_next_mac();
    EXPECT_EQ(terminal_.purchase(card_, amount).code, "A0");
    EXPECT_EQ(spent(), 0);
    EXPECT_EQ(host_.counters().mac_failures, 1U);
}

TEST_F(NetworkHostTest, BelievesNoBitFlipBehindTheMac) {
    sign_in();
    const Sale sale = sell();
    const Buffer good = terminal_.last_request();
    for (std::size_t at = 0; at < good.size() * 8; at += 5) {
        Buffer changed = good;
        changed[at / 8] ^= static_cast<std::uint8_t>(1U << (at % 8));
        (void)host_.handle(changed, test::noon);
        ASSERT_EQ(spent(), sale.amount_minor) << "bit " << at;
    }
    EXPECT_EQ(host_.records().size(), 1U);
}

TEST_F(NetworkHostTest, LeavesNothingBehindAWrongMac) {
    sign_in();
    const Buffer field55 = card_.tap(amount);
    terminal_.damage_next_mac();
    ASSERT_EQ(terminal_.purchase(card_, amount, field55).code, "A0");
    terminal_.go_back_to(terminal_.trace());
    EXPECT_EQ(terminal_.purchase(card_, amount, field55).code, "00") << "the same message, signed";
}

TEST_F(NetworkHostTest, AnswersARepetitionWithTheSameBytes) {
    sign_in();
    const Sale sale = sell();
    const HostAnswer again = terminal_.send_bytes(terminal_.last_request());
    EXPECT_EQ(again.code, "00");
    EXPECT_EQ(again.rrn, sale.rrn);
    EXPECT_EQ(again.bytes, terminal_.send_bytes(terminal_.last_request()).bytes);
    EXPECT_EQ(spent(), amount);
    EXPECT_EQ(host_.counters().repeated, 2U);
}

TEST_F(NetworkHostTest, RefusesTheSameNumberForAnotherPayment) {
    sign_in();
    const Sale sale = sell();
    terminal_.go_back_to(sale.trace);
    EXPECT_EQ(terminal_.purchase(card_, amount + 100).code, "94");
    EXPECT_EQ(spent(), amount);
}

// After another sign-in the same message carries another MAC. It is the same message.
TEST_F(NetworkHostTest, KnowsARepetitionUnderNewKeys) {
    sign_in();
    const Buffer field55 = card_.tap(amount);
    Sale sale;
    ASSERT_EQ(terminal_.purchase(card_, amount, field55, &sale).code, "00");
    sign_in();
    terminal_.go_back_to(sale.trace);
    const HostAnswer again = terminal_.purchase(card_, amount, field55);
    EXPECT_EQ(again.code, "00");
    EXPECT_EQ(again.rrn, sale.rrn);
    EXPECT_TRUE(again.mac_right) << "under the new key";
    EXPECT_EQ(spent(), amount);
}

TEST_F(NetworkHostTest, ChecksTheMacOfARepetitionUnderNewKeys) {
    sign_in();
    const Buffer field55 = card_.tap(amount);
    Sale sale;
    ASSERT_EQ(terminal_.purchase(card_, amount, field55, &sale).code, "00");
    sign_in();
    terminal_.go_back_to(sale.trace);
    terminal_.damage_next_mac();
    EXPECT_EQ(terminal_.purchase(card_, amount, field55).code, "A0");
}

TEST_F(NetworkHostTest, SellsNothingForNothing) {
    sign_in();
    terminal_.change_next([](codec::IsoMessage& message) {
        ASSERT_TRUE(message.set(4, "000000000000").has_value());
    });
    EXPECT_EQ(terminal_.purchase(card_, amount).code, "13");
}

TEST_F(NetworkHostTest, ComparesTheCardNumberWithTrack2) {
    sign_in();
    TestCard other("pin");
    issuer_.open_account(other.pan(), balance);
    terminal_.change_next(
        [&](codec::IsoMessage& message) { ASSERT_TRUE(message.set(2, other.pan()).has_value()); });
    EXPECT_EQ(terminal_.purchase(card_, amount).code, "14");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, DoesNotKnowOtherProcessing) {
    sign_in();
    terminal_.change_next([](codec::IsoMessage& message) {
        ASSERT_TRUE(message.set(3, "310000").has_value());  // A balance inquiry.
    });
    EXPECT_EQ(terminal_.purchase(card_, amount).code, "40");
}

TEST_F(NetworkHostTest, LetsTheFenSelectTheCodeInTheSandbox) {
    sign_in();
    const std::vector<std::pair<std::int64_t, std::string>> cases = {
        {1'001, "01"}, {1'005, "05"}, {1'041, "41"}, {1'051, "51"}, {1'061, "61"},
        {1'091, "91"}, {1'096, "96"}, {1'000, "00"}, {1'002, "00"}};
    for (const auto& [asked, code] : cases) {
        EXPECT_EQ(terminal_.purchase(card_, asked).code, code) << asked;
    }
    EXPECT_EQ(spent(), 2'002);
}

TEST_F(NetworkHostTest, LooksAtNoFenOutsideTheSandbox) {
    NetworkHost plain(test::dialect(), {.sandbox_codes = false, .business_date = test::today},
                      issuer_, random_);
    TestTerminal terminal(plain, "10000001", merchant);
    ASSERT_TRUE(terminal.register_at_host().has_value());
    ASSERT_EQ(terminal.sign_in().code, "00");
    EXPECT_EQ(terminal.purchase(card_, 1'051).code, "00");
}

// Voids

TEST_F(NetworkHostTest, VoidsASaleOfTheDay) {
    sign_in();
    const Sale sale = sell();
    const HostAnswer answer = terminal_.void_sale(card_, sale);
    EXPECT_EQ(answer.mti, "0210");
    EXPECT_EQ(answer.code, "00");
    EXPECT_TRUE(answer.mac_right);
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, VoidsASaleOnce) {
    sign_in();
    const Sale sale = sell();
    ASSERT_EQ(terminal_.void_sale(card_, sale).code, "00");
    EXPECT_EQ(terminal_.void_sale(card_, sale).code, "5M");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, VoidsNoSaleOfAnotherDay) {
    sign_in();
    const Sale sale = sell();
    next_day();
    EXPECT_EQ(terminal_.void_sale(card_, sale).code, "KK");
    EXPECT_EQ(spent(), amount);
}

TEST_F(NetworkHostTest, VoidsTheWholeAmountOnly) {
    sign_in();
    Sale sale = sell();
    sale.amount_minor -= 1;
    EXPECT_EQ(terminal_.void_sale(card_, sale).code, "64");
    EXPECT_EQ(spent(), amount);
}

TEST_F(NetworkHostTest, VoidsNothingThatItDoesNotFind) {
    sign_in();
    const Sale sale = sell();
    Sale other = sale;
    other.trace += 100;
    EXPECT_EQ(terminal_.void_sale(card_, other).code, "25") << "another trace";
    other = sale;
    other.rrn = "000000000000";
    EXPECT_EQ(terminal_.void_sale(card_, other).code, "25") << "another reference";
    EXPECT_EQ(terminal_.void_sale(TestCard("pin"), sale).code, "25") << "another card";
    EXPECT_EQ(spent(), amount);
}

TEST_F(NetworkHostTest, VoidsNoVoid) {
    sign_in();
    const Sale sale = sell();
    const HostAnswer voided = terminal_.void_sale(card_, sale);
    ASSERT_EQ(voided.code, "00");
    const Sale as_sale{.trace = terminal_.trace(),
                       .batch = sale.batch,
                       .amount_minor = amount,
                       .rrn = voided.rrn,
                       .auth = voided.auth};
    EXPECT_EQ(terminal_.void_sale(card_, as_sale).code, "25");
    EXPECT_EQ(spent(), 0);
}

// Refunds

TEST_F(NetworkHostTest, RefundsInPartsUpToTheSale) {
    sign_in();
    const Sale sale = sell();
    next_day();
    const HostAnswer answer = terminal_.refund(card_, sale, amount - 1'000);
    EXPECT_EQ(answer.mti, "0230");
    EXPECT_EQ(answer.code, "00");
    EXPECT_TRUE(answer.mac_right);
    EXPECT_EQ(terminal_.refund(card_, sale, 1'001).code, "64");
    EXPECT_EQ(terminal_.refund(card_, sale, 1'000).code, "00");
    EXPECT_EQ(terminal_.refund(card_, sale, 1).code, "64");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, RefundsNothingThatItDoesNotFind) {
    sign_in();
    Sale sale = sell();
    EXPECT_EQ(terminal_.refund(TestCard("pin"), sale, 100).code, "25");
    sale.rrn = "000000000000";
    EXPECT_EQ(terminal_.refund(card_, sale, 100).code, "25");
    EXPECT_EQ(spent(), amount);
}

TEST_F(NetworkHostTest, RefundsNoVoidedSaleAndVoidsNoRefundedOne) {
    sign_in();
    const Sale voided = sell();
    ASSERT_EQ(terminal_.void_sale(card_, voided).code, "00");
    EXPECT_EQ(terminal_.refund(card_, voided, 100).code, "5M");
    const Sale refunded = sell();
    ASSERT_EQ(terminal_.refund(card_, refunded, 100).code, "00");
    EXPECT_EQ(terminal_.void_sale(card_, refunded).code, "5M");
    EXPECT_EQ(spent(), amount - 100);
}

// An advice that was on its way when the day ended.
TEST_F(NetworkHostTest, TakesARefundUnderTheBatchOfTheDayBefore) {
    sign_in();
    const Sale sale = sell();
    const std::uint32_t old = terminal_.speaker().batch;
    next_day();
    terminal_.speaker().batch = old;
    EXPECT_EQ(terminal_.refund(card_, sale, 100).code, "00");
    EXPECT_EQ(host_.records().back().settlement_date, next_date(test::today));
    EXPECT_EQ(spent(), amount - 100);
}

// 0400

TEST_F(NetworkHostTest, ReversesASale) {
    sign_in();
    const Sale sale = sell();
    const HostAnswer answer = terminal_.reverse(card_, sale);
    EXPECT_EQ(answer.mti, "0410");
    EXPECT_EQ(answer.code, "00");
    EXPECT_TRUE(answer.mac_right);
    EXPECT_EQ(spent(), 0);
    EXPECT_EQ(host_.counters().reversed, 1U);
    EXPECT_EQ(terminal_.reverse(card_, sale).code, "00") << "as often as it is sent";
    EXPECT_EQ(spent(), 0);
    EXPECT_EQ(host_.counters().reversed, 1U);
    EXPECT_EQ(terminal_.void_sale(card_, sale).code, "25");
    EXPECT_EQ(terminal_.refund(card_, sale, 100).code, "25");
}

TEST_F(NetworkHostTest, ReversesUnderTheKeysOfALaterSignIn) {
    sign_in();
    const Sale sale = sell();
    ASSERT_EQ(terminal_.reverse(card_, sale).code, "00");
    sign_in();
    const HostAnswer again = terminal_.reverse(card_, sale);
    EXPECT_EQ(again.code, "00");
    EXPECT_TRUE(again.mac_right);
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, ReversesASaleOfADayThatHasEnded) {
    sign_in();
    const Sale sale = sell();
    next_day();
    EXPECT_EQ(terminal_.reverse(card_, sale).code, "00");
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, ReversesAVoid) {
    sign_in();
    const Sale sale = sell();
    ASSERT_EQ(terminal_.void_sale(card_, sale).code, "00");
    const Sale voiding{.trace = terminal_.trace(),
                       .batch = sale.batch,
                       .amount_minor = amount,
                       .rrn = {},
                       .auth = {}};
    EXPECT_EQ(terminal_.reverse_void(card_, voiding, sale).code, "00");
    EXPECT_EQ(spent(), amount);
    EXPECT_EQ(terminal_.void_sale(card_, sale).code, "00") << "it can be voided again";
    EXPECT_EQ(spent(), 0);
}

TEST_F(NetworkHostTest, ReversesTheWholeAmountOnly) {
    sign_in();
    Sale sale = sell();
    sale.amount_minor += 1;
    EXPECT_EQ(terminal_.reverse(card_, sale).code, "64");
    EXPECT_EQ(spent(), amount);
}

// The sale is off the account already: it must not be given back twice.
TEST_F(NetworkHostTest, ReversesNoSaleThatWasVoidedOrRefunded) {
    sign_in();
    const Sale voided = sell();
    ASSERT_EQ(terminal_.void_sale(card_, voided).code, "00");
    EXPECT_EQ(terminal_.reverse(card_, voided).code, "25");
    EXPECT_EQ(spent(), 0);
    const Sale refunded = sell();
    ASSERT_EQ(terminal_.refund(card_, refunded, 100).code, "00");
    EXPECT_EQ(terminal_.reverse(card_, refunded).code, "25");
    EXPECT_EQ(spent(), amount - 100);
}

TEST_F(NetworkHostTest, ReversesNoRefund) {
    sign_in();
    const Sale sale = sell();
    ASSERT_EQ(terminal_.refund(card_, sale, 100).code, "00");
    const Sale refund{.trace = terminal_.trace(),
                      .batch = sale.batch,
                      .amount_minor = 100,
                      .rrn = {},
                      .auth = {}};
    EXPECT_EQ(terminal_.reverse(card_, refund).code, "40");
    EXPECT_EQ(spent(), amount - 100);
}

TEST_F(NetworkHostTest, AuthorisesNothingWhoseReversalCameFirst) {
    sign_in();
    const Buffer field55 = card_.tap(amount);
    const Sale sale{.trace = terminal_.trace() + 1,
                    .batch = terminal_.speaker().batch,
                    .amount_minor = amount,
                    .rrn = {},
                    .auth = {}};
    EXPECT_EQ(terminal_.reverse(card_, sale).code, "25");
    EXPECT_EQ(terminal_.purchase(card_, amount, field55).code, "B3");
    EXPECT_EQ(terminal_.trace(), sale.trace);
    EXPECT_EQ(spent(), 0);
}

// 0500

TEST_F(NetworkHostTest, ComparesTheTotalsOfABatch) {
    sign_in();
    codec::BatchTotals totals;
    EXPECT_EQ(terminal_.settle(totals).field48.at(30), '1') << "nothing is nothing";
    const Sale sale = sell();
    const Sale reversed = sell();
    sell(500);
    ASSERT_EQ(terminal_.void_sale(card_, sale).code, "00");
    ASSERT_EQ(terminal_.reverse(card_, reversed).code, "00");
    totals.domestic = {.debit_amount_minor = amount + 500,
                       .debit_count = 2,
                       .credit_amount_minor = amount,
                       .credit_count = 1};
    const HostAnswer balanced = terminal_.settle(totals);
    EXPECT_EQ(balanced.mti, "0510");
    EXPECT_EQ(balanced.code, "00");
    EXPECT_EQ(balanced.field48.at(30), '1');
    EXPECT_EQ(balanced.field48.at(61), '1');
}

TEST_F(NetworkHostTest, SaysWhereTheTotalsOfABatchDiffer) {
    sign_in();
    sell();
    for (const codec::BatchSide& wrong :
         {codec::BatchSide{}, codec::BatchSide{.debit_amount_minor = amount},
          codec::BatchSide{.debit_amount_minor = amount + 1, .debit_count = 1},
          codec::BatchSide{.debit_amount_minor = amount,
          .debit_count = 1,
          .credit_amount_minor = 1,
          .credit_count = 1}}) {
        EXPECT_EQ(terminal_.settle({.domestic = wrong, .foreign = {}}).field48.at(30), '2');
    }
    const codec::BatchSide right{.debit_amount_minor = amount, .debit_count = 1};
    const HostAnswer foreign = terminal_.settle({.domestic = right, .foreign = right});
    EXPECT_EQ(foreign.field48.at(30), '1');
    EXPECT_EQ(foreign.field48.at(61), '2');
}

// Bytes from anybody

TEST_F(NetworkHostTest, AnswersNoNonsense) {
    EXPECT_FALSE(host_.handle({}, test::noon).has_value());
    EXPECT_FALSE(host_.handle(Buffer(40, 0xEE), test::noon).has_value());
    EXPECT_EQ(host_.counters().malformed, 2U);
}

TEST_F(NetworkHostTest, AnswersNoAnswers) {
    sign_in();
    sell();
    for (const std::string mti : {"0210", "0410", "0810", "0190", "0290", "0999"}) {
        codec::IsoMessage message(test::dialect());
        ASSERT_TRUE(channel::build_echo(terminal_.speaker(), 1, message).has_value());
        ASSERT_TRUE(message.set_mti(mti).has_value());
        EXPECT_TRUE(terminal_.send(message).silent) << mti;
    }
}

TEST_F(NetworkHostTest, WantsTheBatchInEveryMessageOfTheDay) {
    sign_in();
    for (const std::string mti : {"0200", "0220", "0400", "0500"}) {
        codec::IsoMessage message(test::dialect());
        ASSERT_TRUE(channel::build_echo(terminal_.speaker(), 1, message).has_value());
        codec::IsoMessage bare(test::dialect());
        ASSERT_TRUE(bare.set_mti(mti).has_value());
        for (const unsigned field : {11U, 41U, 42U}) {
            ASSERT_TRUE(bare.set(field, *message.text(field)).has_value());
        }
        EXPECT_EQ(terminal_.send(bare).code, "30") << mti;
    }
}

TEST_F(NetworkHostTest, SurvivesChangedBytes) {
    auto prng = testing::Prng::from_environment();
    sign_in();
    std::vector<Buffer> seeds;
    const Sale sale = sell();
    seeds.push_back(terminal_.last_request());
    terminal_.void_sale(card_, sale);
    seeds.push_back(terminal_.last_request());
    terminal_.settle({});
    seeds.push_back(terminal_.last_request());
    const std::int64_t before = spent();
    for (int round = 0; round < 5'000; ++round) {
        Buffer message = seeds[prng.below(static_cast<unsigned>(seeds.size()))];
        for (unsigned changes = 1 + prng.below(3); changes > 0; --changes) {
            message[prng.below(static_cast<unsigned>(message.size()))] =
                static_cast<std::uint8_t>(prng.below(256));
        }
        (void)host_.handle(message, test::noon);
        ASSERT_EQ(spent(), before) << "SEED=" << prng.seed() << " round " << round;
    }
}

}  // namespace
}  // namespace softpos::sim
