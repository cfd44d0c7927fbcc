// A secret that only one TPM gives back, and only while it holds one attestation key: so that a
// quote by that key comes out of the TPM whose maker signed the endorsement key. The platform's
// half; the TPM's is its command ActivateCredential.
//
//     const auto made = TRY(make_tpm_credential(ek, name, secret, random));
//     // made travels to the terminal; what its TPM says must be the secret.
//
// Spec: [TPM2-1] 24.
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "crypto/public_key.h"

namespace softpos::attest {

constexpr std::size_t tpm_credential_bytes_max = 32;

struct TpmCredential {
    Buffer id_object;         // TPM2B_ID_OBJECT
    Buffer encrypted_secret;  // TPM2B_ENCRYPTED_SECRET

    friend bool operator==(const TpmCredential&, const TpmCredential&) = default;
};

// For an endorsement key out of a certificate that was checked, of the default templates L-1 and
// L-2: both protect with SHA-256 and AES-128. `name` is what tpm_name() gives. malformed for
// another size of secret (1 to tpm_credential_bytes_max) or name; unsupported for another key,
// denied for one that is not on its curve.
Result<TpmCredential> make_tpm_credential(const crypto::PublicKey& ek, Bytes name, Bytes secret,
                                          Random& random);

// For the key that signed a quote, by the certificate that came with it: what a protocol::
// TpmQuoteForm holds. The quote must have been judged; nothing is checked here.
Result<TpmCredential> credential_for_quote(Bytes evidence, Bytes secret, Random& random);

// Takes the two apart as they lie in a file of tpm2-tools: a magic number, version 1, and both in a
// row. malformed for anything else.
Result<TpmCredential> parse_tpm_credential_file(Bytes file);

}  // namespace softpos::attest
