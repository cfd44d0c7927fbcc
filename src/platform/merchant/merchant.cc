// The states of a merchant.
#include "platform/merchant/merchant.h"

namespace softpos::merchant {

Result<MerchantState> next_state(MerchantState state, MerchantAction action) {
    using enum MerchantState;
    switch (action) {
        case MerchantAction::approve:
            if (state == applied) return approved;
            break;
        case MerchantAction::reject:
            if (state == applied) return rejected;
            break;
        case MerchantAction::activate:
            if (state == approved) return active;
            break;
        case MerchantAction::suspend:
            if (state == active) return suspended;
            break;
        case MerchantAction::resume:
            if (state == suspended) return active;
            break;
        case MerchantAction::close:
            if (state != rejected && state != closed) return closed;
            break;
    }
    return fail(ErrorKind::conflict, "no such step of a merchant");
}

std::string_view name_of(MerchantState state) {
    switch (state) {
        case MerchantState::applied:
            return "applied";
        case MerchantState::approved:
            return "approved";
        case MerchantState::active:
            return "active";
        case MerchantState::suspended:
            return "suspended";
        case MerchantState::closed:
            return "closed";
        case MerchantState::rejected:
            return "rejected";
    }
    return "unknown";
}

std::string_view name_of(LicenceKind kind) {
    switch (kind) {
        case LicenceKind::social_credit_code:
            return "social_credit_code";
        case LicenceKind::resident_id:
            return "resident_id";
    }
    return "unknown";
}

std::optional<MerchantState> merchant_state(std::int64_t stored) {
    if (stored < 1 || stored > 6) return std::nullopt;
    return static_cast<MerchantState>(stored);
}

std::optional<LicenceKind> licence_kind(std::int64_t stored) {
    if (stored < 1 || stored > 2) return std::nullopt;
    return static_cast<LicenceKind>(stored);
}

}  // namespace softpos::merchant
