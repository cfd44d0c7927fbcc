// Child processes that end with us.
#pragma once

#include "base/result.h"
#include "host/descriptor.h"

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace softpos::host {

struct ChildOptions {
    std::string program{};                 // A path; PATH is not searched.
    std::vector<std::string> arguments{};  // Without the program's own name.
    // NAME=value. Absent: ours is inherited.
    std::optional<std::vector<std::string>> environment{};
    std::string output_path{};   // stdout and stderr are appended to it; empty: they stay ours.
    bool pipe_output = false;    // stdout comes to read_line() instead.
    std::optional<uid_t> uid{};  // Where we are root: run as this user and group.
    std::optional<gid_t> gid{};
};

struct ExitStatus {
    int code;    // -1 where a signal ended it.
    int signal;  // 0 where it ended itself.
    bool success() const { return code == 0; }
};

// One child. The destructor terminates it, waits `grace_ms`, and kills it. The kernel kills it also
// when the thread that spawned it ends, so spawn from one that lives long.
//
//     auto child = TRY(ChildProcess::spawn({.program = path, .arguments = {"--port", "0"}}));
//     child.terminate();
//     const auto status = TRY(child.wait(5000));
class ChildProcess {
public:
    static constexpr unsigned grace_ms = 2000;

    static Result<ChildProcess> spawn(const ChildOptions& options);
    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;
    ~ChildProcess();

    pid_t pid() const { return pid_; }
    Result<std::optional<ExitStatus>> poll();            // nullopt while it runs.
    Result<ExitStatus> wait(unsigned timeout_ms);        // unavailable when the time is over.
    void terminate();                                    // SIGTERM
    void kill();                                         // SIGKILL
    Result<std::string> read_line(unsigned timeout_ms);  // Of the piped stdout, without the end.

private:
    ChildProcess(pid_t pid, Descriptor pidfd, Descriptor output);
    void end();

    pid_t pid_ = -1;
    Descriptor pidfd_;
    Descriptor output_;
    std::string output_rest_;
    std::optional<ExitStatus> status_{};
};

}  // namespace softpos::host
