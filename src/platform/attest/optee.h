// Judges what OP-TEE's attestation service says: that a secure world, whose key its maker gave us
// when the device was made, measured the trusted application as this digest.
//
// The service's key lies in OP-TEE's own storage, and no certificate is above it: what it is worth
// is what the device's secure boot and the way in which the key was read are worth.
//
// Spec: [OPTEE-PTA].
#pragma once

#include "base/bytes.h"
#include "crypto/public_key.h"
#include "platform/attest/verdict.h"
#include "protocol/spa.h"

#include <span>
#include <vector>

namespace softpos::attest {

struct OpteePolicy {
    protocol::Digest32 challenge{};  // The nonce. It does not stand in the evidence.
    std::span<const crypto::PublicKey> device_keys;  // RSA, of the devices that are believed.
    std::vector<protocol::Digest32> measurements;    // Any of them; none: not compared.
};

// `evidence` is a protocol::OpteeForm. FAIL: FORM, KEY_UNKNOWN, SIGNATURE (of another key, over
// another digest or for another challenge), MEASUREMENT. REVIEW: NOT_COMPARED.
Verdict verify_optee(Bytes evidence, const OpteePolicy& policy);

}  // namespace softpos::attest
