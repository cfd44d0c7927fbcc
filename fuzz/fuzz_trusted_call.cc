// Any bytes as request and as answer: what is accepted encodes to the very same bytes, and decodes
// to the very same value again.
// links: base codec protocol
#include "base/check.h"
#include "protocol/trusted_call.h"

#include <algorithm>

// Shows: A20, JRT0156-7.1
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const Bytes input(data, size);
    if (const auto request = protocol::decode_trusted_request(input)) {
        const Buffer again = protocol::encode(*request);
        CHECK(std::ranges::equal(again, input));
        CHECK(protocol::decode_trusted_request(again) == *request);
    }
    if (const auto answer = protocol::decode_trusted_answer(input)) {
        const Buffer again = protocol::encode(*answer);
        CHECK(std::ranges::equal(again, input));
        CHECK(protocol::decode_trusted_answer(again) == *answer);
    }
    return 0;
}
