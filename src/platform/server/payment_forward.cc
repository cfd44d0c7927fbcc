// Store and forward: what the network must hear of in the end, and in which order it does.
#include "base/log.h"
#include "platform/server/payment_step.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace softpos::server {

using pay::Payment;
using pay::PaymentKind;

// Oldest first within a terminal. Only the first of each lane leaves; the others follow its answer.
void PaymentEngine::on_network_up() {
    std::vector<Payment> waiting;
    store::IdPage page{.after = {}, .rows_max = store::page_rows_max};
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (bool more = true; more;) {
            const auto open = TRY(reader.open_payments(page));
            more = open.size() == page.rows_max;
            if (!open.empty()) page.after = open.back().id;
            std::ranges::copy_if(open, std::back_inserter(waiting), [](const Payment& payment) {
                return payment.next_attempt_at.unix_ms != 0;
            });
        }
        return {};
    });
    if (!read) return log(LogLevel::warning, "payment: nothing forwarded", read.error());
    std::ranges::sort(waiting, {}, [](const Payment& payment) {
        return std::tuple(payment.terminal, payment.batch, payment.stan);
    });
    for (const Payment& payment : waiting) {
        apply(payment.id, {.kind = pay::EventKind::retry_due,
                           .at = parts_.clock.now(),
                           .attempt = payment.attempts + 1});
    }
}

// Reversals and repeats of one terminal go one after the other. One that was not answered several
// times makes room: it must not keep the rest for a day.
void PaymentEngine::forward(SendKind kind, const Payment& payment) {
    constexpr std::uint32_t tries_in_front = 5;
    constexpr unsigned trace_bits = 20;
    {
        const std::lock_guard lock(mutex_);
        const std::uint64_t turns = payment.attempts / tries_in_front;
        const std::uint64_t place =
            turns << 40 | std::uint64_t{payment.batch} << trace_bits | payment.stan;
        if (payment.attempts % tries_in_front == 0) forward_.done(payment.terminal, payment.id);
        forward_.add(payment.terminal, place, payment.id);
        forward_.later(payment.terminal, payment.id);
        const auto next = forward_.next(payment.terminal);
        if (next && *next != payment.id) {
            forward_.later(payment.terminal, *next);  // It goes when its own time comes.
            return;
        }
        if (!next) return;
    }
    send(kind, payment, std::nullopt);
}

// What is decided makes room for the next of its terminal.
void PaymentEngine::forwarded(const Payment& payment) {
    const bool refund_waits =
        payment.kind == PaymentKind::refund && payment.state == pay::PaymentState::unknown;
    const bool waits = payment.state == pay::PaymentState::reversal_pending || refund_waits;
    if (waits && payment.next_attempt_at.unix_ms != 0) return;
    {
        const std::lock_guard lock(mutex_);
        if (!forward_.done(payment.terminal, payment.id)) return;
    }
    forward_next(payment.terminal);
}

void PaymentEngine::forward_next(const std::string& terminal) {
    std::optional<Id128> next;
    {
        const std::lock_guard lock(mutex_);
        next = forward_.next(terminal);
        if (next) forward_.later(terminal, *next);
    }
    if (!next) return;
    // On the store's writer thread: reading may wait, so a worker does it.
    parts_.workers.post_always([this, id = *next] {
        std::optional<Payment> payment;
        (void)parts_.store.read([&](store::Reader& reader) -> Result<void> {
            payment = TRY(reader.payment(id));
            return {};
        });
        if (!payment) return;
        apply(id, {.kind = pay::EventKind::retry_due,
                   .at = parts_.clock.now(),
                   .attempt = payment->attempts + 1});
    });
}

}  // namespace softpos::server
