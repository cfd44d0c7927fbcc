// Codes scanned and shown: the same journal and the same care for lost answers as of a card.
#include "phone/device/device_test_support.h"
#include "phone/device/phone_service.h"

#include <gtest/gtest.h>

namespace softpos::device {
namespace {

using testing::code_of;
using testing::key_of;
using testing::PlatformMood;
using testing::World;

constexpr const char* payer_code = "283456789012345678";

class PhoneWalletTest : public ::testing::Test {
protected:
    void SetUp() override { world.start_enrolled(); }
    PaymentOutcome scan(std::uint8_t key, const std::string& code = payer_code) {
        return world.service->take_wallet({.key = key_of(key),
                                           .amount_minor = 1'880,
                                           .reference = "table 7",
                                           .payment_code = code,
                                           .channel = {}});
    }
    PaymentOutcome show(std::uint8_t key) {
        return world.service->take_wallet({.key = key_of(key),
                                           .amount_minor = 1'880,
                                           .reference = {},
                                           .payment_code = {},
                                           .channel = "alipay"});
    }
    World world;
};

TEST_F(PhoneWalletTest, ScansUnderAPermitForScanning) {
    const auto paid = scan(1);
    ASSERT_TRUE(paid);
    EXPECT_EQ(paid->result, PaymentResult::approved);
    EXPECT_EQ(world.platform.last_code(), payer_code);
    EXPECT_EQ(world.core.last_prepare.purpose, protocol::PermitPurpose::qr_scan);
    EXPECT_EQ(world.core.last_prepare.amount_minor, 1'880);
    EXPECT_EQ(world.core.taps, 0) << "no card is asked for";
}

TEST_F(PhoneWalletTest, LostAnswerIsFoundByTheStatus) {
    world.platform.mood = PlatformMood::take_and_lose;
    EXPECT_EQ(scan(1)->result, PaymentResult::approved);
    EXPECT_EQ(world.platform.posts, 1);
}

TEST_F(PhoneWalletTest, SameKeyIsTheSamePaymentAndAnotherCodeIsAConflict) {
    EXPECT_EQ(*scan(1), *scan(1));
    EXPECT_EQ(world.platform.posts, 1);
    const auto other = scan(1, "283456789012345679");
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, "IDEMPOTENCY_CONFLICT");
}

TEST_F(PhoneWalletTest, CodeToShowComesBackAtOnceAndItsEndLater) {
    const auto shown = show(1);
    ASSERT_TRUE(shown);
    EXPECT_EQ(world.core.last_prepare.purpose, protocol::PermitPurpose::qr_show);
    EXPECT_EQ(shown->result, PaymentResult::indeterminate);
    EXPECT_EQ(shown->code, "https://qr.example/1");
    EXPECT_EQ(world.pauses.count, 0) << "nothing is waited for";
    EXPECT_EQ(world.service->status().unresolved, 1u);
    world.platform.book(key_of(1).text(), "purchase", 1'880);
    const auto paid = world.service->payment(key_of(1).text());
    ASSERT_TRUE(paid);
    EXPECT_EQ(paid->result, PaymentResult::approved);
    EXPECT_EQ(paid->code, "");
    EXPECT_EQ(world.service->status().unresolved, 0u);
}

TEST_F(PhoneWalletTest, RefusalOfThePlatformIsFinal) {
    world.platform.mood = PlatformMood::refuse;
    const auto refused = scan(1);
    EXPECT_EQ(refused->result, PaymentResult::declined);
    EXPECT_EQ(code_of(*refused), "AMOUNT_OVER_LIMIT");
}

TEST_F(PhoneWalletTest, PaymentSaysTheSameAfterReading) {
    Payment payment;
    payment.payment_id = "p1";
    payment.result = PaymentResult::indeterminate;
    payment.refusal = words_of(Refusal::payment_in_progress);
    payment.channel = "wechat";
    payment.wallet_code = "NOTPAY";
    payment.code = "weixin://wxpay/bizpayurl?pr=1";
    payment.code_expires_at = "2026-11-22T15:04:05+08:00";
    const auto read = read_payment(payment_json(payment));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, payment);
}

}  // namespace
}  // namespace softpos::device
