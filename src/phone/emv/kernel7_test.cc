// Kernel 7 against a table that was written from the rules and not from the code, and against cards
// that answer badly.
#include "phone/emv/kernel7.h"

#include "base/hex.h"
#include "phone/emv/made_up_card.h"
#include "phone/emv/replay.h"
#include "phone/emv/tap.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace softpos::emv {
namespace {

using softpos::testing::unhex;
using testing::made_up_parameters;
using testing::made_up_request;
using testing::MadeUpCard;

TEST(Kernel7, EveryStateHasAnEntryForEveryEvent) {
    for (std::size_t phase = 0; phase < kernel7_phases; ++phase) {
        for (std::size_t event = 0; event < kernel_event_kinds; ++event) {
            EXPECT_NE(kernel7_action(Kernel7Phase{static_cast<std::uint8_t>(phase)},
                                     KernelEvent::Kind{static_cast<std::uint8_t>(event)}),
                      Kernel7Action::none)
                << phase << " " << event;
        }
    }
}

// What a tap must end in. Each row is one line of the rules in words: the card's decision, its CTQ
// ("absent" or hex), the capabilities of the reader (P online PIN, S signature, R CVM required).
struct Expected {
    OutcomeKind kind;
    Cvm cvm;
};

struct Rule {
    const char* ctq;     // "*" for any.
    const char* reader;  // Letters that must be there, lower case: must be absent.
    Expected expected;
};

constexpr Expected online(Cvm cvm) {
    return {OutcomeKind::online_request, cvm};
}
constexpr Expected refused{OutcomeKind::declined, Cvm::not_applicable};

// The first rule that fits. P/S: supported, p/s: not; R: required, r: not.
constexpr Rule arqc_rules[] = {
    {"absent", "RS", online(Cvm::signature)},
    {"absent", "Rs", refused},
    {"absent", "r", online(Cvm::no_cvm)},
    // 8000: the card wants a PIN and nothing else.
    {"8000", "P", online(Cvm::online_pin)},
    {"8000", "pR", refused},
    {"8000", "pr", online(Cvm::no_cvm)},
    // C000: PIN or signature.
    {"C000", "P", online(Cvm::online_pin)},
    {"C000", "pS", online(Cvm::signature)},
    {"C000", "psR", refused},
    {"C000", "psr", online(Cvm::no_cvm)},
    // 8080: PIN, and the device has verified its holder.
    {"8080", "P", online(Cvm::online_pin)},
    {"8080", "p", online(Cvm::confirmation_code)},
    // 4000: signature.
    {"4000", "S", online(Cvm::signature)},
    {"4000", "sR", refused},
    {"4000", "sr", online(Cvm::no_cvm)},
    // 0080 and 4080: the device has verified.
    {"0080", "", online(Cvm::confirmation_code)},
    {"4080", "", online(Cvm::confirmation_code)},
    // 0000 and bits that do not speak of verification: nothing is done, unless we must.
    {"0000", "R", refused},
    {"0000", "r", online(Cvm::no_cvm)},
    {"3C40", "R", refused},
    {"3C40", "r", online(Cvm::no_cvm)},
};

bool fits(const std::string& wanted, bool pin, bool signature, bool required) {
    for (const char letter : wanted) {
        if (letter == 'P' && !pin) return false;
        if (letter == 'p' && pin) return false;
        if (letter == 'S' && !signature) return false;
        if (letter == 's' && signature) return false;
        if (letter == 'R' && !required) return false;
        if (letter == 'r' && required) return false;
    }
    return true;
}

Expected expected_of(char decision, const std::string& ctq, bool pin, bool sign, bool required) {
    if (decision != 'Q') return refused;
    for (const auto& rule : arqc_rules) {
        if (ctq == rule.ctq && fits(rule.reader, pin, sign, required)) return rule.expected;
    }
    ADD_FAILURE() << "the table has a hole";
    return refused;
}

TEST(Kernel7, DecidesAsTheTableSays) {
    const std::vector<std::string> ctqs = {"absent", "0000", "8000", "4000", "C000",
                                           "0080",   "8080", "4080", "3C40"};
    unsigned rows = 0;
    for (const char decision : {'Q', 'T', 'A', 'X'}) {
        for (const auto& ctq : ctqs) {
            for (unsigned reader = 0; reader < 16; ++reader) {
                const bool pin = (reader & 1) != 0, sign = (reader & 2) != 0;
                const bool required = (reader & 4) != 0, fdda = (reader & 8) != 0;
                auto parameters =
                    made_up_parameters({static_cast<std::uint8_t>(0x20 | pin << 2 | sign << 1), 0,
                                        0, static_cast<std::uint8_t>(fdda << 7)},
                                       required ? std::optional<std::int64_t>(0) : std::nullopt);
                MadeUpCard card;
                card.set_decision(decision);
                card.set_ctq(ctq == "absent" ? "" : ctq);
                Tap tap(parameters);
                const auto transcript = card.transcript();
                const auto result = replay(tap, made_up_request(), transcript);
                const auto expected = expected_of(decision, ctq, pin, sign, required);
                const auto where = std::string(1, decision) + " " + ctq + " reader " +
                                   std::to_string(reader) + " " + describe(result.outcome.error);
                EXPECT_EQ(result.outcome.kind, expected.kind) << where;
                EXPECT_EQ(result.outcome.cvm, expected.cvm) << where;
                EXPECT_EQ(tap.take_record().has_value(),
                          expected.kind == OutcomeKind::online_request);
                ++rows;
            }
        }
    }
    EXPECT_EQ(rows, 4u * 9u * 16u);
}

// One tap with the given answer to GPO.
Outcome tap_with_answer(const std::string& answer) {
    const auto parameters = made_up_parameters();
    MadeUpCard card;
    auto transcript = card.transcript();
    transcript.back().answer = unhex(answer);
    Tap tap(parameters);
    return replay(tap, made_up_request(), transcript).outcome;
}

TEST(Kernel7, StatusWordsSayWhatToDoNext) {
    EXPECT_EQ(tap_with_answer("6984").kind, OutcomeKind::try_another_interface);
    EXPECT_EQ(tap_with_answer("6985").kind, OutcomeKind::end_application);  // No other candidate.
    EXPECT_EQ(tap_with_answer("6985").error.sw, 0x6985);
    const auto phone = tap_with_answer("6986");
    EXPECT_EQ(phone.kind, OutcomeKind::try_again);
    ASSERT_TRUE(phone.ui_on_outcome);
    EXPECT_EQ(phone.ui_on_outcome->message, Message::see_phone);
    EXPECT_EQ(phone.error.cause, Cause::see_phone);
    EXPECT_EQ(tap_with_answer("6A81").kind, OutcomeKind::end_application);
    EXPECT_EQ(tap_with_answer("9000").error.cause, Cause::malformed);
}

TEST(Kernel7, FormatOneIsNotQuickMode) {
    const auto outcome = tap_with_answer(
        "80067C0008010100"
        "9000");
    EXPECT_EQ(outcome.kind, OutcomeKind::end_application);
    EXPECT_EQ(outcome.error.cause, Cause::wrong_template);
    EXPECT_EQ(describe(outcome.error), "kernel 07 state 2: wrong_template 80");
}

TEST(Kernel7, NamesTheMissingObject) {
    for (const std::uint32_t tag : {0x82u, 0x9F36u, 0x9F10u, 0x9F26u, 0x57u}) {
        MadeUpCard card;
        card.remove(codec::Tag{tag});
        const auto parameters = made_up_parameters();
        Tap tap(parameters);
        const auto outcome = replay(tap, made_up_request(), card.transcript()).outcome;
        EXPECT_EQ(outcome.kind, OutcomeKind::end_application);
        EXPECT_EQ(outcome.error.cause, Cause::missing);
        EXPECT_EQ(outcome.error.tag, codec::Tag{tag});
        EXPECT_EQ(outcome.error.kernel, kernel_unionpay);
    }
}

TEST(Kernel7, RefusesDoubleWrongAndContradictingObjects) {
    struct Case {
        const char* more;
        Cause cause;
        std::uint32_t tag;
    };
    const Case cases[] = {{"82027C00", Cause::malformed, 0x82},
                          {"9F6C0100", Cause::malformed, 0x9F6C},
                          {"9F270140", Cause::contradiction, 0x9F27},
                          {"9F2705", Cause::malformed, 0x77}};
    for (const auto& one : cases) {
        MadeUpCard card;
        if (one.tag == 0x9F6C) card.set_ctq("");
        card.append(unhex(one.more));
        const auto parameters = made_up_parameters();
        Tap tap(parameters);
        const auto outcome = replay(tap, made_up_request(), card.transcript()).outcome;
        EXPECT_EQ(outcome.error.cause, one.cause) << one.more;
        EXPECT_EQ(outcome.error.tag, codec::Tag{one.tag}) << one.more;
    }
}

TEST(Kernel7, CannotBeToldItsOwnTerminalData) {
    MadeUpCard card;
    card.append(
        unhex("9F1A02"
              "0840"
              "9F3704"
              "00000000"
              "9F0206"
              "000000000001"));
    const auto parameters = made_up_parameters();
    Tap tap(parameters);
    ASSERT_EQ(replay(tap, made_up_request(), card.transcript()).outcome.kind,
              OutcomeKind::online_request);
    const auto text = to_hex(tap.take_record()->field55());
    EXPECT_NE(text.find("9F1A020156"), std::string::npos);
    EXPECT_NE(text.find("9F0206000000000100"), std::string::npos);
    EXPECT_NE(text.find("9F37040A0B0C0D"), std::string::npos);
}

TEST(Kernel7, CardWithoutTtqInItsPdolCannotBeUsed) {
    for (const std::string pdol : {"", "9F02069F3704"}) {
        MadeUpCard card;
        card.set_pdol(unhex(pdol));
        const auto parameters = made_up_parameters();
        Tap tap(parameters);
        const auto result = replay(tap, made_up_request(), card.transcript());
        EXPECT_EQ(result.outcome.kind, OutcomeKind::try_another_interface);
        EXPECT_EQ(result.outcome.error.cause, Cause::no_ttq_in_pdol);
        EXPECT_EQ(result.commands.size(), 2u);
    }
}

TEST(Kernel7, TornRadioIsTriedAgainAndNotForEver) {
    const auto parameters = made_up_parameters();
    MadeUpCard card;
    auto transcript = card.transcript();
    transcript.back().answer.clear();
    Tap tap(parameters);
    const auto once = replay(tap, made_up_request(), transcript).outcome;
    EXPECT_EQ(once.kind, OutcomeKind::try_again);
    EXPECT_EQ(once.error.cause, Cause::link_lost);

    auto request = made_up_request();
    request.finding = CardFinding::by_steps;
    std::vector<Exchange> many;
    for (int i = 0; i < 40; ++i) many.insert(many.end(), transcript.begin(), transcript.end());
    const auto ended = replay(tap, request, many);
    EXPECT_EQ(ended.outcome.kind, OutcomeKind::end_application);
    EXPECT_EQ(ended.outcome.error.cause, Cause::link_lost);
    EXPECT_EQ(ended.commands.size(), 3u * (tries_max + 1));
}

TEST(Kernel7, SmallAmountNeedsNoProofAndTheLimitCounts) {
    for (const std::int64_t amount : {100, 100'000, 100'001}) {
        auto parameters = made_up_parameters({0x26, 0, 0, 0}, 0);
        parameters.set({.enrolled = true, .limit_minor = 100'000});
        auto request = made_up_request();
        request.transaction.amount_minor = amount;
        MadeUpCard card;
        card.set_ctq("0000");
        Tap tap(parameters);
        const auto result = replay(tap, request, card.transcript());
        const bool small = amount <= 100'000;
        EXPECT_EQ(result.outcome.kind, small ? OutcomeKind::online_request : OutcomeKind::declined);
        EXPECT_EQ(to_hex(result.commands.at(2)).substr(14, 8), small ? "26800000" : "26C00000");
        EXPECT_EQ(result.commands.size(), 3u);
    }
}

// The answer to GET DATA 9F51, the currency of the FCI, and whether the rule holds then.
TEST(Kernel7, AsksForTheCurrencyOnlyWhenThePolicyDoes) {
    struct Case {
        const char* answer;
        const char* in_fci;
        bool small;
    };
    const Case cases[] = {{"9F51020156"
                           "9000",
                           "", true},
                          {"9F51020344"
                           "9000",
                           "", false},
                          {"9F51020344"
                           "9000",
                           "DF71020156", true},
                          {"6A88", "", false},
                          {"6A88", "DF71020156", false},
                          {"9F510101"
                           "9000",
                           "", false}};
    for (const auto& one : cases) {
        auto parameters = made_up_parameters({0x26, 0, 0, 0}, 0);
        parameters.set(
            {.enrolled = true, .limit_minor = 100'000, .check = DomesticCheck::get_data});
        MadeUpCard card;
        card.set_ctq("0080");
        card.set_more_fci(unhex(one.in_fci));
        auto transcript = card.transcript();
        transcript.insert(transcript.begin() + 2, {unhex("80CA9F5100"), unhex(one.answer)});
        Tap tap(parameters);
        const auto result = replay(tap, made_up_request(), transcript);
        EXPECT_EQ(result.commands.at(2), unhex("80CA9F5100"));
        EXPECT_EQ(to_hex(result.commands.at(3)).substr(14, 8), one.small ? "26800000" : "26C00000")
            << one.answer << " " << one.in_fci;
    }
}

TEST(Kernel7, SmallAmountMayOverruleThePin) {
    for (const bool overrule : {false, true}) {
        auto parameters = made_up_parameters({0x26, 0, 0, 0}, 0);
        parameters.set({.enrolled = true, .limit_minor = 100'000, .overrule_pin = overrule});
        MadeUpCard card;
        card.set_ctq("8000");
        Tap tap(parameters);
        EXPECT_EQ(replay(tap, made_up_request(), card.transcript()).outcome.cvm,
                  overrule ? Cvm::no_cvm : Cvm::online_pin);
    }
}

TEST(Kernel7, CvmRulesAreData) {
    const CvmRule always{.country = 156, .pin = PinRule::always};
    const CvmRule never{.country = 156, .pin = PinRule::never};
    const CvmRule with_pin{.country = 156, .signature = SignatureRule::with_pin};
    const std::array<std::uint8_t, 2> pin{0x80, 0x00}, device{0x00, 0x80};
    const Ttq both{0x26, 0x80, 0, 0}, no_pin{0x22, 0x80, 0, 0};
    EXPECT_EQ(decide_cvm({both, device, &always})->cvm, Cvm::online_pin);
    EXPECT_FALSE(decide_cvm({no_pin, device, &always}));
    EXPECT_EQ(decide_cvm({both, pin, &never})->cvm, Cvm::no_cvm);
    EXPECT_TRUE(decide_cvm({both, pin, &with_pin})->signature_too);
    EXPECT_FALSE(decide_cvm({both, pin, nullptr})->signature_too);
}

TEST(Kernel7, ReadsTheDecisionBehindTheLengthByte) {
    EXPECT_EQ(card_decision(unhex("07010103A0000001")), CardDecision::arqc);
    EXPECT_EQ(card_decision(unhex("0701010390000001")), CardDecision::tc);
    EXPECT_EQ(card_decision(unhex("0701010380000001")), CardDecision::aac);
    EXPECT_EQ(card_decision(unhex("07010103B0000001")), CardDecision::reserved);
    EXPECT_FALSE(card_decision(unhex("06011103A00000")));
    EXPECT_FALSE(card_decision(unhex("07010103A00000")));
}

}  // namespace
}  // namespace softpos::emv
