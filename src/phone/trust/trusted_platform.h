// The little that the trusted core needs from where it runs: a TEE, a process of its own, a test.
#pragma once

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

#include <array>
#include <cstdint>

namespace softpos::trust {

constexpr std::size_t state_bytes_max = 64 * 1024;

// Every call may fail; a failed one may or may not have had its effect.
class TrustedPlatform {
public:
    virtual ~TrustedPlatform() = default;

    virtual Random& random() = 0;

    // One object, which nobody else can read or change unseen. not_found where none was saved.
    virtual Result<SecretBytes> load_state() = 0;
    // Old or new after a crash, and the new one once this returned.
    virtual Result<void> save_state(Bytes state) = 0;

    // Never goes down, whatever happens to the object above: it finds an old copy of it out.
    virtual Result<std::uint64_t> epoch() = 0;
    virtual Result<void> advance_epoch(std::uint64_t to) = 0;

    // SHA-256 of the program that runs.
    virtual std::array<std::uint8_t, 32> measurement() = 0;
};

}  // namespace softpos::trust
