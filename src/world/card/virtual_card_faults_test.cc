// What a faulty card does: each fault is seen where it should be, and the card is whole again
// after.
#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"
#include "world/card/test_cards.h"

#include <gtest/gtest.h>

namespace softpos::card {
namespace {

using codec::find_value;
using codec::Tag;
using testing::unhex;

const Buffer select_ppse = unhex("00A404000E325041592E5359532E444446303100");
const Buffer select_debit = unhex("00A4040008A00000033301010100");
const Buffer gpo = unhex(
    "80A8000023 8321 26800000 000000000100 000000000000 0156 0000000000 0156 261122 00 2B29EBE4 "
    "00");

VirtualCard faulty(std::string_view script) {
    VirtualCard card = test::make_card("debit");
    card.set_faults(CardFaults::parse(script).value());
    return card;
}

// The three commands of an online tap, afresh.
std::vector<CardAnswer> tap(VirtualCard& card) {
    card.reset();
    std::vector<CardAnswer> answers;
    for (const Buffer& command : {select_ppse, select_debit, gpo}) {
        answers.push_back(card.exchange(command));
    }
    return answers;
}

std::uint16_t sw_of(const CardAnswer& answer) {
    return codec::parse_response(answer.rapdu).value().sw;
}

Bytes gpo_objects(const CardAnswer& answer) {
    return find_value(codec::parse_response(answer.rapdu).value().data, Tag{0x77})->value();
}

std::string gpo_object(const CardAnswer& answer, std::uint32_t tag) {
    const auto value = find_value(gpo_objects(answer), Tag{tag}).value();
    return value ? to_hex(*value) : "none";
}

TEST(VirtualCardFaults, StatusWordComesInsteadOfTheCommand) {
    VirtualCard card = faulty("sw@3=6F00*1");
    auto answers = tap(card);
    EXPECT_EQ(sw_of(answers[1]), 0x9000);
    EXPECT_EQ(to_hex(answers[2].rapdu), "6F00");
    EXPECT_EQ(card.state().atc, 0);
    EXPECT_EQ(sw_of(tap(card)[2]), 0x9000);
}

TEST(VirtualCardFaults, CardThatLeavesHasNotSeenTheCommand) {
    VirtualCard card = faulty("leave@3*1");
    auto answers = tap(card);
    EXPECT_TRUE(answers[2].left_field);
    EXPECT_TRUE(answers[2].rapdu.empty());
    EXPECT_EQ(card.state().atc, 0);
    EXPECT_TRUE(card.exchange(select_ppse).left_field);  // Still away.
    EXPECT_EQ(sw_of(tap(card)[2]), 0x9000);
}

TEST(VirtualCardFaults, TornCardHasDoneTheCommand) {
    VirtualCard card = faulty("tear@3*1");
    EXPECT_TRUE(tap(card)[2].left_field);
    EXPECT_EQ(card.state().atc, 1);
    EXPECT_EQ(gpo_object(tap(card)[2], 0x9F36), "0002");
}

TEST(VirtualCardFaults, SlownessIsReportedAndNotSlept) {
    VirtualCard card = faulty("slow@2=60000");
    const auto answers = tap(card);
    EXPECT_EQ(answers[0].delay_ms, 0U);
    EXPECT_EQ(answers[1].delay_ms, 60'000U);
    EXPECT_EQ(sw_of(answers[1]), 0x9000);
}

TEST(VirtualCardFaults, TruncatedAnswerKeepsItsStatusWord) {
    VirtualCard card = faulty("truncate@3=10");
    const auto answer = tap(card)[2];
    EXPECT_EQ(answer.rapdu.size(), 12U);
    EXPECT_EQ(sw_of(answer), 0x9000);
    VirtualCard whole = faulty("truncate@3=255");
    EXPECT_GT(tap(whole)[2].rapdu.size(), 12U);
}

TEST(VirtualCardFaults, GarbageIsAsLongAsToldAndTheSameTwice) {
    VirtualCard card = faulty("garbage@1=40");
    const auto first = tap(card)[0];
    EXPECT_EQ(first.rapdu.size(), 42U);
    EXPECT_EQ(sw_of(first), 0x9000);
    EXPECT_EQ(tap(card)[0].rapdu, first.rapdu);
}

TEST(VirtualCardFaults, EachObjectOfGpoCanBeMissing) {
    for (const std::uint32_t tag : {0x82U, 0x9F36U, 0x57U, 0x9F10U, 0x9F26U, 0x5F34U, 0x9F6CU}) {
        VirtualCard card = faulty("missing-tag=" + hex_number(tag));
        const auto answer = tap(card)[2];
        std::size_t count = 0;
        codec::TlvReader reader(gpo_objects(answer));
        while (const auto object = reader.next().value()) {
            EXPECT_NE(object->tag, Tag{tag});
            ++count;
        }
        EXPECT_EQ(count, 6U);
    }
}

TEST(VirtualCardFaults, WholeTemplateCanBeMissing) {
    VirtualCard card = faulty("missing-tag@1=61");
    const auto directory = tap(card)[0];
    EXPECT_EQ(to_hex(directory.rapdu), "6F15840E325041592E5359532E4444463031A503BF0C009000");
}

TEST(VirtualCardFaults, WrongCryptogramDiffersFromTheRightOne) {
    VirtualCard good = test::make_card("debit");
    VirtualCard bad = faulty("wrong-arqc");
    const auto right = tap(good)[2];
    const auto wrong = tap(bad)[2];
    EXPECT_NE(gpo_object(wrong, 0x9F26), gpo_object(right, 0x9F26));
    EXPECT_EQ(gpo_object(wrong, 0x9F10), gpo_object(right, 0x9F10));
}

TEST(VirtualCardFaults, SeePhoneHappensOnceAndIsNotCounted) {
    VirtualCard card = faulty("see-phone");
    EXPECT_EQ(sw_of(tap(card)[2]), 0x6986);
    EXPECT_EQ(card.state().atc, 0);
    EXPECT_EQ(sw_of(tap(card)[2]), 0x9000);
}

TEST(VirtualCardFaults, RefusingCardAlwaysRefuses) {
    VirtualCard card = faulty("refuse");
    EXPECT_EQ(sw_of(tap(card)[2]), 0x6985);
    EXPECT_EQ(sw_of(tap(card)[2]), 0x6985);
}

TEST(VirtualCardFaults, UnaskedApprovalComesWithRecords) {
    VirtualCard card = faulty("tc");
    const auto answer = tap(card)[2];
    EXPECT_EQ(gpo_object(answer, 0x9F10), "0701010390000001");
    EXPECT_EQ(gpo_object(answer, 0x94), "08010200");
    EXPECT_EQ(sw_of(card.exchange(unhex("00B2010C00"))), 0x9000);
    EXPECT_EQ(sw_of(card.exchange(unhex("00B2020C00"))), 0x9000);
}

TEST(VirtualCardFaults, DecliningCardDeclines) {
    VirtualCard card = faulty("aac");
    EXPECT_EQ(gpo_object(tap(card)[2], 0x9F10), "0701010380000001");
}

// Any script on any commands: an answer with a status word, or the card is out of the field.
TEST(VirtualCardFaults, AnyScriptKeepsThePromise) {
    auto prng = testing::Prng::from_environment();
    SCOPED_TRACE("SEED=" + std::to_string(prng.seed()));
    const std::vector<std::string> items{
        "sw@1=6A82",      "leave@2*3",     "tear@3*2",        "slow@2=5",
        "truncate@1=0",   "truncate@3=77", "garbage@2=255",   "missing-tag=9F10*2",
        "missing-tag=6F", "wrong-arqc",    "see-phone",       "refuse*3",
        "tc*5",           "aac",           "missing-tag=77*1"};
    for (int round = 0; round < 500; ++round) {
        std::string script;
        for (unsigned count = prng.below(6); count > 0; --count) {
            script += items[prng.below(static_cast<unsigned>(items.size()))] + " ";
        }
        VirtualCard card = faulty(script);
        for (int taps = 0; taps < 5; ++taps) {
            for (const CardAnswer& answer : tap(card)) {
                ASSERT_TRUE(answer.left_field ? answer.rapdu.empty() : answer.rapdu.size() >= 2)
                    << script;
                ASSERT_LE(answer.rapdu.size(), 258U) << script;
            }
        }
    }
}

}  // namespace
}  // namespace softpos::card
