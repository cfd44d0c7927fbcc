// What an iPhone might send: read or refused, and never believed without an anchor or a key.
// links: attest
#include "base/check.h"
#include "platform/attest/app_attest.h"
#include "platform/attest/app_attest_verify.h"

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const Bytes input(data, size);
    const auto attestation = attest::parse_app_attestation(input);
    const auto assertion = attest::parse_app_assertion(input);
    CHECK(!attestation || !assertion);
    if (attestation) {
        CHECK(attestation->certificates.size() == attest::app_attest_certificates);
        CHECK(attestation->data.credential->point.size() == 65);
        CHECK(!attest::parse_app_attestation(input.first(size - 1)));
    }
    if (assertion) CHECK(!attest::parse_app_assertion(input.first(size - 1)));
    const auto nonce = attest::parse_app_attest_nonce(input);
    CHECK(!nonce || nonce->size() == 32);
    const auto made = attest::verify_app_attestation(input, {}, {}, Instant{1});
    CHECK(made.outcome == attest::Outcome::fail && !made.reason.empty());
    const auto asked = attest::verify_app_assertion(input, {Buffer(32), "app", {}, 0});
    CHECK(asked.outcome == attest::Outcome::fail && !asked.reason.empty());
    return 0;
}
