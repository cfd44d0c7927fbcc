// HTTP/1.1 from a stranger: the parsers take no more than they are given, keep their limits, and
// what they understood can be written and is understood the same way again.
// links: net base
#include "base/bytes.h"
#include "base/check.h"
#include "net/http_wire.h"

#include <string>

namespace {

using softpos::net::HttpAfter;
using softpos::net::HttpBody;
using softpos::net::HttpHeader;
using softpos::net::HttpRequest;
using softpos::net::HttpRequestParser;
using softpos::net::HttpResponse;
using softpos::net::HttpResponseParser;
using softpos::net::HttpSizes;

constexpr HttpSizes sizes{.header_bytes_max = 512, .body_bytes_max = 256};

void check_request(std::string_view text) {
    HttpRequestParser parser(sizes);
    const auto taken = parser.feed(text);
    if (!taken || !parser.done()) return;
    CHECK(*taken <= text.size());
    const HttpRequest request = parser.take();
    CHECK(request.body.size() <= sizes.body_bytes_max);
    CHECK(!request.method.empty() && !request.target.empty());
    for (const HttpHeader& header : request.headers) {
        CHECK(header.name.find_first_of("\r\n: ") == std::string::npos);
        CHECK(header.value.find('\n') == std::string::npos);
    }
}

void check_response(std::string_view text) {
    HttpResponseParser parser(sizes);
    const auto taken = parser.feed(text);
    if (!taken) return;
    CHECK(*taken <= text.size());
    if (!parser.done() && !parser.feed_end()) return;
    if (!parser.done()) return;
    HttpResponse response = parser.take();
    CHECK(response.body.size() <= sizes.body_bytes_max);
    if (response.status < 200 || response.status > 599) return;
    if (response.status == 204 || response.status == 304) return;

    const std::string body = response.body;
    const unsigned status = response.status;
    response.headers.clear();
    std::string wire;
    write_response(wire, response, HttpAfter::keep_alive, HttpBody::sent);
    HttpResponseParser again({.header_bytes_max = 4096, .body_bytes_max = 256});
    const auto all = again.feed(wire);
    CHECK(all && *all == wire.size() && again.done());
    const HttpResponse read = again.take();
    CHECK(read.status == status && read.body == body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = softpos::text_of({data, size});
    check_request(text);
    check_response(text);
    return 0;
}
