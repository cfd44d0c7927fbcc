// The one way out of the core for card data.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "crypto/dukpt_aes.h"
#include "protocol/sealed_card.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::trust {

// What is sealed; borrowed. Empty where the card did not give it.
struct CardData {
    Bytes track2;         // 57: needed.
    Bytes pan_sequence;   // 5F34
    Bytes expiry;         // 5F24
    Bytes field55;        // Needed.
    Bytes serial_cipher;  // Where the terminal has a key for it.
};

// Uses the key up: the step is taken by value and wiped with the call.
Result<protocol::SealedCard> seal_card(const CardData& card, const protocol::SealedFor& sealed_for,
                                       crypto::DukptAesDevice::Step step);

// First six and last four digits of the card number in track 2; empty where it holds none.
std::string masked_pan_of(Bytes track2);

}  // namespace softpos::trust
