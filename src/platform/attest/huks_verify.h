// Judges a chain of Huawei's key attestation: whether the key store of a phone of theirs made this
// key for this app, as far as its maker proves it.
//
// What it does not prove, because no published claim says it: what booted, whether the boot loader
// is locked, which patches are installed, and what the key may do besides signing. That the key
// lives in the phone's trusted environment follows from the root alone, which certifies no other.
//
//     const Verdict verdict = verify_huks_key(certificates, policy, {roots, &revoked}, now);
//
// Spec: [HUKS].
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "platform/attest/anchors.h"
#include "platform/attest/huks_key.h"
#include "platform/attest/revocation.h"
#include "platform/attest/verdict.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace softpos::attest {

// What is not given is not compared, and the verdict is then never better than review.
struct HuksPolicy {
    std::optional<Buffer> challenge;
    std::optional<std::string> bundle;
    std::vector<std::string> app_ids;  // Bundle name with the signer's key; needed with a bundle.
    std::int64_t revocation_age_ms_max = std::int64_t{7} * 24 * 3'600'000;
};

struct HuksTrust {
    std::span<const TrustAnchor> anchors;
    const RevocationList* revoked = nullptr;  // Null where there is none: like one that is stale.
};

// The certificates in DER, leaf first, three with the root (online) or four (offline), or one less
// without it. FAIL, in this order: CHAIN_BROKEN, CERTIFICATE_MALFORMED, ROOT_UNTRUSTED,
// CHAIN_EXTENDED, EXTENSION_MISSING, SIGNATURE, NOT_YET_VALID, EXPIRED, REVOKED,
// EXTENSION_MALFORMED, CHALLENGE, APP_ID_MISSING, APP_PACKAGE, APP_SIGNER, KEY_ORIGIN, KEY_PURPOSE,
// KEY_ALGORITHM. REVIEW: STATUS_STALE, NOT_COMPARED.
Verdict verify_huks_key(std::span<const Bytes> certificates, const HuksPolicy& policy,
                        const HuksTrust& trust, Instant now);

}  // namespace softpos::attest
