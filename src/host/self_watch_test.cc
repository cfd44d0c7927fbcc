// Each attack is carried out, on a process made for it.
#include "host/self_watch.h"

#include "host/child_process.h"
#include "host/gate_filter.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <functional>
#include <link.h>
#include <string>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

namespace softpos::host {
namespace {

int in_child(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

// What a watch that was opened before says after the attack: the fault's number plus 10, 0 for
// none, 99 for a wrong one.
int after(SelfFault expected, const std::function<bool()>& attack) {
    return in_child([&] {
        const auto watch = SelfWatch::open({});
        if (!watch) return 90;
        if (!watch->look().empty()) return 91;
        if (!attack()) return 92;
        const auto found = watch->look();
        for (const SelfFinding& one : found) {
            if (one.fault == expected) return 0;
        }
        return found.empty() ? 93 : 99;
    });
}

// Writes where the page protection would forbid it, as a debugger does.
bool write_through_proc(std::uintptr_t at, const void* bytes, std::size_t size) {
    const int memory = ::open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    const bool done =
        ::pwrite(memory, bytes, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
    ::close(memory);
    return done;
}

// Shows: A23
TEST(SelfWatch, FindsNothingWhereNothingIsWrong) {
    const auto watch = SelfWatch::open({});
    ASSERT_TRUE(watch);
    for (const SelfFinding& one : watch->look()) ADD_FAILURE() << name_of(one.fault) << one.detail;
}

// Shows: A22, MPOC-1B-TAMPER
TEST(SelfWatch, FindsCodeThatWasPatched) {
    EXPECT_EQ(after(SelfFault::code_changed,
                    [] {
                        const std::uint8_t breakpoint = 0xCC;
                        // A function that is not called: the patch itself must not end us.
                        return write_through_proc(
                            reinterpret_cast<std::uintptr_t>(&write_through_proc) + 3, &breakpoint,
                            1);
                    }),
              0);
}

// Shows: A22, MPOC-1B-TAMPER
TEST(SelfWatch, FindsCodeOfTheLibraryThatWasPatched) {
    EXPECT_EQ(after(SelfFault::code_changed,
                    [] {
                        const std::uint8_t breakpoint = 0xCC;
                        void* function = ::dlsym(RTLD_DEFAULT, "regcomp");
                        return function != nullptr &&
                               write_through_proc(reinterpret_cast<std::uintptr_t>(function),
                                                  &breakpoint, 1);
                    }),
              0);
}

// Shows: A22
TEST(SelfWatch, FindsMemoryThatMayBeWrittenAndExecuted) {
    EXPECT_EQ(after(SelfFault::foreign_code,
                    [] {
                        return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
                    }),
              0);
}

// Shows: A22
TEST(SelfWatch, FindsALibraryThatNobodyNeeds) {
    EXPECT_EQ(after(SelfFault::foreign_library,
                    [] { return ::dlopen("libanl.so.1", RTLD_NOW) != nullptr; }),
              0);
}

// Shows: A23
TEST(SelfWatch, KnownPlugInsAreNoFinding) {
    EXPECT_EQ(in_child([] {
                  const auto watch = SelfWatch::open({.plug_ins = {"/lib/", "/usr/lib/"}});
                  if (!watch || ::dlopen("libanl.so.1", RTLD_NOW) == nullptr) return 1;
                  return watch->look().empty() ? 0 : 2;
              }),
              0);
}

// Shows: A22, MPOC-1C-DETECT
TEST(SelfWatch, FindsAHookInAFunctionTable) {
    EXPECT_EQ(in_child([] {
                  const auto watch = SelfWatch::open({});
                  if (!watch) return 90;
                  // Any slot of libc's own protected tables: its last page holds pointers.
                  const auto found = watch->look();
                  if (!found.empty()) return 91;
                  struct Place {
                      std::uintptr_t at = 0;
                  } place;
                  ::dl_iterate_phdr(
                      [](dl_phdr_info* info, std::size_t, void* out) {
                          for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
                              const auto& part = info->dlpi_phdr[i];
                              if (part.p_type == PT_GNU_RELRO &&
                                  std::strstr(info->dlpi_name, "libc.so") != nullptr) {
                                  static_cast<Place*>(out)->at =
                                      info->dlpi_addr + part.p_vaddr + 64;
                              }
                          }
                          return 0;
                      },
                      &place);
                  const std::uint64_t elsewhere = 0x1234;
                  if (place.at == 0 || !write_through_proc(place.at, &elsewhere, sizeof elsewhere))
                      return 92;
                  for (const SelfFinding& one : watch->look()) {
                      if (one.fault == SelfFault::table_changed) ::_exit(0);
                  }
                  return 93;
              }),
              0);
}

// Shows: A22, MPOC-1C-DETECT
TEST(SelfWatch, FindsADebugger) {
    int ready[2];
    int go[2];
    ASSERT_TRUE(::pipe(ready) == 0 && ::pipe(go) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto watch = SelfWatch::open({});
        char byte = 0;
        if (::write(ready[1], "r", 1) != 1 || ::read(go[0], &byte, 1) != 1) ::_exit(90);
        ::_exit(watch && watch->is_traced() && watch->look()[0].fault == SelfFault::traced ? 0 : 1);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ASSERT_EQ(::ptrace(PTRACE_SEIZE, child, nullptr, nullptr), 0);
    ASSERT_EQ(::write(go[1], "g", 1), 1);
    int status = 0;
    while (::waitpid(child, &status, 0) == child && !WIFEXITED(status)) {
        ::ptrace(PTRACE_CONT, child, nullptr, nullptr);
    }
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Shows: A19, A22, MPOC-1B-TAMPER
TEST(SelfWatch, FindsWhatWasPreloaded) {
    if (sanitizer_build) GTEST_SKIP() << "the sanitizer must be the first library";
    EXPECT_EQ(in_child([] {
                  ::setenv("LD_PRELOAD", "libanl.so.1", 1);
                  ::setenv("SELF_WATCH_PRELOADED", "1", 1);
                  ::execl("/proc/self/exe", "host_test",
                          "--gtest_filter=SelfWatch.InsideAPreloadedProcess", "--gtest_brief=1",
                          nullptr);
                  return 91;
              }),
              0);
}

// Run by the test above.
TEST(SelfWatch, InsideAPreloadedProcess) {
    if (std::getenv("SELF_WATCH_PRELOADED") == nullptr) GTEST_SKIP() << "only inside one";
    const auto watch = SelfWatch::open({});
    ASSERT_TRUE(watch);
    std::vector<SelfFault> faults;
    for (const SelfFinding& one : watch->look()) faults.push_back(one.fault);
    EXPECT_EQ(faults, (std::vector<SelfFault>{SelfFault::foreign_library, SelfFault::preload}));
}

}  // namespace
}  // namespace softpos::host
