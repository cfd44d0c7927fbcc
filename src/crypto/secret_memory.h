// OpenSSL copies keys into memory of its own: expanded key schedules, big numbers, contexts.
#pragma once

namespace softpos::crypto {

// Puts all of it where secrets lie (base/secret_memory.h). False where OpenSSL has allocated
// already: to be called first thing in main().
bool keep_in_secret_memory();

}  // namespace softpos::crypto
