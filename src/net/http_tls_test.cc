// TLS between client and server: who is let in, who is turned away, and what the handler learns.
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/test_support.h"

#include <gtest/gtest.h>

#include <future>

namespace softpos::net {
namespace {

using testing::make_certificate;
using testing::RawServer;
using testing::RawSocket;
using testing::TestCertificate;

constexpr const char* loopback_names = "DNS:localhost,IP:127.0.0.1";

// One authority for servers, one for phones, as in the product.
struct Pki {
    TestCertificate server_ca = make_certificate({.common_name = "Servers"});
    TestCertificate phone_ca = make_certificate({.common_name = "Phones"});
    TestCertificate server = make_certificate(
        {.common_name = "platform", .alternative_name = loopback_names, .issuer = &server_ca});
    TestCertificate phone = make_certificate({.common_name = "phone-7", .issuer = &phone_ca});
};

void tell_peer(const HttpRequest& request, const Responder& respond) {
    respond({.body = request.peer_common_name + "|" + request.peer_fingerprint});
}

class HttpTls : public ::testing::Test {
protected:
    ServerTls server_tls() const {
        return {pki_.server.cert_pem, pki_.server.key_pem, pki_.phone_ca.cert_pem};
    }
    ClientTls anonymous() const {
        return {.ca_pem = pki_.server_ca.cert_pem, .server_name = "localhost"};
    }
    ClientTls with(const TestCertificate& identity) const {
        ClientTls tls = anonymous();
        tls.cert_pem = identity.cert_pem;
        tls.key_pem = identity.key_pem;
        return tls;
    }
    static std::unique_ptr<HttpServer> serve(ServerTls tls, HttpLimits limits = {}) {
        auto server = HttpServer::listen({.tls = std::move(tls), .limits = limits}, tell_peer);
        EXPECT_TRUE(server);
        return *std::move(server);
    }
    static Result<HttpResponse> ask(const HttpServer& server, const ClientTls& tls) {
        const auto client = HttpClient::make({.port = server.port(), .tls = tls});
        EXPECT_TRUE(client);
        return (*client)->request({});
    }
    // The server could not prove itself: nothing of the request may leave.
    static void expect_distrust(const Result<HttpResponse>& result) {
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().kind, ErrorKind::denied) << result.error().what.c_str();
        EXPECT_FALSE(request_may_have_left(result.error()));
    }

    Pki pki_;
};

TEST_F(HttpTls, PeerWithoutCertificateIsNobody) {
    const auto server = serve(server_tls());
    const auto answer = ask(*server, anonymous());
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, "|");
}

TEST_F(HttpTls, PeerWithCertificateIsKnown) {
    const auto server = serve(server_tls());
    const auto answer = ask(*server, with(pki_.phone));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->body.starts_with("phone-7|")) << answer->body;
    EXPECT_EQ(answer->body.size(), std::string("phone-7|").size() + 64);
    EXPECT_EQ(answer->body.find_first_not_of("0123456789abcdef", 8), std::string::npos);
}

TEST_F(HttpTls, FingerprintsTellCertificatesOfOneNameApart) {
    const auto server = serve(server_tls());
    const TestCertificate other =
        make_certificate({.common_name = "phone-7", .issuer = &pki_.phone_ca});
    const auto first = ask(*server, with(pki_.phone));
    const auto second = ask(*server, with(other));
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->body, second->body);
    EXPECT_TRUE(second->body.starts_with("phone-7|"));
}

TEST_F(HttpTls, KeptAndResumedConnectionsKeepThePeer) {
    const auto server = serve(server_tls());
    const auto client = HttpClient::make({.port = server->port(), .tls = with(pki_.phone)});
    const auto first = (*client)->request({});
    ASSERT_TRUE(first);
    for (int i = 0; i < 3; ++i) {
        (*client)->disconnect();
        for (int j = 0; j < 2; ++j) {
            const auto again = (*client)->request({});
            ASSERT_TRUE(again);
            EXPECT_EQ(again->body, first->body);
        }
    }
}

// With TLS 1.3 the client learns of it only when its request is on the way.
// Shows: MPOC-1A-5
TEST_F(HttpTls, ClientOfAnotherAuthorityIsTurnedAway) {
    const auto server = serve(server_tls());
    const TestCertificate stranger =
        make_certificate({.common_name = "phone-7", .issuer = &pki_.server_ca});
    EXPECT_FALSE(ask(*server, with(stranger)));
}

TEST_F(HttpTls, ExpiredClientIsTurnedAway) {
    const auto server = serve(server_tls());
    const TestCertificate expired = make_certificate(
        {.common_name = "phone-7", .issuer = &pki_.phone_ca, .first_day = -9, .last_day = -1});
    EXPECT_FALSE(ask(*server, with(expired)));
}

// Shows: MPOC-1A-5
TEST_F(HttpTls, ServerOfAnotherAuthorityIsRefused) {
    const auto server = serve(server_tls());
    ClientTls tls = anonymous();
    tls.ca_pem = pki_.phone_ca.cert_pem;
    expect_distrust(ask(*server, tls));
}

TEST_F(HttpTls, ExpiredServerIsRefused) {
    const TestCertificate expired = make_certificate({.common_name = "platform",
                                                      .alternative_name = loopback_names,
                                                      .issuer = &pki_.server_ca,
                                                      .first_day = -9,
                                                      .last_day = -1});
    const auto server = serve({expired.cert_pem, expired.key_pem});
    expect_distrust(ask(*server, anonymous()));
}

TEST_F(HttpTls, ServerNotYetValidIsRefused) {
    const TestCertificate early = make_certificate({.common_name = "platform",
                                                    .alternative_name = loopback_names,
                                                    .issuer = &pki_.server_ca,
                                                    .first_day = 1,
                                                    .last_day = 9});
    const auto server = serve({early.cert_pem, early.key_pem});
    expect_distrust(ask(*server, anonymous()));
}

// Shows: MPOC-1A-5
TEST_F(HttpTls, ServerOfAnotherNameIsRefused) {
    const auto server = serve(server_tls());
    for (const char* name : {"localhost.example", "127.0.0.2", "platform"}) {
        ClientTls tls = anonymous();
        tls.server_name = name;
        expect_distrust(ask(*server, tls));
    }
    ClientTls by_address = anonymous();
    by_address.server_name = "127.0.0.1";
    EXPECT_TRUE(ask(*server, by_address));
}

TEST_F(HttpTls, ServerWithoutTlsIsRefused) {
    const auto server = HttpServer::listen({}, tell_peer);
    const auto result = ask(**server, anonymous());
    ASSERT_FALSE(result);
    EXPECT_FALSE(request_may_have_left(result.error()));
}

TEST_F(HttpTls, PlainRequestGetsNoAnswer) {
    const auto server = serve(server_tls());
    RawSocket socket = RawSocket::connect(server->port());
    ASSERT_TRUE(socket.send("GET / HTTP/1.1\r\n\r\n"));
    EXPECT_EQ(socket.read_all().find("HTTP"), std::string::npos);
}

TEST_F(HttpTls, PeerThatDoesNotShakeHandsIsClosed) {
    const auto server = serve(server_tls(), {.handshake_ms = 30});
    RawSocket socket = RawSocket::connect(server->port());
    EXPECT_EQ(socket.read_all(), "");
}

TEST_F(HttpTls, ServerThatDoesNotShakeHandsIsUnavailable) {
    std::promise<void> over;
    RawServer silent([&](RawServer& s) {
        const RawSocket socket = s.accept();
        over.get_future().wait();
    });
    const auto client =
        HttpClient::make({.port = silent.port(), .tls = anonymous(), .handshake_ms = 30});
    const auto result = (*client)->request({});
    over.set_value();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::unavailable);
    EXPECT_FALSE(request_may_have_left(result.error()));
}

TEST_F(HttpTls, ConnectionsOverTheLimitAreClosed) {
    const auto server = serve(server_tls(), {.connections_max = 1});
    const auto first = HttpClient::make({.port = server->port(), .tls = anonymous()});
    ASSERT_TRUE((*first)->request({}));
    const auto second = ask(*server, anonymous());
    ASSERT_FALSE(second);
    EXPECT_FALSE(request_may_have_left(second.error()));
    EXPECT_TRUE((*first)->request({}));
}

TEST_F(HttpTls, LargeBodiesPassBothWays) {
    const auto server = HttpServer::listen(
        {.tls = server_tls(), .limits = {.body_bytes_max = 2'000'000}},
        [](HttpRequest request, const Responder& r) { r({.body = std::move(request.body)}); });
    const auto client = HttpClient::make(
        {.port = (*server)->port(), .tls = anonymous(), .answer_bytes_max = 2'000'000});
    const std::string body(1'500'000, 'z');
    const auto answer = (*client)->request({.method = "POST", .body = body});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, body);
}

// A farewell that is lost would leave the client with half an answer.
TEST_F(HttpTls, RefusalArrivesBeforeTheEnd) {
    const auto server = serve(server_tls(), {.body_bytes_max = 10});
    const auto client = HttpClient::make({.port = server->port(), .tls = anonymous()});
    const auto answer = (*client)->request({.method = "POST", .body = std::string(1'000, 'b')});
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 413U);
    EXPECT_TRUE((*client)->request({}));
}

TEST_F(HttpTls, UnusableCertificatesAreMalformed) {
    const TestCertificate other = make_certificate({.common_name = "other"});
    const ServerTls bad[] = {{"", ""},
                             {pki_.server.cert_pem, ""},
                             {pki_.server.cert_pem, other.key_pem},
                             {pki_.server.cert_pem, pki_.server.key_pem, "no PEM"}};
    for (const ServerTls& tls : bad) {
        const auto server = HttpServer::listen({.tls = tls}, tell_peer);
        ASSERT_FALSE(server);
        EXPECT_EQ(server.error().kind, ErrorKind::malformed);
    }
    EXPECT_FALSE(HttpClient::make({.tls = ClientTls{.ca_pem = "", .server_name = "a"}}));
    EXPECT_FALSE(
        HttpClient::make({.tls = ClientTls{.ca_pem = pki_.server_ca.cert_pem, .server_name = ""}}));
}

}  // namespace
}  // namespace softpos::net
