// Trades with wallets, in every backend.
#include "platform/store/store_test_support.h"

#include <algorithm>

namespace softpos::store {
namespace {

using pay::WalletTrade;

WalletTrade trade(std::uint8_t number) {
    SeededRandom random(number);
    WalletTrade trade;
    trade.id =
        pay::new_id(shop, {1'790'000'000'000 + number}, *std::make_unique<SeededRandom>(number));
    trade.channel = pay::WalletChannel::wechat;
    trade.way = pay::WalletWay::show;
    trade.state = pay::TradeState::waiting;
    trade.version = 2;
    trade.merchant = shop;
    trade.terminal = "00000001";
    trade.amount_minor = 1'880;
    trade.reference = "桌 7";
    trade.idempotency_key.bytes.fill(number);
    trade.body_digest.fill(7);
    trade.code = "weixin://wxpay/bizpayurl?pr=1";
    trade.wallet_code = "NOTPAY";
    trade.fee = {.merchant_minor = 7, .issuer_minor = 4, .network_minor = 0};
    trade.fee_return = pay::FeeReturn::proportional;
    trade.created_at = {1'790'000'000'000};
    trade.deadline_at = {1'790'000'120'000};
    trade.attempts = 3;
    trade.next_at = {1'790'000'004'000};
    return trade;
}

TEST_P(StoreTest, AWalletTradeComesBackAsItWasPut) {
    WalletTrade one = trade(1);
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(one); }));
    EXPECT_EQ(ask([&](Reader& r) { return r.wallet_trade(one.id); }), one);
    EXPECT_EQ(ask([&](Reader& r) { return r.open_wallet_trades({}); }).size(), 1U);
    EXPECT_EQ(ask([&](Reader& r) { return r.open_wallet_trades_of(one.terminal); }).size(), 1U);
    EXPECT_TRUE(ask([&](Reader& r) { return r.open_wallet_trades_of("00000002"); }).empty());
    EXPECT_EQ(run([&](Tx& tx) { return tx.update(one); }).error().kind, ErrorKind::conflict);
    one.version = 3;
    one.state = pay::TradeState::paid;
    one.payer = "o1";
    one.wallet_trade = "4200";
    one.refusal = Refusal::wallet_not_paid;
    one.settlement_date = {20260922};
    one.refunded_minor = 80;
    one.voided = one.late_paid = true;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(one); }));
    open();
    EXPECT_EQ(ask([&](Reader& r) { return r.wallet_trade_by_key(shop, one.idempotency_key); }),
              one);
    EXPECT_TRUE(ask([&](Reader& r) { return r.open_wallet_trades({}); }).empty());
    EXPECT_EQ(
        ask([&](Reader& r) { return r.paid_by(pay::WalletChannel::wechat, "o1", {20260922}); }),
        1'800);
    EXPECT_EQ(
        ask([&](Reader& r) { return r.paid_by(pay::WalletChannel::alipay, "o1", {20260922}); }), 0);
}

TEST_P(StoreTest, AWalletTradeUnderWayCountsAgainstTheMerchantsLimits) {
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(trade(1)); }));
    const auto usage = ask([&](Reader& r) { return r.usage(shop, {20260922}); });
    EXPECT_EQ(usage.day_minor, 1'880);
    EXPECT_EQ(usage.month_minor, 1'880);
    WalletTrade again = trade(2);
    again.idempotency_key = trade(1).idempotency_key;
    EXPECT_EQ(run([&](Tx& tx) { return tx.insert(again); }).error().kind, ErrorKind::conflict);
}

// Three sides of a wallet's day, page by page and in one order.
TEST_P(StoreTest, AWalletsDayHasThreeSides) {
    const pay::BusinessDate date{20260922};
    const CounterpartyDay day{date, "wechat"};
    std::vector<BillLine> bill;
    std::vector<WalletTrade> trades;
    for (std::uint8_t i = 1; i <= 6; ++i) {
        WalletTrade one = trade(i);
        one.state = pay::TradeState::paid;
        one.settlement_date = date;
        one.answered_at = {1'790'006'000'000};  // 23:53 in China.
        one.kind = i <= 4 ? pay::PaymentKind::purchase : pay::PaymentKind::refund;
        if (i == 6) one.kind = pay::PaymentKind::void_sale;
        if (i > 4) one.original = trades[0].id;
        trades.push_back(one);
        ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
            TRY_VOID(tx.insert(one));
            return tx.post(i <= 4 ? pay::post_wallet_sale(one) : pay::post_wallet_refund(one));
        }));
        BillLine line{.line = i};
        line.record.key = {date, "wechat", static_cast<std::uint32_t>(one.kind) - 1, one.id.text()};
        line.record.amount_minor = i <= 4 ? 1'880 : -1'880;
        line.record.fee_minor = i <= 4 ? 4 : -4;
        line.undone = i == 4;
        bill.push_back(line);
    }
    for (int twice = 0; twice < 2; ++twice) {
        ASSERT_TRUE(run([&](Tx& tx) { return tx.replace_bill(day, bill); }));
    }
    const auto all_of = [&](auto side) {
        std::vector<pay::ClearingRecord> rows;
        ClearingPage page{.rows_max = 2};
        while (true) {
            const auto part = ask([&](Reader& r) { return (r.*side)(day, page); });
            if (part.empty()) return rows;
            rows.insert(rows.end(), part.begin(), part.end());
            page.after = rows.back().key;
        }
    };
    const auto booked = all_of(&Reader::booked);
    const auto answered = all_of(&Reader::answered);
    const auto cleared = all_of(&Reader::cleared);
    ASSERT_EQ(booked.size(), 6U);
    ASSERT_EQ(answered.size(), 6U);
    ASSERT_EQ(cleared.size(), 5U) << "one is undone";
    EXPECT_TRUE(std::ranges::is_sorted(booked, {}, &pay::ClearingRecord::key));
    EXPECT_TRUE(std::ranges::is_sorted(cleared, {}, &pay::ClearingRecord::key));
    for (std::size_t i = 0; i < booked.size(); ++i) {
        EXPECT_EQ(booked[i].key, answered[i].key);
        EXPECT_EQ(booked[i].amount_minor, booked[i].key.stan == 0 ? 1'880 : -1'880);
        EXPECT_TRUE(booked[i].near_cut_over);
    }
    EXPECT_EQ(booked[4].payment, trades[5].id) << "voids before refunds";
    EXPECT_EQ(ask([&](Reader& r) { return r.wallet_void_of(trades[0].id); })->id, trades[5].id);
    EXPECT_FALSE(ask([&](Reader& r) { return r.wallet_void_of(trades[1].id); }));
    EXPECT_EQ(ask([&](Reader& r) { return r.receivable(day); }).debit_net(), 2 * 1'880);
    EXPECT_EQ(ask([&](Reader& r) { return r.counterparties(date); }),
              std::vector<std::string>{"wechat"});
    const CounterpartyDay other{date, "alipay"};
    EXPECT_TRUE(ask([&](Reader& r) { return r.booked(other, {}); }).empty());
    bill.push_back(bill.back());
    const auto twice = run([&](Tx& tx) { return tx.replace_bill(day, bill); });
    EXPECT_EQ(twice.error().kind, ErrorKind::conflict);
    EXPECT_EQ(twice.error().detail, 6U);
    EXPECT_EQ(all_of(&Reader::cleared).size(), 5U) << "what was there is there";
}

}  // namespace
}  // namespace softpos::store
