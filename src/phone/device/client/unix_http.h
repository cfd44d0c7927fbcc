// One HTTP/1.1 request over a unix-domain socket: small enough to stand in an app without bringing
// a network library along.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::softpos_client {

struct LocalRequest {
    std::string_view method;
    std::string target;
    std::string body;
};

struct LocalResponse {
    unsigned status = 0;
    std::string body;
};

constexpr std::size_t response_bytes_max = 256 * 1024;

// unavailable: nothing was sent. conflict: something was, and the answer is lost.
Result<LocalResponse> exchange(const std::string& socket_path, const LocalRequest& request,
                               std::uint32_t timeout_ms);

// Status and body of a whole response whose connection was closed behind it.
Result<LocalResponse> parse_response(std::string_view bytes);

}  // namespace softpos::softpos_client
