// Judges what Apple's App Attest says: that an app of ours, as it was published, made a key in the
// Secure Enclave of a device of Apple's. Once for each key; from then on that key signs assertions.
//
// Spec: [APPLE-AA] "Validating apps that connect to your server", steps 1 to 9 and 1 to 6.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "platform/attest/anchors.h"
#include "platform/attest/verdict.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace softpos::attest {

constexpr std::size_t app_attest_bytes_max = 12 * 1024;

enum class AppAttestPlace : std::uint8_t { production, development };

// An attestation object, taken apart and not yet believed.
struct AppAttestation {
    std::vector<Bytes> certificates;  // Leaf first, without the root; borrowed.
    Bytes authenticator_data;         // Borrowed, as the rest.
    Bytes rp_id_hash;
    std::uint32_t counter = 0;
    Bytes aaguid;
    Bytes credential_id;
};
// malformed with the offset. Unknown fields of the maker are passed over.
Result<AppAttestation> parse_app_attestation(Bytes object);

struct AppAttestPolicy {
    std::optional<Buffer> challenge;    // What the phone was asked; its SHA-256 is in the nonce.
    std::optional<std::string> app_id;  // "TEAMID1234.cn.example.spos"
    bool development_allowed = false;   // Keys of apps that were never published.
};

// Reasons, the first counts. FAIL: FORM, CHAIN_BROKEN, CERTIFICATE_MALFORMED, ROOT_UNTRUSTED,
// SIGNATURE, NOT_YET_VALID, EXPIRED, NONCE_MISSING, CHALLENGE, KEY_ID, APP_ID, COUNTER,
// ENVIRONMENT. REVIEW: NOT_COMPARED, where policy gives no challenge or no app.
Verdict verify_app_attestation(Bytes object, const AppAttestPolicy& policy,
                               std::span<const TrustAnchor> anchors, Instant now);

// What the device's key signs later on.
struct AppAssertion {
    Bytes signature;
    Bytes authenticator_data;
    std::uint32_t counter = 0;
};
Result<AppAssertion> parse_app_assertion(Bytes object);

struct AssertionQuestion {
    Bytes client_data;   // What the app was to sign.
    std::string app_id;  // As above.
    Bytes device_key;    // SubjectPublicKeyInfo of the attestation.
    std::uint32_t counter_before = 0;
};
// The new counter. malformed; denied where signature, app or counter do not fit.
Result<std::uint32_t> verify_app_assertion(Bytes object, const AssertionQuestion& question);

}  // namespace softpos::attest
