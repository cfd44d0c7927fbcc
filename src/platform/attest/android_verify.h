// Judges a chain of Android key attestation: whether a phone that nobody opened holds this key for
// this app, as far as its maker proves it.
//
//     const AndroidTrust trust{anchors, &revoked};
//     const Verdict verdict = verify_android_key(certificates, policy, trust, now);
//
// Spec: [ANDROID-KM].
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "platform/attest/anchors.h"
#include "platform/attest/android_key.h"
#include "platform/attest/revocation.h"
#include "platform/attest/verdict.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace softpos::attest {

struct AndroidPolicy {
    // What the phone was asked, and the only app that may answer. What is not given is not
    // compared, and the verdict is then never better than review: the statement may be anybody's.
    std::optional<Buffer> challenge;
    std::optional<std::string> package;
    std::vector<Buffer> signers;  // SHA-256 of signing certificates; needed with a package.

    std::uint64_t app_version_min = 0;
    SecurityLevel level_min = SecurityLevel::trusted_environment;
    std::uint32_t os_patch_min = 0;     // yyyymm; older fails.
    std::uint32_t os_patch_wanted = 0;  // Older is for review.
    // Keys under which a system that its owner signed may have booted.
    std::vector<Buffer> self_signed_boot_keys;
    // The key may serve these and nothing else; signing it must serve.
    std::vector<std::uint64_t> purposes{purpose_sign, purpose_verify};
    bool attest_key_allowed = false;  // See android_chain.h.
    std::int64_t revocation_age_ms_max = std::int64_t{7} * 24 * 3'600'000;
};

struct AndroidTrust {
    std::span<const TrustAnchor> anchors;
    const RevocationList* revoked = nullptr;  // Null where there is none: like one that is stale.
};

// The certificates in DER, leaf first, with or without root. Reasons, in the order in which they
// are looked for; the first counts. FAIL: CHAIN_BROKEN, CERTIFICATE_MALFORMED, ROOT_UNTRUSTED,
// CHAIN_EXTENDED, EXTENSION_MISSING, SIGNATURE, NOT_YET_VALID, EXPIRED, REVOKED,
// EXTENSION_MALFORMED, SECURITY_LEVEL, CHALLENGE, ROOT_OF_TRUST_MISSING, BOOTLOADER_UNLOCKED,
// BOOT_STATE_UNVERIFIED, BOOT_STATE_FAILED, BOOT_KEY_UNKNOWN, APP_ID_MISSING, APP_PACKAGE,
// APP_SIGNER, APP_VERSION, KEY_ORIGIN, KEY_SCOPE, KEY_PURPOSE, KEY_ALGORITHM, PATCH_LEVEL. REVIEW:
// STATUS_STALE, PATCH_LEVEL, NOT_COMPARED.
Verdict verify_android_key(std::span<const Bytes> certificates, const AndroidPolicy& policy,
                           const AndroidTrust& trust, Instant now);

}  // namespace softpos::attest
