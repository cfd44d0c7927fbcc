// What happens to a tap. Everything that the machines know about time, chance and the world comes
// in here, so that a tap can be played again exactly.
#pragma once

#include "base/bytes.h"
#include "phone/emv/outcome.h"

#include <array>
#include <cstdint>

namespace softpos::emv {

constexpr std::uint8_t currency_exponent_max = 4;

// Transaction types as tag 9C writes them.
enum class TransactionType : std::uint8_t {
    purchase = 0x00,
    cash = 0x01,
    purchase_with_cashback = 0x09,
    refund = 0x20,
};

// Trivially copyable. Dates and times are BCD as they travel; the unpredictable number must be
// fresh and unpredictable for each transaction: the caller makes it.
struct TransactionData {
    std::int64_t amount_minor = 0;
    std::int64_t other_minor = 0;
    std::uint16_t currency = 156;        // ISO 4217 number: 156 is CNY.
    std::uint8_t currency_exponent = 2;  // Minor units of one unit, as a power of ten.
    std::uint8_t type = 0;               // Tag 9C.
    std::array<std::uint8_t, 3> date{};
    std::array<std::uint8_t, 3> time{};
    std::array<std::uint8_t, 4> unpredictable_number{};
    std::uint32_t trace = 0;
    // No PIN can be taken in this transaction, whatever the parameters say of the terminal.
    bool online_pin_off = false;
};

enum class RfError : std::uint8_t { timeout, transmission, protocol };

// Who finds the card. by_steps: the machine asks for the field and hears of cards and collisions.
// by_caller: a card is in the field when the tap starts, and a tap that needs another one ends as
// Try Again.
enum class CardFinding : std::uint8_t { by_steps, by_caller };

enum class EventKind : std::uint8_t {
    start,
    card_present,   // Exactly one card is in the field and activated.
    collision,      // More than one.
    all_withdrawn,  // After a collision: none is left.
    rapdu,
    rf_error,
    restart,      // After an outcome that names a start point; may carry issuer data.
    removal_due,  // The removal timeout of an online request passed without a response.
    stop,
};
constexpr std::size_t event_kinds = 9;

// Borrows what it points to for the length of one call.
struct Event {
    EventKind kind;
    const TransactionData* transaction = nullptr;  // start
    StartPoint point = StartPoint::none;           // start (a or b), restart
    CardFinding finding = CardFinding::by_steps;   // start
    Bytes bytes;                                   // rapdu: with SW; restart: issuer data 91 71 72
    RfError rf_error = RfError::timeout;           // rf_error

    static Event start(const TransactionData& transaction, StartPoint point = StartPoint::a,
                       CardFinding finding = CardFinding::by_steps) {
        return {EventKind::start, &transaction, point, finding, {}, RfError::timeout};
    }
    static Event plain(EventKind kind) {
        return {kind, nullptr, StartPoint::none, CardFinding::by_steps, {}, RfError::timeout};
    }
    static Event rapdu(Bytes bytes) {
        return {EventKind::rapdu,      nullptr, StartPoint::none,
                CardFinding::by_steps, bytes,   RfError::timeout};
    }
    static Event rf(RfError error) {
        return {EventKind::rf_error, nullptr, StartPoint::none, CardFinding::by_steps, {}, error};
    }
    static Event restart(StartPoint point, Bytes issuer_data = {}) {
        return {EventKind::restart,    nullptr,     point,
                CardFinding::by_steps, issuer_data, RfError::timeout};
    }
};

}  // namespace softpos::emv
