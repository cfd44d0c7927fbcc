// What a door says to the vault: who it is that calls, and what he said. A door ends TLS on behalf
// of a vault that has no network.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace softpos::protocol {

// So that with "tls:" in front it is a journal's caller.
constexpr std::size_t door_caller_bytes_max = 60;
constexpr std::size_t door_request_bytes_max = 32UL * 1024;
constexpr std::size_t door_call_bytes_max = 2 + door_caller_bytes_max + door_request_bytes_max;

// 1 to 60 of [A-Za-z0-9._:-]. A common name that is none has no way to the vault.
bool is_door_caller(std::string_view text);

struct DoorCall {
    std::string common_name;  // Of the caller's certificate, as the door saw it proven.
    Bytes request;            // A VaultRequest as encoded; borrowed.
};

// One form for each call; it is none of a VaultRequest's, so that neither can be taken for the
// other. Encoding CHECKs what decoding refuses; the bytes may hold secrets.
Buffer encode_door_call(std::string_view common_name, Bytes request);
Result<DoorCall> decode_door_call(Bytes message);

}  // namespace softpos::protocol
