// What lies beside a quote: signature, PCR values, keys, certificates and a credential, in the
// forms of tpm2-tools and OpenSSL.
#pragma once

#include "base/bytes.h"
#include "platform/attest/tpm_structures.h"
#include "world/conformance/checkers.h"
#include "world/conformance/rows.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::conformance {

// A companion of the file, or a fault of the row.
std::optional<Buffer> read_companion(Row& row, const Input& in, const std::string& file);

// "q2" of "q2.parsed.json".
std::string stem_of(std::string_view file);

// The TPM2B_PUBLIC that tpm2-tools' template for attestation keys gives for the key in ak.pub.
std::optional<Buffer> attestation_area(Row& row, const Input& in);

// TPMT_SIGNATURE, of itself or of an ECDSA signature in DER.
std::optional<Buffer> signature_of(Row& row, Bytes either);

// The values that a file of tpm2-tools holds, in the order in which they were read. Numbers are
// little-endian there, as the machine had them in memory.
Result<std::vector<Buffer>> read_pcr_file(Bytes file);

}  // namespace softpos::conformance
