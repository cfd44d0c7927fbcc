// Evidence of phones, each piece given to the verifier of its maker.
#pragma once

#include "base/clock.h"
#include "base/secret.h"
#include "platform/attest/anchors.h"
#include "platform/attest/revocation.h"
#include "platform/attest/tpm_verify.h"
#include "platform/attest/verdict.h"
#include "protocol/spa.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace softpos::attest {

// Whom this platform believes, and which apps are its own. A maker or service that nothing is
// configured for is not believed: its evidence fails with UNSUPPORTED, and counts against nobody.
struct EvidenceTrust {
    struct AndroidApp {
        std::string package;
        std::vector<Buffer> signers;  // SHA-256 of signing certificates.
    };
    std::optional<AndroidApp> android_app;  // Also what tokens must be about.
    std::vector<TrustAnchor> android_roots;
    std::optional<RevocationList> revoked;

    struct HarmonyApp {
        std::string bundle;
        std::vector<std::string> app_ids;  // Bundle name, '_' and the signer's key in Base64.
    };
    std::optional<HarmonyApp> harmony_app;
    std::vector<TrustAnchor> huks_roots;
    std::optional<RevocationList> huks_revoked;

    std::optional<std::string> apple_app;  // "TEAMID1234.cn.example.spos"
    std::vector<TrustAnchor> apple_roots;

    std::vector<TrustAnchor> tpm_roots;  // Makers of TPMs; empty: no TPM is believed.
    std::vector<ExpectedPcr> pcrs;

    std::vector<crypto::PublicKey> optee_keys;  // Of devices, by their makers.

    struct PlayService {
        SecretBytes decryption;                         // 32 bytes.
        std::optional<crypto::PublicKey> verification;  // Without it no token passes.
        bool store_required = true;
    };
    std::optional<PlayService> play;
    std::vector<TrustAnchor> hms_roots;  // Empty: no SysIntegrity.
};

// What the phone was asked, and what it must have known to answer.
struct EvidenceQuestion {
    protocol::Digest32 challenge{};            // SHA-256 of what the statement must cover.
    const protocol::Point65& core_sign_point;  // Borrowed, as the next.
    const protocol::Digest32& measurement;
    // Name of the TPM's key, where the phone enrolled with one that was activated.
    std::optional<Buffer> known_ak = {};
    bool ak_activated = false;               // The TPM opened a credential for it.
    std::optional<TpmProof> tpm_proof = {};  // What the phone sent to show that.
    std::uint32_t known_resets = 0;          // Of the TPM, by its last quote.
    // Key that Apple attested at enrolment, SubjectPublicKeyInfo, and its last counter.
    std::optional<Buffer> known_apple_key = {};
    std::uint32_t known_apple_counter = 0;
    std::uint32_t revocation_s_max =
        7 * 24 * 3600;  // An older list of revoked keys proves nothing.
    Instant now;
};

// One verdict a piece, in order. Each service gets the challenge as it lets an app give it: Apple's
// hashes it once more, Google's and Huawei's carry it as nonce in Base64.
std::vector<Verdict> check_evidence(std::span<const protocol::Evidence> evidences,
                                    const EvidenceQuestion& question, const EvidenceTrust& trust);

// Whether evidence of the kind is looked up in a list of revoked keys that is not there or older
// than that: Android's and Huawei's key chains are. 0: any age will do.
bool is_revocation_stale(const EvidenceTrust& trust, protocol::EvidenceKind kind,
                         std::uint32_t age_s_max, Instant now);

}  // namespace softpos::attest
