// What follows from what can be read about a machine: one table for people and policies.
//
// None of it proves that all is well. Whoever is root shows us the machine that he likes; another
// user's programs show us their names only; a capture within a display server (X11, Wayland) leaves
// nothing that we could see; and a hypervisor that hides itself is not found.
#pragma once

#include "host/machine_facts.h"
#include "protocol/finding.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace softpos::posture {

// Details of DEV_MODE, EMULATOR and others: bits, so that one number tells all reasons.
struct DevModeBit {
    static constexpr std::uint32_t sanitizers = 1;     // We were built to find our own faults.
    static constexpr std::uint32_t ptrace_open = 2;    // Programs of a user may trace each other.
    static constexpr std::uint32_t kernel_module = 4;  // One is loaded that nobody signed.
    static constexpr std::uint32_t perf_open = 8;      // Anybody may measure the kernel.
    static constexpr std::uint32_t kernel_probes = 16;
};
struct EmulatorBit {
    static constexpr std::uint32_t processor = 1;
    static constexpr std::uint32_t firmware = 2;
};

// A clock that was set by more than this is a finding.
constexpr std::int64_t clock_step_ms = 2'000;

// Whether this very program was built with a sanitizer: such a build is no product.
bool is_sanitizer_build();

struct Seen {
    const host::MachineFacts& facts;
    std::int64_t clock_minus_boot_ms = 0;  // At the last look.
    bool second_instance = false;          // Another one holds our folder.
    bool sanitizers = false;
};
// Of class app. The detail of a finding about another program is its number.
std::vector<protocol::Finding> findings_of(const Seen& seen);

}  // namespace softpos::posture
