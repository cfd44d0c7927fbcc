// What the trusted core remembers beyond its process: who the terminal is, its keys, and the keys
// of transactions to come. Keys of transactions that were, or that may have been, are never in it.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "protocol/trusted_call.h"

#include <array>
#include <cstdint>
#include <string>

namespace softpos::trust {

constexpr std::size_t serial_key_bytes = 16;  // SM4.

struct CoreState {
    std::uint64_t epoch = 0;  // Counted up by each save; see TrustedPlatform::epoch.
    protocol::CoreMode mode = protocol::CoreMode::ready;  // Never fresh.
    std::uint64_t sequence = 0;      // The journal never stands lower than this.
    std::uint64_t last_command = 0;  // Its number. Only what is above is obeyed.
    std::string terminal_id;
    std::string merchant_id;
    std::string merchant_name;
    std::string serial_number;  // May be empty.
    SecretBytes sign_key;       // K_ta. Stays when the rest is wiped, for the report of that.

    // Empty once wiped, except for where the counters stood: should the same initial key ever come
    // back, it goes on there.
    SecretBytes seal_key;    // K_tae.
    SecretBytes serial_key;  // Of the serial cipher; also empty where the terminal has none.
    std::array<std::uint8_t, 8> card_key_id{};
    std::uint32_t card_counter = 0;
    SecretBytes card_dukpt;  // The device as it stands behind the reserved block.
    std::array<std::uint8_t, 8> pin_key_id{};
    std::uint32_t pin_counter = 0;
    SecretBytes pin_dukpt;  // The same; empty where the phone takes no PIN.
    std::string emv_parameters;

    bool wiped() const { return mode == protocol::CoreMode::wiped; }
    // Leaves what names the terminal and what a report needs.
    void wipe_keys();
};

SecretBytes write_core_state(const CoreState& state);
Result<CoreState> read_core_state(Bytes stored);

}  // namespace softpos::trust
