// The pieces of the published entry point cases: what a terminal is set up with, and one run.
#pragma once

#include "phone/emv/kernel.h"
#include "phone/emv/parameters.h"
#include "world/conformance/rows.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace softpos::conformance {

struct TerminalSetting {
    emv::ParameterSet parameters;
    std::vector<emv::KernelDescriptor> kernels;
    std::uint8_t autorun_type = 0;
    std::int64_t autorun_amount = 0;
};

// Faults go to the row.
TerminalSetting read_setting(Row& row, const Node& setting);

std::uint8_t transaction_type(std::string_view name);

// Plays one run: what the case says on the card's side goes in, what the machine does is compared.
// An empty `requested` is a case that is driven by its test program and buys for 2.
void play_run(Row& row, const TerminalSetting& setting, const Node& requested, const Node& events);

}  // namespace softpos::conformance
