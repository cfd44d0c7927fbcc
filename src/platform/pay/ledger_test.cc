// The books: what each event posts, dates, shards, batch totals and payouts.
#include "platform/pay/ledger.h"

#include "platform/pay/payout.h"
#include "platform/pay/response_code.h"
#include "platform/pay/settlement.h"

#include <gtest/gtest.h>

#include <set>

namespace softpos::pay {
namespace {

using enum AccountCode;

constexpr std::string_view shop = "898310058120001";
constexpr BusinessDate today{20261122};

Payment sale() {
    SeededRandom random(1);
    Payment sale;
    sale.merchant = shop;
    sale.id = new_id(shop, {1'763'000'000'000}, random);
    sale.amount_minor = 10'000;
    sale.fee = {.merchant_minor = 60, .issuer_minor = 45, .network_minor = 3};
    sale.settlement_date = today;
    sale.state = PaymentState::approved;
    return sale;
}

std::int64_t credit(const Balances& balances, AccountCode code) {
    return total_of(balances, code).credit_net();
}

TEST(Ledger, ASaleOfAHundredYuanGivesEverybodyTheirs) {
    Balances books;
    ASSERT_TRUE(fold(post_sale(sale()), books));
    EXPECT_EQ(credit(books, merchant_payable), 9'940);
    EXPECT_EQ(credit(books, upstream_fee_payable), 48);
    EXPECT_EQ(credit(books, fee_income), 12);
    EXPECT_EQ(credit(books, network_receivable), -10'000);
    EXPECT_EQ(trial_balance(books), 0);
}

TEST(Ledger, ADayEndsWithNothingOwedAndTheMarginInTheBank) {
    Balances books;
    ASSERT_TRUE(fold(post_sale(sale()), books));
    const ClearingMoney money{.source = sale().id,
                              .shard = shard_of(shop),
                              .date = today,
                              .gross_minor = 10'000,
                              .fees_minor = 48};
    ASSERT_TRUE(fold(post_clearing_money(money), books));
    const Id128 id = payout_id(shop, today);
    ASSERT_TRUE(fold(post_payout(id, shop, today, 9'940), books));
    EXPECT_EQ(credit(books, network_receivable), 0);
    EXPECT_EQ(credit(books, upstream_fee_payable), 0);
    EXPECT_EQ(credit(books, merchant_payable), 0);
    EXPECT_EQ(total_of(books, bank).debit_net(), 12);
    EXPECT_EQ(credit(books, fee_income), 12);
    ASSERT_TRUE(fold(post_payout_returned(id, shop, today, 9'940), books));
    EXPECT_EQ(credit(books, merchant_payable), 9'940);
    EXPECT_EQ(trial_balance(books), 0);
}

TEST(Ledger, DifferencesGoToSuspenseByTheirSign) {
    for (const std::int64_t difference : {500, -500}) {
        Balances books;
        ASSERT_TRUE(fold(post_clearing_difference({.source = sale().id,
                                                   .merchant = shop,
                                                   .date = today,
                                                   .difference_minor = difference}),
                         books));
        EXPECT_EQ(total_of(books, network_receivable).debit_net(), difference);
        EXPECT_EQ(credit(books, suspense_long), difference > 0 ? 500 : 0);
        EXPECT_EQ(total_of(books, suspense_short).debit_net(), difference < 0 ? 500 : 0);
    }
    EXPECT_TRUE(
        post_clearing_difference({.source = sale().id, .merchant = shop, .date = today}).empty());
}

TEST(Ledger, ATransferThatCannotStandIsRefused) {
    const Transfer good = post_sale(sale())[0];
    const auto kind_with = [&](auto change) {
        Transfer transfer = good;
        change(transfer);
        return check(transfer).has_value();
    };
    EXPECT_TRUE(kind_with([](Transfer&) {}));
    EXPECT_FALSE(kind_with([](Transfer& t) { t.amount_minor = 0; }));
    EXPECT_FALSE(kind_with([](Transfer& t) { t.amount_minor = -1; }));
    EXPECT_FALSE(kind_with([](Transfer& t) { t.credit = t.debit; }));
    EXPECT_FALSE(
        kind_with([](Transfer& t) { t.credit.shard = static_cast<Shard>(63 - t.credit.shard); }));
    EXPECT_FALSE(kind_with([](Transfer& t) { t.settlement_date = {}; }));
}

TEST(BusinessDate, AFieldFifteenGetsTheNearestYear) {
    const auto resolved = [](std::string_view mmdd, std::uint32_t now) {
        const auto date = resolve_settlement_date(mmdd, {now});
        return date ? date->yyyymmdd : 0;
    };
    EXPECT_EQ(resolved("1122", 20261122), 20261122U);
    EXPECT_EQ(resolved("0101", 20261231), 20270101U);
    EXPECT_EQ(resolved("1231", 20270101), 20261231U);
    EXPECT_EQ(resolved("0229", 20270301), 20280229U);
    EXPECT_EQ(resolved("1301", 20261122), 0U);
    EXPECT_EQ(resolved("0231", 20261122), 0U);
    EXPECT_EQ(resolved("11 2", 20261122), 0U);
    EXPECT_EQ(resolved("-122", 20261122), 0U);
    EXPECT_EQ(day_after({20261231}), (BusinessDate{20270101}));
    EXPECT_EQ(BusinessDate{20260103}.mmdd(), "0103");
    EXPECT_FALSE(parse_date("20260230"));
}

TEST(Shard, AnIdNamesTheShardOfItsMerchantAndRisesWithTime) {
    SeededRandom random(1);
    std::set<Shard> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string merchant = "89831005812" + std::to_string(1000 + i);
        EXPECT_EQ(shard_of(new_id(merchant, {i}, random)), shard_of(merchant));
        EXPECT_LT(new_id(merchant, {i}, random), new_id(merchant, {i + 1}, random));
        seen.insert(shard_of(merchant));
    }
    EXPECT_EQ(seen.size(), shard_count);
    EXPECT_EQ(shard_of("898310058120001"), 11);  // Stored rows depend on it.
}

TEST(Settlement, TotalsCountWhatMovedAndRefuseWhatIsOpen) {
    BatchTotals totals;
    Payment payment = sale();
    ASSERT_TRUE(add_to_batch(payment, totals));
    payment.state = PaymentState::voided;
    ASSERT_TRUE(add_to_batch(payment, totals));
    payment.state = PaymentState::reversed;
    ASSERT_TRUE(add_to_batch(payment, totals));
    payment.kind = PaymentKind::void_sale;
    payment.state = PaymentState::approved;
    ASSERT_TRUE(add_to_batch(payment, totals));
    EXPECT_EQ(totals, (BatchTotals{20'000, 2, 10'000, 1}));
    payment.state = PaymentState::unknown;
    EXPECT_EQ(add_to_batch(payment, totals).error().kind, ErrorKind::conflict);
}

TEST(Payout, PaysTheDayButNeverMoreThanIsOwed) {
    const auto paid = [](std::int64_t day, std::int64_t total) {
        const MerchantDay merchant{.merchant = std::string(shop),
                                   .day = {.credits_minor = day},
                                   .total = {.credits_minor = total}};
        const auto payout = plan_payout(merchant, today, {});
        return payout ? payout->amount_minor : 0;
    };
    EXPECT_EQ(paid(100, 500), 100);
    EXPECT_EQ(paid(500, 100), 100);
    EXPECT_EQ(paid(500, -100), 0);
    EXPECT_EQ(paid(0, 100), 0);
    EXPECT_EQ(payout_id(shop, today), payout_id(shop, today));
    EXPECT_NE(payout_id(shop, today), payout_id("898310058120002", today));
    EXPECT_NE(payout_id(shop, today), payout_id(shop, {20261123}));
    EXPECT_EQ(next_state(PayoutState::created, PayoutEvent::file_written), PayoutState::sent);
    EXPECT_FALSE(next_state(PayoutState::paid, PayoutEvent::bank_returned));
}

TEST(ResponseCode, SaysWhatMayBeDone) {
    EXPECT_EQ(classify("00"), AnswerClass::approve);
    EXPECT_EQ(classify("41"), AnswerClass::capture);
    EXPECT_EQ(classify("96"), AnswerClass::retry_later);
    EXPECT_EQ(classify("A0"), AnswerClass::sign_in_again);
    EXPECT_EQ(classify("??"), AnswerClass::decline);
    EXPECT_EQ(refusal_of_answer("94"), Refusal::duplicate_transaction);
    EXPECT_EQ(refusal_of_answer("51"), Refusal::issuer_declined);
    for (const auto code : {"00", "25", "12", "22"}) EXPECT_TRUE(ends_reversal(code));
    for (const auto code : {"91", "96", "98", "A0", ""}) EXPECT_FALSE(ends_reversal(code));
}

}  // namespace
}  // namespace softpos::pay
