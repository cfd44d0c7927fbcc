// Steps of the gate. Their order matters: what needs privileges comes before they are given up, and
// what forbids system calls comes last.
#include "host/gate.h"

#include "host/descriptor.h"
#include "host/gate_filter.h"
#include "host/user_namespace.h"

#include <climits>

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace softpos::host {
namespace {

// Not in the kernel headers of Debian 12.
constexpr int set_mdwe = 65;  // PR_SET_MDWE, Linux 6.3.
constexpr unsigned long refuse_exec_gain = 1;
constexpr unsigned landlock_version_flag = 1;
constexpr unsigned landlock_rule_path_beneath = 1;
struct LandlockRuleset {
    std::uint64_t handled_access_fs;
    std::uint64_t handled_access_net;
    std::uint64_t scoped;
};
struct [[gnu::packed]] LandlockPathBeneath {
    std::uint64_t allowed_access;
    std::int32_t parent_fd;
};

namespace landlock_fs {
constexpr std::uint64_t write_file = 1U << 1;
constexpr std::uint64_t read_file = 1U << 2;
constexpr std::uint64_t read_dir = 1U << 3;
constexpr std::uint64_t remove_file = 1U << 5;
constexpr std::uint64_t make_regular = 1U << 8;
constexpr std::uint64_t truncate = 1U << 14;
constexpr std::uint64_t first_13 = (1U << 13) - 1;  // ABI 1
constexpr std::uint64_t refer = 1U << 13;           // ABI 2
constexpr std::uint64_t ioctl_device = 1U << 15;    // ABI 5
}  // namespace landlock_fs

bool gate_entered = false;  // Read by the leak checker's hook at the end of this file.

std::unexpected<Error> failed(Literal what) {
    return fail(ErrorKind::unavailable, what, static_cast<std::uint32_t>(errno));
}

Result<void> forbid_core() {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("core limit");
    return {};
}

GateState lock_memory() {
    // The shadow memory of a sanitizer is terabytes.
    if (sanitizer_build) return GateState::not_applicable;
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    rlimit limit{};
    if (::setrlimit(RLIMIT_MEMLOCK, &all) != 0)
        ::getrlimit(RLIMIT_MEMLOCK, &limit);
    else
        limit = all;
    // With a limit, MCL_FUTURE would turn it into a limit of all memory.
    const int future = limit.rlim_cur == RLIM_INFINITY ? MCL_FUTURE : 0;
    return ::mlockall(MCL_CURRENT | MCL_ONFAULT | future) == 0 ? GateState::active
                                                               : GateState::unavailable;
}

Result<void> close_files(const GateOptions& options) {
    std::vector<int> kept{0, 1, 2};
    kept.insert(kept.end(), options.keep_fds.begin(), options.keep_fds.end());
    kept.insert(kept.end(), options.writable_dirs.begin(), options.writable_dirs.end());
    std::ranges::sort(kept);
    unsigned next = 0;
    for (const int fd : kept) {
        if (fd < 0) continue;
        const auto number = static_cast<unsigned>(fd);
        if (number > next && ::syscall(SYS_close_range, next, number - 1, 0) != 0) {
            return failed("close_range");
        }
        next = std::max(next, number + 1);
    }
    if (::syscall(SYS_close_range, next, UINT_MAX, 0) != 0) return failed("close_range");
    return {};
}

Result<GateState> take_own_uid(const GateOptions& options) {
    if (::geteuid() != 0) return GateState::not_applicable;
    if (options.uid == 0 || options.gid == 0) {
        return fail(ErrorKind::denied, "behind the gate nobody is root");
    }
    int death_signal = 0;  // Changing the user clears it.
    ::prctl(PR_GET_PDEATHSIG, &death_signal);
    if (::setgroups(0, nullptr) != 0) return failed("setgroups");
    if (::setresgid(options.gid, options.gid, options.gid) != 0) return failed("setresgid");
    if (::setresuid(options.uid, options.uid, options.uid) != 0) return failed("setresuid");
    if (::setuid(0) == 0) return fail(ErrorKind::internal, "root could be had back");
    if (death_signal != 0) ::prctl(PR_SET_PDEATHSIG, death_signal);
    return GateState::active;
}

Result<void> forbid_dumping() {
    if (::prctl(PR_SET_DUMPABLE, 0) != 0 || ::prctl(PR_GET_DUMPABLE) != 0) {
        return failed("not dumpable");
    }
    return {};
}

Result<void> forbid_new_privileges() {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no new privileges");
    return {};
}

GateState forbid_write_execute() {
    return ::prctl(set_mdwe, refuse_exec_gain, 0, 0, 0) == 0 ? GateState::active
                                                             : GateState::unavailable;
}

LandlockRuleset ruleset_of(int abi) {
    LandlockRuleset rules{landlock_fs::first_13, 0, 0};
    if (abi >= 2) rules.handled_access_fs |= landlock_fs::refer;
    if (abi >= 3) rules.handled_access_fs |= landlock_fs::truncate;
    if (abi >= 4) rules.handled_access_net = 3;  // Bind and connect of TCP.
    if (abi >= 5) rules.handled_access_fs |= landlock_fs::ioctl_device;
    if (abi >= 6) rules.scoped = 3;  // Abstract Unix sockets, signals.
    return rules;
}

std::size_t ruleset_size(int abi) {
    if (abi < 4) return 8;
    return abi < 6 ? 16 : 24;
}

Result<GateState> enter_landlock(const GateOptions& options, int& abi) {
    abi =
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, landlock_version_flag));
    if (abi < 1) {
        abi = 0;
        return GateState::unavailable;
    }
    const LandlockRuleset rules = ruleset_of(abi);
    const Descriptor ruleset(
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, ruleset_size(abi), 0)));
    if (!ruleset.valid()) return failed("landlock ruleset");
    for (const int directory : options.writable_dirs) {
        const std::uint64_t wanted = landlock_fs::write_file | landlock_fs::read_file |
                                     landlock_fs::read_dir | landlock_fs::remove_file |
                                     landlock_fs::make_regular | landlock_fs::truncate;
        const LandlockPathBeneath rule{wanted & rules.handled_access_fs, directory};
        if (::syscall(SYS_landlock_add_rule, ruleset.get(), landlock_rule_path_beneath, &rule, 0) !=
            0) {
            return failed("landlock rule");
        }
    }
    if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) return failed("landlock");
    return GateState::active;
}

}  // namespace

const char* name_of(GateStep step) {
    constexpr std::array<const char*, gate_step_count> names = {
        "no_core",           "lock_memory",      "close_files", "own_uid", "not_dumpable",
        "no_new_privileges", "no_write_execute", "landlock",    "seccomp"};
    return names[static_cast<std::size_t>(step)];
}

std::string GateReport::json() const {
    constexpr std::array<const char*, 4> words = {"active", "not_applicable", "unavailable",
                                                  "weakened"};
    std::string text = "{";
    for (std::size_t i = 0; i < gate_step_count; ++i) {
        text += '"';
        text += name_of(static_cast<GateStep>(i));
        text += "\":\"";
        text += words[static_cast<std::size_t>(states[i])];
        text += "\",";
    }
    text += "\"sanitizer_build\":";
    text += sanitizer_build ? "true" : "false";
    text += ",\"landlock_abi\":" + std::to_string(landlock_abi);
    text += ",\"uid\":" + std::to_string(uid) + "}";
    return text;
}

Result<GateReport> enter_gate(const GateOptions& options) {
    GateReport report;
    report.sanitizer_build = sanitizer_build;
    const auto set = [&](GateStep step, GateState state) {
        report.states[static_cast<std::size_t>(step)] = state;
    };
    TRY_VOID(require_first_user_namespace());
    gate_entered = true;
    TRY_VOID(forbid_core());
    set(GateStep::lock_memory, lock_memory());
    TRY_VOID(close_files(options));
    set(GateStep::own_uid, TRY(take_own_uid(options)));
    TRY_VOID(forbid_dumping());
    TRY_VOID(forbid_new_privileges());
    set(GateStep::no_write_execute, forbid_write_execute());
    set(GateStep::landlock, TRY(enter_landlock(options, report.landlock_abi)));
    TRY_VOID(enter_filter(options));
    set(GateStep::seccomp, sanitizer_build ? GateState::weakened : GateState::active);
    report.uid = ::geteuid();
    return report;
}

}  // namespace softpos::host

// The leak checker traces its own process, which the gate forbids; it would end it instead of
// reporting. Weakly called by it where there is one.
extern "C" int __lsan_is_turned_off();   // NOLINT(readability-identifier-naming)
extern "C" int __lsan_is_turned_off() {  // NOLINT(readability-identifier-naming)
    return softpos::host::gate_entered ? 1 : 0;
}
