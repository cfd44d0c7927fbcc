// The one table of refusals: every "no" that a person or a program gets from us has a code in it.
// API, phone service, command line and docs all read this table and nothing else.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace softpos {

// What the one who is refused can do.
enum class RefusalClass : std::uint8_t { fix_now, retry, contact, final };

enum class Refusal : std::uint8_t {
    none,
    // The request itself.
    bad_json,
    unknown_field,
    missing_field,
    wrong_type,
    bad_value,
    body_too_large,
    no_such_path,
    bad_method,
    no_credentials,
    bad_credentials,
    forbidden,
    not_found,
    too_many_requests,
    // Money.
    idempotency_conflict,
    amount_over_limit,
    not_voidable,
    not_refundable,
    refund_over_sale,
    payment_in_progress,
    already_voided,
    duplicate_transaction,
    // Merchants and terminals.
    merchant_not_active,
    terminal_not_active,
    activation_code_invalid,
    duplicate_merchant,
    // Trust.
    device_not_trusted,
    permit_invalid,
    // The card.
    card_declined,
    card_unreadable,
    card_try_other_interface,
    card_removed,
    card_see_phone,
    pin_required,
    no_card_presented,
    // The road.
    issuer_declined,
    network_timeout,
    network_unavailable,
    vault_unavailable,
    store_unavailable,
    trusted_unavailable,
    reader_unavailable,
    server_unavailable,
    card_data_invalid,
    // Wallets.
    payment_code_invalid,
    wallet_declined,
    wallet_not_paid,
    wallet_unavailable,
    qr_limit,
    wallet_forged,
    reversal_pending,
    network_declined,
    day_not_ready,
    internal,
};

struct RefusalRow {
    Refusal refusal;
    std::string_view code;  // "OVER_LIMIT": stable, for programs.
    RefusalClass klass;
    std::uint16_t http_status;
    std::string_view en;  // What to do, for people.
    std::string_view zh;
};

const RefusalRow& row_of(Refusal refusal);
std::span<const RefusalRow> refusal_table();
std::string_view name_of(RefusalClass klass);

// What an Error means to the one at the other end, where the place that saw it knows no better.
Refusal refusal_of(const Error& error);

}  // namespace softpos
