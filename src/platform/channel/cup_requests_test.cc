// What our own builders say as a terminal is understood as it was meant; what is missing or
// contradicts itself is refused with its field; an answer is one to its request and tells no card.
#include "platform/channel/cup_requests.h"

#include "platform/channel/channel_test_data.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <utility>

namespace softpos::channel {
namespace {

using codec::cup_pos;
using codec::IsoMessage;

constexpr PinBlock some_pin{1, 2, 3, 4, 5, 6, 7, 8};

CupPayment payment_of(const CardData& card) {
    return {.terminal = terminal(), .card = card, .trace = 105, .amount = {1000, Currency::cny}};
}

CupPayment follow_up_of(const CardData& card) {
    CupPayment payment = payment_of(card);
    payment.trace = 106;
    payment.original = CupOriginal{.batch = 24,
                                   .trace = 105,
                                   .date = "1122",
                                   .reference = "261122000105",
                                   .approval = "A1B2C3"};
    return payment;
}

Fields purchase_with_pin() {
    IsoMessage message(cup_pos());
    const CardData card = fresh_card();
    CupPayment payment = payment_of(card);
    payment.pin = some_pin;
    CHECK(build_purchase(payment, message).has_value());
    return fields_of(message);
}

Result<CupRequest> read(const Fields& fields) {
    IsoMessage message(cup_pos());
    set_fields(message, fields);
    return read_request(message);
}

TEST(CupRequests, APurchaseIsUnderstoodAsItWasMeant) {
    Fields fields = purchase_with_pin();
    fields[64] = "3132333435363738";
    const auto request = read(fields);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->ask, CupAsk::purchase);
    EXPECT_EQ(request->terminal, terminal().terminal);
    EXPECT_EQ(request->merchant, terminal().merchant);
    EXPECT_EQ(request->trace, 105U);
    EXPECT_EQ(request->batch, 24U);
    EXPECT_EQ(request->amount_minor, 1000);
    EXPECT_EQ(request->masked_pan, "621094******0001");
    EXPECT_EQ(request->pin, some_pin);
    EXPECT_EQ(request->mac, (MacText{'1', '2', '3', '4', '5', '6', '7', '8'}));
}

TEST(CupRequests, ACardIsReadByChipFieldOrStripeAndSaysSo) {
    IsoMessage message(cup_pos());
    const auto card = [&](const std::string& entry, bool with_chip) {
        message.reset();
        EXPECT_TRUE(message.set(35, "6210940000000001=3012220000000000"));
        EXPECT_TRUE(message.set(22, entry));
        if (with_chip) EXPECT_TRUE(message.set_binary(55, Buffer{0x82, 2, 0, 0}));
        return card_of(message).has_value();
    };
    for (const char* const entry : {"051", "052", "071", "072"}) {
        EXPECT_TRUE(card(entry, true)) << entry;
        EXPECT_FALSE(card(entry, false)) << entry << ": the chip data is gone";
    }
    EXPECT_TRUE(card("022", false));
    EXPECT_FALSE(card("022", true));
    for (const char* const entry : {"012", "802", "912", "999"}) {
        EXPECT_FALSE(card(entry, true)) << entry;
        EXPECT_FALSE(card(entry, false)) << entry;
    }
    message.clear(35);
    EXPECT_FALSE(card_of(message));
}

TEST(CupRequests, WhatFollowsAPurchaseNamesIt) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    const std::pair<Result<void> (*)(const CupPayment&, IsoMessage&), CupAsk> builders[] = {
        {build_void, CupAsk::void_sale}, {build_refund, CupAsk::refund}};
    for (const auto& [build, ask] : builders) {
        ASSERT_TRUE(build(follow_up_of(card), message));
        const auto request = read_request(message);
        ASSERT_TRUE(request);
        EXPECT_EQ(request->ask, ask);
        EXPECT_EQ(request->original_batch, 24U);
        EXPECT_EQ(request->original_trace, 105U);
        EXPECT_EQ(request->reference, "261122000105");
        EXPECT_FALSE(request->pin);
    }
    ASSERT_TRUE(build_reversal(payment_of(card), {}, message));
    const auto reversal = read_request(message);
    ASSERT_TRUE(reversal);
    EXPECT_EQ(reversal->ask, CupAsk::reversal);
    EXPECT_EQ(reversal->trace, 105U);
    EXPECT_EQ(reversal->amount_minor, 1000);
}

TEST(CupRequests, ManagementIsToldApart) {
    IsoMessage message(cup_pos());
    ASSERT_TRUE(build_sign_in(terminal(), 1, std::nullopt, message));
    EXPECT_EQ(read_request(message)->ask, CupAsk::sign_in);
    ASSERT_TRUE(build_sign_out(terminal(), 2, message));
    EXPECT_EQ(read_request(message)->ask, CupAsk::sign_out);
    ASSERT_TRUE(build_echo(terminal(), 3, message));
    EXPECT_EQ(read_request(message)->ask, CupAsk::echo);
    codec::BatchTotals totals;
    totals.domestic.debit_amount_minor = 1000;
    totals.domestic.debit_count = 1;
    ASSERT_TRUE(build_batch_settle(terminal(), 4, totals, message));
    const auto settle = read_request(message);
    ASSERT_TRUE(settle);
    EXPECT_EQ(settle->ask, CupAsk::settle);
    ASSERT_TRUE(settle->totals);
    EXPECT_EQ(settle->totals->domestic.debit_amount_minor, 1000);
}

TEST(CupRequests, WhatIsNotOfferedIsNoError) {
    Fields fields = purchase_with_pin();
    fields[3] = "030000";
    ASSERT_TRUE(read(fields));
    EXPECT_EQ(read(fields)->ask, CupAsk::other);
    fields = purchase_with_pin();
    fields[0] = "0400";
    fields[3] = "200000";  // Says void, and field 60 says purchase.
    EXPECT_EQ(read(fields)->ask, CupAsk::other);
}

TEST(CupRequests, WhatContradictsItselfIsRefusedWithItsField) {
    const std::pair<unsigned, const char*> wrong[] = {
        {4, "000000000000"},
        {11, "000000"},
        {49, "840"},
        {60, "22000000000600"},
        {2, "6210940000000002"},  // Not the card of the track.
        {22, "072"}};             // Says that there was no PIN.
    for (const auto& [field, value] : wrong) {
        Fields fields = purchase_with_pin();
        fields[field] = value;
        const auto request = read(fields);
        ASSERT_FALSE(request) << field;
        EXPECT_EQ(request.error().kind, ErrorKind::malformed);
        const unsigned named = field == 2 ? 35 : field == 22 ? 52 : field;
        EXPECT_EQ(request.error().detail, named);
    }
    for (const unsigned field : {4U, 22U, 41U, 42U, 49U, 52U, 60U}) {
        Fields fields = purchase_with_pin();
        fields.erase(field);
        const auto request = read(fields);
        ASSERT_FALSE(request) << field;
        EXPECT_EQ(request.error().detail, field);
    }
}

TEST(CupRequests, AVoidWithoutItsOriginalIsRefused) {
    IsoMessage message(cup_pos());
    const CardData card = stored_card();
    ASSERT_TRUE(build_void(follow_up_of(card), message));
    Fields fields = fields_of(message);
    fields.erase(61);
    EXPECT_EQ(read(fields).error().detail, 61U);
    fields[61] = "000024000000";
    EXPECT_EQ(read(fields).error().detail, 61U);
    fields[61] = "000024000105";
    EXPECT_TRUE(read(fields));
    fields.erase(37);
    EXPECT_EQ(read(fields).error().detail, 37U);
}

TEST(CupRequests, AnUploadTellsItsPayments) {
    Fields fields{{0, "0320"},
                  {11, "000107"},
                  {41, terminal().terminal},
                  {42, terminal().merchant},
                  {60, "00000024201"}};
    const std::string item =
        "00"
        "000105"
        "00006210940000000001"
        "000000001000";
    fields[48] = "02" + item + item;
    const auto request = read(fields);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->ask, CupAsk::upload);
    ASSERT_EQ(request->items.size(), 2U);
    EXPECT_EQ(request->items[1].trace, 105U);
    EXPECT_EQ(request->items[1].amount_minor, 1000);
    EXPECT_EQ(request->items[1].masked_pan, "621094******0001");
    for (const std::string& bad : {"00" + item, "01" + item + item, "03" + item, std::string("01"),
                                   "01" + std::string(40, '0')}) {
        fields[48] = bad;
        EXPECT_FALSE(read(fields)) << bad;
    }
    fields[48] = "0002";
    fields[60] = "00000024207";
    EXPECT_EQ(read(fields)->ask, CupAsk::upload_end);
    EXPECT_EQ(read(fields)->items_total, 2U);
}

TEST(CupRequests, AnAnswerIsOneToItsRequestAndTellsNoCard) {
    IsoMessage request(cup_pos()), answer(cup_pos());
    set_fields(request, purchase_with_pin());
    ASSERT_TRUE(build_answer(request, {.code = "51", .reference = "261122000105"}, answer));
    const auto read = read_answer(answer, expect_answer_to(request), shipped_codes());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->code, "51");
    EXPECT_EQ(read->reference, "261122000105");
    for (const unsigned field : {2U, 14U, 23U, 35U, 52U, 55U, 59U, 64U}) {
        EXPECT_FALSE(answer.has(field)) << field;
    }
    EXPECT_FALSE(build_answer(answer, {}, request));  // Nobody answers an answer.
}

TEST(CupRequests, ASignInIsAnsweredWithItsBatch) {
    IsoMessage request(cup_pos()), answer(cup_pos());
    ASSERT_TRUE(build_sign_in(terminal(), 1, std::nullopt, request));
    const Buffer keys(40, 0xA5);
    ASSERT_TRUE(build_answer(request, {.batch = 25, .keys = keys}, answer));
    const auto read = read_answer(answer, expect_answer_to(request), shipped_codes());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->batch, 25U);
    EXPECT_EQ(read->keys, keys);
    EXPECT_FALSE(build_answer(request, {.batch = trace_max + 1}, answer));
}

// A message that was damaged on the way is refused, or understood as something that keeps the
// bounds; its answer finds the same request.
TEST(CupRequests, DamagedMessagesKeepTheBounds) {
    testing::Prng prng = testing::Prng::from_environment();
    SCOPED_TRACE(prng.seed());
    IsoMessage message(cup_pos()), answer(cup_pos());
    set_fields(message, purchase_with_pin());
    std::array<std::uint8_t, codec::iso_message_bytes_max> packed{};
    const std::size_t size = codec::pack(message, packed).value();
    for (int round = 0; round < 5'000; ++round) {
        Buffer bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(size));
        for (unsigned flips = 1 + prng.below(3); flips > 0; --flips) {
            bytes[prng.below(static_cast<unsigned>(size))] ^=
                static_cast<std::uint8_t>(1U << prng.below(8));
        }
        if (!codec::unpack(bytes, message)) continue;
        const auto request = read_request(message);
        if (!request) continue;
        EXPECT_LE(request->trace, trace_max);
        EXPECT_LE(request->amount_minor, amount_minor_max);
        if (request->ask == CupAsk::purchase) {
            EXPECT_GT(request->amount_minor, 0);
            EXPECT_EQ(request->pin.has_value(), request->entry_mode[2] == '1');
        }
        if (build_answer(message, {.code = "96"}, answer)) {
            EXPECT_EQ(answer_key(answer).value(), answer_key(message).value());
        }
    }
}

}  // namespace
}  // namespace softpos::channel
