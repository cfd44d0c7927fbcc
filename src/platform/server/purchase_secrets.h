// What the vault makes of a purchase before it is admitted: the card opened, the terminal's serial
// number proven, the PIN under the network's key.
#pragma once

#include "platform/keys/key_vault.h"
#include "platform/server/payment_engine.h"
#include "platform/server/upstream.h"

#include <memory>
#include <optional>

namespace softpos::server {

// Lives until the request has left, and is written nowhere.
struct PurchaseSecrets {
    keys::OpenedCard card;
    SerialStatement serial;
    std::optional<channel::PinBlock> pin;
};

enum class PurchaseFlaw : std::uint8_t {
    none,
    vault,   // Away: nothing is known.
    card,    // Does not open for this terminal, amount and permit.
    serial,  // Not said by the terminal's own key.
    pin,     // Refused by the vault, whatever is wrong with it.
};

struct OpenedPurchase {
    PurchaseFlaw flaw = PurchaseFlaw::none;
    std::shared_ptr<PurchaseSecrets> secrets;  // With none.
};

// On a worker: several calls to the vault, in the order in which one must hold for the next.
OpenedPurchase open_purchase(keys::KeyVault& vault, const PaymentOrder& order);

}  // namespace softpos::server
