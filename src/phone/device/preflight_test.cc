// What a phone must have to take cards, and what is said where it lacks it.
#include "phone/device/preflight.h"

#include "phone/device/device_test_support.h"

#include <gtest/gtest.h>

#include <functional>

namespace softpos::device {
namespace {

PreflightFacts good() {
    PreflightFacts facts;
    facts.status.enrolled = true;
    facts.status.grade = 4;
    facts.status.core = protocol::StatusAnswer{};
    facts.status.core->mode = protocol::CoreMode::ready;
    facts.status.core->pin = true;
    facts.status.reader_name = "reader 0";
    facts.platform_heard = true;
    return facts;
}

TEST(Preflight, AGoodPhoneTakesCardsAndPins) {
    const Preflight all = judge_preflight(good());
    EXPECT_EQ(all.checks.size(), preflight_items);
    EXPECT_TRUE(all.card_no_pin);
    EXPECT_TRUE(all.card_pin);
    for (const PreflightCheck& one : all.checks) {
        EXPECT_TRUE(one.passed) << name_of(one.item);
        EXPECT_TRUE(one.en.empty());
    }
    EXPECT_EQ(preflight_json(all).find("remedy"), std::string::npos);
}

struct Lack {
    PreflightItem item;
    std::function<void(PreflightFacts&)> take_away;
    bool card, pin;
};

TEST(Preflight, EachLackIsNamedAndHasARemedy) {
    using enum PreflightItem;
    const std::vector<Lack> lacks = {
        {core, [](auto& facts) { facts.status.core.reset(); }, false, false},
        {keys, [](auto& facts) { facts.status.core->mode = protocol::CoreMode::wiped; }, false,
         false},
        {enrolment, [](auto& facts) { facts.status.enrolled = false; }, false, false},
        {platform, [](auto& facts) { facts.platform_heard = false; }, false, false},
        {phone, [](auto& facts) { facts.findings = 1; }, false, false},
        {reader, [](auto& facts) { facts.status.reader_name.clear(); }, false, false},
        {pin_screen, [](auto& facts) { facts.status.core->pin = false; }, true, false},
        {payments, [](auto& facts) { facts.status.unresolved = 1; }, true, true},
    };
    for (const Lack& lack : lacks) {
        PreflightFacts facts = good();
        lack.take_away(facts);
        const Preflight found = judge_preflight(facts);
        EXPECT_FALSE(found.passed(lack.item)) << name_of(lack.item);
        EXPECT_EQ(found.card_no_pin, lack.card) << name_of(lack.item);
        EXPECT_EQ(found.card_pin, lack.pin) << name_of(lack.item);
        for (const PreflightCheck& one : found.checks) {
            const bool silent = one.passed || !one.tried;
            EXPECT_EQ(silent, one.en.empty()) << name_of(one.item);
            EXPECT_EQ(silent, one.zh.empty()) << name_of(one.item);
        }
    }
}

TEST(Preflight, TheGradeSaysWhatCardsMayBeTaken) {
    for (std::uint8_t grade = 0; grade <= 5; ++grade) {
        PreflightFacts facts = good();
        facts.status.grade = grade;
        EXPECT_EQ(judge_preflight(facts).card_no_pin, grade >= 3);
        EXPECT_EQ(judge_preflight(facts).card_pin, grade >= 4);
    }
}

TEST(Preflight, ANewPhoneLacksOnlyItsCode) {
    PreflightFacts facts = good();
    facts.status.enrolled = false;
    facts.status.core->mode = protocol::CoreMode::fresh;
    EXPECT_TRUE(judge_preflight(facts).passed(PreflightItem::keys));
    EXPECT_FALSE(judge_preflight(facts).card_no_pin);
}

TEST(Preflight, WhatDependsOnAnotherIsNotBlamed) {
    PreflightFacts facts = good();
    facts.status.core.reset();
    facts.platform_heard = false;
    for (const PreflightCheck& one : judge_preflight(facts).checks) {
        const bool depends = one.item == PreflightItem::keys ||
                             one.item == PreflightItem::platform ||
                             one.item == PreflightItem::pin_screen;
        EXPECT_EQ(one.tried, !depends) << name_of(one.item);
    }
}

}  // namespace
}  // namespace softpos::device
