// Certificates issued, read back, and checked by the library's own path validation.
#include "crypto/x509.h"

#include "crypto/owned.h"
#include "crypto/p256.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

namespace softpos::crypto {
namespace {

using Certificate = Owned<X509, X509_free>;

constexpr Instant now{1'795'000'000'000};  // 2026-11-18
constexpr std::int64_t day_ms = 86'400'000;

Certificate read(const std::string& pem) {
    const Owned<BIO, BIO_free_all> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

int verify(const std::string& ca_pem, const std::string& pem, int purpose, Instant at) {
    const Certificate ca = read(ca_pem);
    const Certificate leaf = read(pem);
    const Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), ca.get());
    const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(at.unix_ms / 1000));
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_X509_STRICT);
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
}

CertAndKey authority() {
    return make_ca("Test authority", now, 3650).value();
}

TEST(X509, ServerCertificateIsGoodForItsNamesAndItsTime) {
    const CertAndKey ca = authority();
    const auto server = issue_server(
        ca, {.common_name = "platform", .dns = {"localhost"}, .ip = {"127.0.0.1", "::1"}}, now, 30);
    ASSERT_TRUE(server.has_value());
    const std::string& pem = server->cert_pem;
    EXPECT_EQ(verify(ca.cert_pem, pem, X509_PURPOSE_SSL_SERVER, now), X509_V_OK);
    EXPECT_NE(verify(ca.cert_pem, pem, X509_PURPOSE_SSL_CLIENT, now), X509_V_OK);
    const Instant late{now.unix_ms + 31 * day_ms};
    EXPECT_EQ(verify(ca.cert_pem, pem, X509_PURPOSE_SSL_SERVER, late), X509_V_ERR_CERT_HAS_EXPIRED);
    EXPECT_NE(verify(authority().cert_pem, pem, X509_PURPOSE_SSL_SERVER, now), X509_V_OK);

    const Certificate leaf = read(pem);
    EXPECT_EQ(X509_check_host(leaf.get(), "localhost", 0, 0, nullptr), 1);
    EXPECT_EQ(X509_check_host(leaf.get(), "other", 0, 0, nullptr), 0);
    EXPECT_EQ(X509_check_ip_asc(leaf.get(), "127.0.0.1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(leaf.get(), "::1", 0), 1);
    EXPECT_EQ(X509_check_ip_asc(leaf.get(), "127.0.0.2", 0), 0);
    EXPECT_EQ(certificate_not_after(pem).value().unix_ms, now.unix_ms + 30 * day_ms);
}

std::string request() {
    const std::string key = P256Key::generate().value().private_pem();
    return make_csr(key, "what the phone wishes").value();
}

TEST(X509, ClientCertificateSaysWhatTheAuthoritySays) {
    const CertAndKey ca = authority();
    const auto pem = sign_csr(ca, request(), {.common_name = "terminal-7", .now = now, .days = 90});
    ASSERT_TRUE(pem.has_value());
    EXPECT_EQ(certificate_common_name(*pem).value(), "terminal-7");
    EXPECT_EQ(verify(ca.cert_pem, *pem, X509_PURPOSE_SSL_CLIENT, now), X509_V_OK);
    EXPECT_NE(verify(ca.cert_pem, *pem, X509_PURPOSE_SSL_SERVER, now), X509_V_OK);
}

TEST(X509, FingerprintsDiffer) {
    const CertAndKey ca = authority();
    const std::string csr = request();
    const ClientGrant grant{.common_name = "t", .now = now, .days = 1};
    const std::string a = certificate_fingerprint(sign_csr(ca, csr, grant).value()).value();
    const std::string b = certificate_fingerprint(sign_csr(ca, csr, grant).value()).value();
    EXPECT_EQ(a.size(), 64U);
    EXPECT_EQ(a.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_NE(a, b) << "serial numbers are random";
}

TEST(X509, RefusesARequestThatItsKeyDidNotSign) {
    const CertAndKey ca = authority();
    std::string csr = request();
    const ClientGrant grant{.common_name = "t", .now = now, .days = 1};
    std::size_t denied = 0;
    // Every changed character of the base 64 body breaks form, key or signature.
    for (std::size_t i = csr.find('\n') + 1; i < csr.find("-----END") - 4; ++i) {
        std::string bad = csr;
        if (bad[i] == '\n') continue;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        const auto pem = sign_csr(ca, bad, grant);
        ASSERT_FALSE(pem.has_value()) << i;
        if (pem.error().kind == ErrorKind::denied) ++denied;
    }
    EXPECT_GT(denied, 50U);
}

// A request for a P-384 key, self-signed and well formed.
std::string p384_request() {
    const Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-384"));
    const Owned<X509_REQ, X509_REQ_free> csr(X509_REQ_new());
    X509_REQ_set_pubkey(csr.get(), key.get());
    X509_REQ_sign(csr.get(), key.get(), EVP_sha256());
    const Owned<BIO, BIO_free_all> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_REQ(bio.get(), csr.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

TEST(X509, RefusesOtherKeysAndOtherThings) {
    const CertAndKey ca = authority();
    const ClientGrant grant{.common_name = "t", .now = now, .days = 1};
    EXPECT_EQ(sign_csr(ca, p384_request(), grant).error().kind, ErrorKind::malformed);
    EXPECT_FALSE(sign_csr(ca, "", grant).has_value());
    EXPECT_FALSE(sign_csr(ca, ca.cert_pem, grant).has_value());
    EXPECT_FALSE(sign_csr(ca, std::string(pem_bytes_max + 1, 'A'), grant).has_value());
    EXPECT_FALSE(certificate_fingerprint("nothing").has_value());
    EXPECT_FALSE(make_csr("nothing", "t").has_value());
}

TEST(X509, RefusesNamesThatDoNotBelongInACertificate) {
    const CertAndKey ca = authority();
    const std::string csr = request();
    for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("a\nb")}) {
        EXPECT_FALSE(make_ca(name, now, 1).has_value());
        EXPECT_FALSE(sign_csr(ca, csr, {.common_name = name, .now = now, .days = 1}).has_value());
    }
    // A name must not be able to add another one behind a comma.
    EXPECT_FALSE(issue_server(ca, {.common_name = "s", .dns = {"a,IP:1.2.3.4"}, .ip = {}}, now, 1)
                     .has_value());
    EXPECT_FALSE(
        issue_server(ca, {.common_name = "s", .dns = {}, .ip = {"host"}}, now, 1).has_value());
    EXPECT_FALSE(make_ca("name", now, 0).has_value());
    EXPECT_FALSE(make_ca("name", now, certificate_days_max + 1).has_value());
}

TEST(X509, OnlyAnAuthorityWithItsKeySigns) {
    const CertAndKey ca = authority();
    const auto server = issue_server(ca, {.common_name = "s", .dns = {}, .ip = {}}, now, 1).value();
    const ClientGrant grant{.common_name = "t", .now = now, .days = 1};
    EXPECT_EQ(sign_csr(server, request(), grant).error().kind, ErrorKind::denied);
    const CertAndKey mixed{ca.cert_pem, server.key_pem};
    EXPECT_EQ(sign_csr(mixed, request(), grant).error().kind, ErrorKind::denied);
}

}  // namespace
}  // namespace softpos::crypto
