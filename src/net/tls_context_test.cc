// What the TLS settings let through, shaken out in memory against plain OpenSSL.
#include "net/tls_context.h"

#include "net/test_support.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>
#include <string>

namespace softpos::net {
namespace {

using testing::make_certificate;
using testing::TestCertificate;

constexpr int rounds_max = 20;

struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Connection = std::unique_ptr<SSL, SslFree>;

// A client that would take anything, as an attacker's might.
struct Shake {
    explicit Shake(SSL_CTX* server_context)
        : client_context(SSL_CTX_new(TLS_client_method())), server(SSL_new(server_context)) {
        SSL_CTX_set_security_level(client_context.get(), 0);
        SSL_CTX_set_verify(client_context.get(), SSL_VERIFY_NONE, nullptr);
    }

    bool run(SSL_SESSION* session = nullptr) {
        client.reset(SSL_new(client_context.get()));
        if (session != nullptr) SSL_set_session(client.get(), session);
        BIO* client_end = nullptr;
        BIO* server_end = nullptr;
        BIO_new_bio_pair(&client_end, 0, &server_end, 0);
        SSL_set_bio(client.get(), client_end, client_end);
        SSL_set_bio(server.get(), server_end, server_end);
        SSL_set_connect_state(client.get());
        SSL_set_accept_state(server.get());
        bool both = false;
        for (int i = 0; i < rounds_max && !both; ++i) {
            const bool client_done = SSL_do_handshake(client.get()) == 1;
            const bool server_done = SSL_do_handshake(server.get()) == 1;
            both = client_done && server_done;
        }
        return both;
    }

    TlsContext client_context;
    Connection server;
    Connection client;
};

class TlsContexts : public ::testing::Test {
protected:
    TestCertificate ca_ = make_certificate({.common_name = "CA"});
    TestCertificate leaf_ = make_certificate(
        {.common_name = "server", .alternative_name = "DNS:localhost", .issuer = &ca_});
    TlsContext server_ = make_server_tls({leaf_.cert_pem, leaf_.key_pem, ca_.cert_pem}).value();
};

TEST_F(TlsContexts, VersionsFrom12OnAreSpoken) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        Shake shake(server_.get());
        SSL_CTX_set_max_proto_version(shake.client_context.get(), version);
        ASSERT_TRUE(shake.run()) << version;
        EXPECT_EQ(SSL_version(shake.server.get()), version);
    }
}

// Shows: MPOC-1A-5
TEST_F(TlsContexts, VersionsBefore12AreRefused) {
    for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
        Shake shake(server_.get());
        SSL_CTX_set_min_proto_version(shake.client_context.get(), TLS1_VERSION);
        SSL_CTX_set_max_proto_version(shake.client_context.get(), version);
        EXPECT_FALSE(shake.run()) << version;
    }
}

// Shows: MPOC-1A-5
TEST_F(TlsContexts, CiphersWithoutForwardSecrecyOrAeadAreRefused) {
    for (const char* cipher : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"}) {
        Shake shake(server_.get());
        SSL_CTX_set_max_proto_version(shake.client_context.get(), TLS1_2_VERSION);
        ASSERT_EQ(SSL_CTX_set_cipher_list(shake.client_context.get(), cipher), 1);
        EXPECT_FALSE(shake.run()) << cipher;
    }
}

// Shows: MPOC-1A-5
TEST_F(TlsContexts, StrictIs13AloneAndNoHandshakeWithoutACertificate) {
    const auto strict =
        make_server_tls({leaf_.cert_pem, leaf_.key_pem, ca_.cert_pem, TlsRules::strict}).value();
    const TestCertificate caller = make_certificate({.common_name = "caller", .issuer = &ca_});
    const auto shaken = [&](const std::string& cert_pem, int version) {
        Shake shake(strict.get());
        if (!cert_pem.empty()) {
            ClientTls tls{.ca_pem = ca_.cert_pem,
                          .server_name = "localhost",
                          .cert_pem = cert_pem,
                          .key_pem = caller.key_pem};
            shake.client_context = make_client_tls(tls).value();
        }
        SSL_CTX_set_max_proto_version(shake.client_context.get(), version);
        return shake.run();
    };
    EXPECT_TRUE(shaken(caller.cert_pem, TLS1_3_VERSION));
    EXPECT_FALSE(shaken(caller.cert_pem, TLS1_2_VERSION));
    EXPECT_FALSE(shaken("", TLS1_3_VERSION));
}

TEST_F(TlsContexts, StrictClientsSpeakNothingOlder) {
    Shake shake(server_.get());
    shake.client_context = make_client_tls({.ca_pem = ca_.cert_pem,
                                            .server_name = "localhost",
                                            .cert_pem = {},
                                            .key_pem = {},
                                            .rules = TlsRules::strict})
                               .value();
    ASSERT_TRUE(shake.run());
    EXPECT_EQ(SSL_version(shake.client.get()), TLS1_3_VERSION);
    EXPECT_EQ(SSL_CTX_get_min_proto_version(shake.client_context.get()), TLS1_3_VERSION);
}

TEST_F(TlsContexts, ChainIsSentWithTheLeaf) {
    const auto with_chain = make_server_tls({leaf_.cert_pem + ca_.cert_pem, leaf_.key_pem}).value();
    Shake shake(with_chain.get());
    ASSERT_TRUE(shake.run());
    EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(shake.client.get())), 2);
}

TEST_F(TlsContexts, TicketOfAServerThatAsksNobodyIsWorthNothingToOneThatAsks) {
    const auto open = make_server_tls({leaf_.cert_pem, leaf_.key_pem}).value();
    std::array<unsigned char, 80> keys{};
    ASSERT_EQ(SSL_CTX_set_tlsext_ticket_keys(open.get(), keys.data(), keys.size()), 1);
    ASSERT_EQ(SSL_CTX_set_tlsext_ticket_keys(server_.get(), keys.data(), keys.size()), 1);
    const auto resumed_by = [](SSL_CTX* context, SSL_SESSION* session) {
        Shake shake(context);
        SSL_CTX_set_max_proto_version(shake.client_context.get(), TLS1_2_VERSION);
        shake.run(session);
        return SSL_session_reused(shake.client.get()) == 1;
    };
    Shake first(open.get());
    SSL_CTX_set_max_proto_version(first.client_context.get(), TLS1_2_VERSION);
    ASSERT_TRUE(first.run());
    SSL_SESSION* session = SSL_get1_session(first.client.get());
    EXPECT_TRUE(resumed_by(open.get(), session));
    EXPECT_FALSE(resumed_by(server_.get(), session));
    SSL_SESSION_free(session);
}

TEST_F(TlsContexts, PeerWithoutCertificateIsEmpty) {
    Shake shake(server_.get());
    ASSERT_TRUE(shake.run());
    EXPECT_EQ(peer_of(shake.server.get()).common_name, "");
    EXPECT_EQ(peer_of(shake.server.get()).fingerprint, "");
    EXPECT_EQ(peer_of(shake.client.get()).common_name, "server");
}

}  // namespace
}  // namespace softpos::net
