// The arena is one a process, so each test makes a process that opens it.
#include "host/secret_arena.h"

#include "base/secret.h"
#include "host/gate_filter.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace softpos::host {
namespace {

// The exit code of what ran as a process of its own.
int in_child(const std::function<int()>& body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

constexpr std::size_t arena_bytes = 256 * 1024;
constexpr int no_arena = 77;

// Opens it or ends the process; a kernel without memfd_secret has nothing to test.
void open_or_leave() {
    if (open_secret_arena(arena_bytes) == SecretArenaState::unavailable) ::_exit(no_arena);
}

void expect_done(int code) {
    if (code == no_arena) GTEST_SKIP() << "no memfd_secret on this kernel";
    EXPECT_EQ(code, 0);
}

// Shows: A17
TEST(SecretArena, SecretsLieInItAndAreWipedWhenTheyEnd) {
    expect_done(in_child([] {
        const SecretBytes before(16);
        open_or_leave();
        if (in_secret_memory(before.bytes().data())) return 1;
        auto secret = SecretBytes::copy_of(std::array<std::uint8_t, 24>{1, 2, 3});
        const std::uint8_t* at = secret.bytes().data();
        if (!in_secret_memory(at)) return 2;
        secret = SecretBytes();
        // The list of free blocks uses the first bytes behind the head.
        for (unsigned i = 8; i < 24; ++i) {
            if (at[i] != 0) return 3;
        }
        return 0;
    }));
}

TEST(SecretArena, BlocksComeBackAndNeverOverlap) {
    expect_done(in_child([] {
        open_or_leave();
        for (int round = 0; round < 1000; ++round) {
            std::vector<SecretBytes> held;
            for (std::uint8_t i = 1; i < 20; ++i) {
                held.emplace_back(static_cast<std::size_t>(i) * 37);
                std::memset(held.back().writable().data(), i, held.back().size());
            }
            for (std::uint8_t i = 1; i < 20; ++i) {
                for (const std::uint8_t byte : held[i - 1U].bytes()) {
                    if (byte != i || !in_secret_memory(held[i - 1U].bytes().data())) return 1;
                }
            }
        }
        return 0;
    }));
}

TEST(SecretArena, WhatDoesNotFitGoesToTheHeap) {
    expect_done(in_child([] {
        open_or_leave();
        const SecretBytes large(2 * arena_bytes);
        return in_secret_memory(large.bytes().data()) ? 1 : 0;
    }));
}

// Shows: A16
TEST(SecretArena, RootReadsNoneOfItThroughProc) {
    expect_done(in_child([] {
        open_or_leave();
        const auto secret = SecretBytes::copy_of(std::array<std::uint8_t, 4>{1, 2, 3, 4});
        const auto on_heap = std::make_unique<std::array<std::uint8_t, 4>>();
        const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
        std::array<std::uint8_t, 4> got{};
        const auto read_at = [&](const void* at) {
            return ::pread(memory, got.data(), got.size(),
                           static_cast<off_t>(reinterpret_cast<std::uintptr_t>(at)));
        };
        if (read_at(on_heap.get()) != 4) return 1;  // Else the next line would prove nothing.
        return read_at(secret.bytes().data()) < 0 ? 0 : 2;
    }));
}

TEST(SecretArena, ItCannotBeOpenedUpOrMoved) {
    expect_done(in_child([] {
        if (open_secret_arena(arena_bytes) != SecretArenaState::active) ::_exit(no_arena);
        const SecretBytes secret(64);
        const auto page =
            reinterpret_cast<std::uintptr_t>(secret.bytes().data()) & ~std::uintptr_t{4095};
        void* at = reinterpret_cast<void*>(page);
        if (::mprotect(at, 4096, PROT_READ) == 0) return 1;
        if (::munmap(at, 4096) == 0) return 2;
        return 0;
    }));
}

TEST(SecretArena, AStackOfItsOwnIsUsedAndWiped) {
    if (sanitizer_build) GTEST_SKIP() << "sanitizers need the stack that they know";
    expect_done(in_child([] {
        open_or_leave();
        int depth = 0;
        const volatile std::uint8_t* inside = nullptr;
        run_on_secret_stack([&] {
            std::array<volatile std::uint8_t, 64> local{};
            for (auto& byte : local) byte = 0xA5;
            inside = local.data();
            depth = 1;
        });
        if (depth != 1) return 1;
        for (int i = 0; i < 64; ++i) {
            if (inside[i] == 0xA5) return 2;
        }
        return 0;
    }));
}

TEST(SecretArena, SignalsBlockedInsideStayBlockedOutside) {
    expect_done(in_child([] {
        open_or_leave();
        run_on_secret_stack([] {
            sigset_t mask;
            ::sigemptyset(&mask);
            ::sigaddset(&mask, SIGUSR1);
            ::sigprocmask(SIG_BLOCK, &mask, nullptr);
            ::raise(SIGUSR1);
        });
        return 0;  // Not ended by the signal.
    }));
}

}  // namespace
}  // namespace softpos::host
