// The phone's services are killed in the middle of a payment: when they are back the app hears one
// truth, the same as issuer, platform and books, and no money has moved twice.
#include "app/demo_world.h"
#include "base/clock.h"
#include "host/scratch_directory.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <sys/stat.h>
#include <thread>

namespace softpos {
namespace {

using app::DemoWorld;
using app::json_object;
using app::JsonAnswer;
using app::JsonApi;

constexpr std::int64_t amount = 5'000;  // No PIN is asked for.
// Longer than a phone waits until what the platform never heard of is declined.
constexpr std::int64_t wait_us_max = 200'000'000;

class DeviceKillTest : public ::testing::Test {
protected:
    DeviceKillTest() {
        ::chmod(folder_.path().c_str(), 0711);  // The jailed vault finds its own folder below it.
    }

    void SetUp() override {
        auto world = DemoWorld::start(folder_.path(), {.answer_ms = 1'000});
        ASSERT_TRUE(world.has_value()) << world.error().what.c_str();
        world_ = *std::move(world);
        const auto merchant = world_->make_merchant(DemoWorld::MerchantKind::company);
        ASSERT_TRUE(merchant.has_value());
        const auto terminal = world_->make_terminal(*merchant);
        ASSERT_TRUE(terminal.has_value());
        ASSERT_TRUE(world_->enrol_phone(terminal->activation_code).has_value());
        network("/v1/accounts", json_object({{"card", "debit"}, {"balance_minor", 100'000'000}}));
        total_ = state("accounts_total_minor");
        start_total_ = total_;
    }

    JsonAnswer network(const std::string& target, const std::string& body) {
        auto answer =
            body.empty() ? world_->network().get(target) : world_->network().post(target, body);
        EXPECT_TRUE(answer && answer->good());
        return answer ? *std::move(answer) : JsonAnswer(0, "");
    }
    std::int64_t state(const std::string& name) { return network("/v1/state", "").number(name); }
    void fault(const std::string& action, std::int64_t delay_ms) {
        network("/v1/faults", json_object({{"action", std::string_view(action)},
                                           {"mti", "0200"},
                                           {"delay_ms", delay_ms}}));
    }

    std::string new_key() { return Id128::make(random_).text(); }
    static std::string order(const std::string& key) {
        return json_object({{"amount_minor", amount}, {"idempotency_key", std::string_view(key)}});
    }
    // 404 where nothing of it was written down.
    JsonAnswer status(const std::string& key) {
        auto answer = world_->phone().get("/v1/payments/" + key);
        return answer ? *std::move(answer) : JsonAnswer(0, "");
    }
    // The app asks until it knows.
    JsonAnswer outcome(const std::string& key) {
        const Ticks start = clock_.ticks();
        while (clock_.ticks().us - start.us < wait_us_max) {
            JsonAnswer answer = status(key);
            if (answer.status() == 404 || answer.text("result") == "approved" ||
                answer.text("result") == "declined") {
                return answer;
            }
        }
        ADD_FAILURE() << status(key).body() << " SEED=" << prng_.seed();
        return {0, ""};
    }
    void wait_until(const std::function<bool()>& holds) {
        const Ticks start = clock_.ticks();
        while (!holds()) ASSERT_LT(clock_.ticks().us - start.us, wait_us_max);
    }

    // The app pays; when `strike_when` returns, the services are killed and come back.
    void pay_and_kill(const std::string& key, const std::function<void()>& strike_when) {
        std::thread app([this, &key] {
            auto api = world_->another_phone_api();
            ASSERT_TRUE(api.has_value());
            (void)api->post("/v1/purchase", order(key));  // No answer, or one that came in time.
        });
        strike_when();
        EXPECT_TRUE(world_->kill_device().has_value());
        app.join();
        ASSERT_TRUE(world_->start_device().has_value());
    }

    // One payment or none, and everybody says which.
    void expect_one_truth(const std::string& key) {
        const JsonAnswer told = outcome(key);
        const bool approved = told.text("result") == "approved";
        if (approved) sold_ += amount;
        // What may have left and was not answered is taken back by the platform itself.
        wait_until([this] { return start_total_ - state("accounts_total_minor") == sold_; });
        if (told.status() == 200) {
            const auto again = world_->phone().post("/v1/purchase", order(key));
            ASSERT_TRUE(again.has_value());
            EXPECT_EQ(again->text("result"), told.text("result"))
                << "the key stands for one payment";
        }
        const auto ledger = world_->acquirer().get("/v1/ledger");
        ASSERT_TRUE(ledger.has_value());
        EXPECT_EQ(ledger->number("sum_minor"), 0);
        std::int64_t receivable = 0;
        for (std::size_t i = 0; i < ledger->size("accounts"); ++i) {
            const std::string at = "accounts." + std::to_string(i) + ".";
            if (ledger->number(at + "account") != 1100) continue;
            receivable +=
                ledger->number(at + "debits_minor") - ledger->number(at + "credits_minor");
        }
        EXPECT_EQ(receivable, sold_) << "SEED=" << prng_.seed();
        EXPECT_EQ(start_total_ - state("accounts_total_minor"), sold_);
    }

    host::ScratchDirectory folder_;
    SystemClock clock_;
    SystemRandom random_;
    testing::Prng prng_ = testing::Prng::from_environment();
    std::unique_ptr<DemoWorld> world_;
    std::int64_t total_ = 0, start_total_ = 0, sold_ = 0;
};

// Shows: A27
TEST_F(DeviceKillTest, BeforeTheCardNothingWasBegun) {
    const std::string key = new_key();
    pay_and_kill(key, [&] { wait_until([&] { return status(key).status() == 200; }); });
    EXPECT_EQ(status(key).text("result"), "declined");
    EXPECT_EQ(status(key).text("state"), "interrupted");
    EXPECT_EQ(state("messages"), 0) << "the network was not asked";
    expect_one_truth(key);
}

// Shows: A27
TEST_F(DeviceKillTest, AfterTheIssuersYesTheAppHearsOfIt) {
    fault("late_answer", 400);
    const std::string key = new_key();
    ASSERT_TRUE(world_->hold_card("debit").has_value());
    pay_and_kill(key, [&] { wait_until([&] { return state("approved") == 1; }); });
    expect_one_truth(key);
    EXPECT_EQ(status(key).text("result"), "approved");
    EXPECT_EQ(state("approved"), 1);
    EXPECT_EQ(state("reversed"), 0);
}

// Shows: A27
TEST_F(DeviceKillTest, WhatNobodyAnsweredIsReversedAndTheAppHearsThat) {
    fault("no_answer", 0);
    const std::string key = new_key();
    ASSERT_TRUE(world_->hold_card("debit").has_value());
    pay_and_kill(key, [&] { wait_until([&] { return state("approved") == 1; }); });
    expect_one_truth(key);
    EXPECT_EQ(status(key).text("state"), "reversed");
    EXPECT_EQ(state("reversed"), 1);
}

// Shows: A27
TEST_F(DeviceKillTest, AtAnyMomentThereIsOnePaymentOrNone) {
    // How long a payment takes here, in questions to network and phone.
    unsigned whole = 0;
    const std::string first = new_key();
    ASSERT_TRUE(world_->hold_card("debit").has_value());
    pay_and_kill(first, [&] {
        wait_until([&] {
            ++whole;
            (void)state("messages");  // As the strike below does.
            return status(first).text("result") == "approved";
        });
    });
    expect_one_truth(first);

    constexpr int rounds = 12;
    int approved = 0, none = 0;
    for (int round = 0; round < rounds && !HasFailure(); ++round) {
        const std::string key = new_key();
        ASSERT_TRUE(world_->hold_card("debit").has_value());
        const unsigned questions = prng_.below(2 * whole);
        pay_and_kill(key, [&] {
            for (unsigned i = 0; i < questions; ++i) {
                (void)state("messages");
                (void)status(key);
            }
        });
        expect_one_truth(key);
        ++(status(key).text("result") == "approved" ? approved : none);
    }
    RecordProperty("approved", approved);
    RecordProperty("none", none);
    // And the phone sells as before.
    const std::string key = new_key();
    ASSERT_TRUE(world_->hold_card("debit").has_value());
    const auto sale = world_->phone().post("/v1/purchase", order(key));
    ASSERT_TRUE(sale.has_value());
    EXPECT_EQ(sale->text("result"), "approved") << sale->body();
}

}  // namespace
}  // namespace softpos
