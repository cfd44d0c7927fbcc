// A first byte of its own, the name behind its size, and the rest is the request.
#include "protocol/vault_door.h"

#include "base/check.h"
#include "protocol/vault_keys.h"

namespace softpos::protocol {
namespace {

constexpr std::uint8_t door_call_version_1 = 0xD1;

}  // namespace

bool is_door_caller(std::string_view text) {
    return text.size() <= door_caller_bytes_max && is_key_alias(text);
}

Buffer encode_door_call(std::string_view common_name, Bytes request) {
    CHECK(is_door_caller(common_name));
    CHECK(!request.empty() && request.size() <= door_request_bytes_max);
    Buffer out;
    out.reserve(2 + common_name.size() + request.size());
    out.push_back(door_call_version_1);
    out.push_back(static_cast<std::uint8_t>(common_name.size()));
    append(out, bytes_of(common_name));
    append(out, request);
    return out;
}

Result<DoorCall> decode_door_call(Bytes message) {
    ByteReader in(message);
    const bool version = in.take_byte() == door_call_version_1;
    const auto size = version ? in.take_byte() : std::nullopt;
    const auto name = size ? in.take(*size) : std::nullopt;
    const bool good = name && is_door_caller(text_of(*name)) && !in.empty() &&
                      in.size() <= door_request_bytes_max;
    if (!good) return fail(ErrorKind::malformed, "vault: not a door's call");
    return DoorCall{.common_name = std::string(text_of(*name)), .request = in.rest()};
}

}  // namespace softpos::protocol
