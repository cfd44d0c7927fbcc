// Every way in which a phone can stand, through the whole road: what the policy says of it is what
// happens to it.
#include "base/hex.h"
#include "crypto/p256.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "platform/monitor/policy.h"
#include "world/sim/posture_script.h"
#include "world/sim/road_test_support.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace softpos::sim::test {
namespace {

namespace json = boost::json;
using monitor::Policy;
using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

constexpr std::int64_t amount = 5'000;
constexpr protocol::Location shop{31'230'000, 121'473'000, 100};

class RoadPosture : public ::testing::Test {
protected:
    static std::string shipped() {
        return host::read_data("policy/trust-sandbox.policy.json").value();
    }
    // Signed by whom the platform believes, and in force.
    void put_in_force(const std::string& text) {
        const Buffer pem = host::read_file(world_.folder() + "/server/policy.key", 4096).value();
        const auto key = crypto::P256Key::from_private_pem(text_of(pem)).value();
        const auto policy = monitor::parse_policy(text);
        ASSERT_TRUE(policy) << policy.error().path;
        const Buffer signature = key.sign(monitor::canonical_bytes(*policy));
        const json::object body{{"policy", text}, {"signature", to_hex(signature)}};
        ASSERT_EQ(world_.acquirer("/v1/policies", json::serialize(body)).status(), 201U);
        const std::string version = std::to_string(policy->version);
        ASSERT_EQ(world_.acquirer("/v1/policies/" + version + "/activate", "{}").status(), 200U);
    }
    std::size_t incidents() { return world_.acquirer("/v1/incidents").size("incidents"); }
    std::string state(RoadPhone& phone) {
        return world_.acquirer("/v1/terminals/" + phone.terminal()).text("state");
    }
    // Found with its last message, also where it does not stand from then on.
    bool in_evidence(RoadPhone& phone, FindingCode code) {
        const Reply list = world_.acquirer("/v1/terminals/" + phone.terminal() + "/evidence");
        const std::string last = "evidence." + std::to_string(list.size("evidence") - 1);
        for (std::size_t i = 0; i < list.size(last + ".findings"); ++i) {
            const std::string one = last + ".findings." + std::to_string(i);
            if (list.text(one + ".code") == name_of(code)) return true;
        }
        return false;
    }
    bool told(RoadPhone& phone, FindingCode code) {
        const Reply device = world_.acquirer("/v1/terminals/" + phone.terminal());
        for (std::size_t i = 0; i < device.size("findings"); ++i) {
            if (device.text("findings." + std::to_string(i) + ".code") == name_of(code))
                return true;
        }
        return false;
    }

    RoadWorld world_;
};

// ---- Each finding -----------------------------------------------------------------------------

// What the text of the policy says of a card without PIN, for a phone with this one finding.
struct Expected {
    bool hard = false;
    bool permit = false;
    std::string state;
};

Expected expected_of(const Policy& policy, const Finding& finding) {
    const monitor::FindingRule& rule = policy.rule(finding.code, finding.origin);
    const auto card = protocol::bit_of(protocol::Capability::card_no_pin);
    const bool review =
        rule.least == monitor::LeastState::review || rule.weight >= policy.thresholds.review;
    const bool degraded =
        rule.least == monitor::LeastState::degraded || rule.weight >= policy.thresholds.degraded;
    if (rule.hard || rule.weight >= policy.thresholds.suspend) return {true, false, "SUSPENDED"};
    const bool refused = (rule.refuses & card) != 0;
    if (review) return {false, !refused && (policy.review.capabilities & card) != 0, "REVIEW"};
    if (degraded) {
        return {false, !refused && (policy.degraded.capabilities & card) != 0, "DEGRADED"};
    }
    return {false, !refused, "ACTIVE"};
}

class RoadEachFinding : public RoadPosture, public ::testing::WithParamInterface<TrustClass> {};

// Shows: MPOC-1C-DETECT, MPOC-1C-JUDGE, MPOC-3-INCIDENT
TEST_P(RoadEachFinding, EndsAsThePolicySays) {
    const Policy policy = monitor::parse_policy(shipped()).value();
    unsigned hard = 0;
    for (unsigned number = 1; number <= protocol::finding_codes; ++number) {
        const Finding finding{static_cast<FindingCode>(number), GetParam(), 7};
        SCOPED_TRACE(name_of(finding.code));
        const Expected expected = expected_of(policy, finding);
        hard += expected.hard ? 1U : 0U;
        RoadPhone& phone = world_.add_phone();
        ASSERT_TRUE(phone.device().permit(amount)) << "well at first";
        const std::size_t before = incidents();
        ASSERT_TRUE(show(phone.device().posture(), finding));
        EXPECT_EQ(phone.device().permit(amount).has_value(), expected.permit);
        EXPECT_EQ(incidents(), before + (expected.hard ? 1 : 0));
        // A phone that gets no permit becomes no better by asking; one that gets one is what it
        // was.
        EXPECT_EQ(state(phone), expected.state);
        if (!expected.permit) {
            ASSERT_TRUE(phone.device().last_refusal());
            EXPECT_EQ(phone.device().last_refusal()->reference.find(name_of(finding.code)),
                      std::string::npos)
                << "why is nobody's business";
        }
    }
    EXPECT_EQ(hard == 0, GetParam() == TrustClass::app) << "its word alone suspends nobody";
}

// Shows: MPOC-1C-JUDGE
TEST_P(RoadEachFinding, DecidesWhoEnrols) {
    const Policy policy = monitor::parse_policy(shipped()).value();
    for (unsigned number = 1; number <= protocol::finding_codes; ++number) {
        const Finding finding{static_cast<FindingCode>(number), GetParam(), 7};
        SCOPED_TRACE(name_of(finding.code));
        auto phone = FleetPhone::make(host::data_path("cards"), number, world_.random()).value();
        ASSERT_TRUE(show(phone->posture(), finding));
        const bool enrolled = phone->enrol(world_.platform(), world_.enrolment_code()).has_value();
        EXPECT_EQ(enrolled, !expected_of(policy, finding).hard);
        EXPECT_EQ(phone->terminal().empty(), !enrolled);
    }
}

INSTANTIATE_TEST_SUITE_P(Said, RoadEachFinding,
                         ::testing::Values(TrustClass::core, TrustClass::app),
                         [](const auto& param) {
                             return param.param == TrustClass::core ? "ByTheCore" : "ByTheApp";
                         });

// ---- Place ------------------------------------------------------------------------------------

class RoadPlace : public RoadPosture {
protected:
    // The place rules of production, and a terminal that is registered at the shop.
    void SetUp() override {
        std::string text = shipped();
        const auto change = [&text](std::string_view from, std::string_view to) {
            const std::size_t at = text.find(from);
            ASSERT_NE(at, std::string::npos) << from;
            text.replace(at, from.size(), to);
        };
        change("\"version\": 1", "\"version\": 2");
        change("\"required\": false, \"place_m_max\": 0",
               "\"required\": true, \"place_m_max\": 2000");
        put_in_force(text);
        phone_ = &world_.add_phone_at(shop);
    }
    FleetPosture& posture() { return phone_->device().posture(); }
    bool permitted() { return phone_->device().permit(amount).has_value(); }

    RoadPhone* phone_ = nullptr;
};

// Shows: MPOC-3-INCIDENT
TEST_F(RoadPlace, ATerminalThatMovedTakesNoCards) {
    EXPECT_TRUE(permitted());
    EXPECT_EQ(state(*phone_), "ACTIVE");
    posture().app.location->longitude_e6 += 10'000;  // 950 m.
    EXPECT_TRUE(permitted()) << "round the corner";
    posture().app.location->longitude_e6 += 20'000;  // 2.9 km, less its accuracy.
    EXPECT_FALSE(permitted());
    EXPECT_EQ(state(*phone_), "REVIEW");
    EXPECT_TRUE(told(*phone_, FindingCode::moved));
    EXPECT_FALSE(in_evidence(*phone_, FindingCode::geo_jump)) << "one can walk that";
    posture().app.location = shop;
    EXPECT_TRUE(permitted() || state(*phone_) == "DEGRADED") << "back, and the points decay";
    EXPECT_FALSE(told(*phone_, FindingCode::moved));
}

TEST_F(RoadPlace, ATerminalThatFliesIsElsewhereTooFast) {
    EXPECT_TRUE(permitted());
    ASSERT_TRUE(show(posture(), {FindingCode::moved, TrustClass::server}));
    EXPECT_FALSE(permitted());
    EXPECT_TRUE(told(*phone_, FindingCode::moved));
    EXPECT_TRUE(in_evidence(*phone_, FindingCode::geo_jump)) << "555 km in a moment";
}

TEST_F(RoadPlace, APlaceThatIsMissingOrOldCosts) {
    EXPECT_TRUE(permitted());
    posture().app.location->age_s = 901;
    EXPECT_TRUE(permitted()) << "a little";
    EXPECT_TRUE(told(*phone_, FindingCode::location_missing));
    posture().app.location->age_s = 900;
    EXPECT_TRUE(permitted());
    EXPECT_FALSE(told(*phone_, FindingCode::location_missing));
    ASSERT_TRUE(show(posture(), {FindingCode::location_missing, TrustClass::server}));
    EXPECT_TRUE(permitted());
    EXPECT_TRUE(told(*phone_, FindingCode::location_missing));
}

TEST_F(RoadPlace, AMadeUpPlaceTakesNoCards) {
    EXPECT_TRUE(permitted());
    ASSERT_TRUE(show(posture(), {FindingCode::location_mocked, TrustClass::app}));
    EXPECT_FALSE(permitted());
    EXPECT_TRUE(told(*phone_, FindingCode::location_mocked));
    EXPECT_EQ(incidents(), 0U) << "the app's word suspends nobody";
    posture().app.location = shop;
    (void)permitted();
    EXPECT_FALSE(told(*phone_, FindingCode::location_mocked));
}

// ---- Time -------------------------------------------------------------------------------------

// A permit lasts by the core's own clock: whoever sets the phone's back wins nothing, and is seen.
// Shows: A29, MPOC-2A-1.5
TEST_F(RoadPosture, AWallClockSetBackKeepsNoPermitAlive) {
    RoadPhone& phone = world_.phone();
    const auto permit = phone.device().permit(amount);
    ASSERT_TRUE(permit);
    const Id128 key = Id128::parse(world_.new_key()).value();
    phone.device().posture().clock_off_ms = -3'600'000;
    phone.device().let_pass(std::chrono::seconds(61));
    const Instant set_back{world_.clock().now().unix_ms - 3'600'000};
    EXPECT_FALSE(phone.device().tap_under(*permit, amount, key, set_back)) << "it is late";
    EXPECT_TRUE(phone.device().permit(amount)) << "a wrong clock alone costs little";
    EXPECT_TRUE(told(phone, FindingCode::time_skew));
    phone.device().posture().clock_off_ms = 0;
    EXPECT_TRUE(phone.device().permit(amount));
    EXPECT_FALSE(told(phone, FindingCode::time_skew));
    EXPECT_EQ(world_.spent(), 0);
}

// ---- Silence ----------------------------------------------------------------------------------

// Whoever silences the search in a core silences the core: it has no message without one.
// Shows: A22, MPOC-1C-DETECT
TEST_F(RoadPosture, APhoneThatFellSilentIsWrittenDownAlsoWhereItsStateStays) {
    RoadPhone& phone = world_.phone();
    ASSERT_TRUE(phone.device().permit(amount));
    const std::string evidence = "/v1/terminals/" + phone.terminal() + "/evidence";
    const std::size_t before = world_.acquirer(evidence).size("evidence");
    const auto silences = [&] {
        const Reply list = world_.acquirer(evidence);
        unsigned count = 0;
        for (std::size_t i = 0; i < list.size("evidence"); ++i) {
            count += list.text("evidence." + std::to_string(i) + ".outcome") == "silence" ? 1U : 0U;
        }
        return count;
    };
    const Policy policy = monitor::parse_policy(shipped()).value();
    world_.set_ahead(std::chrono::seconds(policy.silence_s + 60));
    ASSERT_TRUE(RoadWorld::wait_until([&] { return silences() == 1; }));
    EXPECT_EQ(state(phone), "ACTIVE") << "its points do not reach another state";
    EXPECT_TRUE(told(phone, FindingCode::silence));
    EXPECT_EQ(incidents(), 0U);
    EXPECT_EQ(world_.acquirer(evidence).size("evidence"), before + 1);
    phone.device().posture().tells_time = false;  // Its clock stayed where it was.
    EXPECT_TRUE(phone.device().report()) << "it comes back";
    EXPECT_EQ(silences(), 1U) << "written down once";
    EXPECT_FALSE(told(phone, FindingCode::silence)) << "it is heard again";
}

}  // namespace
}  // namespace softpos::sim::test
