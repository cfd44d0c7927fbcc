// What a verifier of evidence says: a verdict with its one reason, and everything that it saw, for
// the policy and for whoever looks at the case. Verifiers are pure: bytes, what was asked, the time
// and the trust anchors in; this out.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "protocol/finding.h"
#include "protocol/spa.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace softpos::attest {

// review: nothing is proven against the phone, and a person or the score decides.
enum class Outcome : std::uint8_t { pass, review, fail };
std::string_view name_of(Outcome outcome);  // "PASS"

// Where the device's key lives, as far as its maker proves it.
enum class KeyHome : std::uint8_t { software, trusted_environment, secure_element, tpm };
std::string_view name_of(KeyHome home);

// What a TPM says of itself beside what is quoted.
struct TpmState {
    Buffer name;                // Of the key that signed.
    std::uint32_t resets = 0;   // How often it was started.
    std::uint32_t resumes = 0;  // Since the last of them.

    friend bool operator==(const TpmState&, const TpmState&) = default;
};

struct Verdict {
    protocol::EvidenceKind kind{};
    Outcome outcome = Outcome::fail;
    std::string_view reason;  // A literal, stable: "BOOTLOADER_UNLOCKED"; empty with pass.
    std::uint32_t where = 0;  // Certificate, tag or byte that the reason is about.
    std::vector<protocol::Finding> findings;  // Of class hardware.

    // Proven where the outcome is not fail; as far as seen otherwise.
    KeyHome home = KeyHome::software;
    Buffer device_key;  // SubjectPublicKeyInfo of the attested key, DER.
    Buffer device_id;   // SHA-256 that stays the same for one phone: for pinning and clones.
    std::uint32_t os_version = 0;  // 150000 is Android 15; 0 where not told.
    std::uint32_t os_patch = 0;    // yyyymm
    Buffer boot_key;               // SHA-256 or key as the maker gives it; for pinning.
    std::uint32_t app_version = 0;
    std::uint32_t counter = 0;  // Of App Attest: how often the key signed; the next must be higher.
    std::optional<TpmState> tpm = {};
    std::vector<std::string> serials;  // Of the chain's certificates, lower-case hex, leaf first.

    // Everything else that was seen, in reading order, for people and for `attest explain`.
    std::vector<std::pair<std::string, std::string>> observations;
};

}  // namespace softpos::attest
