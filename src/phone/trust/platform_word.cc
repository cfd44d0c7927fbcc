// The signature first: nothing of a body is believed before.
#include "phone/trust/platform_word.h"

#include "base/secret.h"
#include "crypto/p256.h"

namespace softpos::trust {
namespace {

using protocol::FindingCode;

constexpr std::int64_t us_of_second = 1'000'000;

template <typename Body>
Result<Body> read_signed(Bytes body, Bytes signature, const protocol::Point65& platform_key) {
    const Buffer message = protocol::platform_signed_message(body);
    TRY_VOID(crypto::p256_verify(platform_key, message, signature));
    protocol::SpaBody any = TRY(protocol::decode_spa_body(body));
    auto* wanted = std::get_if<Body>(&any);
    if (wanted == nullptr) return fail(ErrorKind::malformed, "trust: another body is signed");
    return std::move(*wanted);
}

PermitFlaw flaw_of(const protocol::Permit& permit, const OpenRequest& open, const PermitUse& use) {
    if (permit.terminal_id != use.terminal_id) return PermitFlaw::terminal;
    if (!equal_constant_time(permit.nonce, open.nonce)) return PermitFlaw::nonce;
    if (permit.purpose != use.purpose || open.purpose != use.purpose) return PermitFlaw::purpose;
    if (use.amount_minor > permit.amount_minor_max) return PermitFlaw::amount;
    if (permit.currency != use.currency) return PermitFlaw::currency;
    if ((permit.allowed & protocol::bit_of(use.needs)) == 0) return PermitFlaw::capability;
    // From when the nonce was made, so that nobody can stretch it by holding the answer back.
    const std::int64_t age_us = use.now.us - open.at.us;
    const bool late = age_us < 0 || age_us > permit.seconds * us_of_second;
    return late ? PermitFlaw::late : PermitFlaw::none;
}

}  // namespace

PermitVerdict check_permit(const protocol::SignedBody& shown, const protocol::Point65& platform_key,
                           const std::optional<OpenRequest>& open, const PermitUse& use) {
    if (!open) return {PermitFlaw::nothing_open, {}};
    auto permit = read_signed<protocol::Permit>(shown.body, shown.signature, platform_key);
    if (!permit) {
        const bool unsigned_body = permit.error().kind == ErrorKind::denied;
        return {unsigned_body ? PermitFlaw::signature : PermitFlaw::not_a_permit, {}};
    }
    const PermitFlaw flaw = flaw_of(*permit, *open, use);
    return {flaw, std::move(*permit)};
}

Result<protocol::CoreGrant> read_grant(Bytes body, Bytes signature,
                                       const protocol::Point65& platform_key) {
    return read_signed<protocol::CoreGrant>(body, signature, platform_key);
}

Result<protocol::Command> read_command(const protocol::SignedBody& command,
                                       const protocol::Point65& platform_key) {
    return read_signed<protocol::Command>(command.body, command.signature, platform_key);
}

bool is_hard(FindingCode code) {
    switch (code) {
        case FindingCode::root:
        case FindingCode::boot_unlocked:
        case FindingCode::boot_state:
        case FindingCode::clone:
        case FindingCode::rollback:
        case FindingCode::hook:
        case FindingCode::debugger:
        case FindingCode::text_diff:
        case FindingCode::injected_library:
        case FindingCode::repackaged:
        case FindingCode::writable_executable:
            return true;
        default:
            return false;
    }
}

}  // namespace softpos::trust
