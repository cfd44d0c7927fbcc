// Each request field by field, what no request may leave without, and the way to a signed frame.
#include "platform/channel/cup_messages.h"

#include "platform/channel/channel_test_data.h"

#include <gtest/gtest.h>

namespace softpos::channel {
namespace {

using codec::cup_pos;
using codec::IsoMessage;

constexpr const char* pan = "6210940000000001";
const std::string terminal_information =
    to_hex(bytes_of("A204101002080201600000202SP000001050081.0.0   "));

CupPayment payment_of(const CardData& card) {
    return {.terminal = terminal(), .card = card, .trace = 105, .amount = {1000, Currency::cny}};
}

CupPayment with_original(const CardData& card) {
    CupPayment payment = payment_of(card);
    payment.trace = 106;
    payment.original = CupOriginal{.batch = 24,
                                   .trace = 105,
                                   .date = "1122",
                                   .reference = "261122000105",
                                   .approval = "A1B2C3"};
    return payment;
}

const Fields purchase_fields{{0, "0200"},
                             {2, pan},
                             {3, "000000"},
                             {4, "000000001000"},
                             {11, "000105"},
                             {14, "3012"},
                             {22, "072"},
                             {23, "001"},
                             {25, "00"},
                             {35, "6210940000000001=3012201000001230000"},
                             {41, "10000001"},
                             {42, "847100053990002"},
                             {49, "156"},
                             {53, "0600000000000000"},
                             {59, terminal_information},
                             {60, "22000024000600"}};

TEST(CardData, IsReadFromATapAndFromTheStore) {
    const CardData fresh = fresh_card();
    EXPECT_EQ(fresh.pan(), pan);
    EXPECT_EQ(fresh.track_2(), "6210940000000001=3012201000001230000");
    EXPECT_EQ(fresh.expiry(), "3012");
    EXPECT_EQ(fresh.sequence(), "001");
    const CardData stored = stored_card();
    EXPECT_EQ(stored.pan(), pan);
    EXPECT_TRUE(stored.track_2().empty());
    const CardData odd = CardData::read(testing::unhex("570B 6210940000000012345D3012 2F"
                                                       "0000"))
                             .value_or(CardData());
    EXPECT_TRUE(odd.pan().empty());  // Something behind the pad: refused.
    const CardData nineteen = CardData::read(testing::unhex("5A0A 6210940000000012345F")).value();
    EXPECT_EQ(nineteen.pan(), "6210940000000012345");
}

TEST(CardData, WhatIsNoCardIsRefused) {
    for (const char* hex :
         {"", "5A03621094", "5A0862109400000000A1", "57086210940000000001",
          "5A0862109400000000015F3401A1", "5A0862109400000000015F240230", "5A08621094000000"}) {
        EXPECT_FALSE(CardData::read(testing::unhex(hex))) << hex;
    }
}

TEST(CupMessages, PurchaseHasItsFields) {
    IsoMessage message(cup_pos());
    const CardData card = fresh_card();
    ASSERT_TRUE(build_purchase(payment_of(card), message));
    Fields expected = purchase_fields;
    expected[55] = to_hex(codec::field_55_for_sale(testing::unhex(chip_hex)).value());
    EXPECT_EQ(fields_of(message), expected);
}

TEST(CupMessages, PurchaseWithAPinSaysSo) {
    IsoMessage message(cup_pos());
    const CardData card = fresh_card();
    CupPayment payment = payment_of(card);
    payment.pin = PinBlock{1, 2, 3, 4, 5, 6, 7, 8};
    ASSERT_TRUE(build_purchase(payment, message));
    const Fields fields = fields_of(message);
    EXPECT_EQ(fields.at(22), "071");
    EXPECT_EQ(fields.at(26), "12");
    EXPECT_EQ(fields.at(52), "0102030405060708");
    EXPECT_EQ(fields.at(53), "2600000000000000");
}

// With the proof goes what it is over: the last six digits of the card.
TEST(CupMessages, PurchaseProvesTheSerialNumber) {
    IsoMessage message(cup_pos());
    const CardData card = fresh_card();
    CupTerminal speaker = terminal();
    speaker.serial = "00000801P20000000001";
    speaker.proof = "4EC6E8EC";
    CupPayment payment{.terminal = speaker, .card = card, .trace = 1, .amount = {1}};
    ASSERT_TRUE(build_purchase(payment, message));
    EXPECT_EQ(text_of(*message.binary(59)),
              "A206901002080202000000801P2000000000103006000001040084EC6E8EC050081.0.0   ");
}

TEST(CupMessages, PurchaseNeedsTheWholeCard) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    EXPECT_EQ(build_purchase(payment_of(card), message).error().detail, 35U);
    const CardData bare =
        CardData::read(testing::unhex("57136210940000000001D30122010000012300000F")).value();
    EXPECT_EQ(build_purchase(payment_of(bare), message).error().detail, 0x9F26U);
}

TEST(CupMessages, VoidNamesItsOriginal) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    ASSERT_TRUE(build_void(with_original(card), message));
    const Fields expected{{0, "0200"},
                          {2, pan},
                          {3, "200000"},
                          {4, "000000001000"},
                          {11, "000106"},
                          {14, "3012"},
                          {22, "012"},
                          {23, "001"},
                          {25, "00"},
                          {37, "261122000105"},
                          {38, "A1B2C3"},
                          {41, "10000001"},
                          {42, "847100053990002"},
                          {49, "156"},
                          {59, terminal_information},
                          {60, "23000024000600"},
                          {61, "0000240001051122"}};
    EXPECT_EQ(fields_of(message), expected);
}

TEST(CupMessages, RefundNamesItsOriginal) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    CupPayment payment = with_original(card);
    payment.original->batch = 0;
    payment.original->trace = 0;
    ASSERT_TRUE(build_refund(payment, message));
    const Fields expected{{0, "0220"},
                          {2, pan},
                          {3, "200000"},
                          {4, "000000001000"},
                          {11, "000106"},
                          {14, "3012"},
                          {22, "012"},
                          {23, "001"},
                          {25, "00"},
                          {37, "261122000105"},
                          {41, "10000001"},
                          {42, "847100053990002"},
                          {49, "156"},
                          {59, terminal_information},
                          {60, "25000024000600"},
                          {61, "0000000000001122"},
                          {63, "000"}};
    EXPECT_EQ(fields_of(message), expected);
}

TEST(CupMessages, VoidAndRefundNeedAnOriginal) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    EXPECT_EQ(build_void(payment_of(card), message).error().detail, 61U);
    EXPECT_EQ(build_refund(payment_of(card), message).error().detail, 61U);
    CupPayment payment = with_original(card);
    payment.original->trace = 0;
    EXPECT_EQ(build_void(payment, message).error().detail, 61U);
    CupPayment nameless = with_original(card);
    nameless.original->reference = "";
    EXPECT_EQ(build_void(nameless, message).error().detail, 37U);
}

TEST(CupMessages, ReversalRepeatsThePurchaseWithoutItsSecrets) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    CupPayment payment = payment_of(card);
    payment.pin = PinBlock{};
    ASSERT_TRUE(build_reversal(payment, {}, message));
    Fields expected = purchase_fields;
    expected[0] = "0400";
    expected[22] = "071";
    expected[39] = "98";
    expected[55] = "950500000000009F1008070103A0000001019F1E083132333435363738DF31052000000000";
    for (const unsigned field : {35U, 53U, 59U}) expected.erase(field);
    EXPECT_EQ(fields_of(message), expected);
    for (const unsigned field : {26U, 35U, 36U, 37U, 52U, 53U}) EXPECT_FALSE(message.has(field));
}

TEST(CupMessages, ReversalSaysWhy) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    const std::pair<ReversalReason, const char*> cases[] = {{ReversalReason::no_answer, "98"},
                                                            {ReversalReason::bad_mac, "A0"},
                                                            {ReversalReason::other, "06"}};
    for (const auto& [reason, code] : cases) {
        ASSERT_TRUE(build_reversal(payment_of(card), {.reason = reason}, message));
        EXPECT_EQ(message.text(39), code);
    }
    const CupReversal declined{.reason = ReversalReason::other,
                               .chip_end = codec::ChipEnd::card_declined};
    ASSERT_TRUE(build_reversal(payment_of(card), declined, message));
    EXPECT_TRUE(to_hex(*message.binary(55)).ends_with("9F3602002A"));
}

TEST(CupMessages, ReversalOfAVoidNamesWhatWasVoided) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    const CupReversal reversal{.reversed = Reversed::cancellation};
    ASSERT_TRUE(build_reversal(with_original(card), reversal, message));
    const Fields fields = fields_of(message);
    EXPECT_EQ(fields.at(3), "200000");
    EXPECT_EQ(fields.at(11), "000106");
    EXPECT_EQ(fields.at(60), "23000024000600");
    EXPECT_EQ(fields.at(61), "0000240001051122");
    EXPECT_FALSE(message.has(55));
}

TEST(CupMessages, ManagementHasItsFields) {
    IsoMessage message(cup_pos());
    const CupTerminal fresh{.terminal = "10000001", .merchant = "847100053990002"};
    ASSERT_TRUE(build_sign_in(fresh, 1, codec::SignInIdentity{"3100", "SP1"}, message));
    Fields expected{{0, "0800"}, {11, "000001"}, {41, "10000001"}, {42, "847100053990002"}};
    Fields sign_in = expected;
    sign_in[60] = "00000000003";
    sign_in[62] = to_hex(bytes_of("Sequence No073100SP1"));
    sign_in[63] = "01 ";
    EXPECT_EQ(fields_of(message), sign_in);
    expected[0] = "0820";
    expected[60] = "00000024002";
    ASSERT_TRUE(build_sign_out(terminal(), 1, message));
    EXPECT_EQ(fields_of(message), expected);
    expected[60] = "00000024301";
    ASSERT_TRUE(build_echo(terminal(), 1, message));
    EXPECT_EQ(fields_of(message), expected);
}

TEST(CupMessages, SettlementCarriesTotals) {
    IsoMessage message(cup_pos());
    const codec::BatchTotals totals{{1000, 1, 0, 0, {}}, {}};
    ASSERT_TRUE(build_batch_settle(terminal(), 7, totals, message));
    EXPECT_EQ(message.text(48), "0000000010000010000000000000000" + std::string(31, '0'));
    EXPECT_EQ(message.text(60), "00000024201");
    EXPECT_EQ(message.mti(), "0500");
    EXPECT_EQ(build_batch_settle({}, 7, totals, message).error().kind, ErrorKind::conflict);
}

TEST(CupMessages, NumbersHaveRanges) {
    IsoMessage message(cup_pos());
    const CardData card = fresh_card();
    const auto error_of = [&](auto change) {
        CupTerminal speaker = terminal();
        CupPayment payment{.terminal = speaker, .card = card, .trace = 1, .amount = {1}};
        change(speaker, payment);
        const auto built = build_purchase(payment, message);
        return built ? 0U : built.error().detail;
    };
    EXPECT_EQ(error_of([](CupTerminal&, CupPayment&) {}), 0U);
    EXPECT_EQ(error_of([](CupTerminal&, CupPayment& p) { p.trace = 0; }), 11U);
    EXPECT_EQ(error_of([](CupTerminal&, CupPayment& p) { p.trace = 1'000'000; }), 11U);
    EXPECT_EQ(error_of([](CupTerminal&, CupPayment& p) { p.amount.minor = 0; }), 4U);
    EXPECT_EQ(error_of([](CupTerminal&, CupPayment& p) { p.amount.minor = 1'000'000'000'000; }),
              4U);
    EXPECT_EQ(error_of([](CupTerminal&, CupPayment& p) { p.amount.currency = Currency::usd; }),
              49U);
    EXPECT_EQ(error_of([](CupTerminal& t, CupPayment&) { t.batch = 0; }), 60U);
    EXPECT_EQ(error_of([](CupTerminal& t, CupPayment&) { t.terminal = "1"; }), 41U);
    EXPECT_EQ(error_of([](CupTerminal& t, CupPayment&) { t.app_version = "123456789"; }), 59U);
}

// Build without, make, set, send.
TEST(OutgoingMessage, MacIsMadeOverWhatIsSent) {
    IsoMessage message(cup_pos());
    const CardData card = fresh_card();
    ASSERT_TRUE(build_purchase(payment_of(card), message));
    OutgoingMessage outgoing = OutgoingMessage::pack(message).value();
    const Buffer covered(outgoing.mac_input().begin(), outgoing.mac_input().end());
    EXPECT_EQ(covered.size() + 8, outgoing.bytes().size());
    EXPECT_DEATH(outgoing.frame({}), "has_mac_");
    outgoing.set_mac({'4', 'A', '5', 'B', '6', 'C', '7', 'D'});
    const Buffer frame = outgoing.frame({});
    const auto parsed = codec::parse_frame(frame).value();
    IsoMessage sent(cup_pos());
    ASSERT_TRUE(codec::unpack(parsed.message, sent));
    EXPECT_EQ(text_of(*sent.binary(64)), "4A5B6C7D");
    EXPECT_EQ(to_hex(codec::mac_input(parsed.message)), to_hex(covered));
}

TEST(OutgoingMessage, ManagementGoesWithoutAMac) {
    IsoMessage message(cup_pos());
    ASSERT_TRUE(build_echo(terminal(), 1, message));
    OutgoingMessage outgoing = OutgoingMessage::pack(message).value();
    EXPECT_TRUE(outgoing.mac_input().empty());
    EXPECT_FALSE(message.has(64));
    EXPECT_EQ(outgoing.frame({}).size(), outgoing.bytes().size() + 11);
    EXPECT_DEATH(outgoing.set_mac({}), "wants_mac_");
    for (const char* mti : {"0200", "0220", "0400", "0100", "0620"}) EXPECT_TRUE(carries_mac(mti));
    for (const char* mti : {"0800", "0820", "0500", "0320", ""}) EXPECT_FALSE(carries_mac(mti));
}

}  // namespace
}  // namespace softpos::channel
