// Days that end by themselves: batches reported at their time, the network's file compared when it
// lies there, merchants paid, and nothing of it twice.
#include "host/durable_file.h"
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace softpos::sim::test {
namespace {

constexpr int receivable = 1100;
constexpr int payable = 2100;
constexpr auto one_day = std::chrono::hours(24);

class RoadClosing : public ::testing::Test {
protected:
    std::string server_file(const std::string& name) const {
        return world_.folder() + "/server/" + name;
    }
    static std::string digits(std::string date) {  // Of "2026-11-22".
        std::erase(date, '-');
        return date;
    }
    static std::string dashed(pay::BusinessDate date) {
        return std::to_string(date.yyyymmdd).insert(6, "-").insert(4, "-");
    }
    // How far the day is: "settled end of the day"; empty where it is not waited for any more.
    std::string waits(const std::string& date) {
        const Reply status = world_.acquirer("/v1/status");
        for (std::size_t i = 0; i < status.size("closing"); ++i) {
            const std::string at = "closing." + std::to_string(i) + ".";
            if (status.text(at + "date") == date) {
                return status.text(at + "step") + " " + status.text(at + "waits_for");
            }
        }
        return {};
    }
    void expect_waits(const std::string& date, const std::string& what) {
        EXPECT_TRUE(RoadWorld::wait_until([&] { return waits(date) == what; })) << waits(date);
    }
    // As whoever fetches files does it: whole or not at all.
    void deliver(const std::string& date, const std::string& text) {
        ASSERT_TRUE(
            host::write_durably(server_file("inbox/ACOMN-" + digits(date)), bytes_of(text)));
    }
    std::string payout_file(const std::string& date) const {
        const auto text = host::read_file(server_file("outbox/payout-" + digits(date)), 1 << 20);
        return text ? std::string(text_of(*text)) : std::string();
    }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
};

TEST_F(RoadClosing, ADayEndsWithoutACall) {
    ASSERT_EQ(phone_.purchase(10'000).result(), "approved");
    const std::string day = world_.business_date();
    world_.close_days_at("0000");
    expect_waits(day, "settled end of the day");
    EXPECT_TRUE(RoadWorld::wait_until([this] {
        return world_.network("/v1/state").number("sign_outs") == 2;
    })) << "at the restart, and behind it";
    // Sold behind it, on the same date.
    phone_.reconnect();
    ASSERT_EQ(phone_.purchase(5'000).result(), "approved");
    world_.set_ahead(one_day);
    expect_waits(day, "over file");
    const std::string file = world_.network("/v1/cut-over", "{}").body();
    ASSERT_NE(file, "");
    deliver(day, file);
    ASSERT_TRUE(RoadWorld::wait_until([&] { return waits(day).empty(); })) << waits(day);
    EXPECT_NE(payout_file(day).find("6212345678900000003"), std::string::npos);
    EXPECT_EQ(world_.account(receivable), 0);
    EXPECT_EQ(world_.account(payable), 0);
    const std::int64_t at_bank = world_.account(1200);
    world_.stop_service();
    std::filesystem::remove(server_file("outbox/payout-" + digits(day)));
    world_.start_service();
    EXPECT_TRUE(RoadWorld::wait_until([&] {
        return world_.acquirer("/v1/status").size("closing") > 0;
    })) << "the next day";
    EXPECT_EQ(waits(day), "");
    EXPECT_EQ(payout_file(day), "") << "what is paid stays paid";
    EXPECT_EQ(world_.account(1200), at_bank);
}

TEST_F(RoadClosing, AFileThatProvesNothingPaysNobodyUntilAnotherComes) {
    ASSERT_EQ(phone_.purchase(10'000).result(), "approved");
    ASSERT_EQ(phone_.purchase(20'000).result(), "approved");
    const std::string day = world_.business_date();
    world_.close_days_at("0000");
    world_.set_ahead(one_day);
    const std::string file = world_.network("/v1/cut-over", "{}").body();
    deliver(day, "this is no file\n");
    EXPECT_TRUE(RoadWorld::wait_until([&] {
        return waits(day).starts_with("over file: line 1, column ");
    })) << waits(day);
    EXPECT_EQ(payout_file(day), "");
    deliver(day, file);
    ASSERT_TRUE(RoadWorld::wait_until([&] { return waits(day).empty(); })) << waits(day);
    EXPECT_NE(payout_file(day), "");
    EXPECT_EQ(world_.account(payable), 0);
}

TEST_F(RoadClosing, WhatWasMissedIsCaughtUp) {
    world_.close_days_at("0000");  // From this day on it is its business.
    phone_.reconnect();
    ASSERT_EQ(phone_.purchase(10'000).result(), "approved");
    const std::string day = world_.business_date();
    world_.stop_service();
    world_.set_ahead(3 * one_day);
    world_.start_service();
    expect_waits(day, "over file");
    deliver(day, world_.network("/v1/cut-over", "{}").body());
    ASSERT_TRUE(RoadWorld::wait_until([&] { return waits(day).empty(); })) << waits(day);
    EXPECT_NE(payout_file(day), "");
    EXPECT_EQ(world_.account(payable), 0);
}

TEST_F(RoadClosing, ADayWaitsForTheNetworkAndForNothingElse) {
    ASSERT_EQ(phone_.purchase(10'000).result(), "approved");
    const std::string day = world_.business_date();
    world_.stop_network();
    world_.close_days_at("0000");
    expect_waits(day, "open network");
}

// A day on which nothing was sold has no file, and is not waited for without end.
TEST_F(RoadClosing, AnEmptyDayEndsAfterSomeDays) {
    const std::string day = dashed(pay::china_date(world_.clock().now()));
    world_.close_days_at("0000");
    world_.set_ahead(one_day);
    expect_waits(day, "empty file");
    world_.set_ahead(4 * one_day);
    EXPECT_TRUE(RoadWorld::wait_until([&] { return waits(day).empty(); })) << waits(day);
    EXPECT_EQ(payout_file(day), "");
}

}  // namespace
}  // namespace softpos::sim::test
