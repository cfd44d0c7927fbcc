// Random traffic through the network host: whatever is sent, in whatever order, the money is where
// the records say.
#include "testing/prng.h"
#include "world/sim/sim_test_support.h"

#include <gtest/gtest.h>

namespace softpos::sim {
namespace {

using test::HostAnswer;
using test::Sale;
using test::TestCard;
using test::TestTerminal;
using Kind = NetworkRecord::Kind;

constexpr std::int64_t balance = 300'000;

std::int64_t net_sold(const NetworkHost& host) {
    std::int64_t net = 0;
    for (const NetworkRecord& record : host.records()) {
        if (record.reversed) continue;
        net += record.kind == Kind::sale ? record.amount_minor : -record.amount_minor;
    }
    return net;
}

class Traffic : public ::testing::Test {
protected:
    struct Known {
        Sale sale;
        std::size_t card = 0, terminal = 0;
        bool is_void = false;
        Sale about = {};  // Of a void.
    };

    Traffic() {
        CHECK(load_issuers(host::data_path("cards"), issuer_).has_value());
        for (const char* name : {"debit", "credit", "pin"}) {
            cards_.emplace_back(name);
            issuer_.open_account(cards_.back().pan(), balance);
        }
        for (const char* number : {"10000001", "10000002"}) {
            terminals_.emplace_back(host_, number, "826290058120001");
            CHECK(terminals_.back().register_at_host().has_value());
            CHECK(terminals_.back().sign_in().code == "00");
        }
    }

    void one_step() {
        const unsigned what = prng_.below(100);
        if (what < 40) return sell();
        if (what < 95 && known_.empty()) return sell();
        if (what < 55) return give_back(true);
        if (what < 70) return give_back(false);
        if (what < 85) return reverse();
        if (what < 95) return repeat();
        if (what < 98) {
            (void)terminals_[prng_.below(2)].sign_in();
            return;
        }
        host_.cut_over();
        for (TestTerminal& terminal : terminals_) ASSERT_EQ(terminal.sign_in().code, "00");
    }

    Known& any() { return known_[prng_.below(static_cast<unsigned>(known_.size()))]; }

    void sell() {
        Known made{.sale = {}, .card = prng_.below(3), .terminal = prng_.below(2)};
        const HostAnswer answer = terminals_[made.terminal].purchase(
            cards_[made.card], 100 + prng_.below(20'000), &made.sale);
        if (answer.code == "00") known_.push_back(made);
    }
    void give_back(bool whole) {
        const Known about = any();
        TestTerminal& terminal = terminals_[about.terminal];
        const TestCard& card = cards_[about.card];
        if (!whole) {
            (void)terminal.refund(card, about.sale, 1 + prng_.below(15'000));
            return;
        }
        const HostAnswer answer = terminal.void_sale(card, about.sale);
        if (answer.code != "00") return;
        known_.push_back({.sale = {.trace = terminal.trace(),
                                   .batch = terminal.speaker().batch,
                                   .amount_minor = about.sale.amount_minor,
                                   .rrn = answer.rrn,
                                   .auth = answer.auth},
                          .card = about.card,
                          .terminal = about.terminal,
                          .is_void = true,
                          .about = about.sale});
    }
    void reverse() {
        const Known about = any();
        TestTerminal& terminal = terminals_[about.terminal];
        const TestCard& card = cards_[about.card];
        if (about.is_void) {
            (void)terminal.reverse_void(card, about.sale, about.about);
        } else {
            (void)terminal.reverse(card, about.sale);
        }
    }
    void repeat() {
        TestTerminal& terminal = terminals_[prng_.below(2)];
        if (!terminal.last_request().empty()) (void)terminal.send_bytes(terminal.last_request());
    }

    testing::Prng prng_ = testing::Prng::from_environment();
    Issuer issuer_;
    SeededRandom random_{prng_.seed()};
    NetworkHost host_{
        test::dialect(), {.sandbox_codes = false, .business_date = test::today}, issuer_, random_};
    std::vector<TestCard> cards_;
    std::vector<TestTerminal> terminals_;
    std::vector<Known> known_;
};

TEST_F(Traffic, LosesAndMakesNoMoney) {
    const std::int64_t start = issuer_.total_minor();
    for (int step = 0; step < 3'000; ++step) {
        one_step();
        ASSERT_EQ(issuer_.total_minor() + net_sold(host_), start)
            << "SEED=" << prng_.seed() << " step " << step;
        for (const TestCard& card : cards_) {
            ASSERT_LE(issuer_.balance_minor(card.pan()), balance)
                << "nobody gains; SEED=" << prng_.seed() << " step " << step;
        }
    }
    EXPECT_GT(host_.counters().approved, 100U);
    EXPECT_GT(host_.counters().reversed, 20U);
}

TEST_F(Traffic, GivesNoSaleBackTwice) {
    for (int step = 0; step < 2'000; ++step) one_step();
    std::vector<std::int64_t> back(host_.records().size(), 0);
    for (const NetworkRecord& record : host_.records()) {
        if (record.kind == Kind::sale || record.reversed) continue;
        ASSERT_NE(record.original, 0U);
        back[record.original - 1] += record.amount_minor;
    }
    for (std::size_t i = 0; i < back.size(); ++i) {
        const NetworkRecord& sale = host_.records()[i];
        const std::int64_t there = sale.reversed ? 0 : sale.amount_minor;
        if (sale.kind == Kind::sale) EXPECT_LE(back[i], there) << "SEED=" << prng_.seed();
    }
}

}  // namespace
}  // namespace softpos::sim
