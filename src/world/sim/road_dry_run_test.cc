// Proposed policies over what phones have really shown: what would have been refused, and the sales
// that would have gone with it.
#include "host/data_files.h"
#include "world/sim/road_test_support.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace softpos::sim::test {
namespace {

namespace json = boost::json;
using protocol::FindingCode;
using protocol::TrustClass;

constexpr std::int64_t small = 5'000;
constexpr std::int64_t large = 60'000;

class RoadDryRun : public ::testing::Test {
protected:
    Reply dry_run(const std::string& policy, json::object more = {}) {
        more["policy"] = policy;
        return world_.acquirer("/v1/policies/dry-run", json::serialize(more));
    }
    // The shipped policy with one thing changed.
    static std::string proposal(std::string_view from, std::string_view to) {
        std::string text = shipped();
        const std::size_t at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return text.replace(at, from.size(), to);
    }
    static std::string shipped() {
        return host::read_data("policy/trust-sandbox.policy.json").value();
    }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
};

TEST_F(RoadDryRun, ThePolicyInForceJudgesAsItDid) {
    RoadPhone& rooted = world_.add_phone();
    ASSERT_EQ(phone_.purchase(small).result(), "approved");
    ASSERT_EQ(rooted.purchase(small).result(), "approved");
    phone_.device().posture().app.findings = {{FindingCode::dev_mode, TrustClass::app, 0}};
    ASSERT_EQ(phone_.purchase(large).result(), "approved");
    ASSERT_TRUE(phone_.device().report());
    EXPECT_FALSE(phone_.device().permit(200'000'000)) << "above every amount";
    rooted.device().posture().core = {{FindingCode::root, TrustClass::core, 0}};
    EXPECT_FALSE(rooted.device().permit(small));

    const Reply told = dry_run(shipped());
    ASSERT_EQ(told.status(), 200U) << told.body();
    EXPECT_EQ(told.number("phones"), 2);
    EXPECT_EQ(told.number("permits"), 5);
    EXPECT_GE(told.number("messages"), 10) << "two rows an enrolment, five requests, one report";
    EXPECT_EQ(told.number("unreadable"), 0);
    EXPECT_EQ(told.size("changed"), 0U) << told.body();
    EXPECT_EQ(told.number("turnover.payments"), 3);
    EXPECT_EQ(told.number("turnover.amount_minor"), small + small + large);
    EXPECT_EQ(told.number("turnover_lost.amount_minor"), 0);
}

TEST_F(RoadDryRun, ALowerLimitCostsTheSalesAboveIt) {
    ASSERT_EQ(phone_.purchase(small).result(), "approved");
    ASSERT_EQ(phone_.purchase(large).result(), "approved");
    const Reply told =
        dry_run(proposal("\"evidence_age_s_max\": 86400, \"amount_minor_max\": 100000000",
                         "\"evidence_age_s_max\": 86400, \"amount_minor_max\": 50000"));
    ASSERT_EQ(told.status(), 200U) << told.body();
    EXPECT_EQ(told.number("phones_cut_off"), 0) << "it still sells for less";
    EXPECT_EQ(told.number("permits_refused_then"), 1);
    EXPECT_EQ(told.number("turnover_lost.payments"), 1);
    EXPECT_EQ(told.number("turnover_lost.amount_minor"), large);
    EXPECT_EQ(told.text("changed.0.terminal_id"), phone_.terminal());
    EXPECT_EQ(told.text("changed.0.reason"), "amount");
}

TEST_F(RoadDryRun, WhoIsCutOffIsNamedWithTheReason) {
    RoadPhone& well = world_.add_phone();
    ASSERT_EQ(well.purchase(small).result(), "approved");
    ASSERT_EQ(phone_.purchase(small).result(), "approved");
    phone_.device().posture().core = {{FindingCode::proxy, TrustClass::core, 0}};
    ASSERT_EQ(phone_.purchase(large).result(), "approved") << "20 points";
    ASSERT_EQ(phone_.purchase(small).result(), "approved");

    const Reply told =
        dry_run(proposal(R"("PROXY": {"weight": 20)", R"("PROXY": {"hard": "core", "weight": 20)"));
    ASSERT_EQ(told.status(), 200U) << told.body();
    EXPECT_EQ(told.number("phones_cut_off"), 1);
    ASSERT_EQ(told.size("changed"), 1U) << told.body();
    EXPECT_EQ(told.text("changed.0.terminal_id"), phone_.terminal());
    EXPECT_EQ(told.text("changed.0.merchant_id"), world_.merchant());
    EXPECT_EQ(told.text("changed.0.state"), "ACTIVE");
    EXPECT_EQ(told.text("changed.0.state_then"), "SUSPENDED");
    EXPECT_EQ(told.text("changed.0.reason"), "PROXY");
    EXPECT_EQ(told.number("changed.0.turnover.amount_minor"), small + large + small);
    EXPECT_EQ(told.number("changed.0.turnover_lost.amount_minor"), large + small);
    EXPECT_EQ(world_.acquirer("/v1/terminals/" + phone_.terminal()).text("state"), "ACTIVE")
        << "nothing has changed";
    EXPECT_EQ(world_.acquirer("/v1/incidents").size("incidents"), 0U);
}

TEST_F(RoadDryRun, WhoWouldNeverHaveBeenLetInLosesAll) {
    ASSERT_EQ(phone_.purchase(small).result(), "approved");
    const Reply told = dry_run(proposal("\"app_version\": 0", "\"app_version\": 99000000"));
    ASSERT_EQ(told.status(), 200U) << told.body();
    EXPECT_EQ(told.text("changed.0.state_then"), "DEGRADED") << "old programs may take little";
    EXPECT_EQ(told.number("phones_cut_off"), 0);
    const Reply never = dry_run(
        proposal("\"measurements\": {\"any\": true}",
                 "\"measurements\": {\"any\": false, \"list\": \"" + std::string(64, '7') + "\"}"));
    ASSERT_EQ(never.status(), 200U) << never.body();
    EXPECT_EQ(never.number("phones_cut_off"), 1);
    EXPECT_EQ(never.text("changed.0.reason"), "finding REPACKAGED");
    EXPECT_EQ(never.text("changed.0.state_then"), "NEW");
    EXPECT_EQ(never.number("turnover_lost.amount_minor"), small);
}

TEST_F(RoadDryRun, PhonesComeInPages) {
    world_.add_phone();
    const Reply all = dry_run(shipped());
    EXPECT_EQ(all.number("phones"), 2);
    EXPECT_TRUE(all.text("next").empty());
    const Reply rest = dry_run(shipped(), {{"after", phone_.terminal()}});
    EXPECT_EQ(rest.number("phones"), 1);
    EXPECT_EQ(dry_run(shipped(), {{"after", "99999999"}}).number("phones"), 0);
}

TEST_F(RoadDryRun, WhatIsNoPolicyIsRefused) {
    EXPECT_EQ(dry_run("{}").status(), 400U);
    EXPECT_EQ(dry_run(shipped(), {{"days", 0}}).status(), 400U);
    EXPECT_EQ(dry_run(shipped(), {{"other", 1}}).status(), 400U);
    const Reply raised = dry_run(proposal("\"weight\": 25", "\"weight\": -25"));
    EXPECT_EQ(raised.status(), 400U);
    EXPECT_NE(raised.body().find("REPLAY"), std::string::npos) << raised.body();
}

}  // namespace
}  // namespace softpos::sim::test
