// Closing a terminal's batch: the totals that field 48 of a 0500 reports.
#pragma once

#include "base/result.h"
#include "platform/pay/payment.h"

#include <cstdint>

namespace softpos::pay {

// Debits are purchases, credits are voids and refunds, as the terminal counts them.
struct BatchTotals {
    std::int64_t debit_minor = 0;
    std::int64_t debit_count = 0;
    std::int64_t credit_minor = 0;
    std::int64_t credit_count = 0;

    friend bool operator==(const BatchTotals&, const BatchTotals&) = default;
};

// Adds payments of one batch one by one; those that moved no money do not count. A voided purchase
// counts as a debit and its void as a credit. conflict while a payment of the batch is open: cut
// over when it is not, or its outcome would fall between two batches.
//
//     BatchTotals totals;
//     for (const Payment& payment : batch) TRY_VOID(add_to_batch(payment, totals));
Result<void> add_to_batch(const Payment& payment, BatchTotals& totals);

}  // namespace softpos::pay
