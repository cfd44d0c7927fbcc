// The wallets' days: bills taken in, compared with the books, differences booked, merchants paid.
#include "host/data_files.h"
#include "platform/channel/fixed_columns.h"
#include "platform/channel/wallet/wallet_dialect.h"
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

namespace softpos::sim {
namespace {

using test::Reply;
using test::RoadPhone;
using test::RoadWorld;

constexpr int receivable = 1110, bank = 1200, short_account = 1900, payable = 2100,
              long_account = 2900;
constexpr std::string_view alipay_code = "283456789012345678";
constexpr std::string_view unionpay_code = "6251000000000012345";
constexpr std::string_view wechat_code = "134567890123456789";
constexpr pay::TradeRules quick{.poll_ms = 30,
                                .scan_ms = 2'000,
                                .show_ms = 2'000,
                                .answer_ms = 1'000,
                                .cancel_ms = 20,
                                .cancel_ms_max = 100};

class Bills {
public:
    explicit Bills(std::string channel) : channel_(std::move(channel)) {}

    std::string_view code() const {
        if (channel_ == "unionpay") return unionpay_code;
        return channel_ == "alipay" ? alipay_code : wechat_code;
    }
    Reply scan(std::int64_t amount) { return phone_.scan(amount, code()); }
    std::uint32_t today() const { return pay::china_date(world_.clock().now()).yyyymmdd; }
    std::string day(std::uint32_t date) const {
        return "/v1/days/" + std::to_string(date).insert(6, "-").insert(4, "-");
    }
    std::string bill(std::uint32_t date) const {
        return wallets_.host().bill(channel_, date, fees_).value();
    }
    Reply take_in(std::uint32_t date, const std::string& bill) {
        return world_.acquirer(day(date) + "/bills?wallet=" + channel_, bill);
    }
    Reply reconcile(std::uint32_t date) {
        return world_.acquirer(day(date) + "/reconcile?wallet=" + channel_, "{}");
    }
    Reply pay_out(std::uint32_t date) { return world_.acquirer(day(date) + "/payouts", "{}"); }
    std::int64_t account(int code) { return world_.account(code); }
    std::int64_t books() { return world_.acquirer("/v1/ledger").number("sum_minor"); }
    std::string final_state(const std::string& id) {
        std::string state;
        (void)RoadWorld::wait_until([&] {
            const Reply reply = world_.payment(id);
            state = reply.text("payment.state");
            return reply.text("payment.result") != "indeterminate";
        });
        return state;
    }
    // The amount of the lines that have it, changed; of a bill in any of the three forms.
    std::string with_amount(const std::string& bill, std::int64_t from, std::int64_t to) const {
        const auto text = [&](std::int64_t minor) {
            if (channel_ != "unionpay") return wallet::yuan_text(minor);
            return channel::format_amount(minor, 12);
        };
        std::string changed = bill;
        for (std::size_t at = changed.find(text(from)); at != std::string::npos;
             at = changed.find(text(from), at + 1)) {
            changed.replace(at, text(from).size(), text(to));
        }
        return changed;
    }

    std::string channel_;
    RoadWorld world_;
    WalletService& wallets_ = world_.take_wallets(quick);
    RoadPhone& phone_ = world_.phone();
    pay::FeeTable fees_ = pay::FeeTable::parse(host::read_data("fees/card.fees").value()).value();
};

class RoadBills : public ::testing::TestWithParam<const char*>, protected Bills {
protected:
    RoadBills() : Bills(GetParam()) {}
};

TEST_P(RoadBills, ADayGoesToZeroAndPaysTheMerchant) {
    ASSERT_EQ(scan(12'800).result(), "approved");
    const Reply voided = scan(5'000);
    ASSERT_EQ(phone_.void_sale(voided.id()).result(), "approved");
    const Reply shown = phone_.show(9'900, channel_);
    ASSERT_TRUE(wallets_.host().scan(shown.text("code"), "payer-7"));
    ASSERT_EQ(final_state(shown.id()), "paid");
    ASSERT_EQ(phone_.refund(shown.id(), 1'000).result(), "approved");
    // Paid by the wallet, but nobody heard of it in time: cancelled.
    wallets_.host().add({"pay", "no_answer"});
    wallets_.host().add({"query", "system_error", 100});
    const Reply late = scan(700);
    ASSERT_EQ(phone_.give_up(late.id()).status(), 200U);
    ASSERT_EQ(final_state(late.id()), "cancelled");

    constexpr std::int64_t net = 12'800 + 9'900 - 1'000;
    EXPECT_EQ(account(receivable), net);
    EXPECT_EQ(pay_out(today()).refusal(), "DAY_NOT_READY") << "no bill, no money";
    EXPECT_EQ(reconcile(today()).refusal(), "DAY_NOT_READY");
    const Reply taken = take_in(today(), bill(today()));
    ASSERT_EQ(taken.status(), 200U) << taken.body();
    EXPECT_EQ(taken.number("lines"), 7);
    EXPECT_EQ(taken.number("undone"), 2);
    EXPECT_EQ(taken.number("net_minor"), net);
    EXPECT_GT(taken.number("fee_minor"), 0);
    const Reply report = reconcile(today());
    EXPECT_TRUE(report.flag("proved")) << report.body();
    EXPECT_EQ(report.number("matched_count"), 5) << report.body();
    EXPECT_EQ(report.size("exceptions"), 0U) << report.body();
    EXPECT_EQ(account(receivable), 0) << "the wallet owes nothing any more";
    const std::int64_t at_bank = account(bank);
    EXPECT_EQ(at_bank, net - taken.number("fee_minor"));

    EXPECT_TRUE(reconcile(today()).flag("proved"));
    EXPECT_EQ(account(bank), at_bank) << "once";
    const std::int64_t owed = -account(payable);
    const Reply paid = pay_out(today());
    EXPECT_EQ(paid.number("total_minor"), owed) << paid.body();
    EXPECT_EQ(account(payable), 0);
    EXPECT_EQ(books(), 0);
}

TEST_P(RoadBills, DifferencesGoToSuspenseAndBackWithAnotherBill) {
    ASSERT_EQ(scan(12'345).result(), "approved");
    ASSERT_EQ(scan(6'789).result(), "approved");
    const std::string right = bill(today());
    const std::int64_t fees = take_in(today(), right).number("fee_minor");
    const std::string wrong = with_amount(right, 6'789, 6'800);
    const Reply refused = take_in(today(), wrong);
    if (channel_ == "wechat") {  // The sums at its end say otherwise: 191.34 is not 191.45.
        EXPECT_EQ(refused.refusal(), "BAD_VALUE") << refused.body();
        return;
    }
    ASSERT_EQ(refused.status(), 200U) << refused.body();
    const Reply report = reconcile(today());
    EXPECT_TRUE(report.flag("proved")) << "booked, so that the account is what the bill is";
    ASSERT_EQ(report.size("exceptions"), 1U) << report.body();
    EXPECT_EQ(report.text("exceptions.0.kind"), "amount_differs");
    EXPECT_EQ(report.number("exceptions.0.ours_minor"), 6'789);
    EXPECT_EQ(report.number("exceptions.0.file_minor"), 6'800);
    EXPECT_TRUE(report.flag("exceptions.0.open"));
    EXPECT_EQ(account(long_account), -11);
    EXPECT_EQ(account(receivable), 0);
    EXPECT_EQ(account(bank), 12'345 + 6'800 - fees);
    EXPECT_EQ(reconcile(today()).body(), report.body()) << "the same again";
    EXPECT_EQ(account(long_account), -11);

    // The wallet corrects itself, and once more, and once more.
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(take_in(today(), right).status(), 200U);
        EXPECT_EQ(reconcile(today()).size("exceptions"), 0U);
        EXPECT_EQ(account(long_account), 0);
        EXPECT_EQ(account(bank), 12'345 + 6'789 - fees);
        EXPECT_EQ(account(receivable), 0);
        ASSERT_EQ(take_in(today(), wrong).status(), 200U);
        EXPECT_EQ(reconcile(today()).size("exceptions"), 1U);
        EXPECT_EQ(account(long_account), -11);
        EXPECT_EQ(account(short_account), 0);
        EXPECT_EQ(account(receivable), 0);
    }
    EXPECT_EQ(books(), 0);
}

TEST_P(RoadBills, WhatOneSideHasAloneIsFound) {
    const Reply ours = scan(12'345);
    const Reply other = scan(6'789);
    ASSERT_EQ(other.result(), "approved");
    const std::string whole = bill(today());
    // A line is about somebody else's payment: one is short, one is long.
    std::string bill = whole;
    const std::string stranger(32, 'f');
    for (std::size_t at = bill.find(ours.id()); at != std::string::npos;
         at = bill.find(ours.id(), at + 1)) {
        bill.replace(at, stranger.size(), stranger);
    }
    ASSERT_EQ(take_in(today(), bill).status(), 200U);
    const Reply report = reconcile(today());
    EXPECT_TRUE(report.flag("proved")) << report.body();
    EXPECT_EQ(report.number("long_count"), 1) << report.body();
    EXPECT_EQ(report.number("short_count"), 1) << report.body();
    EXPECT_EQ(account(long_account), -12'345);
    EXPECT_EQ(account(short_account), 12'345);
    EXPECT_EQ(account(receivable), 0);
    EXPECT_EQ(books(), 0);
}

TEST_P(RoadBills, ABillThatIsNotOneIsRefusedWithItsLine) {
    ASSERT_EQ(scan(12'345).result(), "approved");
    const std::string right = bill(today());
    ASSERT_EQ(take_in(today(), right).status(), 200U);
    const auto refused = [&](const std::string& bill) {
        const Reply reply = take_in(today(), bill);
        EXPECT_EQ(reply.refusal(), "BAD_VALUE") << reply.body();
        return reply.text("refusal.field");
    };
    EXPECT_TRUE(refused(right.substr(0, right.size() / 2)).starts_with("line "));
    EXPECT_TRUE(refused("who knows what\n").starts_with("line 1, column "));
    EXPECT_EQ(world_.acquirer(day(today()) + "/bills?wallet=visa", right).refusal(), "BAD_VALUE");
    EXPECT_EQ(world_.acquirer(day(today()) + "/bills", right).refusal(), "BAD_VALUE");
    EXPECT_EQ(world_.acquirer(day(today()) + "/reconcile?wallet=visa", "{}").refusal(),
              "BAD_VALUE");
    if (channel_ != "unionpay") {  // Which names no year.
        EXPECT_EQ(take_in(today() - 1, right).refusal(), "BAD_VALUE") << "of another day";
    } else {
        EXPECT_EQ(refused(right + right), "line 2, column 0") << "a payment twice";
    }
    EXPECT_TRUE(reconcile(today()).flag("proved")) << "the right one is still there";
}

INSTANTIATE_TEST_SUITE_P(Wallets, RoadBills, ::testing::Values("alipay", "wechat", "unionpay"),
                         [](const auto& suite) { return std::string(suite.param); });

// Near midnight the wallet's day is not ours.
class RoadMidnight : public ::testing::Test, protected Bills {
protected:
    RoadMidnight() : Bills("unionpay") {
        const LocalTime now = china_time(world_.clock().now());
        constexpr int minutes_of_day = 24 * 60;
        to_midnight_ = std::chrono::minutes(minutes_of_day - now.hour * 60 - now.minute);
    }
    std::chrono::milliseconds to_midnight_{};
};

TEST_F(RoadMidnight, WhatTheWalletBillsTomorrowIsLookedForThere) {
    world_.set_ahead(to_midnight_ - std::chrono::minutes(5));
    const std::uint32_t date = today();
    ASSERT_EQ(scan(12'345).result(), "approved");
    const std::string line = bill(date);
    const std::uint32_t next = pay::day_after({date}).yyyymmdd;
    ASSERT_EQ(take_in(date, "\n").status(), 200U);
    const Reply report = reconcile(date);
    EXPECT_TRUE(report.flag("proved")) << report.body();
    EXPECT_EQ(report.text("exceptions.0.kind"), "cross_day");
    EXPECT_EQ(account(receivable), 12'345) << "it waits";
    EXPECT_EQ(account(short_account), 0);
    EXPECT_EQ(pay_out(date).status(), 200U);
    EXPECT_EQ(pay_out(next).refusal(), "DAY_NOT_READY") << "the next bill is needed";
    ASSERT_EQ(take_in(next, line).status(), 200U);
    const Reply found = reconcile(next);
    EXPECT_TRUE(found.flag("proved")) << found.body();
    EXPECT_EQ(found.number("carried_count"), 1);
    EXPECT_EQ(found.size("exceptions"), 0U) << found.body();
    EXPECT_EQ(account(receivable), 0);
    EXPECT_EQ(books(), 0);
}

TEST_F(RoadMidnight, WhatIsNotThereTomorrowEitherIsShort) {
    world_.set_ahead(to_midnight_ - std::chrono::minutes(5));
    const std::uint32_t date = today();
    ASSERT_EQ(scan(12'345).result(), "approved");
    const std::uint32_t next = pay::day_after({date}).yyyymmdd;
    ASSERT_EQ(take_in(date, "\n").status(), 200U);
    ASSERT_TRUE(reconcile(date).flag("proved"));
    ASSERT_EQ(take_in(next, "\n").status(), 200U);
    const Reply report = reconcile(next);
    EXPECT_TRUE(report.flag("proved")) << report.body();
    EXPECT_EQ(report.text("exceptions.0.kind"), "short");
    EXPECT_EQ(account(short_account), 12'345);
    EXPECT_EQ(account(receivable), 0);
    EXPECT_FALSE(reconcile(date).flag("exceptions.0.open")) << "it waits no longer";
}

TEST_F(RoadMidnight, WhatTheWalletHadBilledTheDayBeforeEndsInTheSameAccount) {
    world_.set_ahead(to_midnight_ + std::chrono::minutes(2));
    const std::uint32_t date = today();
    ASSERT_EQ(scan(12'345).result(), "approved");
    const std::uint32_t before = pay::day_before({date}).yyyymmdd;
    ASSERT_EQ(take_in(before, bill(date)).status(), 200U);
    const Reply early = reconcile(before);
    EXPECT_TRUE(early.flag("proved")) << early.body();
    EXPECT_EQ(early.text("exceptions.0.kind"), "long");
    EXPECT_EQ(account(long_account), -12'345);
    ASSERT_EQ(take_in(date, "\n").status(), 200U);
    const Reply report = reconcile(date);
    EXPECT_TRUE(report.flag("proved")) << report.body();
    EXPECT_FALSE(report.flag("exceptions.0.open"));
    EXPECT_EQ(account(long_account), 0);
    EXPECT_EQ(account(short_account), 0);
    EXPECT_EQ(account(receivable), 0);
    EXPECT_FALSE(reconcile(before).flag("exceptions.0.open"));
    EXPECT_EQ(books(), 0);
}

// Also where days end by themselves, and where nothing was sold but out of wallets.
TEST_F(RoadMidnight, DaysWaitForTheBillsOfTheirWallets) {
    ASSERT_EQ(scan(12'345).result(), "approved");
    const std::uint32_t date = today();
    const std::string digits = std::to_string(date);
    const std::string line = bill(date);
    world_.close_days_at("0000");
    world_.set_ahead(std::chrono::hours(24));
    const auto waits = [&] {
        const Reply status = world_.acquirer("/v1/status");
        return status.size("closing") == 0 ? std::string() : status.text("closing.0.waits_for");
    };
    EXPECT_TRUE(RoadWorld::wait_until([&] { return waits() == "unionpay: no bill"; })) << waits();
    world_.write_server_file("inbox/unionpay-" + digits, "half a bill\n");
    EXPECT_TRUE(RoadWorld::wait_until([&] { return waits().starts_with("unionpay: line 1"); }))
        << waits();
    world_.write_server_file("inbox/unionpay-" + digits, line);
    EXPECT_TRUE(RoadWorld::wait_until([&] { return account(payable) == 0; })) << waits();
    EXPECT_EQ(account(receivable), 0);
    EXPECT_EQ(books(), 0);
}

}  // namespace
}  // namespace softpos::sim
