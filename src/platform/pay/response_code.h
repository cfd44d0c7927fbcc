// What the network's two-character answer (field 39) lets us do.
#pragma once

#include "base/refusal.h"

#include <cstdint>
#include <string_view>

namespace softpos::pay {

enum class AnswerClass : std::uint8_t {
    approve,
    capture,        // Declined, and the card is wanted: a risk event.
    decline,        // Final.
    enter_pin,      // Declined; the PIN was wrong.
    retry_later,    // Nobody knows: reverse, then try again with a new trace number.
    sign_in_again,  // The terminal's keys are not the network's: declined, sign in.
    duplicate,      // The network saw it before: ask, never send again.
};

// Spec: [CUP-POS] field 39. A code that is not in the list is a decline.
AnswerClass classify(std::string_view response_code);

// An answer to a reversal that ends it: done, nothing there to reverse, or reversed already.
bool ends_reversal(std::string_view response_code);

// What the merchant is told about a payment that was not approved.
Refusal refusal_of_answer(std::string_view response_code);

}  // namespace softpos::pay
