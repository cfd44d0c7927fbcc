// Serves HTTP/1.1 over TCP, TLS or a unix-domain socket: the shell around a handler that knows no
// sockets.
//
//     HttpServerConfig config;
//     config.tls = ServerTls{.cert_pem = cert, .key_pem = key, .client_ca_pem = phones_ca};
//     auto server = TRY(HttpServer::listen(config, [&](HttpRequest request, Responder respond) {
//         workers.post([request = std::move(request), respond] { respond(answer(request)); });
//     }));
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

namespace softpos::net {

// Answers one request: from any thread, at any time, also when the connection or the server is long
// gone. Only the first call counts.
using Responder = std::function<void(HttpResponse)>;

// Called on a thread of the server, for several connections at once where `threads` > 1. Must
// neither block nor throw. A request whose Responder is dropped uncalled is answered as too slow.
using HttpHandler = std::function<void(HttpRequest, Responder)>;

// TLS 1.2 or 1.3. A client certificate is asked for where client_ca_pem is set: one that is sent
// must verify or the handshake fails; one that is not sent leaves HttpRequest::peer_* empty.
struct ServerTls {
    std::string cert_pem;  // The leaf first, then its chain.
    std::string key_pem;
    std::string client_ca_pem = {};  // Empty: no certificate is asked for.
    TlsRules rules = TlsRules::usual;
};

// Everything has a limit. What goes over one is answered and closed:
struct HttpLimits {
    std::size_t body_bytes_max = std::size_t{64} * 1024;   // 413 BODY_TOO_LARGE
    std::size_t header_bytes_max = std::size_t{8} * 1024;  // 431
    std::size_t connections_max = 1024;  // 503 without TLS; closed at once with it.
    std::uint32_t handshake_ms = 10'000;
    std::uint32_t idle_ms = 60'000;     // Between requests, and for the peer to take an answer.
    std::uint32_t receive_ms = 10'000;  // From a request's first byte to its last.
    std::uint32_t request_ms = 60'000;  // In the handler: 504, the late answer is dropped.
};

struct HttpServerConfig {
    std::string address = "127.0.0.1";  // "0.0.0.0" or "::" for any.
    std::uint16_t port = 0;             // 0 takes any free one.
    std::string unix_path = {};         // Instead of TCP where not empty; a stale file is replaced.
    unsigned unix_mode = 0600;          // Of the socket's file; 0660 and 0666 let others in.
    std::optional<ServerTls> tls = std::nullopt;
    HttpLimits limits = {};
    unsigned threads = 1;
};

// Own threads; the destructor stops and joins them.
class HttpServer {
public:
    // unavailable where the address is taken, malformed for certificates that cannot be used.
    static Result<std::unique_ptr<HttpServer>> listen(HttpServerConfig config, HttpHandler handler);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const;  // 0 for a unix-domain socket.

    // Closes everything and joins; answers under way are lost. Never from the handler. May be
    // called twice.
    void stop();

private:
    struct Impl;
    explicit HttpServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::net
