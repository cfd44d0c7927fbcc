// What the trusted core is made of inside; for its own source files.
#pragma once

#include "base/pan.h"
#include "crypto/p256.h"
#include "phone/emv/tap.h"
#include "phone/trust/trusted_core.h"

namespace softpos::trust {

struct TrustedCore::Terminal {
    struct Working {
        emv::ParameterSet parameters;
        TransactionKeys card_keys;
        std::optional<TransactionKeys> pin_keys;
    };

    CoreState state;  // Its DUKPT devices are only filled while it is saved.
    crypto::P256Key sign_key;
    std::optional<Working> working;  // Empty once wiped.
};

struct TrustedCore::NewKeys {
    crypto::P256Key sign_key;
    crypto::P256Key seal_key;
    protocol::Digest32 nonce;
    Buffer binding;  // What evidence of this enrolment is over.
};

// Destroying it wipes what the kernel learned.
struct TrustedCore::RunningTap {
    RunningTap(const emv::ParameterSet& parameters, const emv::TransactionData& data)
        : transaction(data), tap(parameters) {}

    emv::TransactionData transaction;
    emv::Tap tap;
    Id128 permit;
    Ticks begun_at;
};

// What a PIN is asked for. Destroying it wipes the card number and the digits.
struct TrustedCore::AwaitedPin {
    AwaitedPin(Pan of_card, const emv::TransactionData& asked, const Id128& permit)
        : pan(std::move(of_card)),
          amount_minor(asked.amount_minor),
          currency(asked.currency),
          tap_permit(permit) {}

    Pan pan;
    std::int64_t amount_minor;
    std::uint16_t currency;
    Id128 tap_permit;
    std::optional<PinEntry> entry;  // Once its permit came.
};

// The identities of this terminal go to the card and into field 55 from the state, not from the
// text of the parameters.
Result<emv::ParameterSet> parse_parameters(const CoreState& state);

// What a failure to store means to the caller.
protocol::TrustedFault fault_of(const Error& error);

}  // namespace softpos::trust
