// The TPM of a Linux terminal as what vouches for the trusted core: quotes over the core's
// challenges, the storage key sealed to what was launched, and the proof that its key lives in it.
#pragma once

#include "phone/hw/tpm.h"
#include "phone/trust/hardware_anchor.h"

#include <memory>
#include <string>
#include <vector>

namespace softpos::anchor {

struct TpmOptions {
    std::string tcti;  // "device:/dev/tpmrm0", "unix:/run/tpm.sock"
    // PCRs that are quoted and sealed to besides tpm_core_pcr: what booted.
    hw::TpmPcrSet boot_pcrs = 0;
    // Of the maker's authorities between the TPM's certificate and the root, the nearest first;
    // PEM, empty where the root signs itself. Platforms know roots, and not everything below them.
    std::string authorities_pem = {};
};

// One thread. The connection is made in front of the gate and kept.
class TpmAnchor final : public trust::HardwareAnchor {
public:
    static Result<std::unique_ptr<TpmAnchor>> open(const TpmOptions& options);

    protocol::Protection kind() const override { return protocol::Protection::tpm; }
    std::vector<int> descriptors() const override { return tpm_.descriptors(); }
    Result<void> launch(const protocol::Digest32& measurement) override;
    Result<Buffer> seal(Bytes secret) override { return tpm_.seal(secret, pcrs_); }
    Result<SecretBytes> unseal(Bytes sealed) override { return tpm_.unseal(sealed, pcrs_); }
    Result<protocol::Evidence> evidence(Bytes message) override;
    Result<protocol::Evidence> enrolment_evidence(Bytes message) override;
    Result<protocol::Evidence> activate(const protocol::EnrolCredential& credential,
                                        Bytes binding) override;

private:
    TpmAnchor(hw::Tpm tpm, hw::TpmPcrSet pcrs, std::vector<Buffer> authorities)
        : tpm_(std::move(tpm)), pcrs_(pcrs), authorities_(std::move(authorities)) {}
    enum class Certificates : bool { without, with };
    Result<protocol::Evidence> quote(Bytes message, Certificates certificates);

    hw::Tpm tpm_;
    hw::TpmPcrSet pcrs_;
    std::vector<Buffer> authorities_;  // DER.
};

}  // namespace softpos::anchor
