// fork and exec; between them only what POSIX allows in a child of a process with threads.
#include "host/child_process.h"

#include "base/clock.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace softpos::host {
namespace {

constexpr int exec_failed_code = 127;  // As shells say it.
constexpr std::size_t line_bytes_max = 64 * 1024;

std::unexpected<Error> failed(Literal what) {
    return fail(ErrorKind::unavailable, what, static_cast<std::uint32_t>(errno));
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

struct Plan {
    char* const* arguments;
    char* const* environment;
    int out;  // -1: ours.
    int err;
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    pid_t parent;
};

bool become_user(const Plan& plan) {
    if (!plan.uid) return true;
    const gid_t gid = plan.gid.value_or(*plan.uid);
    return ::setgroups(0, nullptr) == 0 && ::setresgid(gid, gid, gid) == 0 &&
           ::setresuid(*plan.uid, *plan.uid, *plan.uid) == 0;
}

[[noreturn]] void run_child(const Plan& plan) {
    sigset_t none;
    sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    bool ok = plan.out < 0 || ::dup2(plan.out, STDOUT_FILENO) >= 0;
    ok = ok && (plan.err < 0 || ::dup2(plan.err, STDERR_FILENO) >= 0);
    ok = ok && become_user(plan);
    // After the change of user, which clears it. The parent may have ended in between.
    ok = ok && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == plan.parent;
    if (ok) ::execve(plan.arguments[0], plan.arguments, plan.environment);
    ::_exit(exec_failed_code);
}

ExitStatus status_of(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return {info.si_status, 0};
    return {-1, info.si_status};
}

int left_ms(const Clock& clock, std::int64_t end_us) {
    return static_cast<int>((std::max<std::int64_t>(end_us - clock.ticks().us, 0) + 999) / 1000);
}

}  // namespace

ChildProcess::ChildProcess(pid_t pid, Descriptor pidfd, Descriptor output)
    : pid_(pid), pidfd_(std::move(pidfd)), output_(std::move(output)) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      output_(std::move(other.output_)),
      output_rest_(std::move(other.output_rest_)),
      status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    if (this == &other) return *this;
    end();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
    output_ = std::move(other.output_);
    output_rest_ = std::move(other.output_rest_);
    status_ = other.status_;
    return *this;
}

ChildProcess::~ChildProcess() {
    end();
}

void ChildProcess::end() {
    if (pid_ < 0 || status_) return;
    terminate();
    if (wait(grace_ms)) return;
    kill();
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
    }
    status_ = status_of(info);
}

Result<ChildProcess> ChildProcess::spawn(const ChildOptions& options) {
    std::vector<std::string> arguments{options.program};
    arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
    std::vector<std::string> environment = options.environment.value_or(std::vector<std::string>());
    const std::vector<char*> argument_list = pointers_to(arguments);
    const std::vector<char*> environment_list = pointers_to(environment);
    Descriptor out;
    Descriptor read_end;
    Descriptor errors;
    if (!options.output_path.empty()) {
        errors.reset(
            ::open(options.output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
        if (!errors.valid()) return failed("child's output file cannot be opened");
    }
    if (options.pipe_output) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("no pipe");
        read_end.reset(ends[0]);
        out.reset(ends[1]);
    }
    const Plan plan{argument_list.data(),
                    options.environment ? environment_list.data() : environ,
                    options.pipe_output ? out.get() : errors.get(),
                    errors.get(),
                    options.uid,
                    options.gid,
                    ::getpid()};
    const pid_t pid = ::fork();
    if (pid < 0) return failed("cannot fork");
    if (pid == 0) run_child(plan);
    Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    ChildProcess child(pid, std::move(pidfd), std::move(read_end));
    if (!child.pidfd_.valid()) return failed("no pidfd");
    return child;
}

Result<std::optional<ExitStatus>> ChildProcess::poll() {
    if (status_) return status_;
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) != 0) {
        return failed("child cannot be waited for");
    }
    if (info.si_pid != 0) status_ = status_of(info);
    return status_;
}

Result<ExitStatus> ChildProcess::wait(unsigned timeout_ms) {
    const SystemClock clock;
    const std::int64_t end_us = clock.ticks().us + std::int64_t{timeout_ms} * 1000;
    for (;;) {
        const auto status = TRY(poll());
        if (status) return *status;
        const int left = left_ms(clock, end_us);
        if (left == 0) return fail(ErrorKind::unavailable, "child still runs");
        pollfd polled{pidfd_.get(), POLLIN, 0};
        if (::poll(&polled, 1, left) < 0 && errno != EINTR) return failed("poll failed");
    }
}

void ChildProcess::terminate() {
    if (pid_ > 0 && !status_) ::kill(pid_, SIGTERM);
}

void ChildProcess::kill() {
    if (pid_ > 0 && !status_) ::kill(pid_, SIGKILL);
}

Result<std::string> ChildProcess::read_line(unsigned timeout_ms) {
    const SystemClock clock;
    const std::int64_t end_us = clock.ticks().us + std::int64_t{timeout_ms} * 1000;
    for (;;) {
        if (const auto end = output_rest_.find('\n'); end != std::string::npos) {
            std::string line = output_rest_.substr(0, end);
            output_rest_.erase(0, end + 1);
            return line;
        }
        if (output_rest_.size() > line_bytes_max) return fail(ErrorKind::malformed, "long line");
        const int left = left_ms(clock, end_us);
        pollfd polled{output_.get(), POLLIN, 0};
        const int ready = ::poll(&polled, 1, left);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return failed("poll failed");
        if (ready == 0) return fail(ErrorKind::unavailable, "child wrote no line in time");
        std::array<char, 4096> part{};
        const ssize_t got = ::read(output_.get(), part.data(), part.size());
        if (got <= 0) return fail(ErrorKind::unavailable, "child closed its output");
        output_rest_.append(part.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace softpos::host
