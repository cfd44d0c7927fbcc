// What a TPM 2.0 writes: the statement that it signs, the public part of a key, a signature. Read
// without a TSS library, because the platform has no TPM of its own; written for whoever plays one.
//
// Spec: [TPM2-2] 10 to 12. Numbers are big-endian; a TPM2B is a size of two bytes and that many.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <vector>

namespace softpos::attest {

// TPM_ALG_ID, as far as anything here uses it.
namespace tpm {
constexpr std::uint16_t rsa = 0x0001;
constexpr std::uint16_t aes = 0x0006;
constexpr std::uint16_t sha256 = 0x000B;
constexpr std::uint16_t null = 0x0010;
constexpr std::uint16_t rsassa = 0x0014;
constexpr std::uint16_t rsaes = 0x0015;
constexpr std::uint16_t rsapss = 0x0016;
constexpr std::uint16_t oaep = 0x0017;
constexpr std::uint16_t ecdsa = 0x0018;
constexpr std::uint16_t ecdh = 0x0019;
constexpr std::uint16_t ecdaa = 0x001A;
constexpr std::uint16_t sm2 = 0x001B;
constexpr std::uint16_t ecschnorr = 0x001C;
constexpr std::uint16_t ecc = 0x0023;
constexpr std::uint16_t cfb = 0x0043;
constexpr std::uint16_t nist_p256 = 0x0003;  // TPM_ECC_CURVE

// TPMA_OBJECT.
constexpr std::uint32_t fixed_tpm = 1U << 1U;
constexpr std::uint32_t fixed_parent = 1U << 4U;
constexpr std::uint32_t sensitive_data_origin = 1U << 5U;
constexpr std::uint32_t user_with_auth = 1U << 6U;
constexpr std::uint32_t restricted = 1U << 16U;
constexpr std::uint32_t decrypt = 1U << 17U;
constexpr std::uint32_t sign = 1U << 18U;
}  // namespace tpm

constexpr std::size_t tpm_structure_bytes_max = 4096;
constexpr std::size_t tpm_pcrs = 24;
constexpr std::size_t tpm_pcr_bytes = 32;  // Of the SHA-256 bank, the only one we ask for.
constexpr std::size_t tpm_banks_max = 8;

struct TpmPcrSelection {
    std::uint16_t hash = 0;
    std::uint32_t pcrs = 0;  // Bit n is PCR n.

    friend bool operator==(const TpmPcrSelection&, const TpmPcrSelection&) = default;
};

// TPMS_ATTEST of a quote.
struct TpmQuote {
    Buffer qualified_signer;  // The name of the key under those of its parents.
    Buffer extra_data;        // What the verifier asked for: its nonce.
    std::uint64_t clock_ms = 0;
    std::uint32_t reset_count = 0;    // Power cycles.
    std::uint32_t restart_count = 0;  // Resumes since the last of them.
    bool clock_safe = false;          // False: the clock may have stood higher before.
    std::uint64_t firmware_version = 0;
    std::vector<TpmPcrSelection> selections;
    Buffer pcr_digest;

    friend bool operator==(const TpmQuote&, const TpmQuote&) = default;
};

// malformed unless made inside a TPM (the magic number) and whole; unsupported for a statement that
// is no quote. What is accepted encodes to the same bytes.
Result<TpmQuote> parse_tpm_quote(Bytes attest);
Buffer encode(const TpmQuote& quote);

// TPMT_PUBLIC of an RSA or ECC key.
struct TpmPublic {
    std::uint16_t type = 0;
    std::uint16_t name_hash = 0;
    std::uint32_t attributes = 0;
    Buffer auth_policy;
    std::uint16_t symmetric = tpm::null;  // Of a parent: what it protects its children with.
    std::uint16_t symmetric_bits = 0;     // Both absent with null.
    std::uint16_t symmetric_mode = 0;
    std::uint16_t scheme = tpm::null;
    std::uint16_t scheme_hash = 0;
    std::uint16_t scheme_count = 0;  // ECDAA only.
    std::uint16_t rsa_bits = 0;      // RSA only, as the next two.
    std::uint32_t rsa_exponent = 0;  // 0 is 65537.
    Buffer modulus;
    std::uint16_t curve = 0;  // ECC only, as all below.
    std::uint16_t kdf = tpm::null;
    std::uint16_t kdf_hash = 0;
    Buffer x;
    Buffer y;

    bool has(std::uint32_t attribute) const { return (attributes & attribute) == attribute; }

    friend bool operator==(const TpmPublic&, const TpmPublic&) = default;
};

// `area` is a TPM2B_PUBLIC: with the size in front. unsupported for another type or an algorithm
// without a place above. What is accepted encodes to the same bytes.
Result<TpmPublic> parse_tpm_public(Bytes area);
Buffer encode(const TpmPublic& key);

// What a TPM calls a key: its hash algorithm and the hash of its public part. unsupported for
// another hash than SHA-256. Spec: [TPM2-1] 16.
Result<Buffer> tpm_name(Bytes area);

// TPMT_SIGNATURE: RSASSA and RSAPSS have `rsa`, ECDSA the two numbers.
struct TpmSignature {
    std::uint16_t algorithm = 0;
    std::uint16_t hash = 0;
    Buffer rsa;
    Buffer r;
    Buffer s;

    friend bool operator==(const TpmSignature&, const TpmSignature&) = default;
};
Result<TpmSignature> parse_tpm_signature(Bytes signature);
Buffer encode(const TpmSignature& signature);

}  // namespace softpos::attest
