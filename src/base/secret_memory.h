// Where secrets lie. By default on the heap; a program that has better memory says so once, at its
// start, before it holds a secret. One place for the whole process, as with malloc itself: a
// secret must not depend on who passed which allocator along (docs/adr/0014).
#pragma once

#include <cstddef>

namespace softpos {

// Both from any thread. `give` gets what `take` gave, or what came from the heap before the home
// was set; it wipes what is its own. `take` returns nullptr where it is full: the heap is used
// then.
struct SecretMemoryHome {
    void* (*take)(std::size_t bytes);
    bool (*give)(void* memory);  // False: not mine.
    bool (*holds)(const void* memory);
};

// The home lives until the process ends. CHECKs that there is none yet.
void set_secret_memory_home(const SecretMemoryHome& home);

void* take_secret_memory(std::size_t bytes);  // Never nullptr: ends the process instead.
void give_secret_memory(void* memory) noexcept;
bool in_secret_memory(const void* memory);  // Of the home; false where there is none.

}  // namespace softpos
