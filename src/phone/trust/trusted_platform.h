// The little that the trusted core needs from where it runs: a TEE, a process of its own, a test.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "phone/trust/pin_entry.h"
#include "protocol/finding.h"
#include "protocol/trusted_call.h"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace softpos::trust {

constexpr std::size_t state_bytes_max = 64 * 1024;
constexpr std::size_t journal_bytes_max = 4 * 1024;

// What a TEE has no standard function for, so that the maker of a phone brings it. Every call may
// fail; a failed one may or may not have had its effect.
class PlatformExtras {
public:
    virtual ~PlatformExtras() = default;

    // Never goes down, whatever happens to the stored state: it finds an old copy of it out.
    virtual Result<std::uint64_t> epoch() = 0;
    virtual Result<void> advance_epoch(std::uint64_t to) = 0;

    // SHA-256 of the program that runs.
    virtual std::array<std::uint8_t, 32> measurement() = 0;

    // What vouches for the core's key: evidence over SHA-256 of `challenge_message`, by the
    // hardware that keeps this platform. nullopt where there is none.
    virtual Result<std::optional<protocol::Evidence>> evidence(Bytes challenge_message) {
        (void)challenge_message;
        return std::nullopt;
    }

    // The same for an enrolment, with all that the maker says of that hardware.
    virtual Result<std::optional<protocol::Evidence>> enrolment_evidence(Bytes challenge_message) {
        return evidence(challenge_message);
    }
    // Opens what was made for that hardware alone; evidence over SHA-256 of activation_message().
    virtual Result<protocol::Evidence> activate(const protocol::EnrolCredential& credential,
                                                Bytes binding) {
        (void)credential, (void)binding;
        return fail(ErrorKind::unsupported, "trust: no hardware that opens credentials");
    }

    // The customer's own screen and keys; null where this platform has none, and so takes no PIN.
    virtual TrustedUi* ui() { return nullptr; }

    // What keeps the core's objects.
    virtual protocol::Protection protection() const = 0;
    // What this side sees wrong with the phone right now; asked for several times in each tap.
    virtual std::vector<protocol::Finding> findings() = 0;
};

// All of it: what every TEE gives (gp_platform.h takes it from GlobalPlatform's functions), and the
// rest. As above, a failed call may or may not have had its effect.
class TrustedPlatform : public PlatformExtras {
public:
    virtual Random& random() = 0;
    // Never set back, and not by whoever sets the clock. It may start anew with the core.
    virtual Ticks ticks() = 0;

    // Two objects, which nobody else can read or change unseen. not_found where none was saved.
    virtual Result<SecretBytes> load_state() = 0;
    virtual Result<SecretBytes> load_journal() = 0;
    // Old or new after a crash, and the new one once this returned. The journal is small and saved
    // for each message that the core signs.
    virtual Result<void> save_state(Bytes state) = 0;
    virtual Result<void> save_journal(Bytes journal) = 0;
};

}  // namespace softpos::trust
