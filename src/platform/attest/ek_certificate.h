// The certificate that a TPM's maker gave its endorsement key, and what follows from the key: the
// only thing about a TPM that nobody else can say.
//
// Spec: [TCG-EK] 3 and B.3.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "platform/attest/chain.h"

#include <optional>
#include <span>
#include <string>

namespace softpos::attest {

// The chain begins with the endorsement key's certificate. "KEY_PURPOSE" where that is not issued
// for endorsement or is itself an authority, "CHAIN_EXTENDED" where another is none,
// "KEY_ALGORITHM" for another key than RSA or P-256; else the reasons of chain.h.
std::optional<Fault> check_ek_chain(Chain& chain, std::span<const TrustAnchor> anchors,
                                    Instant now);

// Issued for endorsement, by its extended key usage.
bool is_ek_certificate(const crypto::Certificate& certificate);

// What the maker says about the TPM, printable; empty where it does not.
struct EkIdentity {
    std::string manufacturer;  // "id:00001014" is IBM's number, "id:49465800" Infineon's.
    std::string model;
    std::string version;
};
EkIdentity read_ek_identity(const crypto::Certificate& certificate);

// TPM2B_PUBLIC of a key made by the default templates L-1 (RSA 2048) and L-2 (P-256): a certificate
// tells the key alone. unsupported for any other.
Result<Buffer> ek_public_area(const crypto::PublicKey& ek);

}  // namespace softpos::attest
