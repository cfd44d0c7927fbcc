// Foreign bytes as vault calls: what is accepted encodes to the very bytes it came from.
// links: protocol
#include "base/check.h"
#include "protocol/vault_call.h"

using namespace softpos;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(data, size);
    const auto same = [input](const Buffer& encoded) {
        CHECK(encoded.size() == input.size() && equal_constant_time(encoded, input));
    };
    if (const auto request = protocol::decode_vault_request(input)) {
        same(protocol::encode(*request));
    }
    if (const auto answer = protocol::decode_vault_answer(input)) {
        same(protocol::encode(*answer));
        CHECK(!protocol::decode_vault_request(input).has_value());
    }
    return 0;
}
