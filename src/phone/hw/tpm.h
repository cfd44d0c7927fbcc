// The TPM of a Linux terminal: proves what booted and what was launched, keeps the core's storage
// key from every other program, and counts what must never go back.
//
// It stops who copies the disk or takes the terminal to another program. It does not stop who is
// root on the running terminal: PCR 23 may be reset and extended again by whoever may open the
// device, which is why only the launcher may.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace softpos::hw {

constexpr unsigned tpm_pcr_count = 24;
constexpr unsigned tpm_core_pcr = 23;  // The launcher extends it with the core's measurement.
constexpr std::size_t tpm_digest_bytes = 32;
constexpr std::size_t tpm_nonce_bytes_max = 32;
constexpr std::size_t tpm_sealed_secret_bytes_max = 128;
constexpr std::size_t tpm_certificate_bytes_max = 4096;

using TpmPcrSet = std::uint32_t;  // Bit n is PCR n of the SHA-256 bank.

struct TpmQuote {
    Buffer quote;              // TPMS_ATTEST, as signed.
    Buffer signature;          // TPMT_SIGNATURE.
    std::vector<Buffer> pcrs;  // Those of the set, ascending, tpm_digest_bytes each.
};

// One connection, from one thread. The keys are made from the TPM's own seeds, so that nothing of
// them needs to be stored: the attestation key (P-256, restricted to signing what the TPM itself
// says) and the endorsement key (RSA 2048) in the endorsement hierarchy, the storage key in the
// owner's. All have empty authorisation values, as they come from the factory.
//
// Errors: unavailable where the TPM does not answer or says that it is busy, denied where a policy
// or an integrity check fails, not_found, internal for what it takes amiss. `detail` is the
// response code. What is secret travels encrypted between us and the TPM.
class Tpm {
public:
    // `tcti` names the way, as the TSS does: "device:/dev/tpmrm0", "swtpm:path=/run/tpm.sock"; or
    // "unix:/run/tpm.sock" for one connection that stays open, as a process behind a gate needs it.
    static Result<Tpm> open(const std::string& tcti);

    Tpm(Tpm&&) noexcept;
    Tpm& operator=(Tpm&&) noexcept;
    ~Tpm();

    // Of the connection, for whoever closes all others. Empty where the way to it tells none.
    std::vector<int> descriptors() const;

    // The maker's certificate for the endorsement key, DER. not_found where the TPM has none.
    Result<Buffer> ek_certificate();
    Result<Buffer> ak_public();  // TPM2B_PUBLIC.

    Result<void> extend(unsigned pcr, Bytes digest);
    Result<std::vector<Buffer>> read_pcrs(TpmPcrSet pcrs);
    Result<TpmQuote> quote(Bytes nonce, TpmPcrSet pcrs);

    // Opens what was encrypted to this TPM's endorsement key for this attestation key: nobody else
    // can, and with another key of the same name neither. Arguments: TPM2B_ID_OBJECT and
    // TPM2B_ENCRYPTED_SECRET, with their sizes in front.
    Result<SecretBytes> activate_credential(Bytes id_object, Bytes encrypted_secret);

    // A secret that only this TPM gives back, and only while the PCRs of the set stand as now.
    Result<Buffer> seal(Bytes secret, TpmPcrSet pcrs);
    Result<SecretBytes> unseal(Bytes sealed, TpmPcrSet pcrs);

    // A counter in the TPM that only goes up: made where it is not there, at the value that the
    // highest counter of this TPM ever had, plus one. `index` is an NV index of the owner's range,
    // 0x01800000 to 0x01BFFFFF.
    Result<std::uint64_t> increment_counter(std::uint32_t index);
    Result<std::uint64_t> read_counter(std::uint32_t index);  // not_found before the first step.

private:
    struct Session;
    struct Device;
    explicit Tpm(std::unique_ptr<Device> device);
    std::unique_ptr<Device> device_;
};

}  // namespace softpos::hw
