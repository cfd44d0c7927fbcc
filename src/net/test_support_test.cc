// The certificates and sockets of test_support.h; here, and not in the library, by its name.
#include "net/test_support.h"

#include "base/check.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace softpos::net::testing {
namespace {

constexpr int patience_s = 20;
constexpr long day_s = 86'400;

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

std::string text_in(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_ctrl(bio, BIO_CTRL_INFO, 0, static_cast<void*>(&data));
    return {data, static_cast<std::size_t>(size)};
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void fill_subject(X509* certificate, const std::string& common_name) {
    const int added =
        X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(common_name.data()),
                                   static_cast<int>(common_name.size()), -1, 0);
    CHECK(added == 1);
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

}  // namespace

TestCertificate make_certificate(const CertificateWish& wish) {
    static std::atomic<long> serial = 0;
    const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    const Certificate certificate(X509_new());
    CHECK(key && certificate);
    X509* c = certificate.get();
    X509_set_version(c, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(c), wish.first_day * day_s);
    X509_gmtime_adj(X509_getm_notAfter(c), wish.last_day * day_s);
    X509_set_pubkey(c, key.get());
    fill_subject(c, wish.common_name);

    Certificate issuer;
    Key issuer_key;
    if (wish.issuer != nullptr) {
        const Bio cert(BIO_new_mem_buf(wish.issuer->cert_pem.data(), -1));
        const Bio pem(BIO_new_mem_buf(wish.issuer->key_pem.data(), -1));
        issuer.reset(PEM_read_bio_X509(cert.get(), nullptr, nullptr, nullptr));
        issuer_key.reset(PEM_read_bio_PrivateKey(pem.get(), nullptr, nullptr, nullptr));
    }
    X509* signer = issuer ? issuer.get() : c;
    X509_set_issuer_name(c, X509_get_subject_name(signer));
    add_extension(c, signer, NID_basic_constraints,
                  issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (!wish.alternative_name.empty()) {
        add_extension(c, signer, NID_subject_alt_name, wish.alternative_name);
    }
    CHECK(X509_sign(c, issuer_key ? issuer_key.get() : key.get(), EVP_sha256()) > 0);

    const Bio cert_out(BIO_new(BIO_s_mem()));
    const Bio key_out(BIO_new(BIO_s_mem()));
    CHECK(PEM_write_bio_X509(cert_out.get(), c) == 1);
    CHECK(PEM_write_bio_PrivateKey(key_out.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                   nullptr) == 1);
    return {.cert_pem = text_in(cert_out.get()), .key_pem = text_in(key_out.get())};
}

RawSocket RawSocket::connect(std::uint16_t port) {
    RawSocket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port);
    const int connected =
        ::connect(made.descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    CHECK(connected == 0);
    return made;
}

RawSocket::RawSocket(RawSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

bool RawSocket::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

std::string RawSocket::read_while(const std::function<bool(const std::string&)>& wanted) {
    const timeval patience{.tv_sec = patience_s, .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string text;
    char byte = 0;  // One at a time: never beyond what is wanted.
    while (wanted(text) && ::recv(descriptor_, &byte, 1, 0) == 1) text += byte;
    return text;
}

std::string RawSocket::read_until(std::string_view end) {
    return read_while([end](const std::string& text) { return !text.ends_with(end); });
}

std::string RawSocket::read_size(std::size_t size) {
    return read_while([size](const std::string& text) { return text.size() < size; });
}

std::string RawSocket::read_all() {
    return read_while([](const std::string&) { return true; });
}

void RawSocket::close() {
    if (open()) ::close(std::exchange(descriptor_, -1));
}

RawServer::RawServer(std::function<void(RawServer&)> script)
    : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    CHECK(::bind(listener_, generic, size) == 0 && ::listen(listener_, SOMAXCONN) == 0);
    CHECK(::getsockname(listener_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, run = std::move(script)] { run(*this); });
}

RawServer::~RawServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
}

RawSocket RawServer::accept() {
    return RawSocket(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
}

TestFolder::TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "softpos_net_XXXXXX").string();
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
}

TestFolder::~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace softpos::net::testing
