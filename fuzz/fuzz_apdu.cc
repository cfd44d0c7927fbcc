// Whatever is sent as a command or an answer: what is accepted is written back to the same bytes.
// links: codec
#include "base/check.h"
#include "codec/apdu.h"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const softpos::Bytes input(data, size);
    if (const auto command = softpos::codec::parse_command(input)) {
        CHECK(std::ranges::equal(softpos::codec::encode(*command), input));
    }
    if (const auto answer = softpos::codec::parse_response(input)) {
        CHECK(answer->data.size() + 2 == size);
        CHECK(answer->sw >> 8 == data[size - 2] && (answer->sw & 0xFF) == data[size - 1]);
    }
    return 0;
}
