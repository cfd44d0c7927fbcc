// The end of a day: batches, the network's file, the comparison, the merchants' money.
#include "platform/channel/clearing_file.h"
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace softpos::sim {
namespace {

using channel::ClearingColumn;
using channel::ClearingRow;
using test::Reply;
using test::RoadPhone;
using test::RoadWorld;

constexpr int receivable = 1100, bank = 1200, short_account = 1900, payable = 2100,
              long_account = 2900;
constexpr std::int64_t net_sold = 12'800 + 9'900;
constexpr std::int64_t merchant_fees = 49 + 38;  // 0.38 % of each, half up.

class RoadSettlement : public ::testing::Test {
protected:
    // Two sales that stand, one that is voided, one that is lost and reversed.
    RoadSettlement() {
        EXPECT_EQ(phone_.purchase(12'800).result(), "approved");
        EXPECT_EQ(phone_.purchase(9'900).result(), "approved");
        EXPECT_EQ(phone_.void_sale(phone_.purchase(5'000).id()).result(), "approved");
        world_.fault(R"({"action":"no_answer","mti":"0200"})");
        EXPECT_EQ(world_.final_state(phone_.purchase(700).id()), "reversed");
        day_ = "/v1/days/" + world_.business_date();
    }

    Reply settle() { return world_.acquirer(day_ + "/settle", "{}"); }
    std::string cut_over() { return world_.network("/v1/cut-over", "{}").body(); }
    Reply import_file(const std::string& file) {
        return world_.acquirer(day_ + "/clearing?file=ACOMN", file);
    }
    Reply reconcile() { return world_.acquirer(day_ + "/reconcile", "{}"); }
    Reply pay_out() { return world_.acquirer(day_ + "/payouts", "{}"); }
    std::int64_t books() { return world_.acquirer("/v1/ledger").number("sum_minor"); }

    // The line number `index` of the file, changed.
    static std::string change(const std::string& file, std::size_t index,
                              const std::function<void(ClearingRow&)>& how) {
        std::size_t begin = 0;
        for (; index > 0; --index) begin = file.find('\n', begin) + 1;
        const std::size_t size = file.find('\n', begin) - begin;
        ClearingRow row = channel::parse_clearing_line(file.substr(begin, size), 1).value();
        how(row);
        std::string changed = file;
        return changed.replace(begin, size, channel::format_clearing_line(row).value());
    }
    static std::string without_first_line(const std::string& file) {
        return file.substr(file.find('\n') + 1);
    }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
    std::string day_;
};

TEST_F(RoadSettlement, GoesToZeroAndPaysTheMerchant) {
    const Reply settled = settle();
    ASSERT_EQ(settled.size("batches"), 1U) << settled.body();
    EXPECT_TRUE(settled.flag("batches.0.balanced"));
    EXPECT_EQ(settled.number("batches.0.debit_minor"), net_sold + 5'000);
    EXPECT_EQ(settled.number("batches.0.debit_count"), 3);
    EXPECT_EQ(settled.number("batches.0.credit_minor"), 5'000);
    EXPECT_EQ(settled.number("batches.0.credit_count"), 1);

    const Reply imported = import_file(cut_over());
    EXPECT_EQ(imported.number("lines"), 4);
    EXPECT_EQ(imported.number("net_minor"), net_sold);

    const Reply report = reconcile();
    EXPECT_TRUE(report.flag("proved")) << report.body();
    EXPECT_TRUE(report.flag("adds_up"));
    EXPECT_EQ(report.size("exceptions"), 0U);
    EXPECT_EQ(report.number("matched_count"), 4);
    EXPECT_EQ(world_.account(receivable), 0) << "the network owes nothing any more";
    EXPECT_EQ(world_.account(bank), net_sold - imported.number("fee_minor"));

    const Reply paid = pay_out();
    EXPECT_EQ(paid.size("payouts"), 1U);
    EXPECT_EQ(paid.number("total_minor"), net_sold - merchant_fees);
    EXPECT_NE(paid.text("file").find("6212345678900000003"), std::string::npos);
    EXPECT_EQ(world_.account(payable), 0);
    EXPECT_EQ(books(), 0);
}

TEST_F(RoadSettlement, PaysOnce) {
    ASSERT_EQ(settle().status(), 200U);
    ASSERT_EQ(import_file(cut_over()).status(), 200U);
    ASSERT_EQ(reconcile().status(), 200U);
    const Reply paid = pay_out();
    ASSERT_EQ(paid.number("total_minor"), net_sold - merchant_fees);
    const std::int64_t at_bank = world_.account(bank);
    EXPECT_EQ(pay_out().body(), paid.body()) << "the same payouts, in case the file got lost";
    EXPECT_EQ(world_.account(bank), at_bank) << "and not booked again";
    EXPECT_EQ(world_.account(payable), 0);
    EXPECT_EQ(books(), 0);
}

TEST_F(RoadSettlement, PaysNothingThatWasNotCompared) {
    ASSERT_EQ(settle().status(), 200U);
    ASSERT_EQ(import_file(cut_over()).status(), 200U);
    const Reply refused = pay_out();
    EXPECT_EQ(refused.status(), 409U);
    EXPECT_EQ(refused.refusal(), "DAY_NOT_READY");
    EXPECT_EQ(world_.account(payable), -(net_sold - merchant_fees));
}

TEST_F(RoadSettlement, DoesEveryStepTwiceWithoutHarm) {
    ASSERT_TRUE(settle().flag("batches.0.balanced"));
    EXPECT_EQ(settle().status(), 200U);
    const std::string file = cut_over();
    const Reply imported = import_file(file);
    EXPECT_EQ(import_file(file).number("net_minor"), imported.number("net_minor"));
    const Reply report = reconcile();
    const std::int64_t at_bank = world_.account(bank);
    const Reply again = reconcile();
    EXPECT_TRUE(again.flag("proved")) << again.body();
    EXPECT_EQ(again.number("file_count"), report.number("file_count")) << "no line counts twice";
    EXPECT_EQ(again.number("matched_count"), 4);
    EXPECT_EQ(world_.account(bank), at_bank);
    EXPECT_EQ(world_.account(receivable), 0);
    EXPECT_EQ(books(), 0);
}

// Whoever was late signs in again first: the network knows nobody on its new day.
TEST_F(RoadSettlement, ReportsABatchAlsoBehindTheNetworksDay) {
    const std::string file = cut_over();
    const Reply settled = settle();
    ASSERT_EQ(settled.size("batches"), 1U) << settled.body();
    EXPECT_TRUE(settled.flag("batches.0.balanced"));
    ASSERT_EQ(import_file(file).status(), 200U);
    EXPECT_TRUE(reconcile().flag("proved"));
}

// Files that are not what they should be

TEST_F(RoadSettlement, KeepsNothingOfAFileThatIsCut) {
    const std::string file = cut_over();
    const Reply refused = import_file(file.substr(0, file.size() - 40));
    EXPECT_EQ(refused.status(), 400U);
    EXPECT_EQ(refused.refusal(), "BAD_VALUE");
    EXPECT_TRUE(refused.text("refusal.field").starts_with("line 4, column "))
        << refused.text("refusal.field");
    EXPECT_EQ(reconcile().refusal(), "DAY_NOT_READY") << "not even the whole lines are there";
}

TEST_F(RoadSettlement, SaysWhichColumnOfWhichLineIsWrong) {
    std::string file = cut_over();
    const std::size_t second = file.find('\n') + 1;
    // Into the amount: behind acquirer, forwarder, trace, time and card number.
    constexpr std::size_t amount_at = 12 + 12 + 7 + 11 + 20;
    file[second + amount_at + 3] = 'X';
    const Reply refused = import_file(file);
    EXPECT_EQ(refused.status(), 400U);
    const std::string field = refused.text("refusal.field");
    EXPECT_TRUE(field.starts_with("line 2, column ")) << field;
    EXPECT_EQ(reconcile().refusal(), "DAY_NOT_READY");
}

TEST_F(RoadSettlement, TakesALineFeedOfAnySystem) {
    std::string file = cut_over();
    for (std::size_t at = file.find('\n'); at != std::string::npos; at = file.find('\n', at + 2)) {
        file.insert(at, 1, '\r');
    }
    EXPECT_EQ(import_file(file).number("lines"), 4);
    EXPECT_TRUE(reconcile().flag("proved"));
}

// We booked what the network does not pay.
TEST_F(RoadSettlement, BooksWhatTheNetworkDoesNotKnowOf) {
    ASSERT_EQ(settle().status(), 200U);
    ASSERT_EQ(import_file(without_first_line(cut_over())).status(), 200U);
    const Reply report = reconcile();
    ASSERT_EQ(report.size("exceptions"), 1U) << report.body();
    EXPECT_EQ(report.number("short_count"), 1);
    EXPECT_EQ(report.number("exceptions.0.ours_minor"), 12'800);
    EXPECT_EQ(report.number("exceptions.0.file_minor"), 0);
    EXPECT_EQ(world_.account(short_account), 12'800);
    EXPECT_EQ(world_.account(receivable), 0);
    EXPECT_EQ(books(), 0);
    EXPECT_TRUE(reconcile().flag("adds_up"));
    EXPECT_EQ(world_.account(short_account), 12'800) << "a difference is booked once";
}

// The network pays what we do not know of.
TEST_F(RoadSettlement, BooksWhatWeDoNotKnowOf) {
    ASSERT_EQ(settle().status(), 200U);
    std::string file = cut_over();
    const std::string first = file.substr(0, file.find('\n') + 1);
    file += change(first, 0, [](ClearingRow& row) {
        row.at(ClearingColumn::trace) = "000999";
        row.at(ClearingColumn::reference) = "999999999999";
    });
    ASSERT_EQ(import_file(file).number("lines"), 5);
    const Reply report = reconcile();
    ASSERT_EQ(report.size("exceptions"), 1U) << report.body();
    EXPECT_EQ(report.number("long_count"), 1);
    EXPECT_EQ(report.number("exceptions.0.ours_minor"), 0);
    EXPECT_EQ(report.number("exceptions.0.file_minor"), 12'800);
    EXPECT_EQ(world_.account(long_account), -12'800);
    EXPECT_EQ(world_.account(receivable), 0);
    EXPECT_EQ(books(), 0);
}

TEST_F(RoadSettlement, BooksTheDifferenceOfAnAmount) {
    ASSERT_EQ(settle().status(), 200U);
    const std::string file = change(cut_over(), 0, [](ClearingRow& row) {
        row.at(ClearingColumn::amount) = channel::format_amount(12'300, 12);
    });
    ASSERT_EQ(import_file(file).number("net_minor"), net_sold - 500);
    const Reply report = reconcile();
    ASSERT_EQ(report.size("exceptions"), 1U) << report.body();
    EXPECT_EQ(report.number("differing_count"), 1);
    EXPECT_EQ(report.number("exceptions.0.ours_minor"), 12'800);
    EXPECT_EQ(report.number("exceptions.0.file_minor"), 12'300);
    EXPECT_EQ(world_.account(short_account), 500);
    EXPECT_EQ(world_.account(receivable), 0);
    EXPECT_EQ(books(), 0);
}

TEST_F(RoadSettlement, ComparesNothingWithAFileThatNeverCame) {
    ASSERT_EQ(settle().status(), 200U);
    EXPECT_EQ(reconcile().refusal(), "DAY_NOT_READY");
    EXPECT_EQ(world_.account(receivable), net_sold);
    EXPECT_EQ(world_.account(short_account), 0);
    EXPECT_EQ(pay_out().refusal(), "DAY_NOT_READY");
    EXPECT_EQ(books(), 0);
}

TEST_F(RoadSettlement, KeepsTheDaysApart) {
    ASSERT_EQ(settle().status(), 200U);
    ASSERT_EQ(import_file(cut_over()).status(), 200U);
    ASSERT_TRUE(reconcile().flag("proved"));
    ASSERT_EQ(pay_out().number("total_minor"), net_sold - merchant_fees);
    ASSERT_EQ(phone_.purchase(20'000).result(), "approved");
    day_ = "/v1/days/" + world_.business_date();
    ASSERT_TRUE(settle().flag("batches.0.balanced"));
    ASSERT_EQ(import_file(cut_over()).number("net_minor"), 20'000);
    EXPECT_TRUE(reconcile().flag("proved"));
    EXPECT_EQ(pay_out().number("total_minor"), 20'000 - 76);
    EXPECT_EQ(world_.account(receivable), 0);
    EXPECT_EQ(world_.account(payable), 0);
    EXPECT_EQ(books(), 0);
}

}  // namespace
}  // namespace softpos::sim
