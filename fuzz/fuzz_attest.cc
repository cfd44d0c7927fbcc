// What Apple devices, TPMs and trusted processes may send as evidence: read or refused, and never
// believed without an anchor.
// links: attest
#include "base/check.h"
#include "platform/attest/app_attest.h"
#include "platform/attest/tpm_quote.h"

// Shows: A8, A10
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const Bytes input(data, size);
    const auto apple =
        attest::verify_app_attestation(input, {.challenge = Buffer(32), .app_id = "a"}, {}, {1});
    CHECK(apple.outcome == attest::Outcome::fail && !apple.reason.empty());
    CHECK(
        !attest::verify_app_assertion(input, {.client_data = {}, .app_id = "a", .device_key = {}}));
    const auto tpm = attest::verify_tpm_quote(
        input, {.challenge = Buffer(32, 1), .pcrs = {}, .ak_name = std::nullopt}, {}, {1});
    CHECK(tpm.outcome != attest::Outcome::pass && !tpm.reason.empty());
    CHECK(tpm.home == attest::KeyHome::software);
    return 0;
}
