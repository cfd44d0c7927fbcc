// Facts about the machine that the test runs on, and programs that it starts to be seen.
#include "host/machine_facts.h"

#include "host/descriptor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace softpos::host {
namespace {

// A child that does something, says so, and waits until it is ended.
class Child {
public:
    explicit Child(const std::function<void()>& act) {
        int pipe[2] = {-1, -1};
        if (::pipe2(pipe, O_CLOEXEC) != 0) std::abort();
        pid_ = ::fork();
        if (pid_ == 0) {
            act();
            const char done = 1;
            if (::write(pipe[1], &done, 1) != 1) ::_exit(1);
            for (;;) ::pause();
        }
        ::close(pipe[1]);
        char done = 0;
        ready_ = ::read(pipe[0], &done, 1) == 1;
        ::close(pipe[0]);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }
    bool ready() const { return ready_; }

private:
    pid_t pid_ = -1;
    bool ready_ = false;
};

// Empty where it is not seen.
std::optional<OtherProgram> seen(const Child& child, const std::string& screen = {}) {
    const auto facts = read_machine_facts(screen);
    const auto at = std::ranges::find(facts.programs, child.pid(), &OtherProgram::pid);
    if (at == facts.programs.end()) return std::nullopt;
    return *at;
}

class Screen {
public:
    Screen() : main_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        if (!main_.valid() || ::grantpt(main_.get()) != 0 || ::unlockpt(main_.get()) != 0) return;
        std::array<char, 64> name{};
        if (::ptsname_r(main_.get(), name.data(), name.size()) == 0) path_ = name.data();
    }
    const std::string& path() const { return path_; }

private:
    Descriptor main_;
    std::string path_;
};

TEST(MachineFacts, TellClockAndKernelAsTheyAre) {
    const auto facts = read_machine_facts({});
    const auto again = read_machine_facts({});
    EXPECT_LE(std::abs(facts.clock_minus_boot_ms - again.clock_minus_boot_ms), 100);
    EXPECT_FALSE(facts.screen_in_front) << "there is no screen";
    std::ifstream file("/proc/sys/kernel/perf_event_paranoid");
    if (std::int64_t value = 0; file >> value) {
        EXPECT_EQ(facts.perf_paranoid, value);
    } else {
        EXPECT_FALSE(facts.perf_paranoid);
    }
    EXPECT_TRUE(std::ranges::none_of(
        facts.programs, [](const OtherProgram& one) { return one.pid == ::getpid(); }));
}

TEST(MachineFacts, ACopyOfThisProgramIsSeen) {
    const Child copy([] {});
    const auto program = seen(copy);
    ASSERT_TRUE(program);
    EXPECT_TRUE(program->same_program);
    EXPECT_TRUE(program->of_our_session);
    EXPECT_FALSE(program->has_our_screen || program->on_our_screen || program->has_console);
    const Child other([] {
        ::setsid();
        ::execl("/bin/sleep", "sleep", "600", nullptr);
    });
    // It says nothing: it became another program, which closed the pipe.
    EXPECT_FALSE(other.ready());
    const auto stranger = seen(other);
    ASSERT_TRUE(stranger);
    EXPECT_FALSE(stranger->same_program);
    EXPECT_FALSE(stranger->of_our_session);
    EXPECT_EQ(stranger->name, "sleep");
}

TEST(MachineFacts, WhoHoldsOurScreenOpenIsSeen) {
    const Screen screen;
    if (screen.path().empty()) GTEST_SKIP() << "no terminals here";
    const Child reader([&] {
        ::setsid();
        if (::open(screen.path().c_str(), O_RDWR | O_NOCTTY) < 0) ::_exit(1);
    });
    ASSERT_TRUE(reader.ready());
    const auto program = seen(reader, screen.path());
    ASSERT_TRUE(program);
    EXPECT_TRUE(program->has_our_screen);
    EXPECT_FALSE(program->on_our_screen) << "its input comes from elsewhere";
    EXPECT_FALSE(seen(reader)->has_our_screen) << "nobody asked about that screen";
}

TEST(MachineFacts, WhoIsInFrontOnOurScreenIsSeen) {
    const Screen screen;
    if (screen.path().empty()) GTEST_SKIP() << "no terminals here";
    const Child front([&] {
        ::setsid();
        const int terminal = ::open(screen.path().c_str(), O_RDWR | O_NOCTTY);
        if (terminal < 0 || ::ioctl(terminal, TIOCSCTTY, 0) != 0) ::_exit(1);
        ::tcsetpgrp(terminal, ::getpgrp());
    });
    ASSERT_TRUE(front.ready());
    const auto program = seen(front, screen.path());
    ASSERT_TRUE(program);
    EXPECT_TRUE(program->on_our_screen);
}

TEST(MachineFacts, AScreenThatIsNoneIsNone) {
    EXPECT_FALSE(read_machine_facts("/etc/passwd").screen_in_front);
    EXPECT_FALSE(read_machine_facts("/nonexistent").screen_in_front);
}

}  // namespace
}  // namespace softpos::host
