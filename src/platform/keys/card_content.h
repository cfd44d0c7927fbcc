// What a sealed card must be made of once it is open, and what of it is kept.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "protocol/vault_call.h"

#include <string>

namespace softpos::keys {

// Leaves room for what sealing adds to a stored form.
constexpr std::size_t stored_tlv_bytes_max = protocol::stored_form_bytes_max - 64;

struct CardContent {
    SecretBytes stored_tlv;  // See KeyVault: 5A, 5F34, 5F24, and what a reversal repeats: no track.
    std::string masked_pan;
};

// A phone's card has chip data and never an entry mode; a classic terminal's has an entry mode, and
// chip data where there was a chip.
enum class CardSource : std::uint8_t { phone, classic };

// malformed where the list has an unknown, missing or doubled object, where the track is none, or
// where the chip data cannot be read.
Result<CardContent> read_card_content(Bytes card_tlv, CardSource source);

}  // namespace softpos::keys
