// OpenSSL only, no Asio: the settings themselves. Versions below TLS 1.2 and renegotiation are off.
#include "net/tls_context.h"

#include "base/bytes.h"
#include "base/check.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace softpos::net {
namespace {

constexpr long session_seconds = 7200;  // How long a ticket spares the certificates a check.
constexpr int chain_certificates_max = 8;

template <auto free_function>
struct Freer {
    template <typename T>
    void operator()(T* pointer) const {
        free_function(pointer);
    }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

// Without a callback OpenSSL would ask at the terminal for an encrypted key's password.
int no_password(char*, int, int, void*) {
    return -1;
}

Result<Bio> bio_of(std::string_view text) {
    if (text.size() > std::numeric_limits<int>::max()) {
        return fail(ErrorKind::malformed, "tls: PEM too large");
    }
    Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    if (!bio) return fail(ErrorKind::internal, "tls: no memory");
    return bio;
}

Certificate next_certificate(BIO* bio) {
    return Certificate(PEM_read_bio_X509(bio, nullptr, no_password, nullptr));
}

Result<void> use_identity(SSL_CTX* context, std::string_view cert_pem, std::string_view key_pem) {
    const Bio certs = TRY(bio_of(cert_pem));
    const Certificate leaf = next_certificate(certs.get());
    if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
        return fail(ErrorKind::malformed, "tls: certificate");
    }
    for (int count = 0; count < chain_certificates_max; ++count) {
        const Certificate next = next_certificate(certs.get());
        if (!next) break;
        if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) {
            return fail(ErrorKind::malformed, "tls: certificate chain");
        }
    }
    const Bio key_text = TRY(bio_of(key_pem));
    const Key key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_password, nullptr));
    if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return fail(ErrorKind::malformed, "tls: private key");
    }
    return {};
}

// Trusts these and nothing else: the system's store is not read. Where `named`, their names are
// sent to clients, which choose a certificate by them.
enum class Naming : std::uint8_t { unnamed, named };
Result<void> trust(SSL_CTX* context, std::string_view ca_pem, Naming naming) {
    const Bio bio = TRY(bio_of(ca_pem));
    int count = 0;
    for (; count < chain_certificates_max; ++count) {
        const Certificate ca = next_certificate(bio.get());
        if (!ca) break;
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) != 1) {
            return fail(ErrorKind::malformed, "tls: CA certificate");
        }
        if (naming == Naming::named) SSL_CTX_add_client_CA(context, ca.get());
    }
    if (count == 0) return fail(ErrorKind::malformed, "tls: no CA certificate");
    return {};
}

Result<TlsContext> make_context(const SSL_METHOD* method, TlsRules rules) {
    TlsContext context(SSL_CTX_new(method));
    if (!context) return fail(ErrorKind::internal, "tls: no context");
    SSL_CTX_set_min_proto_version(context.get(),
                                  rules == TlsRules::strict ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(context.get(), no_password);
    // Forward secrecy and AEAD only. Spec: [RFC-9325] 4.2.
    if (SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
        return fail(ErrorKind::internal, "tls: ciphers");
    }
    return context;
}

bool is_address(const std::string& name) {
    const std::unique_ptr<ASN1_OCTET_STRING, Freer<ASN1_OCTET_STRING_free>> address(
        a2i_IPADDRESS(name.c_str()));
    ERR_clear_error();
    return address != nullptr;
}

std::string lower_hex(Bytes bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const std::uint8_t byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 0xF];
    }
    return text;
}

std::string common_name_of(const X509* certificate) {
    const X509_NAME* name = X509_get_subject_name(certificate);
    const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (index < 0) return {};
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, value);
    if (size < 0) return {};
    std::string text(text_of({utf8, static_cast<std::size_t>(size)}));
    OPENSSL_free(utf8);
    return text;
}

}  // namespace

void TlsContextFree::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

Result<TlsContext> make_server_tls(const ServerTls& config) {
    TlsContext context = TRY(make_context(TLS_server_method(), config.rules));
    TRY_VOID(use_identity(context.get(), config.cert_pem, config.key_pem));
    // A ticket is worth something only to a server of the same kind: one that asks for client
    // certificates must not take one from a server that does not.
    const std::string_view kind = config.client_ca_pem.empty() ? "open" : "mutual";
    SSL_CTX_set_session_id_context(context.get(), bytes_of(kind).data(),
                                   static_cast<unsigned>(kind.size()));
    SSL_CTX_set_timeout(context.get(), session_seconds);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // Tickets need no cache.
    const bool strict = config.rules == TlsRules::strict;
    SSL_CTX_set_num_tickets(context.get(), strict ? 0 : 1);
    if (!config.client_ca_pem.empty()) {
        TRY_VOID(trust(context.get(), config.client_ca_pem, Naming::named));
        SSL_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_CLIENT);
        SSL_CTX_set_verify(context.get(),
                           SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE |
                               (strict ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                           nullptr);
    }
    return context;
}

Result<TlsContext> make_client_tls(const ClientTls& config) {
    if (config.server_name.empty()) return fail(ErrorKind::malformed, "tls: no server name");
    TlsContext context = TRY(make_context(TLS_client_method(), config.rules));
    TRY_VOID(trust(context.get(), config.ca_pem, Naming::unnamed));
    if (!config.cert_pem.empty()) {
        TRY_VOID(use_identity(context.get(), config.cert_pem, config.key_pem));
    }
    X509_VERIFY_PARAM* rules = SSL_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = is_address(config.server_name)
                        ? X509_VERIFY_PARAM_set1_ip_asc(rules, config.server_name.c_str())
                        : X509_VERIFY_PARAM_set1_host(rules, config.server_name.c_str(),
                                                      config.server_name.size());
    if (set != 1) return fail(ErrorKind::malformed, "tls: server name");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    return context;
}

void set_wanted_server(ssl_st* connection, const std::string& server_name) {
    if (is_address(server_name)) return;  // Only names are sent. Spec: [RFC-6066] 3.
    // What SSL_set_tlsext_host_name() stands for, without its C cast; the text is only read.
    SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(server_name.c_str()));
}

TlsPeer peer_of(ssl_st* connection) {
    const Certificate certificate(SSL_get1_peer_certificate(connection));
    if (!certificate) return {};
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    const int made = X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size);
    CHECK(made == 1);
    return {.common_name = common_name_of(certificate.get()),
            .fingerprint = lower_hex(Bytes(digest).first(size))};
}

}  // namespace softpos::net
