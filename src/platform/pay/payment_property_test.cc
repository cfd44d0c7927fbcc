// What holds for every order of events: books that balance, one end for each payment, refunds that
// stay within the sale, and the same state again from any replay.
#include "platform/pay/payment_machine.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace softpos::pay {
namespace {

using testing::Prng;

constexpr std::string_view merchant = "898310058120001";

struct Logged {
    Id128 payment;
    PaymentEvent event;
    BusinessDate date;
    std::uint32_t batch;
};

// A shop with one sale after another, kept the way a store would keep it.
class World {
public:
    std::map<Id128, Payment> payments;
    std::map<std::pair<Id128, TransferCode>, Transfer> transfers;
    Balances balances;

    bool apply(const Logged& logged) {
        Payment& payment = payments.at(logged.payment);
        PaymentContext context{.payment = payment};
        if (payment.kind != PaymentKind::purchase) context.original = payments.at(payment.original);
        context.current_date = logged.date;
        context.current_batch = logged.batch;
        const auto to = step(context, logged.event);
        if (!to || !to->changed) return false;
        for (const Transfer& transfer : to->postings) {
            const bool is_new =
                transfers.emplace(std::pair(transfer.source, transfer.code), transfer).second;
            EXPECT_TRUE(is_new) << "a transfer happened twice";
            EXPECT_TRUE(fold({&transfer, 1}, balances));
        }
        payment = to->next;
        if (to->original) payments.at(payment.original) = *to->original;
        return true;
    }

    void expect_sound() const {
        EXPECT_EQ(trial_balance(balances), 0);
        for (const auto& [id, payment] : payments) {
            if (payment.kind != PaymentKind::purchase) continue;
            EXPECT_GE(payment.refunding_minor, 0);
            EXPECT_GE(payment.refunded_minor, 0);
            EXPECT_LE(payment.refunded_minor + payment.refunding_minor, payment.amount_minor);
            const bool voided = payment.state == PaymentState::voided;
            EXPECT_TRUE(!voided || payment.refunded_minor == 0);
        }
    }

    // Posted and taken back, posted, or never posted: what the state says, and nothing else.
    void expect_booked_as_stated() const {
        for (const auto& [id, payment] : payments) {
            const auto posted = [&, source = id](TransferCode code) {
                return transfers.contains({source, code});
            };
            const bool stands =
                payment.state == PaymentState::approved || payment.state == PaymentState::voided;
            switch (payment.kind) {
                case PaymentKind::purchase:
                    EXPECT_EQ(posted(TransferCode::sale) && !posted(TransferCode::reversal),
                              stands);
                    break;
                case PaymentKind::void_sale:
                    EXPECT_EQ(posted(TransferCode::void_sale), stands);
                    break;
                case PaymentKind::refund:
                    EXPECT_EQ(posted(TransferCode::refund), stands);
                    break;
            }
        }
    }
};

Payment random_payment(Prng& prng, const World& world, Instant now) {
    Payment payment;
    payment.id = new_id(merchant, now, prng.random());
    payment.merchant = merchant;
    payment.terminal = "00000001";
    payment.batch = 1 + prng.below(2);
    payment.stan = 1 + prng.below(999'999);
    payment.amount_minor = 1 + prng.below(10'000);
    payment.fee = {
        .merchant_minor = prng.below(60), .issuer_minor = prng.below(45), .network_minor = 1};
    payment.fee_return = static_cast<FeeReturn>(prng.below(3));
    if (world.payments.empty() || prng.below(3) == 0) return payment;
    auto sale = world.payments.begin();
    std::advance(sale, prng.below(static_cast<unsigned>(world.payments.size())));
    if (sale->second.kind != PaymentKind::purchase) return payment;
    payment.kind = prng.below(2) == 0 ? PaymentKind::void_sale : PaymentKind::refund;
    payment.original = sale->first;
    payment.fee = {};
    if (payment.kind == PaymentKind::void_sale) payment.amount_minor = sale->second.amount_minor;
    return payment;
}

PaymentEvent random_event(Prng& prng, const Payment& payment, Instant now) {
    constexpr std::array<std::string_view, 10> codes{"00", "00", "00", "51", "91",
                                                     "10", "94", "25", "96", "A0"};
    PaymentEvent event{.at = now};
    event.kind = static_cast<EventKind>(1 + prng.below(11));
    if (payment.state == PaymentState::received && prng.below(4) != 0)
        event.kind = EventKind::submit;
    if (payment.state == PaymentState::sent && prng.below(2) != 0) event.kind = EventKind::answer;
    event.response_code = codes[prng.below(codes.size())];
    event.attempt = payment.attempts + prng.below(3);
    if (prng.below(8) == 0) event.amount_minor = payment.amount_minor + prng.below(2);
    return event;
}

std::vector<Logged> run_day(Prng& prng, World& world) {
    std::vector<Logged> log;
    Instant now{1'763'000'000'000};
    for (int i = 0; i < 400; ++i) {
        now.unix_ms += prng.below(120'000);
        if (world.payments.size() < 30 && prng.below(4) == 0) {
            const Payment payment = random_payment(prng, world, now);
            world.payments.emplace(payment.id, payment);
        }
        if (world.payments.empty()) continue;
        auto at = world.payments.begin();
        std::advance(at, prng.below(static_cast<unsigned>(world.payments.size())));
        const Logged logged{at->first, random_event(prng, at->second, now),
                            BusinessDate{20261122 + prng.below(2)}, 1 + prng.below(2)};
        if (world.apply(logged)) log.push_back(logged);
        // Anything that was applied may come again at once, and changes nothing.
        const World before = world;
        world.apply(logged);
        EXPECT_EQ(world.payments, before.payments) << name_of(logged.event.kind);
        world.expect_sound();
        world.expect_booked_as_stated();
    }
    return log;
}

World unstarted(const World& world) {
    World fresh;
    for (const auto& [id, payment] : world.payments) {
        Payment first;
        first.id = id;
        first.kind = payment.kind;
        first.merchant = payment.merchant;
        first.terminal = payment.terminal;
        first.batch = payment.batch;
        first.stan = payment.stan;
        first.amount_minor = payment.amount_minor;
        first.original = payment.original;
        first.fee_return = payment.fee_return;
        if (payment.kind == PaymentKind::purchase) first.fee = payment.fee;
        fresh.payments.emplace(id, first);
    }
    return fresh;
}

TEST(PaymentProperty, BooksBalanceInEveryOrderOfEvents) {
    Prng prng = Prng::from_environment();
    for (int round = 0; round < 40 && !::testing::Test::HasFailure(); ++round) {
        World world;
        run_day(prng, world);
    }
    if (::testing::Test::HasFailure()) ADD_FAILURE() << "SEED=" << prng.seed();
}

TEST(PaymentProperty, ReplayGivesTheSameStateAndBooks) {
    Prng prng = Prng::from_environment();
    for (int round = 0; round < 10; ++round) {
        World world;
        const auto log = run_day(prng, world);
        World again = unstarted(world);
        std::size_t position = 0;
        const std::size_t crash = prng.below(static_cast<unsigned>(log.size()));
        for (const Logged& logged : log) {
            EXPECT_TRUE(again.apply(logged));
            if (++position == crash) {  // The last event before a crash is fed in once more.
                const auto before = again.payments;
                again.apply(logged);
                EXPECT_EQ(again.payments, before);
            }
        }
        EXPECT_EQ(again.payments, world.payments) << "SEED=" << prng.seed();
        EXPECT_EQ(again.balances, world.balances) << "SEED=" << prng.seed();
    }
}

}  // namespace
}  // namespace softpos::pay
