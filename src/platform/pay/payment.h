// The record of one payment: a purchase, the void of one, or a refund of one.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/refusal.h"
#include "platform/pay/business_date.h"
#include "platform/pay/fees.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::pay {

// Numbers are stored: never renumber.
enum class PaymentKind : std::uint8_t { purchase = 1, void_sale = 2, refund = 3 };

// received -> sent -> approved | declined | unknown; unknown -> reversal_pending -> reversed |
// reversal_failed; approved -> voided, by the approval of a void. Refused by our own rules:
// received -> declined. A refund has no reversal: its unknown is repeated until answered.
enum class PaymentState : std::uint8_t {
    received = 1,
    sent = 2,
    approved = 3,
    declined = 4,
    unknown = 5,
    reversal_pending = 6,
    reversed = 7,
    reversal_failed = 8,  // Given up after reversal_hours_max: a person decides.
    voided = 9,
};

enum class VoidStatus : std::uint8_t { none = 0, in_flight = 1, done = 2 };

// What the merchant is told.
enum class PaymentResult : std::uint8_t { approved, declined, indeterminate };

// Field 39 of a reversal. Spec: [CUP-POS] reversal reasons.
enum class ReversalReason : std::uint8_t { none = 0, no_answer = 1, bad_answer = 2, other = 3 };

struct Payment {
    Id128 id = {};  // From new_id(): names its shard.
    PaymentKind kind = PaymentKind::purchase;
    PaymentState state = PaymentState::received;
    std::uint32_t version = 0;  // Steps taken; the number of the last payment event.

    std::string merchant = {};  // Merchant number, 15 characters.
    std::string terminal = {};  // Terminal number, 8 characters.
    std::int64_t amount_minor = 0;
    Currency currency = Currency::cny;
    std::string reference = {};  // The merchant's own, free text.

    Id128 idempotency_key = {};                  // Unique within the merchant.
    std::array<std::uint8_t, 32> body_digest{};  // SHA-256 of the request body, by the caller.
    Id128 original = {};                         // The purchase that a void or refund is about.

    // As sent and answered.
    std::uint32_t batch = 0;            // 60.2
    std::uint32_t stan = 0;             // Field 11, unique in terminal and batch.
    std::string rrn = {};               // Field 37
    std::string auth_code = {};         // Field 38
    std::string response_code = {};     // Field 39
    BusinessDate settlement_date = {};  // Field 15 with its year.
    std::string masked_pan = {};
    std::string card_method = {};  // How the cardholder was verified: "none", "online_pin", …
    Buffer stored_card = {};       // Sealed by the vault; never track 2.
    Refusal refusal = Refusal::none;

    // Of a purchase: what was charged, and what was given back since.
    FeeSplit fee = {};  // Of a refund, once approved: what the merchant got back.
    FeeReturn fee_return = FeeReturn::none;
    std::int64_t refunded_minor = 0;   // Approved refunds.
    std::int64_t refunding_minor = 0;  // Refunds in flight.
    VoidStatus void_status = VoidStatus::none;

    Instant created_at = {};
    Instant sent_at = {};
    Instant deadline_at = {};  // Of the first answer.
    Instant answered_at = {};
    ReversalReason reversal_reason = ReversalReason::none;
    std::uint32_t attempts = 0;    // Reversals, or repeats of a refund, sent so far.
    Instant next_attempt_at = {};  // Zero where none is due.
    std::string late_response_code =
        {};  // An answer that came after we had given up; for the record.

    friend bool operator==(const Payment&, const Payment&) = default;
};

constexpr std::size_t reference_bytes_max = 64;

// Still waits for an answer, a deadline or a retry: what recovery reads after a restart.
bool is_open(PaymentState state);
bool is_final(PaymentState state);  // Nothing changes it any more.
PaymentResult result_of(const Payment& payment);

std::string_view name_of(PaymentKind kind);             // "purchase", "void", "refund"
std::string_view name_of(PaymentState state);           // "approved", …
std::string_view name_of(PaymentResult result);         // "approved", "declined", "indeterminate"
std::string_view reversal_code(ReversalReason reason);  // "98", "A0", "06"

std::optional<PaymentKind> payment_kind(std::int64_t stored);
std::optional<PaymentState> payment_state(std::int64_t stored);

}  // namespace softpos::pay
