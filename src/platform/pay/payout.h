// What merchants are paid for a settled date, out of their balances.
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "platform/pay/business_date.h"
#include "platform/pay/ledger.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::pay {

// Numbers are stored: never renumber. created -> sent -> paid | returned.
enum class PayoutState : std::uint8_t { created = 1, sent = 2, paid = 3, returned = 4 };

struct Payout {
    Id128 id = {};  // payout_id(): one a merchant and date.
    std::string merchant = {};
    BusinessDate settlement_date = {};
    std::int64_t amount_minor = 0;
    PayoutState state = PayoutState::created;
    Instant created_at = {};

    friend bool operator==(const Payout&, const Payout&) = default;
};

// The same merchant and date always give the same id, so a second run pays nobody twice.
Id128 payout_id(std::string_view merchant, BusinessDate date);

struct MerchantDay {
    std::string merchant = {};
    Balance day = {};    // merchant_payable on the settled date alone.
    Balance total = {};  // merchant_payable over all dates.
};

// The day's money, but never more than all we owe: later refunds come off first. nullopt where
// there is nothing to pay; what is owed to us stays and comes off the next days.
std::optional<Payout> plan_payout(const MerchantDay& merchant, BusinessDate date, Instant now);

enum class PayoutEvent : std::uint8_t { file_written, bank_paid, bank_returned };
Result<PayoutState> next_state(PayoutState state, PayoutEvent event);
std::string_view name_of(PayoutState state);

}  // namespace softpos::pay
