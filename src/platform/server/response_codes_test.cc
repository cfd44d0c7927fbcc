// What a response code means stands twice: as data, for the words and the session, and in the
// payment machine, which reads no data. Here they are held together.
#include "platform/channel/response_codes.h"

#include "host/data_files.h"
#include "platform/pay/response_code.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace softpos::server {
namespace {

pay::AnswerClass in_pay(channel::AnswerClass klass) {
    switch (klass) {
        case channel::AnswerClass::approve:
            return pay::AnswerClass::approve;
        case channel::AnswerClass::decline_final:
            return pay::AnswerClass::decline;
        case channel::AnswerClass::capture:
            return pay::AnswerClass::capture;
        case channel::AnswerClass::retry_later:
            return pay::AnswerClass::retry_later;
        case channel::AnswerClass::re_sign_in:
            return pay::AnswerClass::sign_in_again;
        case channel::AnswerClass::duplicate:
            return pay::AnswerClass::duplicate;
        case channel::AnswerClass::re_enter_pin:
            return pay::AnswerClass::enter_pin;
    }
    return pay::AnswerClass::decline;
}

TEST(ResponseCodes, DataAndPaymentMachineAgreeOnEveryCode) {
    const auto text = host::read_data("policy/response-codes.tsv");
    ASSERT_TRUE(text.has_value());
    const auto codes = channel::ResponseCodes::parse(*text);
    ASSERT_TRUE(codes.has_value());
    constexpr std::string_view characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    std::size_t listed = 0;
    for (const char first : characters) {
        for (const char second : characters) {
            const std::string code{first, second};
            const channel::ResponseCode& row = codes->find(code);
            listed += row.code == code ? 1U : 0U;
            EXPECT_EQ(pay::classify(code), in_pay(row.klass)) << code;
        }
    }
    EXPECT_EQ(listed, codes->size());
}

}  // namespace
}  // namespace softpos::server
