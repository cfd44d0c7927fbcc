// Place, clock and list of revoked keys: what is just within the policy, and what is one beyond.
#include "base/geo.h"
#include "platform/monitor/appraise.h"
#include "platform/monitor/monitor_test_data.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace softpos::monitor {
namespace {

using protocol::FindingCode;
using protocol::Location;
using protocol::LocationSource;
using protocol::TrustClass;
using testing::after_s;
using testing::Phone;

constexpr Location shanghai{31'230'000, 121'473'000, 20};
constexpr std::uint32_t hour_s = 3600;

bool has(const PermitDecision& decision, FindingCode code, TrustClass origin = TrustClass::server) {
    return std::ranges::any_of(decision.decision.findings, [&](const protocol::Finding& one) {
        return one.code == code && one.origin == origin;
    });
}

// 0.001 degrees of latitude are 111 m, wherever one is.
Location north_of(Location place, std::int32_t thousandths) {
    place.latitude_e6 += thousandths * 1000;
    return place;
}

std::uint32_t metres(const Location& a, const Location& b) {
    return static_cast<std::uint32_t>(
        metres_between({a.latitude_e6, a.longitude_e6}, {b.latitude_e6, b.longitude_e6}));
}

class Bounds : public ::testing::Test {
protected:
    Bounds() { phone_.registered = shanghai; }
    static Policy rules() {
        Policy policy = testing::sandbox();
        policy.location = testing::production().location;
        return policy;
    }
    PermitDecision at(const Location& place) {
        phone_.location = place;
        return phone_.ask();
    }
    Phone phone_{rules()};
};

// ---- Place ------------------------------------------------------------------------------------

TEST_F(Bounds, ATerminalMayStandAsFarAwayAsThePolicySays) {
    const Location away = north_of(shanghai, 19);
    phone_.policy.location.place_m_max = metres(shanghai, away) - away.accuracy_m;
    EXPECT_TRUE(at(away).decision.findings.empty()) << "the accuracy is on the phone's side";
    --phone_.policy.location.place_m_max;
    EXPECT_TRUE(has(at(away), FindingCode::moved));
    EXPECT_EQ(phone_.record.state, DeviceState::review);
    EXPECT_FALSE(has(at(shanghai), FindingCode::moved)) << "back where it belongs";
}

TEST_F(Bounds, NobodyTravelsFasterThanThePolicySays) {
    phone_.registered.reset();
    EXPECT_TRUE(at(shanghai).decision.findings.empty());
    const Location away = north_of(shanghai, 1'000);
    const std::int64_t far = std::int64_t{metres(shanghai, away)} - 40;
    // far metres at 1,000 km/h; a little less time is a little too fast.
    const std::int64_t takes_ms = far * 3'600 / phone_.policy.location.speed_kmh_max;
    phone_.now = {testing::start.unix_ms + takes_ms};
    const Phone before = phone_;
    EXPECT_FALSE(has(at(away), FindingCode::geo_jump));
    phone_ = before;
    phone_.now.unix_ms -= 1'000;
    EXPECT_TRUE(has(at(away), FindingCode::geo_jump));
}

TEST_F(Bounds, AKeptPlaceIsOfTheTimeWhenItWasMeasured) {
    phone_.registered.reset();
    at(shanghai);
    phone_.now = after_s(900);
    Location away = north_of(shanghai, 1'000);
    const Phone before = phone_;
    EXPECT_FALSE(has(at(away), FindingCode::geo_jump)) << "111 km in a quarter of an hour";
    phone_ = before;
    away.age_s = 800;
    EXPECT_TRUE(has(at(away), FindingCode::geo_jump)) << "100 s after Shanghai";
}

TEST_F(Bounds, APlaceThatIsMissingVagueOrOldIsMissing) {
    phone_.location.reset();
    EXPECT_TRUE(has(phone_.ask(), FindingCode::location_missing));
    Location place = shanghai;
    place.accuracy_m = phone_.policy.location.accuracy_m_max;
    place.age_s = phone_.policy.location.age_s_max;
    EXPECT_FALSE(has(at(place), FindingCode::location_missing));
    ++place.accuracy_m;
    EXPECT_TRUE(has(at(place), FindingCode::location_missing));
    --place.accuracy_m;
    ++place.age_s;
    EXPECT_TRUE(has(at(place), FindingCode::location_missing));
    phone_.policy.location.age_s_max = 0;
    EXPECT_FALSE(has(at(place), FindingCode::location_missing)) << "any age will do";
    phone_.policy.location.required = false;
    phone_.location.reset();
    EXPECT_TRUE(phone_.ask().decision.findings.empty()) << "nobody asks for one";
}

TEST_F(Bounds, AMadeUpPlaceCostsTrustAndIsNeverAPlace) {
    at(shanghai);
    Location made_up = north_of(shanghai, 5'000);
    made_up.source = LocationSource::mocked;
    const auto decision = at(made_up);
    EXPECT_TRUE(has(decision, FindingCode::location_mocked, TrustClass::app));
    EXPECT_TRUE(has(decision, FindingCode::location_missing));
    EXPECT_FALSE(has(decision, FindingCode::moved)) << "where it is nobody knows";
    EXPECT_EQ(decision.refusal, PermitRefusal::finding);
    EXPECT_EQ(phone_.record.last_location, shanghai) << "not remembered";
    EXPECT_FALSE(phone_.record.latch) << "the app's word alone suspends nobody";
    EXPECT_FALSE(has(at(shanghai), FindingCode::location_mocked, TrustClass::app));
}

// Whatever a phone tells of its place, nothing becomes better by it.
TEST_F(Bounds, NoPlaceEarnsTrust) {
    auto random = softpos::testing::Prng::from_environment();
    phone_.policy.location.required = false;
    phone_.location.reset();
    const Phone silent = phone_;
    for (int round = 0; round < 300; ++round) {
        phone_ = silent;
        Location place{static_cast<std::int32_t>(random.below(180'000'000)) - 90'000'000,
                       static_cast<std::int32_t>(random.below(360'000'000)) - 180'000'000,
                       random.below(5'000), random.below(2'000),
                       static_cast<LocationSource>(1 + random.below(protocol::location_sources))};
        Phone without = silent;
        const auto none = without.ask();
        const auto told = at(place);
        ASSERT_GE(told.decision.score, none.decision.score) << "SEED=" << random.seed();
        ASSERT_EQ(told.allowed & ~none.allowed, 0) << "SEED=" << random.seed();
    }
}

// ---- Clock ------------------------------------------------------------------------------------

// Shows: A29
TEST_F(Bounds, TheClockOfAPhoneMayBeOffAsMuchAsThePolicySays) {
    phone_.location = shanghai;
    const std::int64_t max_ms = std::int64_t{phone_.policy.time_skew_s_max} * 1000;
    ASSERT_GT(max_ms, 0);
    for (const std::int64_t sign : {1, -1}) {
        phone_.phone_time = Instant{phone_.now.unix_ms + sign * max_ms};
        EXPECT_FALSE(has(phone_.ask(), FindingCode::time_skew)) << sign;
        phone_.phone_time = Instant{phone_.now.unix_ms + sign * (max_ms + 1)};
        EXPECT_TRUE(has(phone_.ask(), FindingCode::time_skew)) << sign;
    }
    phone_.phone_time.reset();
    EXPECT_FALSE(has(phone_.ask(), FindingCode::time_skew)) << "it tells none";
    phone_.phone_time = Instant{0};
    phone_.policy.time_skew_s_max = 0;
    EXPECT_FALSE(has(phone_.ask(), FindingCode::time_skew)) << "any time will do";
}

TEST_F(Bounds, AClockThatIsOffIsSeenWhenItEnrols) {
    auto said = testing::statement();
    said.location = shanghai;
    const auto findings = [&](Instant phone_time) {
        said.phone_time = phone_time;
        return testing::enrol(phone_.policy, testing::dev_process(), std::nullopt, said)
            .decision.findings;
    };
    const auto skewed = [](const protocol::Finding& one) {
        return one.code == FindingCode::time_skew && one.detail == hour_s;
    };
    EXPECT_EQ(std::ranges::count_if(findings(after_s(-std::int64_t{hour_s})), skewed), 1);
    EXPECT_EQ(std::ranges::count_if(findings(testing::start), skewed), 0);
}

// ---- List of revoked keys ---------------------------------------------------------------------

TEST_F(Bounds, AStaleListIsForReviewUntilThereIsAFreshOne) {
    phone_.location = shanghai;
    phone_.revocation_stale = true;
    EXPECT_TRUE(has(phone_.ask(), FindingCode::evidence_stale));
    EXPECT_EQ(phone_.record.state, DeviceState::review);
    phone_.revocation_stale = false;
    EXPECT_FALSE(has(phone_.ask(), FindingCode::evidence_stale));
    EXPECT_EQ(phone_.record.state, DeviceState::active);
}

}  // namespace
}  // namespace softpos::monitor
