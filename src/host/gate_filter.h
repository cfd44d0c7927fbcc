// The last step of the gate: the list of system calls that are left. Used by gate.cc only.
#pragma once

#include "base/result.h"
#include "host/gate.h"

namespace softpos::host {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitizer_build = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer) || __has_feature(undefined_behavior_sanitizer)
constexpr bool sanitizer_build = true;
#else
constexpr bool sanitizer_build = false;
#endif
#else
constexpr bool sanitizer_build = false;
#endif

Result<void> enter_filter(const GateOptions& options);

}  // namespace softpos::host
