// What every backend must do; run for each of them. Nothing here knows which one it talks to.
#include "platform/store/store_test_support.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace softpos::store {
namespace {

using pay::Payment;
using pay::PaymentState;

// A batch is one whole: a page of it would have other totals.
TEST_P(StoreTest, PaymentsByKeysAreNotCutAtAPage) {
    KeyRange range;
    range.first.bytes[0] = range.last.bytes[0] = 'C';
    range.last.bytes[15] = 0xFF;
    range.last.bytes[14] = 0xFF;
    constexpr std::uint32_t count = page_rows_max + 200;
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        for (std::uint32_t i = 1; i <= count; ++i) {
            Payment sale = payment(i);
            sale.idempotency_key = range.first;
            sale.idempotency_key.bytes[14] = static_cast<std::uint8_t>(i >> 8);
            sale.idempotency_key.bytes[15] = static_cast<std::uint8_t>(i);
            TRY_VOID(tx.insert(sale));
        }
        return tx.insert(payment(count + 1));  // Not one of them.
    }));
    const auto found = ask([&](Reader& r) { return r.payments_by_keys(shop, range); });
    ASSERT_EQ(found.size(), count);
    EXPECT_EQ(found.front().stan, 1U);
    EXPECT_EQ(found.back().stan, count);
    EXPECT_TRUE(ask([&](Reader& r) { return r.payments_by_keys("x", range); }).empty());
}

TEST_P(StoreTest, AClassicTerminalsBatchNeverGoesBack) {
    ClassicRow row{.terminal = "00000001", .merchant = std::string(shop), .purchase = true};
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(row); }));
    row.batch = 3;
    row.amount_max_minor = 500;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(row); }));
    EXPECT_EQ(ask([](Reader& r) { return r.classic("00000001"); }), row);
    ClassicRow older = row;
    older.batch = 2;
    EXPECT_FALSE(run([&](Tx& tx) { return tx.update(older); }));
    EXPECT_EQ(ask([](Reader& r) { return r.classic("00000002"); }), std::nullopt);
}

TEST_P(StoreTest, APaymentComesBackAsItWasPut) {
    const Payment sale = payment(1);
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(sale); }));
    EXPECT_EQ(ask([&](Reader& r) { return r.payment(sale.id); }), sale);
    EXPECT_EQ(ask([&](Reader& r) { return r.payment_by_key(shop, sale.idempotency_key); }), sale);
    EXPECT_EQ(ask([&](Reader& r) { return r.payment_by_trace({"00000001", 1, 1}); }), sale);
    EXPECT_EQ(ask([&](Reader& r) { return r.last_payment(shop, "00000001"); }), sale);
    EXPECT_EQ(ask([&](Reader& r) { return r.payment_by_key("x", sale.idempotency_key); }),
              std::nullopt);
    Payment changed = approved(sale);
    changed.refusal = Refusal::network_timeout;
    changed.late_response_code = "00";
    changed.void_status = pay::VoidStatus::in_flight;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.update(changed); }));
    open();  // It is on the disk, not only in memory.
    EXPECT_EQ(ask([&](Reader& r) { return r.payment(sale.id); }), changed);
}

TEST_P(StoreTest, AnUpdateNeedsANewerVersion) {
    const Payment sale = payment(1);
    EXPECT_EQ(run([&](Tx& tx) { return tx.update(sale); }).error().kind, ErrorKind::not_found);
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(sale); }));
    EXPECT_EQ(run([&](Tx& tx) { return tx.update(sale); }).error().kind, ErrorKind::conflict);
}

TEST_P(StoreTest, AnIdempotencyKeyIsUniqueWithinTheMerchant) {
    Payment first = payment(1), second = payment(2);
    second.idempotency_key = first.idempotency_key;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(first); }));
    EXPECT_EQ(run([&](Tx& tx) { return tx.insert(second); }).error().kind, ErrorKind::conflict);
    Payment other = payment(3, "898310058120002");
    other.idempotency_key = first.idempotency_key;
    EXPECT_TRUE(run([&](Tx& tx) { return tx.insert(other); }));
}

TEST_P(StoreTest, ATraceNumberIsUniqueWithinTerminalAndBatch) {
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(payment(5)); }));
    EXPECT_EQ(run([&](Tx& tx) { return tx.insert(payment(5)); }).error().kind, ErrorKind::conflict);
}

TEST_P(StoreTest, FailedWorkLeavesNothing) {
    const Payment sale = payment(1);
    const auto result = run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(sale));
        TRY_VOID(tx.post(pay::post_sale(approved(sale))));
        return fail(ErrorKind::denied, "on second thoughts");
    });
    EXPECT_EQ(result.error().kind, ErrorKind::denied);
    EXPECT_EQ(ask([&](Reader& r) { return r.payment(sale.id); }), std::nullopt);
    EXPECT_TRUE(ask([](Reader& r) { return r.balances(); }).empty());
}

TEST_P(StoreTest, FailedWorkDoesNotTouchItsNeighboursInTheBatch) {
    std::mutex mutex;
    std::condition_variable finished;
    std::vector<bool> order;
    constexpr std::size_t count = 50;
    for (std::uint32_t i = 0; i < count; ++i) {
        const Payment sale = payment(i + 1);
        store_->submit(
            [sale, i](Tx& tx) -> Result<void> {
                TRY_VOID(tx.insert(sale));
                TRY_VOID(tx.post(pay::post_sale(approved(sale))));
                if (i % 3 == 0) return fail(ErrorKind::denied, "every third");
                return {};
            },
            [&](Result<void> durable) {
                const std::lock_guard lock(mutex);
                order.push_back(durable.has_value());
                finished.notify_one();
            });
    }
    std::unique_lock lock(mutex);
    finished.wait(lock, [&] { return order.size() == count; });
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(order[i], i % 3 != 0) << i;
    const auto balances = ask([](Reader& r) { return r.balances(); });
    EXPECT_EQ(pay::trial_balance(balances), 0);
    EXPECT_EQ(pay::total_of(balances, pay::AccountCode::network_receivable).debits_minor,
              33 * 10'000);
    EXPECT_EQ(ask([](Reader& r) { return r.open_payments({}); }).size(), 33U);
}

TEST_P(StoreTest, AFailedCommitKeepsNothingAndSaysSo) {
    const Payment sale = payment(1);
    fail_commit_ = true;
    EXPECT_EQ(sell(sale).error().kind, ErrorKind::unavailable);
    EXPECT_EQ(ask([&](Reader& r) { return r.payment(sale.id); }), std::nullopt);
    fail_commit_ = false;
    EXPECT_TRUE(sell(sale));
    const auto balances = ask([](Reader& r) { return r.balances(); });
    EXPECT_EQ(pay::total_of(balances, pay::AccountCode::merchant_payable).credits_minor, 10'000);
}

TEST_P(StoreTest, PostingAgainChangesNothingAndOtherContentIsRefused) {
    const Payment sale = payment(1);
    ASSERT_TRUE(sell(sale));
    const auto before = ask([](Reader& r) { return r.balances(); });
    auto transfers = pay::post_sale(approved(sale));
    EXPECT_TRUE(run([&](Tx& tx) { return tx.post(transfers); }));
    EXPECT_EQ(ask([](Reader& r) { return r.balances(); }), before);
    EXPECT_EQ(ask([&](Reader& r) { return r.transfers_of(sale.id); }), transfers);
    transfers[0].amount_minor += 1;
    EXPECT_EQ(run([&](Tx& tx) { return tx.post(transfers); }).error().kind, ErrorKind::conflict);
}

TEST_P(StoreTest, WorkSeesBalancesOfItsOwnBatch) {
    const Payment sale = payment(1);
    const auto payable = pay::merchant_account(pay::AccountCode::merchant_payable, shop);
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.post(pay::post_sale(approved(sale))));
        EXPECT_EQ(tx.balance(payable)->credit_net(), 9'940);
        EXPECT_EQ(tx.balance({payable, today})->credit_net(), 9'940);
        EXPECT_EQ(tx.balance(pay::AccountCode::network_receivable, today)->debit_net(), 10'000);
        EXPECT_EQ(tx.usage(shop, today)->month_minor, 10'000);
        return {};
    }));
    EXPECT_EQ(ask([&](Reader& r) { return r.balance(payable); }).credit_net(), 9'940);
    const auto days = ask([](Reader& r) { return r.merchant_days(today, {}); });
    ASSERT_EQ(days.size(), 1U);
    EXPECT_EQ(days[0].day.credit_net(), 9'940);
    EXPECT_EQ(days[0].total.credit_net(), 9'940);
}

TEST_P(StoreTest, UsageCountsWhatIsInFlight) {
    ASSERT_TRUE(sell(payment(1)));
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(payment(2)); }));
    const auto usage = ask([](Reader& r) { return r.usage(shop, today); });
    EXPECT_EQ(usage.day_minor, 20'000);
    EXPECT_EQ(usage.month_minor, 20'000);
    EXPECT_EQ(ask([](Reader& r) { return r.usage(shop, {20261123}); }).day_minor, 10'000);
}

TEST_P(StoreTest, TraceNumbersRiseAndSurviveAndANewBatchBeginsAtOne) {
    const auto next = [&] {
        Trace trace;
        EXPECT_TRUE(run([&](Tx& tx) -> Result<void> {
            trace = TRY(tx.next_trace("00000001"));
            return {};
        }));
        return std::pair(trace.batch, trace.stan);
    };
    EXPECT_EQ(next(), std::pair(1U, 1U));
    open();
    EXPECT_EQ(next(), std::pair(1U, 2U));
    ASSERT_TRUE(run([](Tx& tx) { return tx.open_batch("00000001", 2); }));
    EXPECT_EQ(next(), std::pair(2U, 1U));
    ASSERT_TRUE(run([](Tx& tx) { return tx.open_batch("00000001", 2); }));
    EXPECT_EQ(next(), std::pair(2U, 2U));
    EXPECT_EQ(ask([](Reader& r) { return r.batch_of("00000001"); }), 2U);
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(payment(9)); }));  // In batch 1.
    ASSERT_TRUE(run([](Tx& tx) { return tx.open_batch("00000001", 1); }));
    EXPECT_EQ(next(), std::pair(1U, 10U));  // Never twice in a batch.
}

TEST_P(StoreTest, OpenPaymentsAndPagesComeInOrder) {
    for (std::uint32_t i = 1; i <= 5; ++i) ASSERT_TRUE(sell(payment(i)));
    const Payment open_one = payment(6);
    ASSERT_TRUE(run([&](Tx& tx) { return tx.insert(open_one); }));
    const auto open_payments = ask([](Reader& r) { return r.open_payments({}); });
    ASSERT_EQ(open_payments.size(), 1U);
    EXPECT_EQ(open_payments[0], open_one);
    const auto newest = ask([](Reader& r) { return r.payments_of(shop, {.rows_max = 2}); });
    ASSERT_EQ(newest.size(), 2U);
    EXPECT_EQ(newest[0], open_one);
    const IdPage behind{.after = newest[1].id, .rows_max = 100};
    EXPECT_EQ(ask([&](Reader& r) { return r.payments_of(shop, behind); }).size(), 4U);
    EXPECT_EQ(ask([](Reader& r) { return r.payments_on(today, {}); }).size(), 5U);
    EXPECT_EQ(ask([](Reader& r) { return r.payments_in_batch("00000001", 1); }).size(), 6U);
}

TEST_P(StoreTest, TheThreeSidesOfADayReconcile) {
    for (std::uint32_t i = 1; i <= 7; ++i) {
        Payment sale = payment(i);
        ASSERT_TRUE(sell(sale));
        ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
            NetworkMessage answer{.id = pay::new_id(shop, now, random_), .payment = sale.id};
            answer.direction = Direction::from_network;
            answer.terminal = sale.terminal;
            answer.merchant = sale.merchant;
            answer.stan = sale.stan;
            answer.rrn = approved(sale).rrn;
            answer.amount_minor = sale.amount_minor;
            answer.settlement_date = today;
            TRY_VOID(tx.append(answer));
            ClearingLine line{.file = "day", .line = i};
            line.record.key = {today, sale.terminal, sale.stan, answer.rrn};
            line.record.merchant = sale.merchant;
            line.record.amount_minor = i == 3 ? 9'000 : sale.amount_minor;
            if (i != 5) TRY_VOID(tx.add(line));
            return i != 5 ? tx.add(line) : Result<void>{};  // Loading twice adds nothing.
        }));
    }
    const auto source = [&](auto ask_page) -> pay::ClearingSource {
        return [this, ask_page, rows = std::vector<pay::ClearingRecord>{},
                page = ClearingPage{
                    .rows_max = 2}]() mutable -> Result<std::optional<pay::ClearingRecord>> {
            if (rows.empty()) {
                const auto read = store_->read([&](Reader& reader) -> Result<void> {
                    rows = TRY(ask_page(reader, page));
                    return {};
                });
                TRY_VOID(read);
                if (rows.empty()) return std::nullopt;
                page.after = rows.back().key;
            }
            auto first = rows.front();
            rows.erase(rows.begin());
            return first;
        };
    };
    pay::ReconciliationInput input{.date = today};
    input.ours = source([](Reader& r, const ClearingPage& p) { return r.booked({today}, p); });
    input.log = source([](Reader& r, const ClearingPage& p) { return r.answered({today}, p); });
    input.file = source([](Reader& r, const ClearingPage& p) { return r.cleared({today}, p); });
    std::vector<ReconciliationException> exceptions;
    const auto report = pay::reconcile(input, pay::Report::exceptions, [&](const auto& item) {
        exceptions.push_back({Id128::make(random_), today, item, true, now});
        return Result<void>{};
    });
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->adds_up());
    EXPECT_EQ(report->log_count, 7);
    EXPECT_EQ(report->matched_count, 5);
    EXPECT_EQ(report->difference_minor, -1'000);
    EXPECT_EQ(report->short_minor, 10'000);
    for (int twice = 0; twice < 2; ++twice) {
        ASSERT_TRUE(run([&](Tx& tx) { return tx.put(*report, exceptions); }));
    }
    ASSERT_TRUE(run([&](Tx& tx) { return tx.close_exception({today}, exceptions[0].id); }));
    EXPECT_EQ(ask([](Reader& r) { return r.reconciliation({today}); }), *report);
    const auto stored = ask([](Reader& r) { return r.exceptions({today}); });
    ASSERT_EQ(stored.size(), 2U);
    EXPECT_EQ(std::ranges::count(stored, true, &ReconciliationException::open), 1);
}

TEST_P(StoreTest, MerchantsTerminalsCodesAndKeysComeBack) {
    merchant::Merchant applied{.number = std::string(shop), .name = "小店"};
    applied.licence.digest[0] = 5;
    merchant::Terminal terminal{.id = pay::new_id(shop, now, random_), .number = "00000001"};
    terminal.merchant = shop;
    terminal.serial = "00009908P00000000001";
    terminal.trusted_point = Buffer(65, 4);
    merchant::ActivationCode code{.digest = {1}, .terminal = terminal.id};
    ApiKey key{.id = Id128::make(random_), .digest = {2}, .name = "till", .role = "merchant"};
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(applied));
        TRY_VOID(tx.insert(terminal));
        TRY_VOID(tx.insert(code));
        return tx.insert(key);
    }));
    EXPECT_EQ(run([&](Tx& tx) { return tx.insert(applied); }).error().kind, ErrorKind::conflict);
    applied.state = merchant::MerchantState::active;
    terminal.state = merchant::TerminalState::enrolled;
    code.used_at = now;
    key.revoked_at = now;
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.update(applied));
        TRY_VOID(tx.update(terminal));
        TRY_VOID(tx.update(code));
        return tx.update(key);
    }));
    EXPECT_EQ(ask([](Reader& r) { return r.merchant(shop); }), applied);
    EXPECT_EQ(ask([&](Reader& r) { return r.merchant_by_licence(applied.licence.digest); }),
              applied);
    EXPECT_EQ(ask([&](Reader& r) { return r.terminal(terminal.id); }), terminal);
    EXPECT_EQ(ask([](Reader& r) { return r.terminal_by_number("00000001"); }), terminal);
    EXPECT_EQ(ask([](Reader& r) { return r.terminals_of(shop); }).size(), 1U);
    EXPECT_EQ(ask([&](Reader& r) { return r.activation_code(code.digest); }), code);
    EXPECT_EQ(ask([&](Reader& r) { return r.api_key(key.digest); }), key);
    EXPECT_EQ(ask([](Reader& r) { return r.merchants({}); }).size(), 1U);
    applied.number = "898310058120009";
    EXPECT_EQ(run([&](Tx& tx) { return tx.update(applied); }).error().kind, ErrorKind::not_found);
}

TEST_P(StoreTest, TheOutboxRisesAlsoAfterItWasEmptied) {
    const auto put = [&](std::string topic) {
        return run([&](Tx& tx) { return tx.enqueue({.topic = topic, .body = "{}"}); });
    };
    ASSERT_TRUE(put("a") && put("b"));
    auto messages = ask([](Reader& r) { return r.outbox(10); });
    ASSERT_EQ(messages.size(), 2U);
    const std::int64_t last = messages[1].sequence;
    ASSERT_TRUE(run([&](Tx& tx) { return tx.dequeue(last); }));
    ASSERT_TRUE(put("c"));
    messages = ask([](Reader& r) { return r.outbox(10); });
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_GT(messages[0].sequence, last);
}

TEST_P(StoreTest, EventsPayoutsAndSettingsComeBack) {
    const Payment sale = payment(1);
    const PaymentEventRow event{
        sale.id, 2, pay::EventKind::answer, PaymentState::sent, PaymentState::approved, "00", now};
    pay::Payout payout{.id = pay::payout_id(shop, today), .merchant = std::string(shop)};
    payout.settlement_date = today;
    payout.amount_minor = 9'940;
    ASSERT_TRUE(run([&](Tx& tx) -> Result<void> {
        TRY_VOID(tx.append(event));
        TRY_VOID(tx.insert(payout));
        payout.state = pay::PayoutState::sent;
        TRY_VOID(tx.update(payout));
        TRY_VOID(tx.set("date", "20261122"));
        return tx.set("date", "20261123");
    }));
    EXPECT_EQ(ask([&](Reader& r) { return r.events_of(sale.id); }), std::vector{event});
    EXPECT_EQ(ask([&](Reader& r) { return r.payout(payout.id); }), payout);
    EXPECT_EQ(ask([](Reader& r) { return r.payouts_on(today, {}); }).size(), 1U);
    EXPECT_EQ(ask([](Reader& r) { return r.setting("date"); }), "20261123");
    EXPECT_EQ(run([&](Tx& tx) { return tx.append(event); }).error().kind, ErrorKind::conflict);
    EXPECT_EQ(run([&](Tx& tx) { return tx.insert(payout); }).error().kind, ErrorKind::conflict);
}

INSTANTIATE_TEST_SUITE_P(Backends, StoreTest, all_backends, backend_name);

}  // namespace
}  // namespace softpos::store
