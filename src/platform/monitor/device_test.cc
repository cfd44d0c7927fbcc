// States of a phone: what latches, and what a person may do.
#include "platform/monitor/device.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace softpos::monitor
