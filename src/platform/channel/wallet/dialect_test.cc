// What a trade's engine hears from each wallet: every answer of the documents that decides about
// money, signed, and what is believed of it.
#include "codec/json_tree.h"
#include "platform/channel/wallet/alipay.h"
#include "platform/channel/wallet/signing.h"
#include "platform/channel/wallet/wallet_dialect.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::wallet {
namespace {

using pay::WalletCall;
using pay::WalletWord;

constexpr Instant now{1'790'000'000'000};

struct Keys {
    Buffer ours, theirs;  // PKCS #8
};
const Keys& keys() {
    static const Keys made = [] {
        const auto bytes = [](const SecretBytes& secret) {
            return Buffer(secret.bytes().begin(), secret.bytes().end());
        };
        return Keys{bytes(crypto::RsaKey::generate(2048)->pkcs8()),
                    bytes(crypto::RsaKey::generate(2048)->pkcs8())};
    }();
    return made;
}
crypto::RsaKey key_of(const Buffer& pkcs8) {
    return crypto::RsaKey::from_pkcs8(pkcs8).value();
}
crypto::PublicKey public_of(const Buffer& pkcs8) {
    return crypto::PublicKey::from_spki(key_of(pkcs8).spki()).value();
}

pay::WalletTrade trade_of(pay::WalletWay way = pay::WalletWay::scan) {
    pay::WalletTrade trade;
    trade.id.bytes.fill(0xAB);
    trade.way = way;
    trade.merchant = "826290053110001";
    trade.terminal = "00000001";
    trade.amount_minor = 1'880;
    trade.attempts = 4;
    trade.deadline_at = {now.unix_ms + 60'000};
    return trade;
}

std::unique_ptr<WalletDialect> alipay() {
    return alipay_dialect({.app_id = "2021000000000001",
                           .key = key_of(keys().ours),
                           .alipay_key = public_of(keys().theirs)});
}

std::unique_ptr<WalletDialect> wechat() {
    WechatKeys theirs;
    theirs.emplace("PUB_KEY_ID_1", public_of(keys().theirs));
    return wechat_dialect({.app_id = "wx1",
                           .merchant_id = "1900000001",
                           .certificate_serial = "0A1B",
                           .key = key_of(keys().ours),
                           .wechat_keys = std::move(theirs),
                           .api_v3_key = SecretBytes(wechat_api_key_bytes)});
}

Result<pay::TradeEvent> alipay_says(WalletCall call, const pay::WalletTrade& trade,
                                    const std::string& part, const Buffer& key = keys().theirs) {
    constexpr std::string_view members[] = {
        "", "alipay_trade_pay_response", "alipay_trade_precreate_response",
        "alipay_trade_query_response", "alipay_trade_cancel_response"};
    const std::string sign = sign_text(key_of(key), part).value();
    const std::string body = "{\"" + std::string(members[static_cast<std::size_t>(call)]) +
                             "\":" + part + ",\"sign\":\"" + sign + "\"}";
    const Headers none;
    return alipay()->answer({.call = call, .trade = trade, .now = now, .nonce = "n"},
                            {.headers = none, .body = body, .now = now});
}

Result<pay::TradeEvent> wechat_says(WalletCall call, const pay::WalletTrade& trade, unsigned status,
                                    const std::string& body) {
    const WechatHeaders bare{"1790000000", "n1", "PUB_KEY_ID_1", ""};
    const Headers headers{
        {"wechatpay-timestamp", "1790000000"},
        {"wechatpay-nonce", "n1"},
        {"wechatpay-serial", "PUB_KEY_ID_1"},
        {"wechatpay-signature",
         sign_text(key_of(keys().theirs), wechat_answer_text(bare, body)).value()}};
    return wechat()->answer({.call = call, .trade = trade, .now = now, .nonce = "n"},
                            {.status = status, .headers = headers, .body = body, .now = now});
}

TEST(AlipayDialect, EveryAnswerThatDecidesAboutMoney) {
    const pay::WalletTrade trade = trade_of();
    const std::string id = R"("out_trade_no":")" + trade.id.text() + R"(",)";
    const std::string paid = id + R"("total_amount":"18.80",)";
    struct Row {
        WalletCall call;
        std::string part;
        WalletWord word;
    };
    for (const Row& row : std::vector<Row>{
             {WalletCall::pay, "{" + paid + R"("code":"10000"})", WalletWord::paid},
             {WalletCall::pay, "{" + id + R"("code":"10003"})", WalletWord::waiting},
             {WalletCall::pay, R"({"code":"20000"})", WalletWord::unknown},
             {WalletCall::pay, R"({"code":"40004","sub_code":"ACQ.SYSTEM_ERROR"})",
              WalletWord::unknown},
             {WalletCall::pay, R"({"code":"40004","sub_code":"ACQ.BUYER_BALANCE_NOT_ENOUGH"})",
              WalletWord::refused},
             {WalletCall::pay, R"({"code":"40002"})", WalletWord::refused},
             {WalletCall::query, "{" + paid + R"("code":"10000","trade_status":"TRADE_SUCCESS"})",
              WalletWord::paid},
             {WalletCall::query, "{" + paid + R"("code":"10000","trade_status":"WAIT_BUYER_PAY"})",
              WalletWord::waiting},
             {WalletCall::query, "{" + paid + R"("code":"10000","trade_status":"TRADE_CLOSED"})",
              WalletWord::closed},
             {WalletCall::query, "{" + paid + R"("code":"10000","trade_status":"OF_TOMORROW"})",
              WalletWord::unknown},
             {WalletCall::query, R"({"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"})",
              WalletWord::not_found},
             {WalletCall::query, R"({"code":"40002"})", WalletWord::unknown},
             {WalletCall::cancel, "{" + id + R"("code":"10000","retry_flag":"N"})",
              WalletWord::done},
             {WalletCall::cancel, "{" + id + R"("code":"10000","retry_flag":"Y"})",
              WalletWord::unknown},
             {WalletCall::cancel, R"({"code":"40004","sub_code":"ACQ.SELLER_BALANCE_NOT_ENOUGH"})",
              WalletWord::unknown}}) {
        const auto event = alipay_says(row.call, trade, row.part);
        ASSERT_TRUE(event) << row.part << event.error().what.c_str();
        EXPECT_EQ(event->word, row.word) << row.part;
        EXPECT_EQ(event->attempt, 4U);
        if (row.word == WalletWord::paid) EXPECT_EQ(event->amount_minor, 1'880);
    }
}

TEST(AlipayDialect, AnswerAboutAnotherTradeOrByAnotherKeyIsNone) {
    const pay::WalletTrade trade = trade_of();
    EXPECT_FALSE(alipay_says(WalletCall::pay, trade,
                             R"({"code":"10000","out_trade_no":"x","total_amount":"18.80"})"));
    const std::string part =
        R"({"code":"10000","total_amount":"18.80","out_trade_no":")" + trade.id.text() + "\"}";
    EXPECT_TRUE(alipay_says(WalletCall::pay, trade, part));
    EXPECT_FALSE(alipay_says(WalletCall::pay, trade, part, keys().ours));
}

TEST(AlipayDialect, OldPaymentCodeIsToldAsSuch) {
    const auto event =
        alipay_says(WalletCall::pay, trade_of(),
                    R"({"code":"40004","sub_code":"ACQ.PAYMENT_AUTH_CODE_INVALID"})");
    ASSERT_TRUE(event);
    EXPECT_EQ(event->refusal, Refusal::payment_code_invalid);
}

TEST(AlipayDialect, GivesThePayerNoLongerThanWeWait) {
    const pay::WalletTrade trade = trade_of(pay::WalletWay::show);
    const auto request = alipay()->request(
        {.call = WalletCall::make_code, .trade = trade, .now = now, .nonce = "n"});
    ASSERT_TRUE(request);
    const auto fields = read_form(request->body);
    ASSERT_TRUE(fields);
    const auto content = codec::JsonTree::parse(fields->at("biz_content"), {});
    ASSERT_TRUE(content);
    EXPECT_EQ(content->root()["qr_code_timeout_express"].text(), "1m");
    EXPECT_EQ(content->root()["total_amount"].text(), "18.80");
    EXPECT_EQ(content->root()["out_trade_no"].text(), trade.id.text());
}

TEST(WechatDialect, EveryAnswerThatDecidesAboutMoney) {
    const pay::WalletTrade trade = trade_of();
    const auto state = [&](const char* word) {
        return R"({"out_trade_no":")" + trade.id.text() + R"(","trade_state":")" + word +
               R"(","amount":{"total":1880}})";
    };
    struct Row {
        WalletCall call;
        unsigned status;
        std::string body;
        WalletWord word;
    };
    for (const Row& row : std::vector<Row>{
             {WalletCall::pay, 200, state("SUCCESS"), WalletWord::paid},
             {WalletCall::pay, 200, state("USERPAYING"), WalletWord::waiting},
             {WalletCall::pay, 200, state("OF_TOMORROW"), WalletWord::unknown},
             {WalletCall::pay, 400, R"({"code":"USERPAYING"})", WalletWord::waiting},
             {WalletCall::pay, 500, R"({"code":"SYSTEM_ERROR"})", WalletWord::unknown},
             {WalletCall::pay, 403, R"({"code":"NOTENOUGH"})", WalletWord::refused},
             {WalletCall::query, 200, state("NOTPAY"), WalletWord::waiting},
             {WalletCall::query, 200, state("CLOSED"), WalletWord::closed},
             {WalletCall::query, 200, state("REVOKED"), WalletWord::closed},
             {WalletCall::query, 200, state("PAYERROR"), WalletWord::unknown},
             {WalletCall::query, 404, R"({"code":"ORDER_NOT_EXIST"})", WalletWord::not_found},
             {WalletCall::query, 403, R"({"code":"NO_AUTH"})", WalletWord::unknown},
             {WalletCall::query, 204, "", WalletWord::unknown},
             {WalletCall::cancel, 204, "", WalletWord::done},
             {WalletCall::cancel, 400, R"({"code":"ORDERPAID"})", WalletWord::unknown}}) {
        const auto event = wechat_says(row.call, trade, row.status, row.body);
        ASSERT_TRUE(event) << row.body << event.error().what.c_str();
        EXPECT_EQ(event->word, row.word) << row.body;
    }
}

TEST(WechatDialect, WhatWasPaidWhileItWasClosedIsRefunded) {
    pay::WalletTrade trade = trade_of(pay::WalletWay::show);
    const WalletOrder order{.call = WalletCall::cancel, .trade = trade, .now = now, .nonce = "n"};
    EXPECT_TRUE(wechat()->request(order)->target.ends_with("/close"));
    trade.wallet_code = "ORDERPAID";
    EXPECT_EQ(wechat()->request(order)->target, "/v3/refund/domestic/refunds");
}

TEST(Yuan, ComesBackAsFen) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 1'000; ++round) {
        const std::int64_t fen = prng.below(1'000'000);
        EXPECT_EQ(fen_of(yuan_text(fen)), fen) << "seed " << prng.seed();
    }
    EXPECT_EQ(fen_of("88"), 8'800);
    EXPECT_EQ(fen_of("0.1"), 10);
    for (const char* text : {"", ".5", "1.", "1.234", "-1", "1e3", "1,0", "99999999999999999999"}) {
        EXPECT_EQ(fen_of(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace softpos::wallet
