// Puts a virtual card into the virtual PC/SC reader of the system (vpcd), so that any PC/SC program
// can tap it.
#pragma once

#include "base/clock.h"
#include "world/sim/card_link.h"

#include <memory>
#include <optional>
#include <string>

namespace softpos::sim {

struct VpcdOptions {
    std::string address = "127.0.0.1";  // IPv4, where pcscd runs.
    std::uint16_t port = 35963;         // The first slot; the second is the next port.
    std::int64_t connect_timeout_ms = 2000;
    std::int64_t empty_ms_min = 1200;  // Between two presentations.
};

// Each presentation is one connection: pcscd sees a card inserted and removed. After a removal
// pcscd needs up to a second until it looks at the slot again.
//
//     auto carrier = TRY(VpcdCarrier::make({}));
//     std::thread field([&] { ended = carrier->present(card, Presence::until_removed); });
//     ...
//     carrier->remove();
class VpcdCarrier {
public:
    static Result<std::unique_ptr<VpcdCarrier>> make(VpcdOptions options);

    // Blocks until the presentation ends. unavailable where no vpcd listens.
    Result<CardEnd> present(card::VirtualCard& card, Presence presence);

    // From any thread: ends present(), or else the next one.
    void remove() const { wake_.raise(); }

private:
    bool removed_while_empty();

    VpcdCarrier(VpcdOptions options, hw::Wake wake)
        : options_(std::move(options)), wake_(std::move(wake)) {}

    VpcdOptions options_;
    hw::Wake wake_;
    std::optional<Ticks> emptied_;
};

}  // namespace softpos::sim
