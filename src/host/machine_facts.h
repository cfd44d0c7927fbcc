// What can be read about the machine and the other programs on it, without judging any of it: what
// it says it is, how it lets programs look into each other, who has our screen open, how its clock
// goes. What cannot be read is told as unknown and is nobody's fault: a program sees what its user
// may see, and in a container what the container shows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace softpos::host {

constexpr std::size_t other_programs_max = 4096;

struct OtherProgram {
    pid_t pid = 0;
    std::string name;           // As the kernel has it: at most 15 characters.
    bool same_program = false;  // Runs from the very same file as we do.
    bool of_our_session = false;
    bool on_our_screen = false;   // Has it as its terminal, and its input comes from there.
    bool has_our_screen = false;  // Holds it open.
    bool has_console = false;     // Holds the memory of a console or a frame buffer open.
};

struct MachineFacts {
    bool hypervisor = false;  // By the processor's own word.
    std::string product;      // By the firmware; empty where it is not told.
    std::string maker;

    std::optional<std::int64_t> ptrace_scope;  // 0: any program of a user may trace the others.
    std::uint64_t taint = 0;                   // Of the kernel, as bits.
    std::optional<std::int64_t> perf_paranoid;
    bool kernel_probes = false;  // Some are set; seen by root only.

    bool clock_kept = true;                // Somebody keeps it right.
    std::int64_t clock_minus_boot_ms = 0;  // Stays the same unless the clock is set.

    std::optional<bool> screen_in_front;  // Of a console that can be in front of another.
    bool accessibility_bus = false;       // A bus for programs that read screens aloud.
    std::vector<OtherProgram> programs;
};

// `screen`: the terminal that the customer looks at, "/dev/tty7"; empty where there is none. Some
// milliseconds. Not behind the gate.
MachineFacts read_machine_facts(const std::string& screen);

}  // namespace softpos::host
