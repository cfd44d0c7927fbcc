// HTTP/1.1 as bytes, without sockets: two parsers that are fed what arrived, and the writers.
#pragma once

#include "net/http_message.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace softpos::net {

struct HttpSizes {
    std::size_t header_bytes_max;  // Start line and headers together.
    std::size_t body_bytes_max;
};

enum class HttpFault : std::uint8_t { malformed, header_too_large, body_too_large };

// One message after another: feed() until done(), take(), which also makes ready for the next.
//
//     const auto taken = parser.feed(input);   // What is not taken is fed again, with more behind.
//     if (taken && parser.done()) handle(parser.take());
//
// feed() wants the whole header in one piece in the end: the caller's buffer holds more than
// header_bytes_max. A fault is final.
class HttpRequestParser {
public:
    explicit HttpRequestParser(HttpSizes sizes);
    ~HttpRequestParser();
    HttpRequestParser(const HttpRequestParser&) = delete;
    HttpRequestParser& operator=(const HttpRequestParser&) = delete;

    std::expected<std::size_t, HttpFault> feed(std::string_view input);
    bool header_done() const;
    bool done() const;
    bool keep_alive() const;        // Once header_done().
    bool expects_continue() const;  // Once header_done(): the peer waits for a 100.
    HttpRequest take();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

class HttpResponseParser {
public:
    explicit HttpResponseParser(HttpSizes sizes);
    ~HttpResponseParser();
    HttpResponseParser(const HttpResponseParser&) = delete;
    HttpResponseParser& operator=(const HttpResponseParser&) = delete;

    // Before the first feed(): the answer to a HEAD has a length and no body.
    void expect_no_body();

    // Answers 100 to 199 are skipped.
    std::expected<std::size_t, HttpFault> feed(std::string_view input);
    std::expected<void, HttpFault> feed_end();  // The peer closed; may complete the answer.
    bool done() const;
    bool keep_alive() const;
    HttpResponse take();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

enum class HttpAfter : std::uint8_t { keep_alive, close };
enum class HttpBody : std::uint8_t { sent, left_out };  // left_out: the answer to a HEAD.

// Replaces `out`, whose capacity is kept: head and body are one piece, for one write.
void write_response(std::string& out, const HttpResponse& response, HttpAfter after, HttpBody body);

struct HttpRequestParts {
    std::string_view method, target, host, content_type, body;
    const std::vector<HttpHeader>& headers;
};

// False, with nothing written, where the method, the target or a header's name would not stay one.
bool write_request(std::string& out, const HttpRequestParts& parts);

}  // namespace softpos::net
