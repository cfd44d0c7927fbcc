// Everything that `new` makes in this program lies where secrets lie: vectors and strings that once
// held a key or a card's answer included. Linked into the programs that hold card data in the
// clear.
#include "base/secret_memory.h"

#include <cstddef>
#include <new>

void* operator new(std::size_t bytes) {
    return softpos::take_secret_memory(bytes);
}
void* operator new[](std::size_t bytes) {
    return softpos::take_secret_memory(bytes);
}
void operator delete(void* memory) noexcept {
    softpos::give_secret_memory(memory);
}
void operator delete[](void* memory) noexcept {
    softpos::give_secret_memory(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    softpos::give_secret_memory(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    softpos::give_secret_memory(memory);
}
