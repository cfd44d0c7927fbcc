// Children are /bin/sh and its builtins, so that the tests need nothing else.
#include "host/child_process.h"

#include "host/durable_file.h"
#include "host/scratch_directory.h"
#include "host/signals.h"

#include <gtest/gtest.h>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

namespace softpos::host {
namespace {

ChildOptions shell(const std::string& script) {
    return {.program = "/bin/sh", .arguments = {"-c", script}};
}

TEST(ChildProcess, ReportsItsExitCode) {
    auto child = ChildProcess::spawn(shell("exit 7"));
    ASSERT_TRUE(child);
    const auto status = child->wait(10'000);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->code, 7);
    EXPECT_EQ(child->wait(0)->code, 7) << "asked again";
}

TEST(ChildProcess, ReportsTheSignalThatEndedIt) {
    auto child = ChildProcess::spawn(shell("kill -USR1 $$"));
    ASSERT_TRUE(child);
    const auto status = child->wait(10'000);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->signal, SIGUSR1);
    EXPECT_FALSE(status->success());
}

TEST(ChildProcess, MissingProgramIs127) {
    auto child = ChildProcess::spawn({.program = "/nowhere/at/all"});
    ASSERT_TRUE(child);
    EXPECT_EQ(child->wait(10'000)->code, 127);
}

TEST(ChildProcess, PipedLinesComeOneByOne) {
    auto options = shell("echo one; echo two");
    options.pipe_output = true;
    auto child = ChildProcess::spawn(options);
    ASSERT_TRUE(child);
    EXPECT_EQ(*child->read_line(10'000), "one");
    EXPECT_EQ(*child->read_line(10'000), "two");
    EXPECT_EQ(child->read_line(10'000).error().kind, ErrorKind::unavailable);
}

TEST(ChildProcess, OutputGoesToTheFile) {
    const ScratchDirectory scratch;
    auto options = shell("echo out; echo err >&2");
    options.output_path = scratch.file("log");
    auto child = ChildProcess::spawn(options);
    ASSERT_TRUE(child);
    ASSERT_TRUE(child->wait(10'000));
    EXPECT_EQ(text_of(*read_file(scratch.file("log"), 100)), "out\nerr\n");
}

// Shows: A19
TEST(ChildProcess, EnvironmentIsOnlyWhatWasGiven) {
    auto options = shell("echo $NAME-$HOME");
    options.environment = {"NAME=value"};
    options.pipe_output = true;
    auto child = ChildProcess::spawn(options);
    ASSERT_TRUE(child);
    EXPECT_EQ(*child->read_line(10'000), "value-");
}

TEST(ChildProcess, RunningChildIsNotWaitedForLongerThanAsked) {
    auto child = ChildProcess::spawn(shell("exec sleep 100"));
    ASSERT_TRUE(child);
    const auto status = child->wait(10);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().kind, ErrorKind::unavailable);
    EXPECT_FALSE(*child->poll());
    child->kill();
    EXPECT_EQ(child->wait(10'000)->signal, SIGKILL);
}

TEST(ChildProcess, DestructorEndsEvenOneThatIgnoresTerm) {
    pid_t pid = 0;
    {
        auto options = shell("trap '' TERM; echo ready; while :; do sleep 1; done");
        options.pipe_output = true;
        auto child = ChildProcess::spawn(options);
        ASSERT_TRUE(child);
        ASSERT_EQ(*child->read_line(10'000), "ready");
        pid = child->pid();
    }
    EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ChildProcess, RunsAsAnotherUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    auto options = shell("echo $(id -u):$(id -g)");
    options.pipe_output = true;
    options.uid = 64210;
    auto child = ChildProcess::spawn(options);
    ASSERT_TRUE(child);
    EXPECT_EQ(*child->read_line(10'000), "64210:64210");
}

// In a child, because it changes how this process takes signals.
TEST(StopSignal, TermBecomesReadable) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto stop = StopSignal::make();
        if (!stop || *stop->wait_for(0)) ::_exit(1);
        ::kill(::getpid(), SIGTERM);
        ::_exit(*stop->wait_for(10'000) && stop->wait() ? 0 : 2);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace softpos::host
