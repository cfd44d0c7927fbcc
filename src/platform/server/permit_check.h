// Whether a payment may use the permits that it names, and whether its phone is trusted at all.
// Parts of the work that admits a payment.
#pragma once

#include "base/clock.h"
#include "base/refusal.h"
#include "platform/server/payment_engine.h"
#include "platform/store/store.h"

namespace softpos::server {

// A payment may come in so much later than its last permit ends: that the core kept the time while
// the card was in the field is the core's to see to, and what is on its way is not late.
constexpr std::int64_t permit_late_ms_max = 30'000;

// device_not_trusted where the phone is suspended or has never shown what it is.
Result<Refusal> check_device(store::Reader& reader, const PaymentOrder& order);

// Spends the tap's permit, and the PIN's where there is one, for this payment: permit_invalid where
// one is unknown, spent, too old, of another terminal, for another step or for less. With a
// refusal nothing was spent.
Result<Refusal> spend_permits(store::Tx& tx, const PaymentOrder& order, const Id128& payment,
                              Instant now);

}  // namespace softpos::server
