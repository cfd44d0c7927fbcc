// Something new on a part of the phones: a bad policy or release goes back by itself, a good one
// comes into force, and nothing of a trial stays on a phone.
#include "base/hex.h"
#include "crypto/p256.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "platform/monitor/policy.h"
#include "world/sim/road_test_support.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace softpos::sim::test {
namespace {

namespace json = boost::json;
using protocol::FindingCode;
using protocol::TrustClass;

constexpr std::int64_t amount = 5'000;
constexpr unsigned steps_max = 400;

class RoadTrial : public ::testing::Test {
protected:
    void SetUp() override {
        for (int i = 0; i < 5; ++i) phones_.push_back(&world_.add_phone());
        phones_.push_back(&world_.phone());
        ASSERT_EQ(upload(changed(2, {})), 201U);
        ASSERT_EQ(world_.acquirer("/v1/policies/2/activate", "{}").status(), 200U);
    }

    // The shipped policy under another number, with few counts and half of the phones, and with one
    // thing changed.
    struct Change {
        std::string_view from, to;
    };
    static std::string changed(int version, const Change& change) {
        std::string text = host::read_data("policy/trust-sandbox.policy.json").value();
        const auto put = [&text](std::string_view from, std::string_view to) {
            const std::size_t at = text.find(from);
            EXPECT_NE(at, std::string::npos) << from;
            text.replace(at, from.size(), to);
        };
        put("\"version\": 1", "\"version\": " + std::to_string(version));
        put(R"("share_per_mille": 50, "count_min": 200)",
            R"("share_per_mille": 500, "count_min": 20)");
        if (!change.from.empty()) put(change.from, change.to);
        return text;
    }
    // Refuses every tap.
    static std::string bad(int version) {
        return changed(version, {R"("evidence_age_s_max": 86400, "amount_minor_max": 100000000)",
                                 R"("evidence_age_s_max": 86400, "amount_minor_max": 1)"});
    }
    unsigned upload(const std::string& text) {
        const Buffer pem = host::read_file(world_.folder() + "/server/policy.key", 4096).value();
        const auto key = crypto::P256Key::from_private_pem(text_of(pem)).value();
        const auto policy = monitor::parse_policy(text);
        if (!policy) {
            ADD_FAILURE() << policy.error().path;
            return 0;
        }
        const Buffer signature = key.sign(monitor::canonical_bytes(*policy));
        const json::object body{{"policy", text}, {"signature", to_hex(signature)}};
        return world_.acquirer("/v1/policies", json::serialize(body)).status();
    }
    Reply start(const json::object& order) {
        return world_.acquirer("/v1/trials", json::serialize(order));
    }
    Reply trial(const std::string& id) { return world_.acquirer("/v1/trials/" + id); }

    // Who is a canary follows from the trial's number: another one where all were of one side.
    std::string start_with_both_sides(const json::object& order) {
        for (unsigned i = 0; i < 50; ++i) {
            const Reply started = start(order);
            EXPECT_EQ(started.status(), 201U) << started.body();
            const std::string id = started.text("trial_id");
            for (RoadPhone* phone : phones_) (void)phone->device().permit(amount);
            const Reply now = trial(id);
            if (now.number("canaries.permits_asked") > 0 &&
                now.number("others.permits_asked") > 0) {
                return id;
            }
            EXPECT_EQ(world_.acquirer("/v1/trials/" + id + "/end", "{}").status(), 200U);
        }
        ADD_FAILURE() << "no trial with two sides";
        return {};
    }
    // All phones ask in turn until the trial has ended.
    void ask_until_it_ends(const std::string& id) {
        for (unsigned i = 0; i < steps_max; ++i) {
            if (trial(id).text("state") != "running") return;
            for (RoadPhone* phone : phones_) (void)phone->device().permit(amount);
        }
        ADD_FAILURE() << trial(id).body();
    }
    std::string state(RoadPhone& phone) {
        return world_.acquirer("/v1/terminals/" + phone.terminal()).text("state");
    }

    RoadWorld world_;
    std::vector<RoadPhone*> phones_;
};

// Shows: MPOC-3-POLICY
TEST_F(RoadTrial, ABadPolicyGoesBackByItselfAndLeavesNoTrace) {
    ASSERT_EQ(upload(bad(3)), 201U);
    const std::string id = start_with_both_sides({{"policy_version", 3}});
    ask_until_it_ends(id);
    const Reply ended = trial(id);
    EXPECT_EQ(ended.text("state"), "rolled_back") << ended.body();
    EXPECT_EQ(ended.text("reason"), "attestations");
    EXPECT_EQ(ended.number("canaries.permits_refused"), ended.number("canaries.permits_asked"));
    EXPECT_EQ(ended.number("others.permits_refused"), 0) << "the others never noticed";
    for (RoadPhone* phone : phones_) {
        EXPECT_EQ(phone->purchase(amount).result(), "approved");
        EXPECT_EQ(state(*phone), "ACTIVE");
    }
    EXPECT_EQ(world_.acquirer("/v1/incidents").size("incidents"), 0U);
    EXPECT_EQ(world_.acquirer("/v1/policies").number("policies.1.version"), 2);
    // It is over for good: also after a restart, and whoever wants it once more starts it once
    // more.
    world_.stop_service();
    world_.start_service();
    for (RoadPhone* phone : phones_) {
        phone->reconnect();
        EXPECT_TRUE(phone->device().permit(amount));
    }
    EXPECT_EQ(world_.acquirer("/v1/trials/" + id + "/promote", "{}").status(), 400U);
}

TEST_F(RoadTrial, ATrialGoesOnAfterARestart) {
    ASSERT_EQ(upload(bad(3)), 201U);
    const std::string id = start_with_both_sides({{"policy_version", 3}});
    const std::int64_t counted = trial(id).number("canaries.permits_asked");
    world_.stop_service();
    world_.start_service();
    EXPECT_EQ(trial(id).number("canaries.permits_asked"), counted);
    for (RoadPhone* phone : phones_) phone->reconnect();
    EXPECT_EQ(trial(id).text("state"), "running");
    EXPECT_EQ(start({{"policy_version", 3}}).status(), 400U) << "one at a time";
    ask_until_it_ends(id);
    EXPECT_EQ(trial(id).text("state"), "rolled_back");
}

TEST_F(RoadTrial, AGoodPolicyComesIntoForce) {
    ASSERT_EQ(upload(changed(3, {R"("DEV_MODE": {"weight": 5)", R"("DEV_MODE": {"weight": 6)"})),
              201U);
    const std::string id = start_with_both_sides({{"policy_version", 3}, {"promotes", true}});
    for (unsigned i = 0; i < steps_max && trial(id).text("state") == "running"; ++i) {
        for (RoadPhone* phone : phones_) ASSERT_EQ(phone->purchase(100).result(), "approved");
    }
    const Reply ended = trial(id);
    EXPECT_EQ(ended.text("state"), "promoted") << ended.body();
    EXPECT_EQ(ended.text("reason"), "as_good");
    EXPECT_GE(ended.number("canaries.approved"), 20);
    EXPECT_GE(ended.number("others.approved"), 20);
    ASSERT_TRUE(phones_[0]->device().permit(amount));
    const Reply policies = world_.acquirer("/v1/policies");
    EXPECT_EQ(policies.number("policies.2.version"), 3);
    EXPECT_NE(policies.text("policies.2.activated_at"), "") << policies.body();
}

// A proposal that forgives what the policy in force does not forgive changes nothing for a phone
// that is rooted.
TEST_F(RoadTrial, WhatIsHardInForceIsHardOnTrial) {
    ASSERT_EQ(upload(changed(3, {R"("INJECTED_LIBRARY": {"hard": "hardware core", "weight": 40)",
                                 R"("INJECTED_LIBRARY": {"weight": 1)"})),
              201U);
    ASSERT_EQ(start({{"policy_version", 3}, {"share_per_mille", 999}}).status(), 201U);
    for (RoadPhone* phone : phones_) {
        phone->device().posture().core = {{FindingCode::injected_library, TrustClass::core, 0}};
        EXPECT_FALSE(phone->device().permit(amount));
        EXPECT_EQ(state(*phone), "SUSPENDED");
    }
    EXPECT_EQ(world_.acquirer("/v1/incidents").size("incidents"), phones_.size());
}

// Its cards are declined, whatever the reason: nobody else gets it until a person has looked.
TEST_F(RoadTrial, AReleaseWhoseApprovalsFallIsGivenToNobodyElse) {
    constexpr std::uint32_t release = 200;
    const auto with_release = [&](std::uint32_t number) {
        auto phone = FleetPhone::make(host::data_path("cards"), number, world_.random()).value();
        phone->posture().app.claims.sdk_version = release;
        return phone;
    };
    auto fresh = with_release(800'000);
    ASSERT_TRUE(fresh->enrol(world_.platform(), world_.enrolment_code()));
    const json::object poor{{"pan", fresh->card_pan()}, {"balance_minor", 0}};
    ASSERT_EQ(world_.network("/v1/accounts", json::serialize(poor)).status(), 200U);
    RoadPhone canary(world_, std::move(fresh));

    const Reply started = start({{"sdk_version", release}});
    ASSERT_EQ(started.status(), 201U) << started.body();
    const std::string id = started.text("trial_id");
    for (unsigned i = 0; i < steps_max && trial(id).text("state") == "running"; ++i) {
        EXPECT_EQ(canary.purchase(100).result(), "declined");
        ASSERT_EQ(world_.phone().purchase(100).result(), "approved");
    }
    EXPECT_EQ(trial(id).text("state"), "rolled_back") << trial(id).body();
    EXPECT_EQ(trial(id).text("reason"), "approvals");
    EXPECT_FALSE(with_release(800'001)->enrol(world_.platform(), world_.enrolment_code()));
    EXPECT_EQ(canary.purchase(100).result(), "declined") << "by the network, as before";
    EXPECT_EQ(state(canary), "ACTIVE") << "a release that went back suspends nobody";
    world_.stop_service();
    world_.start_service();
    EXPECT_FALSE(with_release(800'002)->enrol(world_.platform(), world_.enrolment_code()));
    world_.add_phone();
}

TEST_F(RoadTrial, OrdersThatMakeNoSenseAreRefused) {
    EXPECT_EQ(start({}).refusal(), "MISSING_FIELD");
    EXPECT_EQ(start({{"policy_version", 9}}).status(), 404U);
    EXPECT_EQ(start({{"policy_version", 1}}).status(), 400U) << "below the one in force";
    EXPECT_EQ(start({{"sdk_version", 1}, {"promotes", true}}).status(), 400U);
    EXPECT_EQ(start({{"sdk_version", 1}, {"share_per_mille", 5}}).status(), 400U);
    EXPECT_EQ(start({{"sdk_version", 1}, {"share", 5}}).status(), 400U);
    EXPECT_EQ(trial(Id128{}.text()).status(), 404U);
    EXPECT_EQ(world_.acquirer("/v1/trials").size("trials"), 0U);
    const Reply started = start({{"app_version", 1}});
    ASSERT_EQ(started.status(), 201U);
    EXPECT_EQ(world_.acquirer("/v1/trials").size("trials"), 1U);
    const std::string end = "/v1/trials/" + started.text("trial_id") + "/end";
    EXPECT_EQ(world_.acquirer(end, "{}").text("reason"), "person");
    EXPECT_EQ(world_.acquirer(end, "{}").status(), 400U) << "it has ended";
}

}  // namespace
}  // namespace softpos::sim::test
