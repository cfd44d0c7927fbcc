// The states of a terminal.
#include "platform/merchant/terminal.h"

namespace softpos::merchant {

Result<TerminalState> next_state(TerminalState state, TerminalAction action) {
    using enum TerminalState;
    switch (action) {
        case TerminalAction::enrol:
            if (state == created) return enrolled;
            if (state == enrolled || state == active) return state;
            break;
        case TerminalAction::activate:
            if (state == enrolled) return active;
            break;
        case TerminalAction::suspend:
            if (state == active) return suspended;
            break;
        case TerminalAction::resume:
            if (state == suspended) return active;
            break;
        case TerminalAction::retire:
            if (state != retired) return retired;
            break;
    }
    return fail(ErrorKind::conflict, "no such step of a terminal");
}

std::string_view name_of(TerminalState state) {
    switch (state) {
        case TerminalState::created:
            return "created";
        case TerminalState::enrolled:
            return "enrolled";
        case TerminalState::active:
            return "active";
        case TerminalState::suspended:
            return "suspended";
        case TerminalState::retired:
            return "retired";
    }
    return "unknown";
}

std::optional<TerminalState> terminal_state(std::int64_t stored) {
    if (stored < 1 || stored > 5) return std::nullopt;
    return static_cast<TerminalState>(stored);
}

}  // namespace softpos::merchant
