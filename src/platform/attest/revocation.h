// The list of keys that the phone makers took back, as Google serves it for key attestation.
//
// Its keys are serial numbers: lower-case hex by its description, and decimal in a third of the
// entries of the real list. Both are matched, so that now and then an innocent certificate may be
// refused whose hex reads like somebody's decimal; the other way round a stolen key would pass.
//
// Spec: [ANDROID-KM] "Certificate revocation status list".
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "crypto/certificate.h"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace softpos::attest {

// suspended counts like revoked. unknown is any other word, which we must take as a refusal.
enum class RevocationStatus : std::uint8_t { revoked, suspended, unknown };

struct Revocation {
    RevocationStatus status = RevocationStatus::unknown;
    std::string reason;   // "KEY_COMPROMISE"; empty where not told.
    std::string expires;  // "2026-12-01": when the entry may leave the list, not when it ends.
};

class RevocationList {
public:
    static constexpr std::size_t bytes_max = 8UL * 1024 * 1024;
    static constexpr std::size_t values_max = 400'000;

    // The list as it was served at that instant. malformed where it is none: a list that cannot be
    // read as a whole must not be taken for a shorter one.
    static Result<RevocationList> parse(std::string_view json, Instant served);

    // Null where the certificate is not on it.
    const Revocation* find(const crypto::Certificate& certificate) const;

    Instant served() const { return served_; }
    std::size_t size() const { return entries_.size(); }

private:
    std::map<std::string, Revocation, std::less<>> entries_;  // Lower case, no leading zeros.
    Instant served_;
};

}  // namespace softpos::attest
