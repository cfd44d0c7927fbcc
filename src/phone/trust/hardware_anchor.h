// A chip beside the trusted core that vouches for it and keeps its storage key: a TPM. What the
// core's process needs of it, so that the core knows no library of a chip.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "protocol/spa.h"
#include "protocol/trusted_call.h"

#include <vector>

namespace softpos::trust {

class HardwareAnchor {
public:
    virtual ~HardwareAnchor() = default;

    virtual protocol::Protection kind() const = 0;
    // Still open behind the gate.
    virtual std::vector<int> descriptors() const = 0;

    // Tells the chip which program runs: once in each start of the machine, before anything else.
    // denied where it was told of another one.
    virtual Result<void> launch(const protocol::Digest32& measurement) = 0;
    // What only this chip gives back, and only while this program is what it was told of.
    virtual Result<Buffer> seal(Bytes secret) = 0;
    virtual Result<SecretBytes> unseal(Bytes sealed) = 0;  // denied where anything differs.

    // Over SHA-256 of the message; with what the chip's maker says, for enrolment.
    virtual Result<protocol::Evidence> evidence(Bytes message) = 0;
    virtual Result<protocol::Evidence> enrolment_evidence(Bytes message) = 0;
    // Over SHA-256 of activation_message(). denied where the credential is for another chip or key.
    virtual Result<protocol::Evidence> activate(const protocol::EnrolCredential& credential,
                                                Bytes binding) = 0;
};

}  // namespace softpos::trust
