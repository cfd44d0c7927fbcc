// How the kernel's outcome is told to those outside: which kind, which refusal, which words.
#pragma once

#include "phone/emv/outcome.h"
#include "protocol/trusted_call.h"

namespace softpos::trust {

// Without card data. An online request that needs the online PIN becomes declined, pin_required.
protocol::TapOutcome tell_outcome(const emv::Outcome& outcome);
protocol::TapUi tell_ui(const emv::UiRequest& ui);
Refusal refusal_of(emv::Cause cause);

}  // namespace softpos::trust
