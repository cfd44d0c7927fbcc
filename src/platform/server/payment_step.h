// Inside of PaymentEngine: only its own files include this.
#pragma once

#include "platform/server/payment_engine.h"

namespace softpos::server {

// What one work of the writer found and wrote; the work fills it, `done` reads it.
struct PaymentEngine::Step {
    Refusal refused = Refusal::none;
    std::optional<pay::Payment> existing;
    pay::PaymentState from = pay::PaymentState::received;
    pay::Transition transition;
    std::optional<store::NetworkMessage> message;
};

}  // namespace softpos::server
