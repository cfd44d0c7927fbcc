// Judges a quote of a TPM: that a chip whose maker is trusted holds the key that signed, and that
// what booted and was launched is what was expected.
//
//     const Verdict verdict = verify_tpm_quote(evidence, policy, anchors, now);
//
// It proves the state at the time of the quote. Who is root afterwards is not in it.
//
// Spec: [TPM2-1] 18.4 and 24, [TPM2-2] 10.12, [TCG-EK].
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/public_key.h"
#include "platform/attest/anchors.h"
#include "platform/attest/tpm_structures.h"
#include "platform/attest/verdict.h"
#include "platform/attest/words.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace softpos::attest {

struct ExpectedPcr {
    unsigned pcr = 0;
    std::vector<Buffer> values;  // Any of them is good: one for each system that is allowed.
    bool launched = false;       // Instead: zeros, extended with the core's measurement alone.
};
Buffer launched_pcr(Bytes measurement);  // What that PCR then holds.

// A second quote of the machine that is about to be believed, over a challenge that only the TPM
// could know by then: it opened a credential. Nothing may have been started in between.
struct TpmProof {
    Buffer evidence;  // Another protocol::TpmQuoteForm.
    Buffer challenge;
};

// What is not given is not compared, and the verdict is then never better than review.
struct TpmPolicy {
    std::optional<Buffer> challenge;    // That the quote must carry.
    std::vector<ExpectedPcr> expected;  // Each must be quoted.
    // Name of the key that gave a credential's secret back; see tpm_credential.h. With it a quote
    // needs no certificate, without it none can be better than review.
    std::optional<Buffer> activated_name;
    bool activated_now = false;          // Whichever key it is, it just gave one back.
    std::optional<TpmProof> proof = {};  // What shows that it did.
    std::uint32_t resets_known = 0;      // Of the last quote that passed: a TPM never counts fewer.
};

// `evidence` is a protocol::TpmQuoteForm. Reasons in the order in which they are looked for. FAIL:
// FORM, EK_MISSING, those of check_ek_chain(), KEY_SCOPE (a key that signs more than the TPM's own
// words, or can leave it), KEY_ALGORITHM, KEY_MISMATCH (another key than was activated), SIGNATURE,
// AK_NAME (the quote names another key), CHALLENGE, PCR_SELECTION, PCR_DIGEST (`where`: how many
// PCRs came with it), PCR_VALUE (`where`: the PCR), RESETS (fewer than known); of a proof
// ACTIVATION (not of this key over its challenge), RESTARTED (since the quote), PCR_CHANGED.
// REVIEW: NOT_ACTIVATED, NOT_COMPARED.
Verdict verify_tpm_quote(Bytes evidence, const TpmPolicy& policy,
                         std::span<const TrustAnchor> anchors, Instant now);

// What a quote says, signed or not, for people.
void describe_quote(const TpmQuote& quote, Observations& out);

// The key in a public area, for checking signatures: RSA, or ECC on P-256. unsupported for another.
Result<crypto::PublicKey> tpm_public_key(const TpmPublic& area);

// denied where the signature does not fit; unsupported for another scheme than RSASSA, RSAPSS and
// ECDSA with SHA-256.
Result<void> check_tpm_signature(const crypto::PublicKey& key, const TpmSignature& signature,
                                 Bytes message);

// SHA-256 over the values in a row: what a quote's pcrDigest is of those that it selects.
Buffer tpm_pcr_digest(std::span<const Buffer> values);

// What a quote by that key says as its qualified signer: the key stands in the endorsement or owner
// hierarchy by itself, or below the endorsement key (a TPM2B_PUBLIC, or empty where not known).
bool names_tpm_key(Bytes qualified_signer, Bytes ak_name, Bytes ek_area);

}  // namespace softpos::attest
