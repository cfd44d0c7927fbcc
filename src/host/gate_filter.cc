// Compute, answer on what is open, keep files below open directories: nothing else is in the list.
// There is no call in it that opens a socket, starts a program, or looks into another process.
#include "host/gate_filter.h"

#include <seccomp.h>

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace softpos::host {
namespace {

constexpr scmp_datum_t peer_pidfd_option = 77;  // SO_PEERPIDFD, Linux 6.5.

// Those that take no argument which could widen them.
constexpr const char* plain_calls[] = {
    "read",          "write",          "close",        "lseek",
    "recvmsg",       "recvfrom",       "sendmsg",      "sendto",
    "poll",          "ppoll",          "accept4",      "futex",
    "brk",           "munmap",         "mremap",       "madvise",
    "mlock",         "mlock2",         "munlock",      "getrandom",
    "clock_gettime", "getpid",         "gettid",       "getuid",
    "geteuid",       "sched_yield",    "exit",         "exit_group",
    "rt_sigreturn",  "rt_sigprocmask", "rt_sigaction", "restart_syscall",
};

// Only where a directory is kept open. Which one openat reaches is for Landlock to say.
constexpr const char* file_calls[] = {"openat",    "renameat",  "renameat2", "unlinkat", "fsync",
                                      "fdatasync", "ftruncate", "pread64",   "pwrite64", "fcntl"};

constexpr const char* thread_calls[] = {"set_robust_list", "rseq", "sched_getaffinity",
                                        "sigaltstack", "membarrier"};

// What the run-time of a sanitizer does on its own account; the pipe is how it asks whether an
// address can be read.
constexpr const char* sanitizer_calls[] = {
    "mmap",       "mprotect", "openat",          "readlink", "sigaltstack",       "prctl",
    "getrusage",  "fstat",    "newfstatat",      "ioctl",    "gettimeofday",      "set_robust_list",
    "membarrier", "writev",   "rt_sigtimedwait", "pipe",     "sched_getaffinity", "pipe2",
};

class Filter {
public:
    Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release) {}

    void allow(const char* name) { add(SCMP_ACT_ALLOW, name, {}); }
    void allow_if(const char* name, std::initializer_list<scmp_arg_cmp> conditions) {
        add(SCMP_ACT_ALLOW, name, conditions);
    }
    void refuse(const char* name, unsigned error) { add(SCMP_ACT_ERRNO(error), name, {}); }

    Result<void> load() {
        if (!ok_) return fail(ErrorKind::internal, "seccomp rule");
        const int loaded = seccomp_load(context_.get());
        if (loaded != 0) {
            return fail(ErrorKind::unavailable, "seccomp", static_cast<std::uint32_t>(-loaded));
        }
        return {};
    }

private:
    void add(std::uint32_t action, const char* name,
             std::initializer_list<scmp_arg_cmp> conditions) {
        const int number = seccomp_syscall_resolve_name(name);
        // Below zero: this machine has no such call, and so nothing to allow.
        if (number == __NR_SCMP_ERROR || context_ == nullptr) {
            ok_ = false;
            return;
        }
        if (number < 0) return;
        const int added =
            seccomp_rule_add_array(context_.get(), action, number,
                                   static_cast<unsigned>(conditions.size()), conditions.begin());
        // A call that is in two lists is no mistake.
        if (added != 0 && added != -EEXIST) ok_ = false;
    }

    std::unique_ptr<void, decltype(&seccomp_release)> context_;
    bool ok_ = true;
};

scmp_arg_cmp masked_equal(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
scmp_arg_cmp equal(unsigned argument, scmp_datum_t value) {
    return {argument, SCMP_CMP_EQ, value, 0};
}

void allow_memory(Filter& filter) {
    constexpr unsigned protection = 2;  // The argument of both calls.
    if (sanitizer_build) return;        // The wider rule is in its own list.
    filter.allow_if("mmap", {masked_equal(protection, PROT_EXEC, 0)});
    filter.allow_if("mprotect", {masked_equal(protection, PROT_EXEC, 0)});
}

void allow_threads(Filter& filter) {
    // clone3 hides its flags from the filter; glibc takes clone where it is told there is none.
    filter.refuse("clone3", ENOSYS);
    filter.allow_if("clone", {masked_equal(0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM)});
    for (const char* name : thread_calls) filter.allow(name);
}

}  // namespace

Result<void> enter_filter(const GateOptions& options) {
    Filter filter;
    for (const char* name : plain_calls) filter.allow(name);
    allow_memory(filter);
    filter.allow_if("getsockopt", {equal(1, SOL_SOCKET), equal(2, SO_PEERCRED)});
    filter.allow_if("getsockopt", {equal(1, SOL_SOCKET), equal(2, peer_pidfd_option)});
    // abort() of this very process, so that a failed CHECK ends it as one.
    filter.allow_if("tgkill", {equal(0, static_cast<scmp_datum_t>(::getpid()))});
    if (!options.writable_dirs.empty()) {
        for (const char* name : file_calls) filter.allow(name);
    }
    if (options.allow_threads) allow_threads(filter);
    if (sanitizer_build) {
        for (const char* name : sanitizer_calls) filter.allow(name);
    }
    for (const char* name : options.extra_syscalls) filter.allow(name);
    for (const char* name : options.failing_syscalls) filter.refuse(name, EACCES);
    return filter.load();
}

}  // namespace softpos::host
