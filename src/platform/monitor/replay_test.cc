// Pasts that are made by living them, judged once more under other policies.
#include "platform/monitor/replay.h"

#include "platform/monitor/monitor_test_data.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <functional>

namespace softpos::monitor {
namespace {

using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;
using testing::after_s;
using testing::Phone;
using testing::start;

constexpr std::int64_t day_s = 86'400;
constexpr const char* terminal = "00000001";

FindingRule& rule_of(Policy& policy, FindingCode code, TrustClass origin) {
    return policy.rules[static_cast<std::size_t>(code) - 1][static_cast<std::size_t>(origin) - 1];
}

using Refusals = std::vector<PermitRefusal>;

// A phone that lives under a policy, and how to tell its past to a replay.
struct Life {
    explicit Life(const Policy& policy, const attest::Verdict& verdict = testing::dev_process())
        : phone(policy, verdict), evidence(verdict) {
        tell_enrolment();
    }

    ServerView view() const {
        ServerView out;
        out.now = phone.now;
        return out;
    }
    void at(std::int64_t seconds) { phone.now = after_s(seconds); }

    void tell_enrolment() {
        past.emplace_back([seen = view(), shown = evidence](Replay& replay, Refusals&) {
            replay.enrol(testing::statement(), {&shown, 1}, seen);
        });
    }
    void enrol_again() {
        auto decision =
            testing::enrol(phone.policy, evidence, phone.record, testing::statement(), phone.now);
        if (!decision.accepted) return;  // The platform keeps it, and replays no refused one.
        phone.record = decision.decision.next;
        phone.sequence = 0;
        phone.head = {};
        tell_enrolment();
    }

    PermitRefusal ask(std::int64_t amount_minor = 1'000, bool with_evidence = false) {
        const auto said = phone.request(amount_minor);
        std::vector<attest::Verdict> verdicts;
        if (with_evidence) verdicts.push_back(evidence);
        decided.push_back(phone.send(said, verdicts).refusal);
        past.emplace_back([=, seen = view()](Replay& replay, Refusals& out) {
            const Buffer body = protocol::encode(protocol::SpaBody(said));
            out.push_back(replay.permit({said, body, verdicts}, seen).refusal);
        });
        return decided.back();
    }

    void report() {
        protocol::Report said;
        said.terminal_id = terminal;
        said.sequence = phone.sequence + 1;
        said.journal_head = phone.head;
        said.findings = phone.findings;
        phone.report();
        past.emplace_back([=, seen = view()](Replay& replay, Refusals&) {
            const Buffer body = protocol::encode(protocol::SpaBody(said));
            replay.report({said, body}, seen);
        });
    }

    void act(DeviceEventKind kind) {
        const DeviceEvent event{
            .kind = kind, .finding = std::nullopt, .policy_version = phone.policy.version};
        if (auto done = step(phone.record, event, phone.now)) phone.record = done->next;
        past.emplace_back(
            [kind, now = phone.now](Replay& replay, Refusals&) { replay.person(kind, now); });
    }

    void see(const Finding& finding) {
        phone.record = appraise_seen(phone.policy, phone.record, finding, phone.now).next;
        past.emplace_back(
            [finding, now = phone.now](Replay& replay, Refusals&) { replay.seen(finding, now); });
    }

    Phone phone;
    attest::Verdict evidence;
    std::vector<std::function<void(Replay&, Refusals&)>> past;
    Refusals decided;
};

struct Retold {
    Retold(const Policy& policy, const Life& life) : replay(policy, terminal) {
        for (const auto& one : life.past) one(replay, decided);
        replay.until(life.phone.now);
    }
    Replay replay;
    Refusals decided;
};

TEST(Replay, TheSamePolicyComesToTheSameDecisions) {
    const Policy policy = testing::sandbox();
    Life life(policy);
    for (int hour = 0; hour < 30; ++hour) {
        life.at(hour * 3600);
        life.ask(hour == 7 ? 200'000'000 : 1'000, hour % 3 == 0);
    }
    const Retold retold(policy, life);
    EXPECT_EQ(retold.decided, life.decided);
    EXPECT_FALSE(retold.replay.cut_off());
}

TEST(Replay, NamesWhatCutsOffAndWhen) {
    const Policy in_force = testing::sandbox();
    Policy proposed = in_force;
    rule_of(proposed, FindingCode::adb, TrustClass::core).hard = true;
    Life life(in_force);
    life.at(60);
    life.ask();
    life.phone.findings = {{FindingCode::adb, TrustClass::core, 4}};
    life.at(120);
    life.ask();
    life.phone.findings.clear();
    life.at(day_s);
    life.ask(4'000, true);
    EXPECT_EQ(life.decided, Refusals(3, PermitRefusal::none));
    const Retold retold(proposed, life);
    EXPECT_EQ(retold.decided,
              (Refusals{PermitRefusal::none, PermitRefusal::suspended, PermitRefusal::suspended}))
        << "a latch does not go by itself";
    EXPECT_EQ(retold.replay.cut_off(), (Replay::CutOff{after_s(120), "ADB"}));
    EXPECT_EQ(retold.replay.phone()->state, DeviceState::suspended);
}

TEST(Replay, NamesTheHeaviestWherePointsCutOff) {
    const Policy in_force = testing::sandbox();
    Policy proposed = in_force;
    proposed.thresholds = {5, 10, 20, 40};
    Life life(in_force);
    life.ask();
    life.phone.findings = {{FindingCode::core_panic, TrustClass::core, 0},
                           {FindingCode::nfc_relay, TrustClass::core, 0}};
    life.at(60);
    life.ask();
    EXPECT_EQ(Retold(proposed, life).replay.cut_off(), (Replay::CutOff{after_s(60), "NFC_RELAY"}));
}

TEST(Replay, AMilderPolicySpares) {
    const Policy in_force = testing::sandbox();
    Policy proposed = in_force;
    rule_of(proposed, FindingCode::injected_library, TrustClass::core).hard = false;
    Life life(in_force);
    life.ask();
    life.phone.findings = {{FindingCode::injected_library, TrustClass::core, 0}};
    EXPECT_EQ(life.ask(), PermitRefusal::suspended);
    const Retold retold(proposed, life);
    EXPECT_EQ(retold.decided.back(), PermitRefusal::none);
    EXPECT_FALSE(retold.replay.cut_off());
}

TEST(Replay, RefusesWithoutCuttingOff) {
    const Policy in_force = testing::sandbox();
    Policy younger = in_force;
    for (auto& rule : younger.capability) rule.evidence_age_s_max = 1'800;
    Life life(in_force);
    for (int hour = 0; hour < 4; ++hour) {
        life.at(hour * 3600);
        life.ask();
    }
    const Retold retold(younger, life);
    EXPECT_EQ(retold.decided, (Refusals{PermitRefusal::none, PermitRefusal::evidence,
                                        PermitRefusal::evidence, PermitRefusal::evidence}));
    EXPECT_FALSE(retold.replay.cut_off());
}

TEST(Replay, APhoneThatIsNotTakenInGetsNothing) {
    const Policy in_force = testing::sandbox();
    Policy proposed = in_force;
    proposed.any_measurement = false;
    Life life(in_force);
    life.ask();
    life.report();
    const Retold retold(proposed, life);
    EXPECT_EQ(retold.decided, Refusals{PermitRefusal::suspended});
    EXPECT_EQ(retold.replay.cut_off(), (Replay::CutOff{start, "finding REPACKAGED"}));
    EXPECT_FALSE(retold.replay.phone());
}

TEST(Replay, APersonAndANewEnrolmentBringThePhoneBack) {
    const Policy in_force = testing::sandbox();
    Policy proposed = in_force;
    rule_of(proposed, FindingCode::adb, TrustClass::core).hard = true;
    Life life(in_force);
    life.phone.findings = {{FindingCode::adb, TrustClass::core, 0}};
    life.ask();
    life.phone.findings.clear();
    life.at(120);
    life.act(DeviceEventKind::release);  // In force there is no latch: passed over.
    life.enrol_again();
    life.ask();
    const Retold retold(proposed, life);
    EXPECT_EQ(retold.decided, (Refusals{PermitRefusal::suspended, PermitRefusal::none}));
    EXPECT_FALSE(retold.replay.cut_off());
    EXPECT_EQ(retold.replay.phone()->state, DeviceState::active);
}

TEST(Replay, WhatAPersonHoldsIsHeldUnderEveryPolicy) {
    const Policy policy = testing::sandbox();
    Life life(policy);
    life.ask();
    life.at(60);
    life.act(DeviceEventKind::suspend);
    life.ask();
    const Retold retold(policy, life);
    EXPECT_EQ(retold.replay.cut_off(), (Replay::CutOff{after_s(60), "person"}));
    life.act(DeviceEventKind::resume);
    life.ask();
    EXPECT_FALSE(Retold(policy, life).replay.cut_off());
}

TEST(Replay, SilenceCountsWhereThePolicySaysSo) {
    const Policy in_force = testing::sandbox();
    Policy proposed = in_force;
    proposed.silence_s = 120;
    FindingRule& silence = rule_of(proposed, FindingCode::silence, TrustClass::server);
    silence.weight = 100;
    silence.half_life_s = 0;
    Life life(in_force);
    life.ask();
    life.at(500);
    life.ask();
    EXPECT_FALSE(Retold(in_force, life).replay.cut_off());
    const Retold retold(proposed, life);
    EXPECT_EQ(retold.replay.cut_off(), (Replay::CutOff{{start.unix_ms + 120'001}, "SILENCE"}));
    EXPECT_EQ(retold.decided.back(), PermitRefusal::suspended);
}

TEST(Replay, WhatThePlatformSawCountsToo) {
    const Policy in_force = testing::sandbox();
    Policy proposed = in_force;
    rule_of(proposed, FindingCode::serial_cipher, TrustClass::server).hard = false;
    Life life(in_force);
    life.ask();
    life.at(1);
    life.see({FindingCode::serial_cipher, TrustClass::server, 0});
    EXPECT_EQ(life.ask(), PermitRefusal::suspended);
    EXPECT_EQ(Retold(in_force, life).replay.cut_off(),
              (Replay::CutOff{after_s(1), "SERIAL_CIPHER"}));
    EXPECT_FALSE(Retold(proposed, life).replay.cut_off());
}

// Whatever happens to a phone: under the policy that it lived under all is decided as it was.
TEST(Replay, TheReplayOfALifeIsThatLife) {
    auto random = softpos::testing::Prng::from_environment();
    const Policy policy = testing::sandbox();
    for (int round = 0; round < 60; ++round) {
        Life life(policy);
        std::int64_t at_s = 0;
        for (int i = 0; i < 60; ++i) {
            at_s += random.below(60);  // Never silent.
            life.at(at_s);
            life.phone.findings.clear();
            for (unsigned n = random.below(3); n > 0; --n) {
                const auto code =
                    static_cast<FindingCode>(random.below(protocol::finding_codes) + 1);
                const bool soft = !policy.rule(code, TrustClass::core).hard || random.below(9) == 0;
                life.phone.findings.push_back(
                    {code, soft ? TrustClass::core : TrustClass::app, random.below(100)});
            }
            const unsigned what = random.below(20);
            if (what == 0 && life.phone.record.latch) {
                life.act(DeviceEventKind::release);
                life.enrol_again();
            } else if (what == 1) {
                life.act(random.below(2) == 0 ? DeviceEventKind::suspend : DeviceEventKind::resume);
            } else if (what < 6) {
                life.report();
            } else {
                life.ask(random.below(200'000) + 1, random.below(2) == 0);
            }
        }
        const Retold retold(policy, life);
        ASSERT_EQ(retold.decided, life.decided) << "seed " << random.seed() << ' ' << round;
        EXPECT_EQ(retold.replay.phone()->state, life.phone.record.state);
        EXPECT_EQ(retold.replay.phone()->score, life.phone.record.score);
        const bool suspended = life.phone.record.state == DeviceState::suspended;
        EXPECT_EQ(retold.replay.cut_off().has_value(), suspended);
    }
}

}  // namespace
}  // namespace softpos::monitor
