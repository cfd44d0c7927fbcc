// Plays the card's side of a recorded tap against a Tap: for tests, support cases and fuzzing. The
// same transcript gives the same commands and the same outcome every time.
#pragma once

#include "base/bytes.h"
#include "phone/emv/tap.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace softpos::emv {

constexpr std::size_t replay_steps_max = 512;

struct Exchange {
    Buffer command;
    Buffer answer;  // With SW. Empty: the radio failed.
};

struct ReplayResult {
    Outcome outcome;
    std::vector<Buffer> commands;           // What the tap sent.
    std::optional<std::size_t> differs_at;  // The first command that is not the transcript's.
    bool ended = false;                     // Within replay_steps_max.
    std::vector<UiRequest> ui;
};

// Answers come in their order, whatever the command is; behind the last one the radio fails, and
// after a failed radio there is no card any more.
ReplayResult replay(Tap& tap, const TapRequest& request, std::span<const Exchange> transcript);

}  // namespace softpos::emv
