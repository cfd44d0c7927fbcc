// Foreign bytes as a door's call: what is accepted encodes to the very bytes it came from, and is
// nothing that a local caller could have said.
// links: protocol
#include "base/check.h"
#include "protocol/vault_call.h"
#include "protocol/vault_door.h"

using namespace softpos;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Bytes input(data, size);
    const auto call = protocol::decode_door_call(input);
    if (!call) return 0;
    const Buffer encoded = protocol::encode_door_call(call->common_name, call->request);
    CHECK(encoded.size() == input.size() && equal_constant_time(encoded, input));
    CHECK(!protocol::decode_vault_request(input).has_value());
    if (const auto request = protocol::decode_vault_request(call->request)) {
        CHECK(!protocol::decode_door_call(call->request).has_value());
    }
    return 0;
}
