// A virtual card at one end of a frame socket: what both carriers do while it is in the field.
#pragma once

#include "phone/hw/frame_socket.h"
#include "world/card/virtual_card.h"

namespace softpos::sim {

// How a presentation ended.
enum class CardEnd : std::uint8_t {
    removed,      // remove() was called.
    left_field,   // The card's own doing: a fault.
    tap_done,     // One tap was asked for, and the reader has turned the card off or hung up.
    reader_gone,  // The reader's end closed, or broke the protocol.
};

enum class Presence : std::uint8_t { one_tap, until_removed };

// Serves commands until one of these ends. Blocks; `wake` is how another thread ends it. A slow
// card is waited for here, and the wait ends early when the reader or the card goes.
CardEnd serve_card(hw::FrameSocket& reader, card::VirtualCard& card, Presence presence,
                   const hw::Wake& wake);

}  // namespace softpos::sim
