// Trades with wallets, in every backend.
#include "platform/store/store_test_support.h"

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

}  // namespace
}  // namespace softpos::store
