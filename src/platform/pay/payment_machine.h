// The one transition function of a payment. It is pure: it takes the payment, the purchase it is
// about and an event, and gives back what to write and what to do.
//
// Write-ahead by contract: effects are performed only after `next`, `original`, the postings and
// the event are durable in one commit. An event that was applied before changes nothing and has no
// effects (`changed` is false), so everything here is safe to run twice.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "platform/pay/fees.h"
#include "platform/pay/ledger.h"
#include "platform/pay/payment.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace softpos::pay {

// Whether a refund may be made while a void still could. The card network's rule, so data: the
// usual one is that a sale of the open batch and day is voided and only an older one refunded.
enum class RefundWindow : std::uint8_t { other_batch_or_day, any_time };

struct PaymentRules {
    RefundWindow refund_window = RefundWindow::other_batch_or_day;
    std::int64_t answer_ms = 45'000;  // From sending to giving up; the app waits longer.
};

constexpr std::int64_t reversal_ms_max = 24LL * 60 * 60 * 1000;
constexpr std::uint32_t attempts_max = 2'000;  // Ends retries where the clock was set back.

// Milliseconds to wait after attempt number `attempts` (1 is the first).
std::int64_t retry_delay_ms(std::uint32_t attempts);

enum class EventKind : std::uint8_t {
    submit = 1,           // Rules are checked, the request may go out.
    answer = 2,           // The network answered, and its MAC is right.
    bad_answer = 3,       // An answer that cannot be believed: wrong MAC or wrong amount.
    deadline_passed = 4,  // No answer in time, or after a restart nobody knows.
    start_reversal = 5,   // An unknown purchase or void is being reversed.
    retry_due = 6,        // Reverse again, or repeat a refund.
    reversal_answer = 7,
    undo = 8,               // Approved, but the card or the phone did not go through with it.
    resolve_done = 9,       // A person found out after we had given up: it took effect.
    resolve_not_done = 10,  // … it did not.
    not_sent = 11,          // The request provably never left: no reversal is needed.
};

struct PaymentEvent {
    EventKind kind{};
    Instant at = {};

    // answer, reversal_answer:
    std::string response_code = {};
    std::string auth_code = {};
    std::string rrn = {};
    BusinessDate settlement_date = {};              // Not known where the answer has no field 15.
    std::optional<std::int64_t> amount_minor = {};  // Field 4 of the answer.
    // retry_due: the number that this attempt would have. Another one is a replay.
    std::uint32_t attempt = 0;
    // not_sent: what the caller is told.
    Refusal refusal = Refusal::none;
};

// All that a step may look at.
struct PaymentContext {
    Payment payment = {};
    std::optional<Payment> original = {};  // Of a void or refund: the purchase as it stands now.
    BusinessDate current_date = {};        // The network's date as last seen.
    std::uint32_t current_batch = 0;       // The terminal's open batch.
    PaymentRules rules = {};
};

enum class EffectKind : std::uint8_t {
    send_request,    // Build it from `next`; it is in state sent.
    send_repeat,     // The same refund again, marked as a repeat.
    send_reversal,   // Field 39 is reversal_code(next.reversal_reason).
    start_reversal,  // Feed EventKind::start_reversal back in.
    arm_deadline,    // Feed deadline_passed in at effect.at.
    arm_retry,       // Feed retry_due{attempt = next.attempts + 1} in at effect.at.
    answer_caller,   // The merchant can be told result_of(next).
    call_operator,   // Gave up: a person must look.
    sign_in_again,   // The network no longer accepts the terminal's keys.
};

struct Effect {
    EffectKind kind{};
    Instant at = {};
    friend bool operator==(const Effect&, const Effect&) = default;
};

struct Transition {
    bool changed = false;
    Payment next = {};
    std::optional<Payment> original = {};  // Set where the purchase changed too.
    std::vector<Effect> effects = {};
    std::vector<Transfer> postings = {};
};

//     Transition to = TRY(step({.payment = payment, .original = sale, …}, event));
//     if (to.changed) { tx.update(to.next); tx.post(to.postings); … commit; then perform effects }
//
// conflict: the event does not fit the state. Nothing changes then.
Result<Transition> step(const PaymentContext& context, const PaymentEvent& event);

// Refusal::none, or why not. step() asks these too when a void or refund is submitted.
Refusal may_void(const PaymentContext& context);
Refusal may_refund(const PaymentContext& context);

// After a restart: what to feed an open payment. nullopt where it is not open.
std::optional<PaymentEvent> recovery_event(const Payment& payment, Instant now);

std::string_view name_of(EventKind kind);

}  // namespace softpos::pay
