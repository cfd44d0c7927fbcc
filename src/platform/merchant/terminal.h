// A terminal: one phone that takes payments for one merchant, known by the key it made itself.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::merchant {

// Numbers are stored: never renumber.
enum class TerminalState : std::uint8_t {
    created = 1,   // Has a number and an activation code.
    enrolled = 2,  // A phone took the code and has keys and a certificate.
    active = 3,    // The network knows it: signed in.
    suspended = 4,
    retired = 5,
};
enum class TerminalAction : std::uint8_t { enrol, activate, suspend, resume, retire };

// created -> enrolled -> active <-> suspended; any -> retired. What was enrolled before can be
// enrolled again, with another phone too, and stays what it is to the network. conflict where there
// is no step.
Result<TerminalState> next_state(TerminalState state, TerminalAction action);

struct Terminal {
    Id128 id = {};            // The certificate's common name; from pay::new_id().
    std::string number = {};  // 8 characters, field 41.
    std::string merchant = {};
    std::string serial = {};  // TUSN, as filed; empty where it has none.
    TerminalState state = TerminalState::created;
    std::string device_model = {}, device_os = {}, app_version = {};
    Buffer trusted_point = {};  // Signing key of the phone's trusted core, 65 bytes.
    Buffer measurement = {};    // What it says it runs, 32 bytes.
    std::array<std::uint8_t, 8> initial_key_id{};
    std::string certificate_fingerprint = {};  // SHA-256, hex.
    Instant created_at = {};
    Instant enrolled_at = {};

    friend bool operator==(const Terminal&, const Terminal&) = default;
};

constexpr std::size_t device_text_bytes_max = 64;

std::string_view name_of(TerminalState state);
std::optional<TerminalState> terminal_state(std::int64_t stored);

}  // namespace softpos::merchant
