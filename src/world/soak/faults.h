// What may go wrong in a simulated world. Everything, unless somebody narrows it down.
#pragma once

#include <array>
#include <string_view>
#include <utility>

namespace softpos::soak {

struct Faults {
    bool loss = true;        // Messages, requests and answers do not arrive.
    bool delay = true;       // They come late, and so in another order.
    bool doubling = true;    // They come twice.
    bool corruption = true;  // Bits of them turn.
    bool cuts = true;        // Lines to the network go down.
    bool crashes = true;     // The service is killed, and started again.
    bool disk = true;        // A commit fails: the disk is full.
    bool slow_disk = true;   // A commit takes seconds.
    bool clock = true;       // The wall clock jumps.
    bool payers = true;      // Payers hesitate, wallets do not know.

    static Faults none() {
        return {false, false, false, false, false, false, false, false, false, false};
    }
};

inline constexpr std::array<std::pair<std::string_view, bool Faults::*>, 10> fault_names{{
    {"loss", &Faults::loss},
    {"delay", &Faults::delay},
    {"doubling", &Faults::doubling},
    {"corruption", &Faults::corruption},
    {"cuts", &Faults::cuts},
    {"crashes", &Faults::crashes},
    {"disk", &Faults::disk},
    {"slow-disk", &Faults::slow_disk},
    {"clock", &Faults::clock},
    {"payers", &Faults::payers},
}};

}  // namespace softpos::soak
