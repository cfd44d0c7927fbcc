// States and points of a phone: what latches, what a person may do, how points halve.
#include "platform/monitor/device.h"

#include <gtest/gtest.h>

#include <array>

namespace softpos::monitor {
namespace {

using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

constexpr Instant now{1'000'000};

DeviceRecord in(DeviceState state) {
    DeviceRecord device;
    device.state = state;
    return device;
}

DeviceEvent event(DeviceEventKind kind) {
    DeviceEvent one;
    one.kind = kind;
    one.policy_version = 3;
    if (kind == DeviceEventKind::hard)
        one.finding = Finding{FindingCode::root, TrustClass::core, 0};
    return one;
}

DeviceRecord after(const DeviceRecord& device, DeviceEventKind kind) {
    return step(device, event(kind), now).value().next;
}

TEST(Device, AHardFindingHoldsUntilReleaseAndEnrolment) {
    DeviceRecord device = after(in(DeviceState::active), DeviceEventKind::hard);
    EXPECT_EQ(device.state, DeviceState::suspended);
    for (const auto kind :
         {DeviceEventKind::permit, DeviceEventKind::enrol, DeviceEventKind::resume}) {
        EXPECT_FALSE(step(device, event(kind), now)) << name_of(kind);
    }
    EXPECT_EQ(after(device, DeviceEventKind::appraise).state, DeviceState::suspended);
    device = after(device, DeviceEventKind::release);
    EXPECT_EQ(device.state, DeviceState::suspended) << "released is not yet trusted";
    EXPECT_FALSE(step(device, event(DeviceEventKind::permit), now));
    device = after(device, DeviceEventKind::enrol);
    EXPECT_EQ(device.state, DeviceState::enrolled);
    EXPECT_FALSE(device.latch);
    EXPECT_EQ(after(device, DeviceEventKind::permit).state, DeviceState::active);
}

TEST(Device, WhatAPersonHoldsOnlyAPersonLetsGo) {
    const DeviceRecord device = after(in(DeviceState::active), DeviceEventKind::suspend);
    EXPECT_FALSE(step(device, event(DeviceEventKind::enrol), now));
    EXPECT_EQ(after(device, DeviceEventKind::appraise).state, DeviceState::suspended);
    EXPECT_EQ(after(device, DeviceEventKind::resume).state, DeviceState::active);
}

TEST(Device, NothingHappensToARetiredPhone) {
    for (unsigned i = 1; i <= 8; ++i) {
        EXPECT_FALSE(step(in(DeviceState::retired), event(static_cast<DeviceEventKind>(i)), now));
    }
}

TEST(Device, EveryChangeOfStateIsATransitionWithItsPolicy) {
    const auto done = step(in(DeviceState::active), event(DeviceEventKind::hard), now).value();
    ASSERT_TRUE(done.transition);
    EXPECT_EQ(done.transition->from, DeviceState::active);
    EXPECT_EQ(done.transition->to, DeviceState::suspended);
    EXPECT_EQ(done.transition->policy_version, 3U);
    EXPECT_FALSE(step(in(DeviceState::active), event(DeviceEventKind::permit), now)->transition);
}

TEST(Score, PointsHalveInTheirHalfLife) {
    EXPECT_EQ(decayed(100'000, 60, 0), 100'000U);
    EXPECT_EQ(decayed(100'000, 60, 60'000), 50'000U);
    EXPECT_EQ(decayed(100'000, 60, 180'000), 12'500U);
    const std::uint64_t half = decayed(100'000, 60, 30'000);  // The root of a half.
    EXPECT_TRUE(half >= 70'700 && half <= 70'720) << half;
    EXPECT_EQ(decayed(100'000, 60, 3'600'000), 0U);
    EXPECT_EQ(decayed(100'000, 0, 3'600'000), 100'000U) << "never";
    EXPECT_EQ(decayed(100'000, 60, -5), 100'000U) << "time ran backwards";
}

TEST(Score, PointsNeverGrowByWaiting) {
    std::uint64_t last = 1'000'000;
    for (std::int64_t ms = 0; ms < 600'000; ms += 777) {
        const std::uint64_t left = decayed(1'000'000, 60, ms);
        EXPECT_LE(left, last) << ms;
        last = left;
    }
}

TEST(Score, AStandingFindingCountsOnceAndAnEventEachTime) {
    Policy policy;
    for (auto& of_code : policy.rules) {
        for (auto& rule : of_code) rule.weight = 10;
    }
    const Finding adb{FindingCode::adb, TrustClass::app, 0};
    const Finding gap{FindingCode::gap, TrustClass::server, 0};
    auto items = scored(policy, {}, std::array{adb, gap}, now);
    items = scored(policy, items, std::array{adb, gap}, now);
    EXPECT_EQ(score_of(policy, items, now), 30U);
}

}  // namespace
}  // namespace softpos::monitor
