// Recognises evidence in whatever form somebody has it in a file, and judges it as far as the asker
// tells what to compare it with: for people who look at a case.
//
//     const Explanation said = TRY(explain_evidence(file, question));
//     // said.form, said.verdict with its observations, sentence_of(said.verdict.reason)
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/public_key.h"
#include "platform/attest/anchors.h"
#include "platform/attest/revocation.h"
#include "platform/attest/tpm_verify.h"
#include "platform/attest/verdict.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace softpos::attest {

constexpr std::size_t explained_bytes_max = 256UL * 1024;

// What is not given is not compared.
struct ExplainQuestion {
    std::optional<Buffer> challenge;
    std::optional<std::string> app;  // Package name; "TEAMID.bundle.id" of App Attest.
    std::vector<Buffer> signers;     // SHA-256 of the app's signing certificates.
    std::vector<ExpectedPcr> pcrs;
    bool activated = false;                // The TPM gave a credential's secret back for this key.
    bool development_allowed = false;      // Of App Attest.
    std::optional<crypto::PublicKey> key;  // For what brings no certificate: assertions, tokens.
    const SecretBytes* decryption = nullptr;  // Of encrypted tokens: token_key_bytes.
    std::span<const TrustAnchor> anchors;
    const RevocationList* revoked = nullptr;
    Instant now;
};

struct Explanation {
    std::string form;  // "Android key attestation, 4 certificates"
    Verdict verdict;
    std::string place = {};  // That the reason is about: "certificate 2", "rootOfTrust", "PCR 23".
};

// PEM or DER certificates, App Attest in CBOR or in JSON around it, a quote of a TPM alone or in
// our form, tokens of Play Integrity and SysIntegrity, and our forms for OP-TEE and for processes;
// also any of them in Base64. unsupported where it is none of them, denied above
// explained_bytes_max.
Result<Explanation> explain_evidence(Bytes file, const ExplainQuestion& question);

}  // namespace softpos::attest
