// What a TPM is said to have signed: a quote that is read lies inside the input and is whole.
// links: attest
#include "base/check.h"
#include "platform/attest/tpm_structures.h"

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
    return 0;
}
