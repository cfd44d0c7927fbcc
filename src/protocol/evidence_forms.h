// The forms of evidence that are ours to define, because their makers define only parts: a quote of
// a TPM with what is needed to check it, OP-TEE's signed measurement, and the word of a process
// without hardware. Phones write them, platform/attest checks them. Each is one CBOR array in the
// form that codec/cbor accepts.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/spa.h"

#include <optional>
#include <vector>

namespace softpos::protocol {

constexpr std::size_t pcr_bytes = 32;  // Of the SHA-256 bank.
constexpr std::size_t pcrs_max = 24;
constexpr std::size_t tpm_part_bytes_max = 2048;
constexpr std::size_t ek_chain_max = 4;
constexpr std::size_t device_signature_bytes_max = 512;  // RSA of 4096 bits.

// EvidenceKind::tpm_quote:
//     [quote, signature, ak_public, [pcr...], ek_certificate / null, [certificate...]]
struct TpmQuoteForm {
    Buffer quote;               // TPMS_ATTEST, as signed; its extraData is the challenge.
    Buffer signature;           // TPMT_SIGNATURE.
    Buffer ak_public;           // TPM2B_PUBLIC of the key that signed.
    std::vector<Buffer> pcrs;   // pcr_bytes each: those that the quote selects, ascending.
    Buffer ek_certificate;      // DER; empty where the TPM has none. With enrolment only.
    std::vector<Buffer> chain;  // DER, from the certificate's issuer on, without the root.

    friend bool operator==(const TpmQuoteForm&, const TpmQuoteForm&) = default;
};
Buffer encode(const TpmQuoteForm& form);
Result<TpmQuoteForm> decode_tpm_quote_form(Bytes evidence);

// EvidenceKind::optee_pta: [1, key id, digest, signature]. The signature is what the attestation
// PTA gives for the challenge as nonce.
struct OpteeForm {
    Digest32 key_id{};  // SHA-256 of the device key's SubjectPublicKeyInfo.
    Digest32 digest{};  // Of the trusted application's memory.
    Buffer signature;   // RSASSA-PSS with SHA-256 and 32 bytes of salt, over nonce and digest.

    friend bool operator==(const OpteeForm&, const OpteeForm&) = default;
};
Buffer encode(const OpteeForm& form);
Result<OpteeForm> decode_optee_form(Bytes evidence);

// EvidenceKind::dev_process: [statement, signature] with the statement
//     [1, challenge, measurement, core_sign_point, app_version]
struct DevProcessStatement {
    Digest32 challenge{};
    Digest32 measurement{};
    Point65 core_sign_point{};
    std::uint32_t app_version = 0;

    friend bool operator==(const DevProcessStatement&, const DevProcessStatement&) = default;
};
struct DevProcessForm {
    Buffer statement;  // Encoded, as signed.
    Buffer signature;  // DER, ECDSA P-256 with SHA-256, by the core's key.

    friend bool operator==(const DevProcessForm&, const DevProcessForm&) = default;
};
Buffer encode(const DevProcessStatement& statement);
Result<DevProcessStatement> decode_dev_process_statement(Bytes statement);
Buffer dev_process_signed_message(Bytes statement);  // "spos-dev-process/1" and the statement.
Buffer encode(const DevProcessForm& form);
Result<DevProcessForm> decode_dev_process_form(Bytes evidence);

}  // namespace softpos::protocol
