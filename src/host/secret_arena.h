// Memory that nobody else can read, root's /proc/PID/mem and core files included: pages without a
// kernel mapping (memfd_secret), never swapped, sealed so that they cannot be moved or opened up.
// It stops readers. Whoever runs code as this process, such as a debugger that root attached, still
// reads it: docs/trust.md.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <functional>

namespace softpos::host {

enum class SecretArenaState : std::uint8_t {
    active,
    not_sealed,   // The kernel has no mseal.
    unavailable,  // No memfd_secret here: secrets lie on the heap.
};
const char* name_of(SecretArenaState state);

// Makes the one arena of this process the home of its secrets (base/secret_memory.h) and of
// OpenSSL's memory where crypto::keep_in_secret_memory() was asked for it. Before the gate, and
// before the first secret. The arena is never unmapped.
SecretArenaState open_secret_arena(std::size_t bytes);

// Calls `body` on a stack inside the arena, so that what functions leave behind on it stays there
// too. Where there is no arena, on the stack of the caller.
void run_on_secret_stack(const std::function<void()>& body);

constexpr std::size_t secret_stack_bytes = 1024 * 1024;
constexpr std::size_t secret_arena_bytes_default = 16UL * 1024 * 1024;

}  // namespace softpos::host
