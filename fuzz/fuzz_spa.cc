// Whatever claims to be a message between phone and platform: what is accepted has one form.
// links: protocol
#include "base/check.h"
#include "protocol/spa.h"

#include <algorithm>

namespace {

template <typename Decode>
void one_form(softpos::Bytes input, Decode decode) {
    const auto message = decode(input);
    if (message) {
        CHECK(std::ranges::equal(softpos::protocol::encode(*message), input));
    } else {
        CHECK(message.error().at <= input.size());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const softpos::Bytes input(data, size);
    one_form(input, softpos::protocol::decode_spa_request);
    one_form(input, softpos::protocol::decode_spa_answer);
    one_form(input, softpos::protocol::decode_spa_body);
    return 0;
}
