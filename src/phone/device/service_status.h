// How the phone services stand, for people and for the app.
#pragma once

#include "protocol/trusted_call.h"

#include <cstdint>
#include <optional>
#include <string>

namespace softpos::device {

struct ServiceStatus {
    bool enrolled = false;
    std::string server;
    std::string terminal_id;
    std::string merchant_id;
    std::string merchant_name;
    std::uint8_t grade = 0;                      // See docs/trust.md.
    std::optional<protocol::StatusAnswer> core;  // Empty where it does not answer.
    std::string reader_name;                     // Empty where there is none, or one is in use.
    bool busy = false;
    std::size_t unresolved = 0;
};

}  // namespace softpos::device
