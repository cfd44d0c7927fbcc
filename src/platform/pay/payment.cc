// Names of payments' kinds and states, and what they mean to a merchant.
#include "platform/pay/payment.h"

namespace softpos::pay {

bool is_open(PaymentState state) {
    using enum PaymentState;
    return state == received || state == sent || state == unknown || state == reversal_pending;
}

bool is_final(PaymentState state) {
    using enum PaymentState;
    return state == declined || state == reversed || state == voided;
}

PaymentResult result_of(const Payment& payment) {
    switch (payment.state) {
        case PaymentState::approved:
        case PaymentState::voided:
            return PaymentResult::approved;
        case PaymentState::declined:
        case PaymentState::reversed:
            return PaymentResult::declined;
        case PaymentState::received:
        case PaymentState::sent:
        case PaymentState::unknown:
        case PaymentState::reversal_pending:
        case PaymentState::reversal_failed:
            break;
    }
    return PaymentResult::indeterminate;
}

std::string_view name_of(PaymentKind kind) {
    switch (kind) {
        case PaymentKind::purchase:
            return "purchase";
        case PaymentKind::void_sale:
            return "void";
        case PaymentKind::refund:
            return "refund";
    }
    return "unknown";
}

std::string_view name_of(PaymentState state) {
    switch (state) {
        case PaymentState::received:
            return "received";
        case PaymentState::sent:
            return "sent";
        case PaymentState::approved:
            return "approved";
        case PaymentState::declined:
            return "declined";
        case PaymentState::unknown:
            return "unknown";
        case PaymentState::reversal_pending:
            return "reversal_pending";
        case PaymentState::reversed:
            return "reversed";
        case PaymentState::reversal_failed:
            return "reversal_failed";
        case PaymentState::voided:
            return "voided";
    }
    return "unknown";
}

std::string_view name_of(PaymentResult result) {
    switch (result) {
        case PaymentResult::approved:
            return "approved";
        case PaymentResult::declined:
            return "declined";
        case PaymentResult::indeterminate:
            break;
    }
    return "indeterminate";
}

// Spec: [CUP-POS] field 39 of a reversal: 98 no answer, A0 wrong MAC in the answer, 06 other.
std::string_view reversal_code(ReversalReason reason) {
    switch (reason) {
        case ReversalReason::bad_answer:
            return "A0";
        case ReversalReason::other:
            return "06";
        case ReversalReason::none:
        case ReversalReason::no_answer:
            break;
    }
    return "98";
}

std::optional<PaymentKind> payment_kind(std::int64_t stored) {
    if (stored < 1 || stored > 3) return std::nullopt;
    return static_cast<PaymentKind>(stored);
}

std::optional<PaymentState> payment_state(std::int64_t stored) {
    if (stored < 1 || stored > 9) return std::nullopt;
    return static_cast<PaymentState>(stored);
}

}  // namespace softpos::pay
