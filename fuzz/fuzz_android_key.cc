// Key descriptions and chains as any phone might send them: read or refused, and never believed
// without an anchor.
// links: attest
#include "base/check.h"
#include "platform/attest/android_verify.h"

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const Bytes input(data, size);
    const auto description = attest::KeyDescription::parse(input);
    if (!description) CHECK(description.error().at <= size);
    const Bytes halves[] = {input.first(size / 2), input.subspan(size / 2)};
    const std::span<const Bytes> both(halves);
    for (const auto chain : {both, both.first(1)}) {
        const auto verdict = attest::verify_android_key(chain, {}, {{}, nullptr}, Instant{1});
        CHECK(verdict.outcome == attest::Outcome::fail && !verdict.reason.empty());
    }
    return 0;
}
