// The pointer to the home is the one global of this module.
#include "base/secret_memory.h"

#include "base/check.h"

#include <atomic>
#include <cstdlib>

namespace softpos {
namespace {

std::atomic<const SecretMemoryHome*> current_home{nullptr};

}  // namespace

void set_secret_memory_home(const SecretMemoryHome& home) {
    const SecretMemoryHome* none = nullptr;
    CHECK(current_home.compare_exchange_strong(none, &home));
}

void* take_secret_memory(std::size_t bytes) {
    const SecretMemoryHome* home = current_home.load(std::memory_order_acquire);
    void* memory = home == nullptr ? nullptr : home->take(bytes);
    if (memory == nullptr) memory = std::malloc(bytes == 0 ? 1 : bytes);
    CHECK(memory != nullptr);
    return memory;
}

void give_secret_memory(void* memory) noexcept {
    if (memory == nullptr) return;
    const SecretMemoryHome* home = current_home.load(std::memory_order_acquire);
    if (home == nullptr || !home->give(memory)) std::free(memory);
}

bool in_secret_memory(const void* memory) {
    const SecretMemoryHome* home = current_home.load(std::memory_order_acquire);
    return home != nullptr && home->holds(memory);
}

}  // namespace softpos
