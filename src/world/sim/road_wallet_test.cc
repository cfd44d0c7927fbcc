// Payments out of wallets on the whole road: phones under permits, the platform, and wallets that
// check and sign for real. What the wallets say payers have paid is what the books say.
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <thread>

namespace softpos::sim {
namespace {

using test::Reply;
using test::RoadPhone;
using test::RoadWorld;

constexpr std::int64_t amount = 1'880;
constexpr std::string_view alipay_code = "283456789012345678";
constexpr std::string_view unionpay_code = "6251000000000012345";
constexpr std::string_view wechat_code = "134567890123456789";
constexpr pay::TradeRules quick{.poll_ms = 30,
                                .scan_ms = 2'000,
                                .show_ms = 2'000,
                                .answer_ms = 1'000,
                                .cancel_ms = 20,
                                .cancel_ms_max = 100};

class RoadWallet : public ::testing::TestWithParam<const char*> {
protected:
    std::string_view code() const {
        const std::string_view channel = GetParam();
        if (channel == "unionpay") return unionpay_code;
        return channel == "alipay" ? alipay_code : wechat_code;
    }
    Reply now(const std::string& id) { return now(id, phone_); }
    static Reply now(const std::string& id, RoadPhone& phone) {
        return phone.get("/v1/phone/payments/" + id);
    }
    std::string final_state(const std::string& id) {
        std::string state;
        (void)RoadWorld::wait_until([&] {
            const Reply reply = world_.payment(id);
            state = reply.text("payment.state");
            return reply.status() == 200 && reply.text("payment.result") != "indeterminate";
        });
        return state;
    }
    // Books, wallets and the sum of the ledger.
    void expect_taken(std::int64_t minor) {
        constexpr int wallet_receivable = 1110;
        EXPECT_EQ(wallets_.host().taken_minor(), minor) << "wallets";
        EXPECT_EQ(world_.account(wallet_receivable), minor) << "books";
        EXPECT_EQ(world_.acquirer("/v1/ledger").number("sum_minor"), 0);
        EXPECT_EQ(wallets_.host().refused_signatures(), 0U);
    }
    void rule(const std::string& call, const std::string& action, std::uint32_t times = 1,
              std::int64_t delay_ms = 0) {
        wallets_.host().add({call, action, times, delay_ms});
    }

    RoadWorld world_;
    WalletService& wallets_ = world_.take_wallets(quick);
    RoadPhone& phone_ = world_.phone();
};

TEST_P(RoadWallet, PayersCodeIsScannedAndPaid) {
    const Reply paid = phone_.scan(amount, code());
    EXPECT_EQ(paid.status(), 200U) << paid.body();
    EXPECT_EQ(paid.result(), "approved") << paid.body();
    EXPECT_EQ(paid.text("channel"), GetParam());
    EXPECT_GT(paid.number("fee_minor"), 0);
    const Reply seen = world_.acquirer("/v1/payments/" + paid.id());
    EXPECT_EQ(seen.text("payment.state"), "paid");
    EXPECT_EQ(seen.size("postings"), 3U) << seen.body();
    const Reply list = world_.acquirer("/v1/merchants/" + world_.merchant() + "/wallet-payments");
    EXPECT_EQ(list.text("payments.0.payment_id"), paid.id());
    expect_taken(amount);
}

TEST_P(RoadWallet, PayerConfirmsAfterAWhile) {
    rule("pay", "userpaying", 1, 150);
    const Reply first = phone_.scan(amount, code());
    EXPECT_EQ(first.result(), "indeterminate") << first.body();
    EXPECT_EQ(first.refusal(), "PAYMENT_IN_PROGRESS");
    EXPECT_EQ(final_state(first.id()), "paid");
    expect_taken(amount);
}

TEST_P(RoadWallet, PayerWhoNeverConfirmsIsCancelled) {
    rule("pay", "userpaying", 1, -1);
    const Reply first = phone_.scan(amount, code());
    EXPECT_EQ(first.result(), "indeterminate") << first.body();
    EXPECT_EQ(phone_.give_up(first.id()).status(), 200U);
    EXPECT_EQ(final_state(first.id()), "cancelled");
    EXPECT_EQ(now(first.id()).refusal(), "WALLET_NOT_PAID");
    EXPECT_EQ(wallets_.host().trade(first.id())->state, "closed");
    expect_taken(0);
}

TEST_P(RoadWallet, PayersTimeEndsByItself) {
    rule("pay", "userpaying", 1, -1);
    const Reply first = phone_.scan(amount, code());
    EXPECT_EQ(final_state(first.id()), "cancelled");
    expect_taken(0);
}

TEST_P(RoadWallet, AnswerThatIsLostIsAskedFor) {
    rule("pay", "no_answer");
    const Reply first = phone_.scan(amount, code());
    EXPECT_EQ(final_state(first.id()), "paid");
    expect_taken(amount);
}

TEST_P(RoadWallet, RequestThatNeverArrivedIsCancelled) {
    rule("pay", "lost");
    const Reply first = phone_.scan(amount, code());
    (void)phone_.give_up(first.id());
    EXPECT_EQ(final_state(first.id()), "cancelled");
    expect_taken(0);
}

TEST_P(RoadWallet, LostAnswersToTheCancellationAreRepeated) {
    rule("pay", "userpaying", 1, -1);
    rule("cancel", "no_answer", 2);
    rule("query", "system_error", 2);
    const Reply first = phone_.scan(amount, code());
    (void)phone_.give_up(first.id());
    EXPECT_EQ(final_state(first.id()), "cancelled");
    expect_taken(0);
}

TEST_P(RoadWallet, ForgedAnswerIsNotBelieved) {
    rule("pay", "forged");
    const Reply first = phone_.scan(amount, code());
    EXPECT_EQ(first.result(), "indeterminate") << first.body();
    (void)phone_.give_up(first.id());
    EXPECT_EQ(final_state(first.id()), "cancelled");
    expect_taken(0);
}

TEST_P(RoadWallet, WalletRefuses) {
    rule("pay", "refuse");
    const Reply refused = phone_.scan(amount, code());
    EXPECT_EQ(refused.result(), "declined") << refused.body();
    EXPECT_EQ(refused.refusal(), "WALLET_DECLINED");
    expect_taken(0);
}

TEST_P(RoadWallet, ShownCodeIsPaidAndItsNoticeEndsIt) {
    const Reply shown = phone_.show(amount, GetParam());
    ASSERT_EQ(shown.result(), "indeterminate") << shown.body();
    EXPECT_FALSE(shown.text("code_expires_at").empty());
    const auto notice = wallets_.host().scan(shown.text("code"), "payer-7");
    ASSERT_TRUE(notice);
    const auto taken = wallets_.send(*notice);
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->status, 200U) << taken->body;
    EXPECT_EQ(now(shown.id()).result(), "approved");
    EXPECT_EQ(now(shown.id()).text("code"), "");
    // The same twice more posts nothing.
    for (int i = 0; i < 2; ++i) EXPECT_EQ(wallets_.send(*notice)->status, 200U);
    expect_taken(amount);
}

TEST_P(RoadWallet, ForgedNoticeIsRefusedWithItsCode) {
    const Reply shown = phone_.show(amount, GetParam());
    const auto forged = wallets_.host().forged_notice(shown.id());
    ASSERT_TRUE(forged);
    const auto answered = wallets_.send(*forged);
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->status, 401U);
    EXPECT_NE(answered->body.find("WALLET_FORGED"), std::string::npos) << answered->body;
    EXPECT_EQ(now(shown.id()).result(), "indeterminate");
    (void)phone_.give_up(shown.id());
    EXPECT_EQ(final_state(shown.id()), "cancelled");
    expect_taken(0);
}

TEST_P(RoadWallet, ShownCodeThatNobodyScansIsClosed) {
    const Reply shown = phone_.show(amount, GetParam());
    EXPECT_EQ(final_state(shown.id()), "cancelled");
    EXPECT_FALSE(wallets_.host().scan(shown.text("code"), "payer-7"));
    expect_taken(0);
}

TEST_P(RoadWallet, WithoutANoticeTheQuestionFindsIt) {
    const Reply shown = phone_.show(amount, GetParam());
    ASSERT_TRUE(wallets_.host().scan(shown.text("code"), "payer-7"));
    EXPECT_EQ(final_state(shown.id()), "paid");
    expect_taken(amount);
}

TEST_P(RoadWallet, LateNoticeOfWhatWasCancelledChangesNothing) {
    const Reply shown = phone_.show(amount, GetParam());
    (void)phone_.give_up(shown.id());
    EXPECT_EQ(final_state(shown.id()), "cancelled");
    const auto late = wallets_.host().notice_again(shown.id());
    ASSERT_TRUE(late);
    EXPECT_EQ(wallets_.send(*late)->status, 200U);
    EXPECT_EQ(final_state(shown.id()), "cancelled");
    expect_taken(0);
}

TEST_P(RoadWallet, VoidAndRefundsGiveBackWhatWasPaid) {
    const Reply sale = phone_.scan(amount, code());
    const Reply voided = phone_.void_sale(sale.id());
    EXPECT_EQ(voided.result(), "approved") << voided.body();
    EXPECT_EQ(now(sale.id()).text("state"), "voided");
    EXPECT_EQ(phone_.refund(sale.id(), 1).refusal(), "ALREADY_VOIDED");
    expect_taken(0);

    const Reply other = phone_.scan(amount, code());
    EXPECT_EQ(phone_.refund(other.id(), 1'000).result(), "approved");
    EXPECT_EQ(phone_.refund(other.id(), 881).refusal(), "REFUND_OVER_SALE");
    rule("refund", "no_answer", 2);
    const Reply rest = phone_.refund(other.id(), 800);
    EXPECT_EQ(final_state(rest.id()), "paid");
    EXPECT_EQ(now(other.id()).number("refunded_minor"), 1'800);
    expect_taken(80);
}

TEST_P(RoadWallet, SameKeyIsTheSamePaymentAndAnotherBodyAConflict) {
    std::string body = phone_.scan_body(amount, code());
    const Reply first = phone_.send_wallet(body);
    const Reply again = phone_.send_wallet(body);
    EXPECT_EQ(again.id(), first.id());
    const std::size_t at = body.find("1880");
    ASSERT_NE(at, std::string::npos);
    EXPECT_EQ(phone_.send_wallet(body.replace(at, 4, "1881")).refusal(), "IDEMPOTENCY_CONFLICT");
    expect_taken(amount);
}

TEST_P(RoadWallet, PermitIsForItsStepAndIsSpentOnce) {
    const std::string body = phone_.scan_body(amount, code());
    EXPECT_EQ(phone_.send_wallet(body).result(), "approved");
    std::string other = body;
    other.replace(other.find("idempotency_key\":\"") + 18, 32, world_.new_key());
    EXPECT_EQ(phone_.send_wallet(other).refusal(), "PERMIT_INVALID");
    // One for showing does not scan.
    std::string shows = phone_.show_body(amount, GetParam());
    const std::string permit = shows.substr(shows.find("permit\":\"") + 9, 32);
    std::string scans = phone_.scan_body(amount, code());
    scans.replace(scans.find("permit\":\"") + 9, 32, permit);
    EXPECT_EQ(phone_.send_wallet(scans).refusal(), "PERMIT_INVALID");
    expect_taken(amount);
}

TEST_P(RoadWallet, ServiceThatDiesBetweenPayAndQuestionGoesOn) {
    rule("pay", "userpaying", 1, 300);
    const Reply first = phone_.scan(amount, code());
    ASSERT_EQ(first.result(), "indeterminate") << first.body();
    world_.stop_service();
    EXPECT_TRUE(RoadWorld::wait_until([&] {
        const auto trade = wallets_.host().trade(first.id());
        return trade && trade->confirms_at && world_.clock().now() >= *trade->confirms_at;
    }));
    world_.start_service();
    phone_.reconnect();
    EXPECT_EQ(final_state(first.id()), "paid");
    expect_taken(amount);
}

// Who pays is known only when it is paid: what is over their day is given back. UnionPay does not
// say who, so that only its own limits count there.
TEST_P(RoadWallet, PayersDayEndsAtItsFen) {
    if (std::string_view(GetParam()) == "unionpay") GTEST_SKIP() << "names no payer";
    RoadPhone& company = world_.add_company_phone();
    wallets_.host().set_payer("big-spender");
    EXPECT_EQ(company.scan(499'999, code()).result(), "approved");
    const Reply over = company.scan(2, code());
    EXPECT_EQ(final_state(over.id()), "cancelled") << over.body();
    EXPECT_EQ(now(over.id(), company).refusal(), "QR_LIMIT");
    EXPECT_EQ(company.scan(1, code()).result(), "approved");
    EXPECT_EQ(final_state(company.scan(1, code()).id()), "cancelled");
    EXPECT_EQ(company.scan(500'001, code()).refusal(), "QR_LIMIT") << "whoever it is";
    wallets_.host().set_payer("another");
    EXPECT_EQ(company.scan(1, code()).result(), "approved");
    expect_taken(500'001);
}

TEST_P(RoadWallet, BodiesAreReadStrictly) {
    const auto refused = [&](const std::string& from, const std::string& to) {
        std::string body = phone_.show_body(amount, GetParam());
        const std::size_t at = body.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return phone_.send_wallet(body.replace(at, from.size(), to)).refusal();
    };
    EXPECT_EQ(refused("\"show\"", "\"sell\""), "BAD_VALUE");
    EXPECT_EQ(refused(GetParam(), "visa"), "BAD_VALUE");
    EXPECT_EQ(refused("\"CNY\"", "\"USD\""), "BAD_VALUE");
    EXPECT_EQ(refused("\"show\"", "\"scan\""), "MISSING_FIELD");
    EXPECT_EQ(refused("\"way\"", "\"wey\""), "MISSING_FIELD");
    EXPECT_EQ(refused("1880", "0"), "BAD_VALUE");
    EXPECT_EQ(phone_.give_up(world_.new_key()).refusal(), "NOT_FOUND");
    RoadPhone& stranger = world_.add_company_phone();
    const Reply shown = phone_.show(amount, GetParam());
    EXPECT_EQ(stranger.give_up(shown.id()).refusal(), "NOT_FOUND") << "of another merchant";
    EXPECT_EQ(stranger.get("/v1/phone/payments/" + shown.id()).refusal(), "NOT_FOUND");
    EXPECT_EQ(stranger.refund(shown.id(), 1).refusal(), "NOT_FOUND");
    expect_taken(0);
}

TEST_P(RoadWallet, CodeOfAPhoneThatIsFoundRootedIsTakenBack) {
    using protocol::FindingCode;
    constexpr pay::TradeRules patient{.show_ms = 600'000};
    RoadWorld world;
    WalletService& wallets = world.take_wallets(patient);
    RoadPhone& phone = world.phone();
    const Reply shown = phone.show(amount, GetParam());
    ASSERT_EQ(shown.result(), "indeterminate") << shown.body();
    phone.device().posture().core = {{FindingCode::root, protocol::TrustClass::core, 7}};
    EXPECT_FALSE(phone.device().permit(amount));
    EXPECT_TRUE(RoadWorld::wait_until(
        [&] { return world.payment(shown.id()).text("payment.state") == "cancelled"; }));
    EXPECT_FALSE(wallets.host().scan(shown.text("code"), "payer-7"));
    EXPECT_EQ(wallets.host().taken_minor(), 0);
    EXPECT_EQ(phone.void_sale(shown.id()).refusal(), "DEVICE_NOT_TRUSTED");
}

TEST_P(RoadWallet, OtherTextsAreNoPaymentCodes) {
    for (const char* text : {"https://qr.alipay.com/bax1", "0", "fp12"}) {
        const Reply refused = phone_.scan(amount, text);
        EXPECT_TRUE(refused.refusal() == "PAYMENT_CODE_INVALID" ||
                    refused.refusal() == "WALLET_UNAVAILABLE")
            << text << refused.body();
    }
    expect_taken(0);
}

INSTANTIATE_TEST_SUITE_P(Wallets, RoadWallet, ::testing::Values("alipay", "wechat", "unionpay"),
                         [](const auto& suite) { return std::string(suite.param); });

}  // namespace
}  // namespace softpos::sim
