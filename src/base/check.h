// CHECK states what holds unless our own code is wrong; it stays in release builds. Input from
// outside is never CHECKed: it fails with a Result.
#pragma once

namespace softpos {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace softpos

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) [[unlikely]]                                                             \
            ::softpos::check_failed(#condition, __FILE__, __LINE__);                               \
    } while (false)
