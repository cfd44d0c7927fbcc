// Whole taps with virtual cards, opened by the host side of the keys; and everything that must not
// happen.
#include "phone/trust/trusted_core.h"

#include "base/hex.h"
#include "phone/trust/core_test_fixture.h"
#include "testing/prng.h"

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

class TrustedCoreTest : public CoreFixture {};

constexpr const char* debit_pan = "6210948000000003";

// Shows: MPOC-1D-ENCRYPT
TEST_F(TrustedCoreTest, SealedCardOpensAtTheHost) {
    acquirer.enrol();
    const auto outcome = acquirer.tap(debit, 1234);
    ASSERT_EQ(outcome.kind, TapOutcomeKind::online_request) << outcome.detail;
    EXPECT_EQ(outcome.refusal, Refusal::none);
    EXPECT_EQ(outcome.cvm, protocol::TapCvm::none);
    EXPECT_EQ(outcome.masked_pan, "621094******0003");
    EXPECT_EQ(to_hex(outcome.aid), "A000000333010101");
    auto card = acquirer.open(outcome, 1234);
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

// Shows: MPOC-1D-ENCRYPT
TEST_F(TrustedCoreTest, SealedCardIsBoundToAmountAndPermit) {
    acquirer.enrol();
    const auto outcome = acquirer.tap(debit, 1234);
    EXPECT_TRUE(acquirer.open(outcome, 1235).empty());
    auto changed = outcome;
    changed.card->ciphertext[0] = static_cast<std::uint8_t>(changed.card->ciphertext[0] ^ 1);
    EXPECT_TRUE(acquirer.open(changed, 1234).empty());
    auto other = outcome;
    other.permit.bytes[0] = 1;
    EXPECT_TRUE(acquirer.open(other, 1234).empty());
}

bool contains(Bytes haystack, Bytes needle) {
    return !std::ranges::search(haystack, needle).empty();
}

// Every form in which the PAN, track 2 or the cryptogram could slip out.
// Shows: MPOC-1A-ISOLATED, MPOC-1D-ENCRYPT, JRT0156-8
TEST_F(TrustedCoreTest, AnswersNeverCarryCardDataInClear) {
    acquirer.enrol();
    const auto outcome = acquirer.tap(debit, 1234);
    ASSERT_TRUE(outcome.card);
    auto card = acquirer.open(outcome, 1234);
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

// Shows: MPOC-1A-KEYS, MPOC-1D-ENCRYPT
TEST_F(TrustedCoreTest, EveryTapHasItsOwnKey) {
    acquirer.enrol();
    std::set<std::uint32_t> counters;
    for (int i = 0; i < 150; ++i) {
        const auto outcome = acquirer.tap(debit, 100 + i);
        ASSERT_TRUE(outcome.card) << i << outcome.detail;
        EXPECT_TRUE(counters.insert(counter_of(*outcome.card)).second);
        ASSERT_FALSE(acquirer.open(outcome, 100 + i).empty());
    }
    // Two changes for each block of 64, and one block at enrolment; the rest is the journal's.
    EXPECT_EQ(platform.changes - platform.journal_saves, 6);
}

TEST_F(TrustedCoreTest, OnlinePinIsRefusedBecauseThereIsNoPinPath) {
    acquirer.enrol();
    auto card = make_card("pin");
    const auto outcome = acquirer.tap(card, 200'000);
    EXPECT_EQ(outcome.kind, TapOutcomeKind::declined) << outcome.detail;
    EXPECT_EQ(outcome.refusal, Refusal::pin_required);
    EXPECT_FALSE(outcome.card);
    EXPECT_EQ(acquirer.status().next_counter, 1U) << "no key may be spent on it";
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
    acquirer.ask<protocol::TapStep>(acquirer.permitted(100));
    const auto step = acquirer.ask<protocol::TapStep>(
        protocol::TapContinueRequest{protocol::TapRfError::timeout});
    const auto* outcome = std::get_if<protocol::TapOutcome>(&step.next);
    ASSERT_NE(outcome, nullptr);
    EXPECT_EQ(outcome->kind, TapOutcomeKind::try_again);
    EXPECT_EQ(outcome->refusal, Refusal::card_removed);
    EXPECT_EQ(fault(protocol::TapContinueRequest{protocol::TapRfError::timeout}),
              TrustedFault::no_tap);
}

// Shows: A20
TEST_F(TrustedCoreTest, NewTapEndsTheOldOne) {
    acquirer.enrol();
    acquirer.ask<protocol::TapStep>(acquirer.permitted(100));
    EXPECT_TRUE(acquirer.tap(debit, 200).card);
    EXPECT_EQ(fault(protocol::TapContinueRequest{Buffer{0x90, 0x00}}), TrustedFault::no_tap);
    acquirer.ask<protocol::TapStep>(acquirer.permitted(100));
    acquirer.ask<protocol::TapAbortAnswer>(protocol::TapAbortRequest{});
    EXPECT_EQ(fault(protocol::TapContinueRequest{Buffer{0x90, 0x00}}), TrustedFault::no_tap);
}

TEST_F(TrustedCoreTest, RestartKeepsTheEnrolmentAndSkipsTheBlock) {
    acquirer.enrol();
    const auto before = acquirer.tap(debit, 100);
    restart();
    const auto status = acquirer.status();
    EXPECT_EQ(status.mode, protocol::CoreMode::ready);
    EXPECT_EQ(status.terminal_id, "T0000001");
    EXPECT_EQ(status.card_key_id, acquirer.initial_key_id);
    const auto after = acquirer.tap(debit, 100);
    ASSERT_TRUE(after.card);
    EXPECT_FALSE(acquirer.open(after, 100).empty());
    EXPECT_EQ(counter_of(*before.card), 1U);
    EXPECT_EQ(counter_of(*after.card), 1U + counter_block);
}

// What is stored while a block is in use stands behind it: whoever steals the file opens nothing
// that was sealed so far.
TEST_F(TrustedCoreTest, StoredStateHoldsNoKeyOfTheBlock) {
    acquirer.enrol();
    const auto state = read_core_state(*platform.state);
    ASSERT_TRUE(state);
    const auto device = crypto::DukptAesDevice::restore(state->card_dukpt.bytes());
    ASSERT_TRUE(device);
    EXPECT_EQ(device->counter(), 1 + counter_block);
}

// Shows: A21, MPOC-1A-STATE, JRT0156-6.4
TEST_F(TrustedCoreTest, OldStateIsFoundOut) {
    acquirer.enrol();
    const Buffer old = *platform.state;
    restart();
    ASSERT_TRUE(acquirer.tap(debit, 100).card);
    platform.state = old;
    restart();
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::state_rolled_back);
    acquirer.initial_key_id[7] = 99;
    acquirer.enrol();
    EXPECT_TRUE(acquirer.tap(debit, 100).card) << "a new enrolment heals it";
}

// Shows: A21, MPOC-1A-STATE, JRT0156-6.4
TEST_F(TrustedCoreTest, CounterThatWasSetBackIsFoundOut) {
    acquirer.enrol();
    restart();
    ASSERT_TRUE(acquirer.tap(debit, 100).card);
    platform.counter = 0;
    restart();
    EXPECT_EQ(fault(Acquirer::preparing(100)), TrustedFault::state_rolled_back);
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
// process ends. No counter and no number may come twice, and the terminal must work again.
// Shows: A21
TEST_F(TrustedCoreTest, CrashAtEveryStepNeverRepeatsACounterOrANumber) {
    for (const bool effect : {false, true}) {
        for (int steps = 0; steps < 70; steps += steps < 6 || steps > 62 ? 1 : 19) {
            MemoryPlatform disk;
            Acquirer host{[&](Bytes request) { return core->invoke(request); }};
            core = std::make_unique<TrustedCore>(disk, host.core_options());
            host.enrol();
            disk.steps_left = steps;
            disk.effect_of_failed_step = effect;
            std::set<std::uint32_t> counters;
            std::uint64_t last = 0;
            const auto take = [&](int count) {
                for (int i = 0; i < count; ++i) {
                    const auto prepared = host.call(Acquirer::preparing(100));
                    const auto* told = std::get_if<protocol::PermitPrepareAnswer>(&prepared);
                    if (told == nullptr) return false;
                    const auto request = host.read<protocol::PermitRequest>(told->request);
                    EXPECT_GT(request.sequence, last) << "steps " << steps << " effect " << effect;
                    last = request.sequence;
                    const auto begun = host.call(Acquirer::purchase(
                        100, host.signed_by_platform(protocol::SpaBody(host.permit_for(request)))));
                    const auto* step = std::get_if<protocol::TapStep>(&begun);
                    if (step == nullptr) return false;
                    const auto outcome = host.go_on(debit, *step);
                    EXPECT_TRUE(outcome.card && counters.insert(counter_of(*outcome.card)).second)
                        << "steps " << steps << " effect " << effect;
                }
                return true;
            };
            ASSERT_FALSE(take(200)) << "storage must have been needed";
            disk.steps_left = 1000;
            core = std::make_unique<TrustedCore>(disk, host.core_options());
            ASSERT_TRUE(take(130)) << "steps " << steps << " effect " << effect;
        }
    }
}

// The same without the end of the process: it goes on once storage is back.
TEST_F(TrustedCoreTest, FailedSaveIsTriedAgain) {
    acquirer.enrol();
    restart();
    for (int steps = 0; steps < 3; ++steps) {
        platform.steps_left = steps;
        const auto answer = acquirer.try_tap(100);
        EXPECT_EQ(std::get<TrustedFailure>(answer).fault, TrustedFault::storage_failed);
    }
    platform.steps_left = 10;
    EXPECT_TRUE(acquirer.tap(debit, 100).card);
}

TEST_F(TrustedCoreTest, DamagedStateOrJournalIsNoCrash) {
    acquirer.enrol();
    auto prng = testing::Prng::from_environment();
    const Buffer good = *platform.state;
    for (int i = 0; i < 200; ++i) {
        platform.state = good;
        auto& byte = (*platform.state)[prng.below(static_cast<unsigned>(good.size()))];
        byte = static_cast<std::uint8_t>(byte ^ (1U << prng.below(8)));
        if (prng.below(4) == 0) platform.state->resize(prng.below(200));
        restart();
        (void)acquirer.try_tap(100);
    }
    platform.state = good;
    const Buffer journal = *platform.journal;
    for (int i = 0; i < 200; ++i) {
        platform.journal = journal;
        auto& byte = (*platform.journal)[prng.below(static_cast<unsigned>(journal.size()))];
        byte = static_cast<std::uint8_t>(byte ^ (1U << prng.below(8)));
        if (prng.below(4) == 0) platform.journal->resize(prng.below(80));
        restart();
        (void)acquirer.try_tap(100);
    }
}

// Shows: A20, JRT0156-7.1, JRT0156-10.2
TEST_F(TrustedCoreTest, RandomBytesAreAnsweredAndNeverCrash) {
    acquirer.enrol();
    auto prng = testing::Prng::from_environment();
    const std::vector<Buffer> seeds = {
        protocol::encode(protocol::TrustedRequest(acquirer.permitted(100))),
        protocol::encode(protocol::TrustedRequest(protocol::TapContinueRequest{prng.bytes(60)})),
        protocol::encode(protocol::TrustedRequest(Acquirer::preparing(100))),
        protocol::encode(protocol::TrustedRequest(
            acquirer.finishing(acquirer.grant_for(acquirer.begin_enrolment())))),
        protocol::encode(
            protocol::TrustedRequest(acquirer.command(1, protocol::CommandAction::wipe_keys)))};
    for (int i = 0; i < 5000; ++i) {
        Buffer request = prng.bytes(prng.below(80));
        if (prng.below(4) != 0) {
            request = seeds[prng.below(static_cast<unsigned>(seeds.size()))];
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
        auto step = acquirer.ask<protocol::TapStep>(acquirer.permitted(100));
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
