// What the platform signs for the core, and how far it reaches: each check that stands between a
// message from outside and a card.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "protocol/spa.h"

#include <cstdint>
#include <optional>
#include <string>

namespace softpos::trust {

// The request that is out for a permit. One at a time, in memory only: a restart forgets it.
struct OpenRequest {
    protocol::Digest32 nonce{};
    Ticks at;  // When the nonce was made.
    protocol::PermitPurpose purpose{};
    std::optional<Id128> parent;
};

// What is about to be done under a permit.
struct PermitUse {
    std::string_view terminal_id;
    protocol::PermitPurpose purpose;
    std::int64_t amount_minor;
    std::uint16_t currency;
    protocol::Capability needs;
    Ticks now;
};

// Why a permit does not fit: for the journal, never for the caller.
enum class PermitFlaw : std::uint8_t {
    none,
    platform_said_no,
    nothing_open,  // No request is out, or its permit was used.
    signature,
    not_a_permit,
    terminal,
    nonce,
    purpose,
    amount,
    currency,
    capability,
    late,
    finding,  // The core itself sees something that is hard.
};

// `permit` where `flaw` is none.
struct PermitVerdict {
    PermitFlaw flaw = PermitFlaw::none;
    protocol::Permit permit;
};
PermitVerdict check_permit(const protocol::SignedBody& shown, const protocol::Point65& platform_key,
                           const std::optional<OpenRequest>& open, const PermitUse& use);

// denied where the platform's signature does not fit, malformed where it fits and there is none of
// the bodies that are asked for.
Result<protocol::CoreGrant> read_grant(Bytes body, Bytes signature,
                                       const protocol::Point65& platform_key);
Result<protocol::Command> read_command(const protocol::SignedBody& command,
                                       const protocol::Point65& platform_key);

// Findings after which the core lets go of a tap by itself, whatever the platform says.
bool is_hard(protocol::FindingCode code);

}  // namespace softpos::trust
