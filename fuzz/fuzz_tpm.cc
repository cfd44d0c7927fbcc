// What a TPM is said to have signed: a quote that is read lies inside the input and is whole.
// links: attest
#include "base/check.h"
#include "platform/attest/tpm_credential.h"
#include "platform/attest/tpm_structures.h"
#include "platform/attest/tpm_verify.h"

#include <algorithm>

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const Bytes input(data, size);
    if (attest::parse_tpm_quote(input) && size > 0) {
        // Nothing may be left over, and nothing missing.
        CHECK(!attest::parse_tpm_quote(input.first(size - 1)));
    }
    if (const auto key = attest::parse_tpm_public(input)) {
        CHECK(std::ranges::equal(attest::encode(*key), input));
    }
    const auto signature = attest::parse_tpm_signature(input);
    CHECK(signature || signature.error().at <= size);
    if (attest::parse_tpm_credential_file(input)) {
        CHECK(!attest::parse_tpm_credential_file(input.first(size - 1)));
    }
    // Nobody proves an activation that was not asked for, whatever stands in front.
    attest::TpmPolicy proving;
    proving.activated_now = true;
    proving.proof = attest::TpmProof{Buffer(input.begin(), input.end()), {}};
    CHECK(attest::verify_tpm_quote(input, proving, {}, Instant{1}).outcome ==
          attest::Outcome::fail);
    const auto verdict = attest::verify_tpm_quote(input, {}, {}, Instant{1});
    CHECK(verdict.outcome == attest::Outcome::fail && !verdict.reason.empty());
    return 0;
}
