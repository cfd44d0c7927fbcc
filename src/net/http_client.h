// HTTP/1.1 towards a server over TLS, a unix-domain socket or, inside one machine, plain TCP: a
// blocking client for one caller, and one that drives many connections for load.
#pragma once

#include "base/result.h"
#include "net/http_message.h"
#include "net/tls_rules.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace softpos::net {

// The server must prove server_name with a certificate under ca_pem; nothing turns that off.
struct ClientTls {
    std::string ca_pem;
    std::string server_name;    // A DNS name or an IP address in the certificate.
    std::string cert_pem = {};  // Our own certificate, or empty for none.
    std::string key_pem = {};
    TlsRules rules = TlsRules::usual;
};

struct HttpClientConfig {
    std::string host = "127.0.0.1";  // A name or an address.
    std::uint16_t port = 0;
    std::string unix_path = {};  // Instead of host and port where not empty.
    std::optional<ClientTls> tls = std::nullopt;
    std::uint32_t connect_ms = 5'000;    // Name look-up and TCP.
    std::uint32_t handshake_ms = 5'000;  // TLS.
    std::size_t answer_bytes_max = std::size_t{1024} * 1024;
    std::size_t answer_header_bytes_max = std::size_t{16} * 1024;
};

struct HttpCall {
    std::string method = "GET";
    std::string target = "/";
    std::vector<HttpHeader> headers = {};  // Beside host, content-length and content-type.
    std::string body = {};
    std::string content_type = "application/json";  // Sent where there is a body.
    std::uint32_t timeout_ms = 30'000;              // For the answer, once connected.

    // A kept connection may be found closed by the server before any byte of an answer. GET, HEAD,
    // PUT, DELETE and OPTIONS are then sent again on a new one; others only where the caller says
    // that doing it twice is safe, such as by an idempotency key.
    bool retry_on_stale = false;
};

// Error.detail of every failed request. Whoever pays must tell these apart: after not_sent nothing
// happened at the other end; after sent_unknown it may have, and only asking for the status tells.
enum class HttpSent : std::uint32_t { not_sent = 1, sent_unknown = 2 };

// True unless it is certain that no byte of the request left.
bool request_may_have_left(const Error& error);

// One connection, kept alive between requests and opened anew when stale. Not for two threads at
// once. Any status is a success here: what it means is the caller's affair.
//
//     auto client = TRY(HttpClient::make({.host = host, .port = 8443, .tls = tls}));
//     auto answer = client->request({.method = "POST", .target = "/v1/x", .body = json});
//     if (!answer && request_may_have_left(answer.error())) ask_for_status();
class HttpClient {
public:
    // Does not connect yet. malformed for certificates that cannot be used.
    static Result<std::unique_ptr<HttpClient>> make(HttpClientConfig config);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    // unavailable: no connection, closed, or too slow. denied: the server could not prove who it is
    // or refused us. malformed: its answer breaks HTTP or a limit. Error.detail is an HttpSent.
    Result<HttpResponse> request(const HttpCall& call);

    void disconnect();

private:
    struct Impl;
    explicit HttpClient(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// Up to `connections` kept connections on one thread of its own; what is submitted while all are
// busy waits in line.
class HttpLoad {
public:
    // On the load's thread; must not block. Status 0 where there was no answer. latency_us runs
    // from submit(), so waiting in line counts: a slow server cannot hide behind its queue.
    using Callback =
        std::function<void(unsigned status, std::string body, std::int64_t latency_us)>;

    static Result<std::unique_ptr<HttpLoad>> make(HttpClientConfig config, std::size_t connections);
    ~HttpLoad();  // Stops; what is open is called back with status 0, and new calls are dropped.
    HttpLoad(const HttpLoad&) = delete;
    HttpLoad& operator=(const HttpLoad&) = delete;

    void submit(HttpCall call, Callback callback);  // From any thread, also from a callback.

private:
    struct Impl;
    explicit HttpLoad(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::net
