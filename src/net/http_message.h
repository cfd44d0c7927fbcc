// An HTTP request and its answer as values: what server, client and load generator share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::net {

struct HttpHeader {
    std::string name;  // Lower case in what was received.
    std::string value;
};

struct HttpRequest {
    std::string method;  // "GET"
    std::string target;  // "/v1/phone/payments?last=1", as sent.
    std::vector<HttpHeader> headers = {};
    std::string body = {};

    // Who the peer proved to be by its TLS client certificate; both empty where it sent none. The
    // fingerprint is the SHA-256 of the certificate's DER form, in 64 lower-case hex digits.
    std::string peer_common_name = {};
    std::string peer_fingerprint = {};

    std::string peer_address = {};  // "192.0.2.7"; empty over a unix-domain socket.

    // The first header of that name, given in lower case; empty where there is none.
    std::string_view find_header(std::string_view lower_case_name) const;
};

struct HttpResponse {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::string body = {};
    // Beside content-type, content-length and connection, which are written from the rest. A
    // control character in a value is sent as a blank.
    std::vector<HttpHeader> headers = {};

    std::string_view find_header(std::string_view lower_case_name) const;
};

}  // namespace softpos::net
