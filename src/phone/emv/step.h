// What a machine wants done next.
#pragma once

#include "base/bytes.h"
#include "phone/emv/outcome.h"

#include <cstdint>
#include <optional>

namespace softpos::emv {

enum class StepKind : std::uint8_t {
    idle,  // Nothing but the ui; an event may come or not.
    poll,  // Field on, look for a card: card_present, collision, all_withdrawn or stop come back.
    send,  // Transmit `command`: rapdu or rf_error come back.
    done,  // `outcome` is final.
};

// `ui` is shown first, then the field is turned off where field_off_100ms says so (and may come on
// again after that time), then the kind is acted on. `command` is borrowed from the machine and
// good until its next event.
struct Step {
    StepKind kind = StepKind::idle;
    std::optional<UiRequest> ui{};
    std::uint16_t field_off_100ms = no_field_off;
    Bytes command{};
    unsigned timeout_ms = 0;
    Outcome outcome{};
};

}  // namespace softpos::emv
