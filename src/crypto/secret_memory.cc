// All of OpenSSL's memory, because it does not say which of it holds keys.
#include "crypto/secret_memory.h"

#include "base/secret_memory.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace softpos::crypto {
namespace {

// In front of each piece: its size, for realloc. Keeps the rest aligned.
struct alignas(16) Head {
    std::size_t bytes;
};

void* take(std::size_t bytes, const char*, int) {
    if (bytes == 0) return nullptr;
    auto* head = static_cast<Head*>(take_secret_memory(bytes + sizeof(Head)));
    head->bytes = bytes;
    return head + 1;
}

void give(void* memory, const char*, int) {
    if (memory == nullptr) return;
    Head* head = static_cast<Head*>(memory) - 1;
    OPENSSL_cleanse(memory, head->bytes);
    give_secret_memory(head);
}

void* resize(void* memory, std::size_t bytes, const char* file, int line) {
    if (memory == nullptr) return take(bytes, file, line);
    if (bytes == 0) {
        give(memory, file, line);
        return nullptr;
    }
    void* moved = take(bytes, file, line);
    std::memcpy(moved, memory, std::min(bytes, (static_cast<Head*>(memory) - 1)->bytes));
    give(memory, file, line);
    return moved;
}

}  // namespace

bool keep_in_secret_memory() {
    return CRYPTO_set_mem_functions(take, resize, give) == 1;
}

}  // namespace softpos::crypto
