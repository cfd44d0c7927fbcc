// Everything that can happen to one message on its way, for every kind of payment: it ends as
// approved and booked, or as reversed, and never as both or neither.
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::sim {
namespace {

using test::Reply;
using test::RoadPhone;
using test::RoadWorld;

constexpr std::int64_t amount = 12'800;

struct Disturbance {
    std::string action;
    bool answer_counts = false;  // The answer comes in time and can be believed.
};

class RoadFaults : public ::testing::TestWithParam<Disturbance> {
protected:
    void disturb(const std::string& mti) {
        world_.fault(R"({"action":")" + GetParam().action + R"(","mti":")" + mti +
                     R"(","delay_ms":900})");
    }
    void end_day() {
        const std::string day = world_.business_date();
        ASSERT_EQ(world_.acquirer("/v1/days/" + day + "/settle", "{}").status(), 200U);
        ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    }
    std::int64_t counter(const std::string& name) {
        return world_.network("/v1/state").number(name);
    }
    // The link may be down for a moment after a cut.
    void wait_for_link() {
        EXPECT_TRUE(RoadWorld::wait_until(
            [this] { return world_.acquirer("/v1/status").flag("network_connected"); }));
    }
    bool is(const char* action) const { return GetParam().action == action; }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
};

// Shows: A30
TEST_P(RoadFaults, SaleEndsApprovedOrReversed) {
    ASSERT_EQ(phone_.purchase(100).result(), "approved");
    disturb("0200");
    const Reply sale = phone_.purchase(amount);
    ASSERT_EQ(sale.status(), 200U) << sale.body();
    if (GetParam().answer_counts) {
        EXPECT_EQ(sale.result(), "approved");
        EXPECT_EQ(world_.spent(), 100 + amount);
    } else {
        EXPECT_NE(sale.result(), "approved");
        EXPECT_EQ(world_.final_state(sale.id()), "reversed");
        EXPECT_EQ(world_.spent(), 100);
        EXPECT_EQ(world_.payment(sale.id()).size("postings"), 0U);
        // What never arrived cannot be reversed; it must not come to life later.
        EXPECT_EQ(counter("reversed"), is("no_request") ? 0 : 1);
    }
    world_.expect_consistent();
    wait_for_link();
    EXPECT_EQ(phone_.purchase(200).result(), "approved") << "life goes on";
    world_.expect_consistent();
}

TEST_P(RoadFaults, ReversalIsRepeatedUntilItIsAnswered) {
    world_.fault(R"({"action":"no_answer","mti":"0200"})");
    disturb("0400");
    const Reply sale = phone_.purchase(amount);
    EXPECT_EQ(sale.result(), "indeterminate");
    EXPECT_EQ(world_.final_state(sale.id()), "reversed");
    EXPECT_EQ(counter("reversed"), 1);
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

TEST_P(RoadFaults, VoidEndsDoneOrUndone) {
    const Reply sale = phone_.purchase(amount);
    ASSERT_EQ(sale.result(), "approved");
    disturb("0200");
    const Reply voided = phone_.void_sale(sale.id());
    ASSERT_EQ(voided.status(), 200U) << voided.body();
    if (GetParam().answer_counts) {
        EXPECT_EQ(voided.result(), "approved");
    } else {
        EXPECT_NE(voided.result(), "approved");
        EXPECT_EQ(world_.final_state(voided.id()), "reversed");
        EXPECT_EQ(world_.payment(sale.id()).text("payment.state"), "approved");
        EXPECT_EQ(world_.spent(), amount);
        world_.expect_consistent();
        wait_for_link();
        EXPECT_EQ(phone_.void_sale(sale.id()).result(), "approved") << "it may be tried again";
    }
    EXPECT_EQ(world_.payment(sale.id()).text("payment.state"), "voided");
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

// A refund has no reversal: it is repeated until the network says what became of it.
TEST_P(RoadFaults, RefundIsRepeatedUntilItIsAnswered) {
    const Reply sale = phone_.purchase(amount);
    ASSERT_EQ(sale.result(), "approved");
    end_day();
    disturb("0220");
    const Reply refund = phone_.refund(sale.id(), 3'000);
    ASSERT_EQ(refund.status(), 200U) << refund.body();
    if (GetParam().answer_counts) EXPECT_EQ(refund.result(), "approved");
    if (!GetParam().answer_counts) EXPECT_EQ(refund.result(), "indeterminate");
    EXPECT_EQ(world_.final_state(refund.id()), "approved");
    EXPECT_EQ(world_.payment(sale.id()).number("payment.refunded_minor"), 3'000);
    EXPECT_EQ(world_.spent(), amount - 3'000) << "once";
    world_.expect_consistent();
}

TEST_P(RoadFaults, ReversalIsTakenUpAfterARestart) {
    world_.fault(R"({"action":"no_answer","mti":"0200"})");
    disturb("0400");
    const Reply sale = phone_.purchase(amount);
    EXPECT_EQ(sale.result(), "indeterminate");
    world_.stop_service();
    world_.start_service();
    EXPECT_EQ(world_.final_state(sale.id()), "reversed");
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

INSTANTIATE_TEST_SUITE_P(Actions, RoadFaults,
                         ::testing::Values(Disturbance{"no_request"}, Disturbance{"no_answer"},
                                           Disturbance{"late_answer"}, Disturbance{"twice", true},
                                           Disturbance{"garbage"}, Disturbance{"cut"},
                                           Disturbance{"wrong_mac"}),
                         [](const auto& chosen) { return chosen.param.action; });

class RoadReversal : public ::testing::Test {
protected:
    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
};

// The approval comes when its reversal has been sent already: it is noted, and changes nothing.
TEST_F(RoadReversal, LateApprovalIsNotedAndBringsNothingBack) {
    world_.fault(R"({"action":"late_answer","mti":"0200","delay_ms":900})");
    const Reply sale = phone_.purchase(amount);
    EXPECT_EQ(world_.final_state(sale.id()), "reversed");
    EXPECT_TRUE(RoadWorld::wait_until(
        [&] { return world_.payment(sale.id()).text("payment.late_response_code") == "00"; }));
    EXPECT_EQ(world_.payment(sale.id()).text("payment.state"), "reversed");
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

TEST_F(RoadReversal, IsRepeatedOverSeveralFaults) {
    world_.fault(R"({"action":"no_answer","mti":"0200"})");
    world_.fault(R"({"action":"no_answer","mti":"0400"})");
    world_.fault(R"({"action":"cut","mti":"0400"})");
    const Reply sale = phone_.purchase(amount);
    EXPECT_EQ(world_.final_state(sale.id()), "reversed");
    EXPECT_EQ(world_.network("/v1/state").number("reversed"), 1);
    world_.expect_consistent();
}

// The network ends its day while a reversal waits: it needs new keys, then it goes through.
TEST_F(RoadReversal, CrossesTheEndOfTheDay) {
    world_.fault(R"({"action":"no_answer","mti":"0200"})");
    world_.fault(R"({"action":"no_request","mti":"0400"})");
    const Reply sale = phone_.purchase(amount);
    ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    EXPECT_EQ(world_.final_state(sale.id()), "reversed");
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

// "Not signed in" to a repeated refund says nothing about the first: it may have been carried out.
TEST_F(RoadReversal, RepeatedRefundCrossesTheEndOfTheDay) {
    const Reply sale = phone_.purchase(amount);
    ASSERT_EQ(sale.result(), "approved");
    ASSERT_EQ(world_.acquirer("/v1/days/" + world_.business_date() + "/settle", "{}").status(),
              200U);
    ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    world_.fault(R"({"action":"no_request","mti":"0220"})");
    const Reply refund = phone_.refund(sale.id(), 3'000);
    EXPECT_EQ(refund.result(), "indeterminate");
    ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    EXPECT_EQ(world_.final_state(refund.id()), "approved");
    EXPECT_EQ(world_.spent(), amount - 3'000);
    world_.expect_consistent();
}

}  // namespace
}  // namespace softpos::sim
