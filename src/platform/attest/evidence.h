// Evidence of phones, each piece given to the verifier of its maker.
#pragma once

#include "base/clock.h"
#include "platform/attest/anchors.h"
#include "platform/attest/revocation.h"
#include "platform/attest/tpm_quote.h"
#include "platform/attest/verdict.h"
#include "protocol/evidence_forms.h"
#include "protocol/spa.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace softpos::attest {

// Whom this platform believes, and which apps are its own. A maker that nothing is configured for
// is not believed: its evidence fails with UNSUPPORTED.
struct EvidenceTrust {
    struct AndroidApp {
        std::string package;
        std::vector<Buffer> signers;  // SHA-256 of signing certificates.
    };
    std::optional<AndroidApp> android_app;
    std::vector<TrustAnchor> android_roots;
    std::optional<RevocationList> revoked;

    std::optional<std::string> apple_app;  // "TEAMID1234.cn.example.spos"
    std::vector<TrustAnchor> apple_roots;

    std::vector<TrustAnchor> tpm_roots;  // Makers of TPMs; empty: no TPM is believed.
    std::vector<PcrRule> pcrs;

    std::vector<crypto::PublicKey> optee_keys;  // Of devices, by their makers.
};

// What the phone was asked, and what it must have known to answer.
struct EvidenceQuestion {
    protocol::Digest32 challenge{};            // SHA-256 of what the statement must cover.
    const protocol::Point65& core_sign_point;  // Borrowed, as the next.
    const protocol::Digest32& measurement;
    std::optional<Buffer> known_ak =
        {};                     // Name of the TPM's key, where the phone enrolled with one.
    bool ak_activated = false;  // The TPM opened a credential for it.
    Instant now;
};

// One verdict a piece, in order.
std::vector<Verdict> check_evidence(std::span<const protocol::Evidence> evidences,
                                    const EvidenceQuestion& question, const EvidenceTrust& trust);

// A process without hardware, vouching for itself. Never better than review. Reasons: FORM,
// CHALLENGE, KEY, MEASUREMENT, SIGNATURE; review: SOFTWARE_KEY.
Verdict verify_dev_process(Bytes form, const EvidenceQuestion& question);

// OP-TEE's attestation PTA: the device's key signs nonce and measurement of the trusted
// application. Reasons: FORM, KEY_UNKNOWN, SIGNATURE, MEASUREMENT. Spec: [OPTEE-PTA].
Verdict verify_optee(Bytes form, const EvidenceQuestion& question,
                     std::span<const crypto::PublicKey> device_keys);

}  // namespace softpos::attest
