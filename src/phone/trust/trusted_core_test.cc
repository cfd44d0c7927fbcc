// Whole taps with virtual cards, opened by the host side of the keys; and everything that must not
// happen.
#include "phone/trust/trusted_core.h"

#include "base/hex.h"
#include "phone/trust/test_rig.h"
#include "testing/prng.h"
#include "world/card/virtual_card.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace softpos::trust {

card::VirtualCard make_card(const std::string& name) {
    auto profile = card::parse_card(read_project_file("data/cards/" + name + ".card"));
    const auto issuer = card::parse_issuer(read_project_file("data/cards/bank-a.issuer"));
    CHECK(profile.has_value() && issuer.has_value());
    auto data = card::personalise(std::move(*profile), *issuer);
    CHECK(data.has_value());
    return card::VirtualCard(std::move(*data));
}

namespace {

using protocol::TapOutcomeKind;
using protocol::TrustedFailure;
using protocol::TrustedFault;

class TrustedCoreTest : public ::testing::Test {
protected:
    void restart() { core = std::make_unique<TrustedCore>(platform); }
    TrustedFault fault(const protocol::TrustedRequest& request) {
        return acquirer.ask<TrustedFailure>(request).fault;
    }

    MemoryPlatform platform;
    std::unique_ptr<TrustedCore> core = std::make_unique<TrustedCore>(platform);
    Acquirer acquirer{[this](Bytes request) { return core->invoke(request); }};
    card::VirtualCard debit = make_card("debit");
};

constexpr const char* debit_pan = "6210948000000003";

TEST_F(TrustedCoreTest, SealedCardOpensAtTheHost) {
    acquirer.enrol();
    const auto outcome = acquirer.tap(debit, 1234);
    ASSERT_EQ(outcome.kind, TapOutcomeKind::online_request) << outcome.detail;
    EXPECT_EQ(outcome.refusal, Refusal::none);
    EXPECT_EQ(outcome.cvm, protocol::TapCvm::none);
    EXPECT_EQ(outcome.masked_pan, "621094******0003");
    EXPECT_EQ(to_hex(outcome.aid), "A000000333010101");
    auto card = acquirer.open(*outcome.card, 1234);
    EXPECT_EQ(to_hex(card[0x57]), "6210948000000003D30122200000000000");
    EXPECT_EQ(to_hex(card[0x5F34]), "00");
    const Buffer field55 = card[0xDF8155];
    const auto value = [&](std::uint32_t tag) {
        const auto found = codec::find_value(field55, codec::Tag{tag});
        return found && *found ? to_hex(**found) : std::string("absent");
    };
    EXPECT_EQ(value(0x9F02), "000000001234");
    EXPECT_EQ(value(0x9A), "261122");
    EXPECT_EQ(value(0x5F2A), "0156");
    EXPECT_EQ(value(0x9F26).size(), 16U);
    EXPECT_EQ(value(0x9F27), "80");
    EXPECT_EQ(value(0x9F36), "0001");
}

TEST_F(TrustedCoreTest, SealedCardIsBoundToTheAmount) {
    acquirer.enrol();
    const auto outcome = acquirer.tap(debit, 1234);
    EXPECT_TRUE(acquirer.open(*outcome.card, 1235).empty());
    auto changed = *outcome.card;
    changed.ciphertext[0] = static_cast<std::uint8_t>(changed.ciphertext[0] ^ 1);
    EXPECT_TRUE(acquirer.open(changed, 1234).empty());
}

bool contains(Bytes haystack, Bytes needle) {
    return !std::ranges::search(haystack, needle).empty();
}

// Every form in which the PAN, track 2 or the cryptogram could slip out.
TEST_F(TrustedCoreTest, AnswersNeverCarryCardDataInClear) {
    acquirer.enrol();
    const auto outcome = acquirer.tap(debit, 1234);
    ASSERT_TRUE(outcome.card);
    auto card = acquirer.open(*outcome.card, 1234);
    const auto cryptogram = codec::find_value(card[0xDF8155], codec::Tag{0x9F26});
    ASSERT_TRUE(cryptogram && *cryptogram);
    std::vector<Buffer> secrets;
    const auto add = [&](Bytes bytes) {
        secrets.emplace_back(bytes.begin(), bytes.end());
        std::string hex = to_hex(bytes);
        secrets.emplace_back(hex.begin(), hex.end());
        std::ranges::transform(hex, hex.begin(), [](char c) {
            return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        secrets.emplace_back(hex.begin(), hex.end());
    };
    add(card[0x57]);
    add(**cryptogram);
    add(*from_hex(debit_pan));
    // Without its first and last digit: packed at the other alignment.
    add(*from_hex("21094800000000"));
    // The scan can find: the card itself did say it.
    EXPECT_TRUE(std::ranges::any_of(acquirer.rapdus,
                                    [&](const Buffer& b) { return contains(b, secrets[0]); }));
    ASSERT_GE(acquirer.answers.size(), 5U);
    for (const Buffer& answer : acquirer.answers) {
        for (const Buffer& secret : secrets) {
            EXPECT_FALSE(contains(answer, secret)) << to_hex(secret);
        }
    }
    // And nothing of it reaches what is stored.
    for (const Buffer& secret : secrets) EXPECT_FALSE(contains(*platform.state, secret));
}

TEST_F(TrustedCoreTest, EveryTapHasItsOwnKey) {
    acquirer.enrol();
    std::set<std::uint32_t> counters;
    for (int i = 0; i < 150; ++i) {
        const auto outcome = acquirer.tap(debit, 100 + i);
        ASSERT_TRUE(outcome.card) << i << outcome.detail;
        EXPECT_TRUE(counters.insert(counter_of(*outcome.card)).second);
        ASSERT_FALSE(acquirer.open(*outcome.card, 100 + i).empty());
    }
    // Two changes for each block of 64, and one block at enrolment.
    EXPECT_EQ(platform.changes, 6);
}

TEST_F(TrustedCoreTest, OnlinePinIsRefusedBecauseThereIsNoPinPath) {
    acquirer.enrol();
    auto card = make_card("pin");
    const auto outcome = acquirer.tap(card, 200'000);
    EXPECT_EQ(outcome.kind, TapOutcomeKind::declined) << outcome.detail;
    EXPECT_EQ(outcome.refusal, Refusal::pin_required);
    EXPECT_FALSE(outcome.card);
    EXPECT_EQ(acquirer.ask<protocol::StatusAnswer>(protocol::StatusRequest{}).next_counter, 1U)
        << "no key may be spent on it";
}

TEST_F(TrustedCoreTest, AmountOverTheLimitIsRefused) {
    acquirer.enrol();
    const auto outcome = acquirer.tap(debit, 5'000'000);
    EXPECT_FALSE(outcome.card);
    EXPECT_EQ(outcome.refusal, Refusal::amount_over_limit) << outcome.detail;
}

TEST_F(TrustedCoreTest, BlockedCardIsNotAccepted) {
    acquirer.enrol();
    auto card = make_card("blocked");
    const auto outcome = acquirer.tap(card, 100);
    EXPECT_FALSE(outcome.card);
    EXPECT_NE(outcome.refusal, Refusal::none);
}

TEST_F(TrustedCoreTest, CardThatLeavesIsTriedAgain) {
    acquirer.enrol();
    acquirer.ask<protocol::TapStep>(Acquirer::purchase(100));
    const auto step = acquirer.ask<protocol::TapStep>(
        protocol::TapContinueRequest{protocol::TapRfError::timeout});
    const auto* outcome = std::get_if<protocol::TapOutcome>(&step.next);
    ASSERT_NE(outcome, nullptr);
    EXPECT_EQ(outcome->kind, TapOutcomeKind::try_again);
    EXPECT_EQ(outcome->refusal, Refusal::card_removed);
    EXPECT_EQ(fault(protocol::TapContinueRequest{protocol::TapRfError::timeout}),
              TrustedFault::no_tap);
}

TEST_F(TrustedCoreTest, NothingWorksBeforeEnrolment) {
    EXPECT_EQ(fault(Acquirer::purchase(100)), TrustedFault::not_enrolled);
    EXPECT_EQ(fault(protocol::TapContinueRequest{Buffer{0x90, 0x00}}), TrustedFault::no_tap);
    EXPECT_EQ(fault(acquirer.enrolment(crypto::P256Key::generate()->public_point())),
              TrustedFault::no_enrolment_begun);
    EXPECT_FALSE(acquirer.ask<protocol::StatusAnswer>(protocol::StatusRequest{}).enrolled);
}

TEST_F(TrustedCoreTest, EnvelopeForAnotherKeyOrIdIsRefused) {
    const auto begun = acquirer.ask<protocol::EnrolBeginAnswer>(protocol::EnrolBeginRequest{});
    EXPECT_EQ(begun.measurement, platform.measurement());
    EXPECT_EQ(fault(acquirer.enrolment(crypto::P256Key::generate()->public_point())),
              TrustedFault::envelope_refused);
    auto other_id = acquirer.enrolment(begun.public_point);
    other_id.initial_key_id[7] = 9;
    EXPECT_EQ(fault(other_id), TrustedFault::envelope_refused);
    auto changed = acquirer.enrolment(begun.public_point);
    changed.key_envelope.back() = static_cast<std::uint8_t>(changed.key_envelope.back() ^ 1);
    EXPECT_EQ(fault(changed), TrustedFault::envelope_refused);
    acquirer.ask<protocol::EnrolFinishAnswer>(acquirer.enrolment(begun.public_point));
    EXPECT_EQ(fault(acquirer.enrolment(begun.public_point)), TrustedFault::no_enrolment_begun)
        << "the key pair serves once";
}

TEST_F(TrustedCoreTest, ParametersThatCannotBeReadAreRefusedWithTheirLine) {
    acquirer.enrol();
    const auto begun = acquirer.ask<protocol::EnrolBeginAnswer>(protocol::EnrolBeginRequest{});
    auto request = acquirer.enrolment(begun.public_point);
    request.emv_parameters = "format version=1\nnonsense\n";
    const auto failure = acquirer.ask<TrustedFailure>(request);
    EXPECT_EQ(failure.fault, TrustedFault::parameters_refused);
    EXPECT_EQ(failure.detail, 2U);
    EXPECT_TRUE(acquirer.tap(debit, 100).card) << "the old enrolment stays good";
}

TEST_F(TrustedCoreTest, NewTapEndsTheOldOne) {
    acquirer.enrol();
    acquirer.ask<protocol::TapStep>(Acquirer::purchase(100));
    EXPECT_TRUE(acquirer.tap(debit, 200).card);
    EXPECT_EQ(fault(protocol::TapContinueRequest{Buffer{0x90, 0x00}}), TrustedFault::no_tap);
    acquirer.ask<protocol::TapStep>(Acquirer::purchase(100));
    acquirer.ask<protocol::TapAbortAnswer>(protocol::TapAbortRequest{});
    EXPECT_EQ(fault(protocol::TapContinueRequest{Buffer{0x90, 0x00}}), TrustedFault::no_tap);
}

TEST_F(TrustedCoreTest, RestartKeepsTheEnrolmentAndSkipsTheBlock) {
    acquirer.enrol();
    const auto before = acquirer.tap(debit, 100);
    restart();
    const auto status = acquirer.ask<protocol::StatusAnswer>(protocol::StatusRequest{});
    EXPECT_TRUE(status.enrolled);
    EXPECT_EQ(status.terminal_id, "T0000001");
    EXPECT_EQ(status.initial_key_id, acquirer.initial_key_id);
    const auto after = acquirer.tap(debit, 100);
    ASSERT_TRUE(after.card);
    EXPECT_FALSE(acquirer.open(*after.card, 100).empty());
    EXPECT_EQ(counter_of(*before.card), 1U);
    EXPECT_EQ(counter_of(*after.card), 1U + counter_block);
}

// What is stored while a block is in use stands behind it: whoever steals the file opens nothing
// that was sealed so far.
TEST_F(TrustedCoreTest, StoredStateHoldsNoKeyOfTheBlock) {
    acquirer.enrol();
    const auto state = read_core_state(*platform.state);
    ASSERT_TRUE(state);
    const auto device = crypto::DukptAesDevice::restore(state->dukpt.bytes());
    ASSERT_TRUE(device);
    EXPECT_EQ(device->counter(), 1 + counter_block);
}

TEST_F(TrustedCoreTest, OldStateIsFoundOut) {
    acquirer.enrol();
    const Buffer old = *platform.state;
    restart();
    ASSERT_TRUE(acquirer.tap(debit, 100).card);
    platform.state = old;
    restart();
    EXPECT_EQ(fault(Acquirer::purchase(100)), TrustedFault::state_rolled_back);
    acquirer.initial_key_id[7] = 99;
    acquirer.enrol();
    EXPECT_TRUE(acquirer.tap(debit, 100).card) << "a new enrolment heals it";
}

TEST_F(TrustedCoreTest, CounterThatWasSetBackIsFoundOut) {
    acquirer.enrol();
    restart();
    ASSERT_TRUE(acquirer.tap(debit, 100).card);
    platform.counter = 0;
    restart();
    EXPECT_EQ(fault(Acquirer::purchase(100)), TrustedFault::state_rolled_back);
}

TEST_F(TrustedCoreTest, SameInitialKeyAgainNeverRepeatsACounter) {
    std::set<std::uint32_t> counters;
    for (int i = 0; i < 3; ++i) {
        acquirer.enrol();
        for (int k = 0; k < 5; ++k) {
            const auto outcome = acquirer.tap(debit, 100);
            ASSERT_TRUE(outcome.card);
            EXPECT_TRUE(counters.insert(counter_of(*outcome.card)).second);
        }
    }
}

// The crash matrix: storage fails at each step in turn, with and without its effect; then the
// process ends. No counter may come twice, and the terminal must work again.
TEST_F(TrustedCoreTest, CrashAtEveryStepNeverRepeatsACounter) {
    for (const bool effect : {false, true}) {
        for (int steps = 0; steps < 6; ++steps) {
            MemoryPlatform disk;
            auto crashing = std::make_unique<TrustedCore>(disk);
            Acquirer host{[&](Bytes request) { return crashing->invoke(request); }};
            host.enrol();
            disk.steps_left = steps;
            disk.effect_of_failed_step = effect;
            std::set<std::uint32_t> counters;
            bool failed = false;
            for (int tap = 0; tap < 400 && !failed; ++tap) {
                auto answer = host.call(Acquirer::purchase(100));
                failed = std::holds_alternative<TrustedFailure>(answer);
                if (failed) break;
                const auto outcome = host.tap(debit, 100);
                ASSERT_TRUE(outcome.card);
                ASSERT_TRUE(counters.insert(counter_of(*outcome.card)).second);
            }
            ASSERT_TRUE(failed) << "storage must have been needed";
            disk.steps_left = 1000;
            crashing = std::make_unique<TrustedCore>(disk);
            for (int tap = 0; tap < 130; ++tap) {
                const auto outcome = host.tap(debit, 100);
                ASSERT_TRUE(outcome.card) << "steps " << steps << " effect " << effect;
                ASSERT_TRUE(counters.insert(counter_of(*outcome.card)).second)
                    << "steps " << steps << " effect " << effect;
            }
        }
    }
}

// The same without the end of the process: it goes on once storage is back.
TEST_F(TrustedCoreTest, FailedSaveIsTriedAgain) {
    acquirer.enrol();
    restart();
    platform.steps_left = 0;
    EXPECT_EQ(fault(Acquirer::purchase(100)), TrustedFault::storage_failed);
    platform.steps_left = 1;
    EXPECT_EQ(fault(Acquirer::purchase(100)), TrustedFault::storage_failed);
    platform.steps_left = 10;
    EXPECT_TRUE(acquirer.tap(debit, 100).card);
}

TEST_F(TrustedCoreTest, FailedEnrolmentLeavesTheOldOne) {
    acquirer.enrol();
    const auto begun = acquirer.ask<protocol::EnrolBeginAnswer>(protocol::EnrolBeginRequest{});
    acquirer.initial_key_id[0] = 77;
    platform.steps_left = 0;
    EXPECT_EQ(fault(acquirer.enrolment(begun.public_point)), TrustedFault::storage_failed);
    EXPECT_EQ(acquirer.ask<protocol::StatusAnswer>(protocol::StatusRequest{}).initial_key_id[0], 1);
    platform.steps_left = 10;
    acquirer.ask<protocol::EnrolFinishAnswer>(acquirer.enrolment(begun.public_point));
    EXPECT_EQ(acquirer.ask<protocol::StatusAnswer>(protocol::StatusRequest{}).initial_key_id[0],
              77);
}

TEST_F(TrustedCoreTest, DamagedStateIsNoCrash) {
    acquirer.enrol();
    auto prng = testing::Prng::from_environment();
    const Buffer good = *platform.state;
    for (int i = 0; i < 200; ++i) {
        platform.state = good;
        auto& byte = (*platform.state)[prng.below(static_cast<unsigned>(good.size()))];
        byte = static_cast<std::uint8_t>(byte ^ (1U << prng.below(8)));
        if (prng.below(4) == 0) platform.state->resize(prng.below(200));
        restart();
        acquirer.call(Acquirer::purchase(100));
    }
}

TEST_F(TrustedCoreTest, RandomBytesAreAnsweredAndNeverCrash) {
    acquirer.enrol();
    auto prng = testing::Prng::from_environment();
    const std::vector<Buffer> seeds = {
        protocol::encode(protocol::TrustedRequest(Acquirer::purchase(100))),
        protocol::encode(protocol::TrustedRequest(protocol::TapContinueRequest{prng.bytes(60)})),
        protocol::encode(protocol::TrustedRequest(protocol::EnrolBeginRequest{})),
        protocol::encode(protocol::TrustedRequest(
            acquirer.enrolment(crypto::P256Key::generate()->public_point())))};
    for (int i = 0; i < 5000; ++i) {
        Buffer request = prng.bytes(prng.below(80));
        if (prng.below(4) != 0) {
            request = seeds[prng.below(4)];
            for (unsigned k = prng.below(4); k > 0; --k) {
                request[prng.below(static_cast<unsigned>(request.size()))] =
                    static_cast<std::uint8_t>(prng.below(256));
            }
        }
        const Buffer answer = core->invoke(request);
        ASSERT_TRUE(protocol::decode_trusted_answer(answer)) << "SEED=" << prng.seed();
    }
}

// A hostile card: right up to a point, and then anything.
TEST_F(TrustedCoreTest, AnyAnswersOfACardNeverCrash) {
    acquirer.enrol();
    auto prng = testing::Prng::from_environment();
    for (int i = 0; i < 400; ++i) {
        auto step = acquirer.ask<protocol::TapStep>(Acquirer::purchase(100));
        auto card = make_card("debit");
        while (const auto* send = std::get_if<protocol::SendApdu>(&step.next)) {
            Buffer rapdu = card.transmit(send->command);
            for (unsigned k = prng.below(3); k > 0; --k) {
                rapdu[prng.below(static_cast<unsigned>(rapdu.size()))] =
                    static_cast<std::uint8_t>(prng.below(256));
            }
            const auto answer = acquirer.call(protocol::TapContinueRequest{rapdu});
            const auto* next = std::get_if<protocol::TapStep>(&answer);
            if (next == nullptr) break;
            step = *next;
        }
    }
}

}  // namespace
}  // namespace softpos::trust
