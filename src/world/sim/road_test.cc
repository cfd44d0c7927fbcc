// Payments from the card to the issuer and back, through everything that is between them.
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <string>

namespace softpos::sim {
namespace {

using test::Reply;
using test::RoadPhone;
using test::RoadWorld;

constexpr std::int64_t amount = 12'800;

class RoadTest : public ::testing::Test {
protected:
    // The day ends at the network; our batches were reported before.
    void end_day() {
        const std::string day = world_.business_date();
        ASSERT_EQ(world_.acquirer("/v1/days/" + day + "/settle", "{}").status(), 200U);
        ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    }
    std::int64_t messages() { return world_.network("/v1/state").number("messages"); }

    RoadWorld world_;
    RoadPhone& phone_ = world_.phone();
};

// Approval and what it books

TEST_F(RoadTest, SellsAndBooksTheSale) {
    const Reply sale = phone_.purchase(amount);
    ASSERT_EQ(sale.status(), 200U) << sale.body();
    EXPECT_EQ(sale.result(), "approved");
    EXPECT_EQ(sale.text("response_code"), "00");
    EXPECT_EQ(sale.text("rrn").size(), 12U);
    EXPECT_EQ(sale.text("auth_code").size(), 6U);
    EXPECT_EQ(sale.text("settlement_date"), world_.business_date());
    EXPECT_EQ(sale.number("fee_minor"), 49) << "0.38 % of 128.00";
    EXPECT_EQ(world_.spent(), amount);
    world_.expect_consistent();
}

TEST_F(RoadTest, PostsSaleFeeAndCostToTheBooks) {
    const Reply sale = phone_.purchase(amount);
    const Reply shown = world_.payment(sale.id());
    ASSERT_EQ(shown.size("postings"), 3U) << shown.body();
    EXPECT_EQ(shown.number("postings.0.amount_minor"), amount);
    EXPECT_EQ(shown.number("postings.0.debit"), 1100);
    EXPECT_EQ(shown.number("postings.0.credit"), 2100);
    EXPECT_EQ(shown.number("postings.1.amount_minor"), 49);
    EXPECT_EQ(shown.number("postings.2.amount_minor"), 35 + 2);
    const Reply balance = world_.acquirer("/v1/merchants/" + world_.merchant() + "/balance");
    EXPECT_EQ(balance.number("payable_minor"), amount - 49);
    EXPECT_EQ(shown.text("history.0.event"), "submit");
    EXPECT_EQ(shown.text("history.1.event"), "answer");
}

TEST_F(RoadTest, FindsAPaymentByIdKeyAndAsTheLast) {
    const std::string body = phone_.tap(amount);
    const Reply sale = phone_.send(body);
    const std::string key = Reply(200, body).text("idempotency_key");
    EXPECT_EQ(phone_.get("/v1/phone/payments/" + sale.id()).body(), sale.body());
    EXPECT_EQ(phone_.get("/v1/phone/payments?idempotency_key=" + key).body(), sale.body());
    EXPECT_EQ(phone_.get("/v1/phone/payments?last=1").body(), sale.body());
}

TEST_F(RoadTest, PassesTheIssuersNoOn) {
    const Reply declined = phone_.purchase(1'051);
    EXPECT_EQ(declined.status(), 200U);
    EXPECT_EQ(declined.result(), "declined");
    EXPECT_EQ(declined.text("response_code"), "51");
    EXPECT_EQ(declined.refusal(), "ISSUER_DECLINED");
    EXPECT_EQ(world_.payment(declined.id()).size("postings"), 0U);
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

// "Issuer not available" leaves open whether money moved: it is reversed to be sure.
TEST_F(RoadTest, ReversesAfterAnAnswerThatLeavesItOpen) {
    const Reply open = phone_.purchase(1'091);
    EXPECT_EQ(open.result(), "indeterminate");
    EXPECT_EQ(world_.final_state(open.id()), "reversed");
    world_.expect_consistent();
}

// A micro-merchant: 5000.00 a day.
TEST_F(RoadTest, KeepsAMerchantWithinItsLimit) {
    for (int i = 0; i < 5; ++i) ASSERT_EQ(phone_.purchase(90'000).result(), "approved");
    const std::int64_t before = messages();
    const Reply over = phone_.purchase(50'100);
    EXPECT_EQ(over.status(), 422U);
    EXPECT_EQ(over.refusal(), "AMOUNT_OVER_LIMIT");
    EXPECT_EQ(messages(), before);
    EXPECT_EQ(phone_.purchase(50'000).result(), "approved") << "to the last fen";
    world_.expect_consistent();
}

TEST_F(RoadTest, SellsOnSeveralPhones) {
    RoadPhone& second = world_.add_phone();
    const Reply here = phone_.purchase(100);
    const Reply there = second.purchase(200);
    EXPECT_EQ(here.result(), "approved");
    EXPECT_EQ(there.result(), "approved");
    EXPECT_NE(here.text("terminal_id"), there.text("terminal_id"));
    EXPECT_EQ(here.text("trace"), there.text("trace")) << "each terminal counts by itself";
    EXPECT_EQ(second.void_sale(here.id()).refusal(), "NOT_VOIDABLE") << "of another batch";
    world_.expect_consistent();
}

// Voids

TEST_F(RoadTest, VoidsASaleOnceAndRefundsItNever) {
    const Reply sale = phone_.purchase(amount);
    const Reply voided = phone_.void_sale(sale.id());
    ASSERT_EQ(voided.result(), "approved") << voided.body();
    EXPECT_EQ(voided.text("original_payment_id"), sale.id());
    EXPECT_EQ(world_.payment(sale.id()).text("payment.state"), "voided");
    EXPECT_EQ(world_.spent(), 0);
    const Reply again = phone_.void_sale(sale.id());
    EXPECT_EQ(again.status(), 409U);
    EXPECT_EQ(again.refusal(), "ALREADY_VOIDED");
    const Reply refund = phone_.refund(sale.id(), 100);
    EXPECT_EQ(refund.status(), 409U);
    EXPECT_EQ(refund.refusal(), "ALREADY_VOIDED");
    const Reply balance = world_.acquirer("/v1/merchants/" + world_.merchant() + "/balance");
    EXPECT_EQ(balance.number("payable_minor"), 0) << "the fee came back too";
    world_.expect_consistent();
}

TEST_F(RoadTest, VoidsNothingOfAnotherDay) {
    const Reply sale = phone_.purchase(amount);
    end_day();
    ASSERT_EQ(phone_.purchase(100).result(), "approved");
    const Reply voided = phone_.void_sale(sale.id());
    EXPECT_EQ(voided.status(), 409U);
    EXPECT_EQ(voided.refusal(), "NOT_VOIDABLE");
    world_.expect_consistent();
}

TEST_F(RoadTest, VoidsOnlySalesThatAreThere) {
    EXPECT_EQ(phone_.void_sale(std::string(32, '0')).refusal(), "NOT_FOUND");
    EXPECT_EQ(phone_.void_sale("nonsense").refusal(), "NOT_FOUND");
    const Reply declined = phone_.purchase(1'051);
    EXPECT_EQ(phone_.void_sale(declined.id()).refusal(), "NOT_VOIDABLE");
    const Reply sale = phone_.purchase(amount);
    const Reply voided = phone_.void_sale(sale.id());
    EXPECT_EQ(phone_.void_sale(voided.id()).refusal(), "NOT_FOUND") << "a void is no sale";
    world_.expect_consistent();
}

// Refunds

TEST_F(RoadTest, RefundsNoSaleThatCanStillBeVoided) {
    const Reply sale = phone_.purchase(amount);
    const Reply refund = phone_.refund(sale.id(), 100);
    EXPECT_EQ(refund.status(), 409U);
    EXPECT_EQ(refund.refusal(), "NOT_REFUNDABLE");
    world_.expect_consistent();
}

TEST_F(RoadTest, RefundsInPartsUpToTheSale) {
    const Reply sale = phone_.purchase(amount);
    end_day();
    const Reply first = phone_.refund(sale.id(), 3'000);
    ASSERT_EQ(first.result(), "approved") << first.body();
    EXPECT_EQ(first.text("kind"), "refund");
    EXPECT_EQ(world_.payment(sale.id()).number("payment.refunded_minor"), 3'000);
    const Reply over = phone_.refund(sale.id(), amount - 3'000 + 1);
    EXPECT_EQ(over.status(), 422U);
    EXPECT_EQ(over.refusal(), "REFUND_OVER_SALE");
    EXPECT_EQ(phone_.refund(sale.id(), amount - 3'000).result(), "approved");
    EXPECT_EQ(phone_.refund(sale.id(), 1).refusal(), "REFUND_OVER_SALE");
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

// Doing things twice

TEST_F(RoadTest, AnswersTheSameKeyWithTheStoredResult) {
    const std::string body = phone_.tap(amount);
    const Reply sale = phone_.send(body);
    const std::int64_t before = messages();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(phone_.send(body).body(), sale.body());
    EXPECT_EQ(messages(), before) << "nothing went to the network";
    EXPECT_EQ(world_.spent(), amount);
    world_.expect_consistent();
}

TEST_F(RoadTest, AnswersTheSameKeyAfterARestart) {
    const std::string body = phone_.tap(amount);
    const Reply sale = phone_.send(body);
    world_.stop_service();
    world_.start_service();
    EXPECT_EQ(phone_.send(body).body(), sale.body());
    EXPECT_EQ(world_.spent(), amount);
    world_.expect_consistent();
}

TEST_F(RoadTest, RefusesTheSameKeyWithAnotherBody) {
    const std::string body = phone_.tap(amount);
    ASSERT_EQ(phone_.send(body).result(), "approved");
    std::string other = phone_.tap(amount + 100);
    const std::string key = Reply(200, body).text("idempotency_key");
    const std::string own = Reply(200, other).text("idempotency_key");
    other.replace(other.find(own), own.size(), key);
    const Reply refused = phone_.send(other);
    EXPECT_EQ(refused.status(), 409U);
    EXPECT_EQ(refused.refusal(), "IDEMPOTENCY_CONFLICT");
    EXPECT_EQ(world_.spent(), amount);
}

TEST_F(RoadTest, TakesATapOnce) {
    const std::string body = phone_.tap(amount);
    ASSERT_EQ(phone_.send(body).result(), "approved");
    std::string copy = body;
    const std::string key = Reply(200, body).text("idempotency_key");
    copy.replace(copy.find(key), key.size(), world_.new_key());
    const Reply refused = phone_.send(copy);
    EXPECT_EQ(refused.status(), 422U);
    EXPECT_EQ(refused.refusal(), "CARD_DATA_INVALID");
    EXPECT_EQ(world_.spent(), amount);
    world_.expect_consistent();
}

// The amount is sealed with the card: whoever changes one loses the other.
TEST_F(RoadTest, OpensNoCardForAnotherAmount) {
    std::string body = phone_.tap(amount);
    const std::string digits = std::to_string(amount);
    body.replace(body.find(digits), digits.size(), std::to_string(amount + 1));
    const Reply refused = phone_.send(body);
    EXPECT_EQ(refused.status(), 422U);
    EXPECT_EQ(refused.refusal(), "CARD_DATA_INVALID");
    EXPECT_EQ(world_.spent(), 0);
}

TEST_F(RoadTest, OpensNoCardOfAnotherTerminal) {
    RoadPhone& other = world_.add_phone();
    const std::string body = phone_.tap(amount);
    EXPECT_EQ(other.send(body).refusal(), "CARD_DATA_INVALID");
    EXPECT_EQ(world_.spent(), 0);
}

TEST_F(RoadTest, VoidsAndRefundsOnceUnderTheSameKey) {
    const Reply sale = phone_.purchase(amount);
    const std::string target = "/v1/phone/payments/" + sale.id();
    const std::string voiding = R"({"idempotency_key":")" + world_.new_key() + R"("})";
    const Reply voided = phone_.post(target + "/void", voiding);
    EXPECT_EQ(phone_.post(target + "/void", voiding).body(), voided.body());
    const std::string refund = voiding.substr(0, voiding.size() - 1) + R"(,"amount_minor":100})";
    EXPECT_EQ(phone_.post(target + "/refund", refund).refusal(), "IDEMPOTENCY_CONFLICT");
    EXPECT_EQ(world_.spent(), 0);
    world_.expect_consistent();
}

// What cannot be reached

TEST_F(RoadTest, SellsNothingWithoutTheVault) {
    ASSERT_EQ(phone_.purchase(amount).result(), "approved");
    const std::string body = phone_.tap(200);
    world_.stop_vault();
    const std::int64_t before = messages();
    const Reply refused = phone_.send(body);
    EXPECT_EQ(refused.status(), 503U);
    EXPECT_EQ(refused.refusal(), "VAULT_UNAVAILABLE");
    EXPECT_EQ(messages(), before);
    EXPECT_EQ(world_.acquirer("/v1/status").text("vault"), "unavailable");
    world_.start_vault();
    EXPECT_EQ(phone_.send(body).result(), "approved") << "the same tap, now that it can be opened";
    world_.expect_consistent();
}

TEST_F(RoadTest, VoidsNothingWithoutTheVault) {
    const Reply sale = phone_.purchase(amount);
    world_.stop_vault();
    const std::int64_t before = messages();
    const Reply refused = phone_.void_sale(sale.id());
    EXPECT_EQ(refused.refusal(), "VAULT_UNAVAILABLE") << refused.body();
    EXPECT_NE(refused.result(), "approved");
    EXPECT_EQ(messages(), before);
    EXPECT_EQ(world_.payment(sale.id()).text("payment.state"), "approved");
    world_.start_vault();
    EXPECT_EQ(phone_.void_sale(sale.id()).result(), "approved");
    world_.expect_consistent();
}

TEST_F(RoadTest, SellsNothingWithoutTheNetwork) {
    ASSERT_EQ(phone_.purchase(amount).result(), "approved");
    const std::int64_t sold = world_.sold();
    world_.stop_network();
    ASSERT_TRUE(RoadWorld::wait_until(
        [this] { return !world_.acquirer("/v1/status").flag("network_connected"); }));
    const Reply refused = phone_.purchase(200);
    EXPECT_EQ(refused.refusal(), "NETWORK_UNAVAILABLE") << refused.body();
    EXPECT_NE(refused.result(), "approved");
    EXPECT_EQ(world_.sold(), sold);
    world_.wait_until_nothing_is_open();
    EXPECT_EQ(world_.account(1100), amount);
}

TEST_F(RoadTest, SignsNobodyInWithoutTheNetwork) {
    world_.stop_network();
    ASSERT_TRUE(RoadWorld::wait_until(
        [this] { return !world_.acquirer("/v1/status").flag("network_connected"); }));
    const Reply refused = phone_.purchase(200);
    EXPECT_EQ(refused.status(), 503U);
    EXPECT_EQ(refused.refusal(), "NETWORK_UNAVAILABLE");
    EXPECT_EQ(world_.sold(), 0);
}

// The network has ended its day and we have not: the terminal signs in by itself.
TEST_F(RoadTest, SignsInAgainWhereTheNetworkWantsIt) {
    ASSERT_EQ(phone_.purchase(amount).result(), "approved");
    ASSERT_EQ(world_.network("/v1/cut-over", "{}").status(), 200U);
    const Reply refused = phone_.purchase(200);
    EXPECT_EQ(refused.result(), "indeterminate") << "another copy may have been carried out";
    EXPECT_EQ(world_.final_state(refused.id()), "reversed");
    const Reply next = phone_.purchase(300);
    EXPECT_EQ(next.result(), "approved") << next.body();
    EXPECT_EQ(next.text("batch"), "000002");
    world_.expect_consistent();
}

}  // namespace
}  // namespace softpos::sim
