// Presents a virtual card to a hw::SocketReader: the bridge's end of its protocol, on a unix
// socket.
#pragma once

#include "world/sim/card_link.h"

#include <memory>
#include <string>

namespace softpos::sim {

// Listens for as long as it lives. A reader that connects while no card is presented waits for one;
// when a presentation ends, its reader is hung up on. One reader at a time; others wait.
//
//     auto carrier = TRY(SocketCarrier::listen("/run/softpos/card.sock"));
//     const CardEnd end = TRY(carrier->present(card, Presence::one_tap));
class SocketCarrier {
public:
    static Result<std::unique_ptr<SocketCarrier>> listen(const std::string& path);
    ~SocketCarrier();
    SocketCarrier(const SocketCarrier&) = delete;
    SocketCarrier& operator=(const SocketCarrier&) = delete;

    // Blocks until the presentation ends. With until_removed a reader that hangs up does not end
    // it: the card is still there for the next one.
    Result<CardEnd> present(card::VirtualCard& card, Presence presence);

    // From any thread: ends present(), or else the next one.
    void remove() const { wake_.raise(); }

private:
    SocketCarrier(std::string path, hw::Fd listener, hw::Wake wake)
        : path_(std::move(path)), listener_(std::move(listener)), wake_(std::move(wake)) {}
    Result<CardEnd> serve_next(card::VirtualCard& card, Presence presence);

    std::string path_;
    hw::Fd listener_;
    hw::Wake wake_;
};

}  // namespace softpos::sim
