// The gate: what a process that holds secrets gives up, once and for good, before it looks at the
// first foreign byte. It protects from other users' processes and from our own bugs, not from root.
// docs/trust.md says what each step is worth.
#pragma once

#include "base/result.h"

#include <array>
#include <string>
#include <sys/types.h>
#include <vector>

namespace softpos::host {

enum class GateStep : std::uint8_t {
    no_core,            // RLIMIT_CORE 0.
    lock_memory,        // mlockall, as far as the limit allows.
    close_files,        // Every descriptor that is not in keep_fds.
    own_uid,            // Another uid, gid and no groups, where started as root.
    not_dumpable,       // PR_SET_DUMPABLE 0: no ptrace, no /proc/pid/mem by the same uid.
    no_new_privileges,  // PR_SET_NO_NEW_PRIVS.
    no_write_execute,   // PR_SET_MDWE: no memory that was writable becomes executable.
    landlock,           // No file but below writable_dirs, no TCP, no signals to others.
    seccomp,            // Allow-list; anything else kills the process.
};
constexpr std::size_t gate_step_count = 9;

// Numeric and dedicated: no account may share them. Not those of `nobody`, which others use too.
constexpr uid_t trusted_uid_default = 64200;
constexpr uid_t vault_uid_default = 64201;

struct GateOptions {
    uid_t uid = trusted_uid_default;  // Taken only where started as root.
    gid_t gid = trusted_uid_default;
    std::vector<int> keep_fds{};  // 0, 1 and 2 always stay.
    // Open directories below which files may be read, made, replaced and removed. They stay open.
    std::vector<int> writable_dirs{};
    // By name, such as "pwrite64", on top of the list in gate_filter.cc. Not one that opens,
    // connects, executes or traces.
    std::vector<const char*> extra_syscalls{};
    // By name as well: these fail with EACCES and do not end the process. For a library that is not
    // ours and goes on without, such as one that would like to write to the system's log.
    std::vector<const char*> failing_syscalls{};
    bool allow_threads = false;  // clone of threads after the gate.
};

enum class GateState : std::uint8_t {
    active,
    not_applicable,  // Such as no own uid where not started as root.
    unavailable,     // The kernel does not have it, or does not let us.
    weakened,        // Active, but wider than in a release build: sanitizers need more.
};

struct GateReport {
    std::array<GateState, gate_step_count> states{};
    bool sanitizer_build = false;
    int landlock_abi = 0;
    uid_t uid = 0;

    GateState of(GateStep step) const { return states[static_cast<std::size_t>(step)]; }
    std::string json() const;  // {"no_core":"active",...}
};
const char* name_of(GateStep step);

// All steps in their order, and only in the first user namespace. What no kernel in use lacks
// (no_core, not_dumpable, no_new_privileges, seccomp, and own_uid where root) is an error where it
// fails; the rest is in the report, for the caller to log and to decide. After an error the process
// must end. Open everything first, load what is loaded lazily (OpenSSL), and start no thread
// before.
Result<GateReport> enter_gate(const GateOptions& options);

}  // namespace softpos::host
