// Judges what Apple's App Attest says: that a key was made in the Secure Enclave of a genuine
// device by this app, and later that the same key signed this request.
//
//     const Verdict made = verify_app_attestation(evidence, policy, anchors, now);
//     const Verdict asked = verify_app_assertion(evidence, policy);   // With what `made` gave.
//
// It says nothing about a jailbreak: Apple attests the app's identity, and whoever runs it may have
// changed the system below. Policies therefore give it no card.
//
// Spec: [APPLE-AA].
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "platform/attest/anchors.h"
#include "platform/attest/verdict.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace softpos::attest {

// What is not given is not compared, and the verdict is then never better than review.
struct AppAttestPolicy {
    std::optional<Buffer> client_data_hash;  // 32 bytes, as the app gave them to the service.
    std::optional<std::string> app_id;       // "TEAMID.bundle.id"
    std::optional<Buffer> key_id;            // As the app named it: 32 bytes. Need not be given.
    bool development_allowed = false;        // Keys of apps that did not come out of the store.
};

// Reasons in the order in which they are looked for. FAIL: FORM, CHAIN_BROKEN,
// CERTIFICATE_MALFORMED, ROOT_UNTRUSTED, CHAIN_EXTENDED, SIGNATURE, NOT_YET_VALID, EXPIRED,
// EXTENSION_MISSING, EXTENSION_MALFORMED, KEY_ALGORITHM, KEY_MISMATCH, CHALLENGE, APP_ID, COUNTER,
// ENVIRONMENT. REVIEW: NOT_COMPARED.
Verdict verify_app_attestation(Bytes evidence, const AppAttestPolicy& policy,
                               std::span<const TrustAnchor> anchors, Instant now);

struct AppAssertionPolicy {
    Buffer client_data_hash;
    std::string app_id;
    Buffer device_key;                // Verdict::device_key of the attestation.
    std::uint32_t counter_known = 0;  // Of the last assertion that passed; 0 for the first.
};

// FAIL: FORM, KEY_UNKNOWN (no key to check it with), SIGNATURE (the request is another one, or the
// key), APP_ID, COUNTER.
Verdict verify_app_assertion(Bytes evidence, const AppAssertionPolicy& policy);

}  // namespace softpos::attest
