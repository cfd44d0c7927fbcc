// TLS settings of servers and clients, made from PEM texts in memory.
#pragma once

#include "base/result.h"
#include "net/http_client.h"
#include "net/http_server.h"

#include <memory>
#include <string>

struct ssl_st;      // OpenSSL's SSL
struct ssl_ctx_st;  // and SSL_CTX, whose headers stay out of here.

namespace softpos::net {

struct TlsContextFree {
    void operator()(ssl_ctx_st* context) const;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, TlsContextFree>;

// malformed where a PEM text cannot be read, or certificate and key are not of one pair.
Result<TlsContext> make_server_tls(const ServerTls& config);
Result<TlsContext> make_client_tls(const ClientTls& config);

// Names the server that a new client connection wants, for its certificate choice.
void set_wanted_server(ssl_st* connection, const std::string& server_name);

struct TlsPeer {
    std::string common_name;
    std::string fingerprint;  // As in HttpRequest.
};
TlsPeer peer_of(ssl_st* connection);  // Empty where the peer sent no certificate.

}  // namespace softpos::net
