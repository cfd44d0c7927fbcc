// The shipped table says what the domain says; a broken one does not load.
#include "platform/channel/response_codes.h"

#include "platform/channel/channel_test_data.h"

#include <gtest/gtest.h>

namespace softpos::channel {
namespace {

TEST(ResponseCodes, ShippedTableClassifies) {
    const ResponseCodes codes = shipped_codes();
    const std::pair<AnswerClass, std::vector<const char*>> expected[] = {
        {AnswerClass::approve, {"00", "10", "11", "16", "Y1", "Y3"}},
        {AnswerClass::capture, {"04", "07", "34", "35", "37", "41", "43", "LC"}},
        {AnswerClass::decline_final, {"03", "05", "12", "14", "51", "54", "61", "75", "93", "5M"}},
        {AnswerClass::retry_later, {"91", "92", "96", "A2", "A7"}},
        {AnswerClass::re_sign_in, {"97", "99", "A0", "A8", "EW"}},
        {AnswerClass::duplicate, {"94"}},
        {AnswerClass::re_enter_pin, {"55"}},
    };
    for (const auto& [klass, list] : expected) {
        for (const char* code : list) EXPECT_EQ(codes.find(code).klass, klass) << code;
    }
    EXPECT_EQ(codes.find("51").en, "Insufficient funds");
    EXPECT_EQ(codes.find("51").zh, "可用余额不足");
    EXPECT_GE(codes.size(), 80U);
}

TEST(ResponseCodes, UnknownCodesDecline) {
    const ResponseCodes codes = shipped_codes();
    for (const char* code : {"ZZ", "", "0", "000", "y1"}) {
        EXPECT_EQ(codes.find(code).klass, AnswerClass::decline_final) << code;
    }
}

TEST(ResponseCodes, BrokenTablesAreRefusedWithTheLine) {
    const std::string good = "00\tapprove\tApproved\t成功\n";
    const std::pair<std::string, const char*> cases[] = {
        {"", "0 codes: 00 does not approve"},
        {"00\tcapture\tKeep\t没收\n", "1 codes: 00 does not approve"},
        {good + "51\tdecline_final\tNo funds\n", "2 codes: needs four columns"},
        {good + "51\tdecline_final\tNo funds\t余额不足\tmore\n", "2 codes: needs four columns"},
        {good + "\n# comment\n51x\tdecline_final\tNo funds\t余额不足\n", "4 codes: code"},
        {good + "5a\tdecline_final\tNo funds\t余额不足\n", "2 codes: code"},
        {good + "51\tdecline\tNo funds\t余额不足\n", "2 codes: class"},
        {good + "51\tdecline_final\t\t余额不足\n", "2 codes: meaning"},
        {good + "51\tdecline_final\t" + std::string(121, 'x') + "\t余额不足\n", "2 codes: meaning"},
        {good + good, "2 codes: code twice"},
    };
    for (const auto& [text, expected] : cases) {
        const auto error = ResponseCodes::parse(text).error();
        EXPECT_EQ(std::to_string(error.detail) + " " + error.what.c_str(), expected) << text;
    }
    EXPECT_EQ(ResponseCodes::parse(std::string(70'000, '\n')).error().kind, ErrorKind::denied);
}

TEST(ResponseCodes, ClassesHaveNames) {
    EXPECT_EQ(name_of(AnswerClass::approve), "approve");
    EXPECT_EQ(name_of(AnswerClass::re_enter_pin), "re_enter_pin");
}

}  // namespace
}  // namespace softpos::channel
