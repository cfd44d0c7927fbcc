// Totals of a batch.
#include "platform/pay/settlement.h"

namespace softpos::pay {

Result<void> add_to_batch(const Payment& payment, BatchTotals& totals) {
    if (is_open(payment.state) || payment.state == PaymentState::reversal_failed) {
        return fail(ErrorKind::conflict, "a payment of the batch is still open");
    }
    if (is_final(payment.state) && payment.state != PaymentState::voided) return {};
    const bool debit = payment.kind == PaymentKind::purchase;
    (debit ? totals.debit_minor : totals.credit_minor) += payment.amount_minor;
    (debit ? totals.debit_count : totals.credit_count) += 1;
    return {};
}

}  // namespace softpos::pay
