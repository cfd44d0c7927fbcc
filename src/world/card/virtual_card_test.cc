// The card as a reader sees it: what it answers when all goes well, what it refuses, how it counts.
#include "world/card/virtual_card.h"

#include "base/hex.h"
#include "testing/prng.h"
#include "testing/vectors.h"
#include "world/card/cryptogram.h"
#include "world/card/test_cards.h"

#include <gtest/gtest.h>

namespace softpos::card {
namespace {

using codec::find_value;
using codec::Tag;
using testing::unhex;

const Buffer select_ppse = unhex("00A404000E325041592E5359532E444446303100");
const Buffer select_debit = unhex("00A4040008A00000033301010100");
const Buffer read_first = unhex("00B2010C00");

// Amount 1.00, CNY, 2026-11-22, and this TTQ.
Buffer gpo(std::string_view ttq = "26800000") {
    return unhex("80A8000023 8321" + std::string(ttq) +
                 "000000000100 000000000000 0156 0000000000 0156 261122 00 2B29EBE4 00");
}

std::uint16_t sw_of(const Buffer& rapdu) {
    return codec::parse_response(rapdu).value().sw;
}

Bytes data_of(const Buffer& rapdu) {
    return codec::parse_response(rapdu).value().data;
}

Bytes objects_of(const Buffer& rapdu, std::uint32_t template_tag) {
    return find_value(data_of(rapdu), Tag{template_tag}).value().value();
}

std::string object(const Buffer& rapdu, std::uint32_t tag) {
    const auto value = find_value(objects_of(rapdu, 0x77), Tag{tag}).value();
    return value ? to_hex(*value) : "none";
}

Buffer gpo_of(VirtualCard& card, std::string_view ttq = "26800000") {
    const Buffer aid_select = unhex("00A4040005A00000033300");  // By RID: whatever the card has.
    EXPECT_EQ(sw_of(card.transmit(aid_select)), 0x9000);
    return card.transmit(gpo(ttq));
}

// What the issuer gets to see of a GPO answer.
Result<IssuerCheck> issuer_says(const VirtualCard& card, const Buffer& answer) {
    Buffer field55;
    codec::TlvWriter out(field55);
    for (const std::uint32_t tag : {0x9F26U, 0x9F10U, 0x9F36U, 0x82U}) {
        const auto value = find_value(objects_of(answer, 0x77), Tag{tag}).value();
        if (value) out.put(Tag{tag}, *value);
    }
    out.put(Tag{0x9F37}, unhex("2B29EBE4"));
    out.put(Tag{0x95}, Buffer(5));
    out.put(Tag{0x9A}, unhex("261122"));
    out.put_byte(Tag{0x9C}, 0);
    out.put(Tag{0x9F02}, unhex("000000000100"));
    out.put(Tag{0x5F2A}, unhex("0156"));
    out.put(Tag{0x9F1A}, unhex("0156"));
    out.put(Tag{0x9F03}, Buffer(6));
    const CardProfile& profile = card.profile();
    return check_field55(test::issuer_of(profile), profile.pan, profile.psn, field55);
}

TEST(VirtualCard, DirectoryIsThatOfARealCard) {
    const auto json = testing::read_shared("emv/unionpay/qpboc_online_tap.json");
    if (!json) GTEST_SKIP() << "no shared cases";
    CardProfile profile = test::profile("debit");
    profile.label = "PBOC DEBIT";
    VirtualCard card = test::make_card(std::move(profile));
    EXPECT_NE(json->find('"' + to_hex(card.transmit(select_ppse)) + '"'), std::string::npos);
}

TEST(VirtualCard, SelectGivesNameAndPdol) {
    VirtualCard card = test::make_card("debit");
    const Buffer rapdu = card.transmit(select_debit);
    ASSERT_EQ(sw_of(rapdu), 0x9000);
    const Bytes fci = objects_of(rapdu, 0x6F);
    EXPECT_EQ(to_hex(find_value(fci, Tag{0x84})->value()), "A000000333010101");
    const Bytes proprietary = find_value(fci, Tag{0xA5})->value();
    EXPECT_EQ(to_hex(find_value(proprietary, Tag{0x9F38})->value()),
              "9F66049F02069F03069F1A0295055F2A029A039C019F3704");
    EXPECT_EQ(text_of(find_value(proprietary, Tag{0x50})->value()), "UNIONPAY DEBIT");
}

TEST(VirtualCard, OnlineTapGivesWhatAKernelNeeds) {
    VirtualCard card = test::make_card("debit", {.atc = 0x0ADB});
    EXPECT_EQ(sw_of(card.transmit(select_ppse)), 0x9000);
    EXPECT_EQ(sw_of(card.transmit(select_debit)), 0x9000);
    const Buffer answer = card.transmit(gpo());
    ASSERT_EQ(sw_of(answer), 0x9000);
    EXPECT_EQ(object(answer, 0x9F36), "0ADC");
    EXPECT_EQ(object(answer, 0x57), "6210948000000003D30122200000000000");
    EXPECT_EQ(object(answer, 0x9F10), "07010103A0000001");
    EXPECT_EQ(object(answer, 0x5F34), "00");
    EXPECT_EQ(object(answer, 0x9F6C), "0000");
    EXPECT_EQ(object(answer, 0x94), "none");
    EXPECT_EQ(object(answer, 0x9F5D), "none");
}

TEST(VirtualCard, IssuerAcceptsTheCryptogramOfEachCard) {
    for (const char* name :
         {"debit", "credit", "wallet-cdcvm", "pin", "signature", "expired", "foreign", "cash"}) {
        SCOPED_TRACE(name);
        VirtualCard card = test::make_card(name);
        const Buffer answer = gpo_of(card);
        const IssuerCheck check = issuer_says(card, answer).value();
        EXPECT_TRUE(check.genuine);
        EXPECT_EQ(check.type, CryptogramType::arqc);
        EXPECT_EQ(check.atc, 1);
    }
}

TEST(VirtualCard, CashCardShowsItsBalance) {
    VirtualCard card = test::make_card("cash");
    EXPECT_EQ(object(gpo_of(card), 0x9F5D), "000000038787");
    EXPECT_EQ(to_hex(card.transmit(unhex("80CA9F7900"))), "9F79060000000387879000");
}

TEST(VirtualCard, PartialNameSelectsAndAnotherDoesNot) {
    VirtualCard card = test::make_card("debit");
    EXPECT_EQ(sw_of(card.transmit(unhex("00A4040005A00000033300"))), 0x9000);
    EXPECT_EQ(sw_of(card.transmit(unhex("00A4040007A000000333010100"))), 0x9000);
    EXPECT_EQ(sw_of(card.transmit(unhex("00A4040008A00000033301010200"))), 0x6A82);
    EXPECT_EQ(sw_of(card.transmit(unhex("00A4040009A0000003330101010100"))), 0x6A82);
    EXPECT_EQ(sw_of(card.transmit(unhex("00A4040007A000000003101000"))), 0x6A82);
    EXPECT_EQ(sw_of(card.transmit(unhex("00A4040205A00000033300"))), 0x6A82);  // Next: none.
}

TEST(VirtualCard, FailedSelectLeavesNothingSelected) {
    VirtualCard card = test::make_card("debit");
    card.transmit(select_debit);
    card.transmit(unhex("00A4040007A000000003101000"));
    EXPECT_EQ(sw_of(card.transmit(gpo())), 0x6985);
}

TEST(VirtualCard, CtqFollowsProfileAndReader) {
    const struct {
        const char* name;
        const char* ttq;
        const char* ctq;
    } cases[] = {
        {"debit", "26C00000", "0000"},        {"pin", "26800000", "0000"},
        {"pin", "26C00000", "8000"},          {"pin", "22C00000", "0000"},  // No PIN at the reader.
        {"pin-always", "26800000", "8000"},   {"signature", "26800000", "0000"},
        {"signature", "26C00000", "4000"},    {"signature", "24C00000", "0000"},
        {"wallet-cdcvm", "26800000", "0080"}, {"wallet-cdcvm", "26C00000", "0080"},
        {"foreign", "26800000", "4000"},
    };
    for (const auto& [name, ttq, ctq] : cases) {
        VirtualCard card = test::make_card(name);
        EXPECT_EQ(object(gpo_of(card, ttq), 0x9F6C), ctq) << name << " " << ttq;
    }
}

TEST(VirtualCard, ReaderWithoutTheQuickFlowIsRefusedAndNothingIsCounted) {
    VirtualCard card = test::make_card("debit");
    EXPECT_EQ(sw_of(gpo_of(card, "46800000")), 0x6985);
    EXPECT_EQ(card.state().atc, 0);
}

TEST(VirtualCard, OfflineReaderIsDeclined) {
    VirtualCard card = test::make_card("debit");
    const Buffer answer = gpo_of(card, "28000000");
    EXPECT_EQ(object(answer, 0x9F10), "0701010380000001");
    EXPECT_EQ(issuer_says(card, answer)->type, CryptogramType::aac);
}

TEST(VirtualCard, SecondGpoNeedsAnotherSelect) {
    VirtualCard card = test::make_card("debit");
    EXPECT_EQ(sw_of(card.transmit(gpo())), 0x6985);
    EXPECT_EQ(sw_of(gpo_of(card)), 0x9000);
    EXPECT_EQ(sw_of(card.transmit(gpo())), 0x6985);
    EXPECT_EQ(sw_of(gpo_of(card)), 0x9000);
    EXPECT_EQ(card.state().atc, 2);
}

TEST(VirtualCard, CounterRisesAndCryptogramsNeverRepeat) {
    VirtualCard card = test::make_card("debit");
    std::string last;
    for (std::uint16_t tap = 1; tap <= 20; ++tap) {
        card.reset();
        const Buffer answer = gpo_of(card);
        EXPECT_EQ(card.state().atc, tap);
        EXPECT_NE(object(answer, 0x9F26), last);
        last = object(answer, 0x9F26);
    }
    EXPECT_EQ(to_hex(card.transmit(unhex("80CA9F3600"))), "9F360200149000");
}

TEST(VirtualCard, UsedUpCounterBlocksForEver) {
    VirtualCard card = test::make_card("debit", {.atc = 0xFFFE});
    EXPECT_EQ(object(gpo_of(card), 0x9F36), "FFFF");
    EXPECT_EQ(sw_of(gpo_of(card)), 0x6985);
    card.reset();
    EXPECT_EQ(sw_of(gpo_of(card)), 0x6985);
    EXPECT_EQ(card.state().atc, 0xFFFF);
}

TEST(VirtualCard, StateIsWrittenDownBeforeItIsUsed) {
    VirtualCard card = test::make_card("debit");
    std::vector<std::uint16_t> written;
    bool broken = false;
    card.set_state_sink([&](const CardState& state) -> Result<void> {
        if (broken) return fail(ErrorKind::unavailable, "disk full");
        written.push_back(state.atc);
        return {};
    });
    EXPECT_EQ(sw_of(gpo_of(card)), 0x9000);
    broken = true;
    EXPECT_EQ(sw_of(gpo_of(card)), 0x6581);
    broken = false;
    EXPECT_EQ(object(gpo_of(card), 0x9F36), "0003");  // 2 was lost, not used twice.
    EXPECT_EQ(written, (std::vector<std::uint16_t>{1, 3}));
}

TEST(VirtualCard, PowerForgetsTheSelectionAndKeepsTheCounter) {
    VirtualCard card = test::make_card("debit");
    gpo_of(card);
    card.transmit(select_debit);
    card.reset();
    EXPECT_EQ(sw_of(card.transmit(gpo())), 0x6985);
    card.power_off();
    EXPECT_TRUE(card.exchange(select_ppse).left_field);
    card.reset();
    EXPECT_EQ(sw_of(gpo_of(card)), 0x9000);
    EXPECT_EQ(card.state().atc, 2);
}

TEST(VirtualCard, BlockedApplicationSaysSo) {
    VirtualCard card = test::make_card("blocked");
    EXPECT_EQ(sw_of(card.transmit(select_debit)), 0x6283);
    EXPECT_EQ(sw_of(card.transmit(gpo())), 0x6985);
    CardProfile profile = test::profile("debit");
    profile.life = CardLife::card_blocked;
    VirtualCard dead = test::make_card(std::move(profile));
    EXPECT_EQ(sw_of(dead.transmit(select_ppse)), 0x6A81);
}

TEST(VirtualCard, CurrencyAndCountryCanBeAskedFor) {
    VirtualCard card = test::make_card("foreign");
    EXPECT_EQ(sw_of(card.transmit(unhex("80CA9F5100"))), 0x6985);  // Nothing selected yet.
    card.transmit(unhex("00A4040005A00000033300"));
    EXPECT_EQ(to_hex(card.transmit(unhex("80CA9F5100"))), "9F510203449000");
    EXPECT_EQ(to_hex(card.transmit(unhex("80CA9F5700"))), "9F570203449000");
    EXPECT_EQ(sw_of(card.transmit(unhex("80CA9F7900"))), 0x6A88);
    EXPECT_EQ(sw_of(card.transmit(unhex("80CA9F1700"))), 0x6A88);
}

TEST(VirtualCard, WrongCommandsGetTheirStatusWord) {
    const struct {
        const char* command;
        std::uint16_t sw;
    } cases[] = {
        {"00", 0x6700},
        {"00A40400", 0x6700},                        // No Le.
        {"00A4040008A0000003330101", 0x6700},        // Lc says more than there is.
        {"00A4040008A0000003330101010000", 0x6700},  // And less.
        {"00A404000000", 0x6700},                    // Extended length.
        {"00A4040004A000000300", 0x6700},            // Name too short.
        {"00A4000005A00000033300", 0x6A86},          // Not by name.
        {"00A4040105A00000033300", 0x6A86},          // Last: no such way.
        {"0070000000", 0x6D00},                      // MANAGE CHANNEL.
        {"80AE800000", 0x6D00},                      // GENERATE AC: not in the quick flow.
        {"0088000000", 0x6D00},                      // INTERNAL AUTHENTICATE.
        {"84A4040005A00000033300", 0x6E00},
        {"80A4040005A00000033300", 0x6E00},
        {"00A8000002830000", 0x6E00},
        {"FFCA000000", 0x6E00},  // A reader's pseudo command.
        {"00B2010C00", 0x6985},
        {"00B2011400", 0x6A82},
        {"00B2010D00", 0x6A86},
    };
    for (const auto& [command, sw] : cases) {
        VirtualCard card = test::make_card("debit");
        card.transmit(select_debit);
        EXPECT_EQ(sw_of(card.transmit(unhex(command))), sw) << command;
    }
}

TEST(VirtualCard, WrongOptionsAreRefusedWithoutBeingCounted) {
    VirtualCard card = test::make_card("debit");
    card.transmit(select_debit);
    EXPECT_EQ(sw_of(card.transmit(unhex("80A8000002830000"))), 0x6700);
    Buffer other_template = gpo();
    other_template[5] = 0x84;
    EXPECT_EQ(sw_of(card.transmit(other_template)), 0x6A80);
    Buffer wrong_length = gpo();
    wrong_length[6] = 0x20;
    EXPECT_EQ(sw_of(card.transmit(wrong_length)), 0x6A80);
    Buffer with_p1 = gpo();
    with_p1[2] = 1;
    EXPECT_EQ(sw_of(card.transmit(with_p1)), 0x6A86);
    EXPECT_EQ(card.state().atc, 0);
    EXPECT_EQ(sw_of(card.transmit(gpo())), 0x9000);  // The selection has outlived all that.
}

TEST(VirtualCard, TooShortLeIsToldTheExactLength) {
    VirtualCard card = test::make_card("debit");
    Buffer short_le = select_debit;
    short_le.back() = 1;
    const std::uint16_t sw = sw_of(card.transmit(short_le));
    ASSERT_EQ(sw & 0xFF00, 0x6C00);
    short_le.back() = static_cast<std::uint8_t>(sw);
    EXPECT_EQ(sw_of(card.transmit(short_le)), 0x9000);
}

TEST(VirtualCard, RecordsAreThereAfterGpo) {
    VirtualCard card = test::make_card("credit");
    gpo_of(card);
    const Buffer first = card.transmit(read_first);
    EXPECT_EQ(to_hex(objects_of(first, 0x70)),
              "5A0A6231200100000000217F5F24033112315F280201565F340101");
    EXPECT_EQ(to_hex(card.transmit(unhex("00B2020C00"))), "70099F74064543433030319000");
    EXPECT_EQ(sw_of(card.transmit(unhex("00B2030C00"))), 0x6A83);
    EXPECT_EQ(sw_of(card.transmit(unhex("00B2000C00"))), 0x6A83);
}

// Whatever comes, in whatever order: an answer with a status word, never more than a reader takes,
// and a counter that does not fall.
TEST(VirtualCard, AnyCommandIsAnswered) {
    auto prng = testing::Prng::from_environment();
    SCOPED_TRACE("SEED=" + std::to_string(prng.seed()));
    const std::vector<Buffer> known{select_ppse, select_debit,        gpo(),
                                    read_first,  unhex("80CA9F3600"), gpo("28000000")};
    VirtualCard card = test::make_card("debit");
    std::uint16_t atc = 0;
    for (int i = 0; i < 20'000; ++i) {
        Buffer command = prng.below(4) == 0
                             ? prng.bytes(prng.below(300))
                             : known[prng.below(static_cast<unsigned>(known.size()))];
        if (!command.empty() && prng.below(2) == 0) {
            command[prng.below(static_cast<unsigned>(command.size()))] =
                static_cast<std::uint8_t>(prng.below(256));
        }
        if (prng.below(8) == 0) command.resize(prng.below(300));
        if (prng.below(50) == 0) card.reset();
        const Buffer rapdu = card.transmit(command);
        ASSERT_GE(rapdu.size(), 2U);
        ASSERT_LE(rapdu.size(), 258U);
        ASSERT_GE(card.state().atc, atc);
        ASSERT_LE(card.state().atc - atc, 1);
        atc = card.state().atc;
    }
    EXPECT_GT(atc, 100);  // Some of it was understood.
}

}  // namespace
}  // namespace softpos::card
