// What an answer must repeat, what is read out of it, and that no cut of one is taken for whole.
#include "platform/channel/cup_answers.h"

#include "platform/channel/channel_test_data.h"

#include <gtest/gtest.h>

namespace softpos::channel {
namespace {

using codec::cup_pos;
using codec::IsoMessage;

class CupAnswers : public ::testing::Test {
protected:
    CupAnswers() {
        const CardData card = fresh_card();
        CHECK(build_purchase({.terminal = terminal(), .card = card, .trace = 105, .amount = {1000}},
                             request_)
                  .has_value());
        expected_ = expect_answer_to(request_);
    }

    Result<CupAnswer> read(const Fields& fields) {
        set_fields(answer_, fields);
        return read_answer(answer_, expected_, codes_);
    }

    const ResponseCodes codes_ = shipped_codes();
    IsoMessage request_{cup_pos()};
    IsoMessage answer_{cup_pos()};
    ExpectedAnswer expected_;
};

const Fields approval{{12, "150405"},
                      {13, "1122"},
                      {15, "1123"},
                      {37, "261122000105"},
                      {38, "A1B2C3"},
                      {39, "00"},
                      {44, "0104000000000100000"},
                      {55, "910A00112233445566773030"},
                      {60, "22000024"},
                      {63, "CUPISSUER"},
                      {64, "3441354236433744"}};

TEST_F(CupAnswers, ApprovalIsRead) {
    const CupAnswer answer = read(answer_to(request_, approval)).value();
    EXPECT_EQ(answer.code, "00");
    EXPECT_EQ(answer.klass, AnswerClass::approve);
    EXPECT_EQ(answer.local_time, "150405");
    EXPECT_EQ(answer.local_date, "1122");
    EXPECT_EQ(answer.settlement_date, "1123");
    EXPECT_EQ(answer.reference, "261122000105");
    EXPECT_EQ(answer.approval, "A1B2C3");
    EXPECT_EQ(answer.parties, "0104000000000100000");
    EXPECT_EQ(answer.batch, 24U);
    EXPECT_EQ(to_hex(answer.chip_data), "910A00112233445566773030");
    EXPECT_EQ(answer.text, "CUPISSUER");
    EXPECT_EQ(text_of(*answer.mac), "4A5B6C7D");
    EXPECT_FALSE(answer.totals);
}

// Each echo field, changed by one digit.
TEST_F(CupAnswers, WrongEchoNamesTheField) {
    for (const unsigned field : {3U, 4U, 11U, 41U, 42U}) {
        Fields fields = answer_to(request_, approval);
        char& digit = fields[field].back();
        digit = digit == '7' ? '8' : '7';
        const auto error = read(fields).error();
        EXPECT_EQ(error.kind, ErrorKind::conflict) << field;
        EXPECT_EQ(error.detail, field);
        fields.erase(field);
        EXPECT_EQ(read(fields).error().detail, field) << "missing";
    }
}

TEST_F(CupAnswers, WrongTypeOfMessageIsNoAnswer) {
    for (const char* mti : {"0230", "0410", "0200", "0810"}) {
        Fields fields = answer_to(request_, approval);
        fields[0] = mti;
        EXPECT_EQ(read(fields).error().kind, ErrorKind::conflict) << mti;
    }
}

// Not every host repeats the amount it declined; a wrong one is still wrong.
TEST_F(CupAnswers, DeclineMayLeaveOutTheAmount) {
    Fields fields = answer_to(request_, {{39, "51"}});
    fields.erase(4);
    fields.erase(3);
    EXPECT_EQ(read(fields).value().klass, AnswerClass::decline_final);
    fields[4] = "000000009999";
    EXPECT_EQ(read(fields).error().detail, 4U);
}

TEST_F(CupAnswers, NothingSaidIsMalformed) {
    EXPECT_EQ(read(answer_to(request_, {})).error().detail, 39U);
    EXPECT_EQ(read(answer_to(request_, {{39, "00"}, {60, "2200"}})).error().detail, 60U);
}

TEST_F(CupAnswers, SignInAnswerBringsBatchAndKeys) {
    ASSERT_TRUE(build_sign_in(terminal(), 1, {}, request_));
    expected_ = expect_answer_to(request_);
    const CupAnswer answer = read(answer_to(request_, {{12, "080000"},
                                                       {13, "1122"},
                                                       {39, "00"},
                                                       {60, "00000025003"},
                                                       {62, std::string(80, 'A')}}))
                                 .value();
    EXPECT_EQ(answer.batch, 25U);
    EXPECT_EQ(answer.keys, Buffer(40, 0xAA));
    EXPECT_FALSE(answer.mac);
}

TEST_F(CupAnswers, SettlementAnswerBringsVerdicts) {
    ASSERT_TRUE(build_batch_settle(terminal(), 1, {}, request_));
    expected_ = expect_answer_to(request_);
    const std::string side(30, '0');
    const CupAnswer answer =
        read(answer_to(request_, {{39, "00"}, {48, side + "1" + side + "2"}})).value();
    EXPECT_EQ(answer.totals->domestic.verdict, codec::BatchVerdict::balanced);
    EXPECT_EQ(answer.totals->foreign.verdict, codec::BatchVerdict::unbalanced);
    EXPECT_EQ(read(answer_to(request_, {{39, "00"}, {48, side}})).error().detail, 48U);
}

TEST_F(CupAnswers, ACutAnswerIsNeverRead) {
    set_fields(answer_, answer_to(request_, approval));
    std::array<std::uint8_t, codec::iso_message_bytes_max> packed{};
    const std::size_t size = codec::pack(answer_, packed).value();
    for (std::size_t cut = 0; cut < size; ++cut) {
        EXPECT_FALSE(codec::unpack(Bytes(packed).first(cut), answer_)) << cut;
        EXPECT_FALSE(read_answer(answer_, expected_, codes_)) << cut;
    }
    ASSERT_TRUE(codec::unpack(Bytes(packed).first(size), answer_));
    EXPECT_TRUE(read_answer(answer_, expected_, codes_));
}

TEST_F(CupAnswers, KeyOfAnAnswerIsTheKeyOfItsRequest) {
    const AnswerKey key = answer_key(request_).value();
    set_fields(answer_, answer_to(request_, approval));
    EXPECT_EQ(answer_key(answer_).value(), key);
    const CardData card = stored_card();
    ASSERT_TRUE(build_reversal(
        {.terminal = terminal(), .card = card, .trace = 105, .amount = {1000}}, {}, request_));
    EXPECT_NE(answer_key(request_).value(), key);
    request_.clear(11);
    EXPECT_EQ(answer_key(request_).error().detail, 11U);
    request_.reset();
    EXPECT_FALSE(answer_key(request_));
}

}  // namespace
}  // namespace softpos::channel
