// How the kernel's outcome is told to those outside: which kind, which refusal, which words.
#pragma once

#include "phone/emv/outcome.h"
#include "protocol/trusted_call.h"

namespace softpos::trust {

// Without card data. Where no PIN can be taken, an online request that needs one becomes declined,
// pin_required.
enum class PinAbility : std::uint8_t { none, possible };
protocol::TapOutcome tell_outcome(const emv::Outcome& outcome, PinAbility pin);
protocol::TapUi tell_ui(const emv::UiRequest& ui);
Refusal refusal_of(emv::Cause cause);

}  // namespace softpos::trust
