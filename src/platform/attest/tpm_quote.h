// Judges what a TPM says about the Linux machine around it: what booted, which program the launcher
// started, and that this TPM and no other said so.
//
// It proves what was measured, not who is root now: whoever may open the device on the running
// machine can reset and extend PCR 23. docs/trust.md says what that is worth.
//
// Spec: [TPM2-1] 9.5 (attestation), 24 (credential protection).
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/certificate.h"
#include "platform/attest/anchors.h"
#include "platform/attest/tpm_structures.h"
#include "platform/attest/verdict.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace softpos::attest {

// What a PCR of the SHA-256 bank may hold.
struct PcrRule {
    unsigned pcr = 0;
    std::vector<Buffer> allowed;  // tpm_pcr_bytes each.
};

struct TpmPolicy {
    Buffer challenge;                 // What the quote must carry: up to 32 bytes.
    std::vector<PcrRule> pcrs;        // Each must be quoted.
    std::optional<Buffer> ak_name;    // That enrolled; another key is another machine.
    bool certificate_needed = false;  // With enrolment: the maker's, for the endorsement key.
    bool activated = false;           // The same TPM opened a credential for this key.
};

// Reasons, the first counts. FAIL: FORM, AK_FORM, AK_ATTRIBUTES, AK_ALGORITHM, AK_NAME, QUOTE_FORM,
// SIGNATURE, CHALLENGE, PCR_BANK, PCR_DIGEST, PCR_VALUE, CERTIFICATE_MISSING, CHAIN_BROKEN,
// CERTIFICATE_MALFORMED, ROOT_UNTRUSTED, EK_USAGE, NOT_YET_VALID, EXPIRED. REVIEW: NOT_ACTIVATED:
// nothing proves yet that the endorsement key and the attestation key live in one TPM.
Verdict verify_tpm_quote(Bytes form, const TpmPolicy& policy, std::span<const TrustAnchor> anchors,
                         Instant now);

// Whether a certificate is one of an endorsement key. Spec: [TCG-EK] 3: 2.23.133.8.1 among the
// extended key usages.
bool is_ek_certificate(const crypto::Certificate& certificate);

// A secret that only the TPM of the endorsement key opens, and only for the attestation key of that
// name. Both parts as TPM2_ActivateCredential takes them, with their sizes in front.
// unsupported unless the key is RSA 2048 under the default template. Spec: [TPM2-1] 24.
struct TpmCredential {
    Buffer id_object;         // TPM2B_ID_OBJECT
    Buffer encrypted_secret;  // TPM2B_ENCRYPTED_SECRET
};
constexpr std::size_t tpm_credential_bytes_max = 32;
Result<TpmCredential> make_credential(const crypto::PublicKey& ek, Bytes ak_name, Bytes secret,
                                      Random& random);

}  // namespace softpos::attest
