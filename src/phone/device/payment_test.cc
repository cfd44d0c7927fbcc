// Payment JSON: there and back, what is tolerated, and what cannot be.
#include "phone/device/payment.h"

#include <gtest/gtest.h>

namespace softpos::device {
namespace {

TEST(PaymentJson, ComesBackAsItWas) {
    Payment payment;
    payment.payment_id = "0a1b";
    payment.idempotency_key = std::string(32, 'a');
    payment.kind = PaymentKind::refund;
    payment.result = PaymentResult::declined;
    payment.state = "declined";
    payment.amount_minor = 1250;
    payment.reference = "桌号 7";
    payment.masked_pan = "621094******0001";
    payment.response_code = "51";
    payment.refusal = words_of(Refusal::issuer_declined);
    payment.trace = "000123";
    payment.rrn = "123456789012";
    payment.original_payment_id = "99";
    EXPECT_EQ(read_payment(payment_json(payment)).value(), payment);
}

TEST(PaymentJson, ToleratesAdditionsAndNumbersForCounters) {
    const auto payment = read_payment(
        R"({"kind":"purchase","result":"approved","amount_minor":1,"trace":7,"batch":3,
            "rrn":null,"new_thing":{"deep":[1,2]}})");
    ASSERT_TRUE(payment);
    EXPECT_EQ(payment->trace, "7");
    EXPECT_EQ(payment->rrn, "");
    EXPECT_EQ(payment->currency, "CNY");
}

TEST(PaymentJson, RefusesWhatCannotBe) {
    for (const char* json : {
             "",
             "[]",
             "{}",
             R"({"kind":"purchase","result":"perhaps","amount_minor":1})",
             R"({"kind":"gift","result":"approved","amount_minor":1})",
             R"({"kind":"purchase","result":"approved","amount_minor":"1"})",
             R"({"kind":"purchase","result":"approved","amount_minor":-1})",
             R"({"kind":"purchase","result":"approved","amount_minor":1.5})",
             R"({"kind":"purchase","result":"approved","amount_minor":1,"state":7})",
             R"({"kind":"purchase","result":"approved","amount_minor":1,"payment_id":"../x"})",
             R"({"kind":"purchase","result":"approved","amount_minor":1,"rrn":"a\u0000b"})",
         }) {
        EXPECT_FALSE(read_payment(json)) << json;
    }
    const std::string deep = std::string(100, '[') + std::string(100, ']');
    EXPECT_FALSE(read_payment(R"({"kind":"purchase","result":"approved","amount_minor":1,"x":)" +
                              deep + "}"));
}

TEST(PaymentJson, NeverCarriesAClearPan) {
    const auto payment = read_payment(
        R"({"kind":"purchase","result":"approved","amount_minor":1,
            "masked_pan":"6210940000000001"})");
    EXPECT_EQ(payment->masked_pan, "621094******0001");
}

TEST(PaymentJson, WhatIsNotApprovedHasARefusal) {
    EXPECT_EQ(read_payment(R"({"kind":"void","result":"declined"})")->refusal,
              words_of(Refusal::issuer_declined));
    EXPECT_EQ(read_payment(R"({"kind":"void","result":"indeterminate"})")->refusal,
              words_of(Refusal::payment_in_progress));
    EXPECT_FALSE(read_payment(R"({"kind":"void","result":"approved","refusal":{"code":"X"}})")
                     ->refusal.has_value());
}

TEST(RefusalJson, KeepsCodesThatWeDoNotKnow) {
    const auto refusal = read_refusal(
        R"({"refusal":{"code":"NEW_RULE","class":"contact","message_en":"Call.",
            "message_zh":"请致电"},"reference":"e1"})");
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, "NEW_RULE");
    EXPECT_EQ(read_refusal(refusal_json(*refusal)), refusal);
    EXPECT_FALSE(read_refusal(R"({"refusal":"no"})"));
    EXPECT_FALSE(read_refusal("<html>"));
}

TEST(PlainText, IsUtf8WithoutControls) {
    EXPECT_TRUE(is_plain_text("桌号 7", 64));
    EXPECT_FALSE(is_plain_text("a\nb", 64));
    EXPECT_FALSE(is_plain_text("\xC0\x80", 64));
    EXPECT_FALSE(is_plain_text("\xE6\xA1", 64));
    EXPECT_FALSE(is_plain_text("abcd", 3));
}

}  // namespace
}  // namespace softpos::device
