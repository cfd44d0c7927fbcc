// Payouts from balances.
#include "platform/pay/payout.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::pay {

// Shard, then the date, then the merchant number's hash twice over, so that no two of a date
// collide: not random, and need not be secret.
Id128 payout_id(std::string_view merchant, BusinessDate date) {
    Id128 id;
    const Shard shard = shard_of(merchant);
    id.bytes[0] = static_cast<std::uint8_t>(shard >> 8);
    id.bytes[1] = static_cast<std::uint8_t>(shard);
    for (std::size_t i = 0; i < 4; ++i) {
        id.bytes[2 + i] = static_cast<std::uint8_t>(date.yyyymmdd >> (24 - 8 * i));
    }
    // Fifteen characters of digits and capitals in base 37 are less than 2^80: no two are equal.
    __extension__ using Wide = unsigned __int128;
    Wide number = 0;
    CHECK(merchant.size() <= 15);
    for (const char c : merchant) {
        const bool digit = c >= '0' && c <= '9';
        CHECK(digit || (c >= 'A' && c <= 'Z'));
        number = number * 37 + static_cast<unsigned>(digit ? c - '0' + 1 : c - 'A' + 11);
    }
    for (std::size_t i = 15; i >= 6; --i, number >>= 8) {
        id.bytes[i] = static_cast<std::uint8_t>(number);
    }
    return id;
}

std::optional<Payout> plan_payout(const MerchantDay& merchant, BusinessDate date, Instant now) {
    const std::int64_t amount = std::min(merchant.day.credit_net(), merchant.total.credit_net());
    if (amount <= 0) return std::nullopt;
    return Payout{.id = payout_id(merchant.merchant, date),
                  .merchant = merchant.merchant,
                  .settlement_date = date,
                  .amount_minor = amount,
                  .state = PayoutState::created,
                  .created_at = now};
}

Result<PayoutState> next_state(PayoutState state, PayoutEvent event) {
    using enum PayoutState;
    if (state == created && event == PayoutEvent::file_written) return sent;
    if (state == sent && event == PayoutEvent::bank_paid) return paid;
    if (state == sent && event == PayoutEvent::bank_returned) return returned;
    return fail(ErrorKind::conflict, "no such step of a payout");
}

std::string_view name_of(PayoutState state) {
    switch (state) {
        case PayoutState::created:
            return "created";
        case PayoutState::sent:
            return "sent";
        case PayoutState::paid:
            return "paid";
        case PayoutState::returned:
            return "returned";
    }
    return "unknown";
}

}  // namespace softpos::pay
