// Certificates by the library's own templates; nothing of ASN.1 is written here.
#include "crypto/x509.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/hash.h"
#include "crypto/owned.h"
#include "crypto/p256.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>

namespace softpos::crypto {
namespace {

using Bio = Owned<BIO, BIO_free_all>;
using PKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;
using Request = Owned<X509_REQ, X509_REQ_free>;
using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;

constexpr std::int64_t day_seconds = 86'400;
constexpr std::int64_t clock_slack_ms = 3'600'000;
constexpr std::size_t names_max = 16;

int no_pass_phrase(char*, int, int, void*) {
    return -1;
}

Result<Bio> reader(std::string_view pem) {
    if (pem.size() > pem_bytes_max) return fail(ErrorKind::malformed, "x509: text too long");
    Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    CHECK(bio != nullptr);
    return bio;
}

Result<Certificate> read_certificate(std::string_view pem) {
    const Bio bio = TRY(reader(pem));
    Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr));
    ERR_clear_error();
    if (!certificate) return fail(ErrorKind::malformed, "x509: no certificate");
    return certificate;
}

Result<PKey> read_key(std::string_view pem) {
    const P256Key checked = TRY(P256Key::from_private_pem(pem));  // P-256 and nothing else.
    const Bio bio = TRY(reader(pem));
    PKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
    CHECK(key != nullptr);
    return key;
}

template <typename Write>
std::string to_pem(Write write) {
    const Bio bio(BIO_new(BIO_s_mem()));
    CHECK(bio != nullptr && write(bio.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    CHECK(size > 0);
    return {data, static_cast<std::size_t>(size)};
}

// Printable and short: a name goes into certificates that others parse.
Result<void> check_name(std::string_view name) {
    const bool printable = std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~'; });
    if (name.empty() || name.size() > common_name_bytes_max || !printable) {
        return fail(ErrorKind::malformed, "x509: common name");
    }
    return {};
}

Result<void> check_days(unsigned days) {
    if (days == 0 || days > certificate_days_max) return fail(ErrorKind::malformed, "x509: days");
    return {};
}

void set_common_name(X509_NAME* name, std::string_view common_name) {
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(common_name.data()),
                                     static_cast<int>(common_name.size()), -1, 0) == 1);
}

// 127 random bits: unique without a counter, and positive. Spec: [RFC-5280] 4.1.2.2.
void set_random_serial(X509* certificate) {
    std::array<std::uint8_t, 16> bytes{};
    CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7F) | 0x40);
    const Owned<BIGNUM, BN_free> number(
        BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    CHECK(number != nullptr);
    CHECK(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

struct Validity {
    Instant not_before;
    unsigned days;
};

void set_validity(X509* certificate, const Validity& validity) {
    const std::int64_t from = validity.not_before.unix_ms / 1000;
    const std::int64_t to = from + day_seconds * validity.days;
    CHECK(ASN1_TIME_set(X509_getm_notBefore(certificate), static_cast<std::time_t>(from)) !=
          nullptr);
    CHECK(ASN1_TIME_set(X509_getm_notAfter(certificate), static_cast<std::time_t>(to)) != nullptr);
}

// False where the library cannot read the value, which only a name from outside can cause.
bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    if (!extension) return false;
    CHECK(X509_add_ext(certificate, extension.get(), -1) == 1);
    return true;
}

struct Subject {
    std::string_view common_name;
    EVP_PKEY* key;
    Validity validity;
};

Certificate begin_certificate(const Subject& subject) {
    Certificate certificate(X509_new());
    CHECK(certificate != nullptr);
    CHECK(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
    set_random_serial(certificate.get());
    set_validity(certificate.get(), subject.validity);
    set_common_name(X509_get_subject_name(certificate.get()), subject.common_name);
    CHECK(X509_set_pubkey(certificate.get(), subject.key) == 1);
    return certificate;
}

struct Issuer {
    Certificate certificate;
    PKey key;
};

Result<Issuer> read_issuer(const CertAndKey& ca) {
    Certificate certificate = TRY(read_certificate(ca.cert_pem));
    PKey key = TRY(read_key(ca.key_pem));
    if (X509_check_ca(certificate.get()) != 1) return fail(ErrorKind::denied, "x509: not a ca");
    if (X509_check_private_key(certificate.get(), key.get()) != 1) {
        ERR_clear_error();
        return fail(ErrorKind::denied, "x509: key is not the ca's");
    }
    return Issuer{std::move(certificate), std::move(key)};
}

void finish(X509* certificate, X509* issuer, EVP_PKEY* issuer_key) {
    CHECK(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
    CHECK(add_extension(certificate, issuer, NID_subject_key_identifier, "hash"));
    // For a self-signed one the identifier that was just added.
    CHECK(add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always"));
    CHECK(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);
}

void add_end_entity(X509* certificate, const char* purpose) {
    CHECK(add_extension(certificate, nullptr, NID_basic_constraints, "critical,CA:FALSE"));
    CHECK(add_extension(certificate, nullptr, NID_key_usage, "critical,digitalSignature"));
    CHECK(add_extension(certificate, nullptr, NID_ext_key_usage, purpose));
}

// The value becomes part of a configuration text: only characters that mean nothing there.
bool plain_host(std::string_view text) {
    return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '-' || c == ':' || c == '*';
    });
}

Result<std::string> alternative_names(const ServerNames& names) {
    if (names.dns.size() + names.ip.size() > names_max) {
        return fail(ErrorKind::malformed, "x509: too many names");
    }
    std::string text;
    const auto add = [&text](std::string_view kind, std::string_view name) -> bool {
        if (!plain_host(name)) return false;
        if (!text.empty()) text += ',';
        text.append(kind).append(name);
        return true;
    };
    for (const std::string& name : names.dns) {
        if (!add("DNS:", name)) return fail(ErrorKind::malformed, "x509: dns name");
    }
    for (const std::string& name : names.ip) {
        if (!add("IP:", name)) return fail(ErrorKind::malformed, "x509: ip address");
    }
    return text;
}

std::string certificate_pem(X509* certificate) {
    return to_pem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

Result<CertAndKey> make_ca(std::string_view name, Instant not_before, unsigned days) {
    TRY_VOID(check_name(name));
    TRY_VOID(check_days(days));
    std::string key_pem = TRY(P256Key::generate()).private_pem();
    const PKey key = TRY(read_key(key_pem));
    const Certificate certificate = begin_certificate({name, key.get(), {not_before, days}});
    X509* ca = certificate.get();
    CHECK(add_extension(ca, nullptr, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
    CHECK(add_extension(ca, nullptr, NID_key_usage, "critical,keyCertSign,cRLSign"));
    finish(ca, ca, key.get());
    return CertAndKey{certificate_pem(ca), std::move(key_pem)};
}

Result<CertAndKey> issue_server(const CertAndKey& ca, const ServerNames& names, Instant not_before,
                                unsigned days) {
    TRY_VOID(check_name(names.common_name));
    TRY_VOID(check_days(days));
    const Issuer issuer = TRY(read_issuer(ca));
    const std::string alternatives = TRY(alternative_names(names));
    std::string key_pem = TRY(P256Key::generate()).private_pem();
    const PKey key = TRY(read_key(key_pem));
    const Certificate certificate =
        begin_certificate({names.common_name, key.get(), {not_before, days}});
    add_end_entity(certificate.get(), "serverAuth");
    if (!alternatives.empty() &&
        !add_extension(certificate.get(), nullptr, NID_subject_alt_name, alternatives)) {
        ERR_clear_error();
        return fail(ErrorKind::malformed, "x509: alternative names");
    }
    finish(certificate.get(), issuer.certificate.get(), issuer.key.get());
    return CertAndKey{certificate_pem(certificate.get()), std::move(key_pem)};
}

Result<std::string> make_csr(std::string_view key_pem, std::string_view common_name) {
    TRY_VOID(check_name(common_name));
    const PKey key = TRY(read_key(key_pem));
    const Request request(X509_REQ_new());
    CHECK(request != nullptr);
    CHECK(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1);
    set_common_name(X509_REQ_get_subject_name(request.get()), common_name);
    CHECK(X509_REQ_set_pubkey(request.get(), key.get()) == 1);
    CHECK(X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0);
    return to_pem([&request](BIO* bio) { return PEM_write_bio_X509_REQ(bio, request.get()); });
}

Result<std::string> sign_csr(const CertAndKey& ca, std::string_view csr_pem,
                             const ClientGrant& grant) {
    TRY_VOID(check_name(grant.common_name));
    TRY_VOID(check_days(grant.days));
    const Bio bio = TRY(reader(csr_pem));
    const Request request(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_pass_phrase, nullptr));
    ERR_clear_error();
    if (!request) return fail(ErrorKind::malformed, "csr: no request");
    EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());  // Owned by the request.
    std::array<char, 32> group{};
    std::size_t group_size = 0;
    const bool p256 = key != nullptr && EVP_PKEY_is_a(key, "EC") == 1 &&
                      EVP_PKEY_get_group_name(key, group.data(), group.size(), &group_size) == 1 &&
                      std::string_view(group.data(), group_size) == "prime256v1";
    ERR_clear_error();
    if (!p256) return fail(ErrorKind::malformed, "csr: key is not P-256");
    const bool signed_by_key = X509_REQ_verify(request.get(), key) == 1;
    ERR_clear_error();
    if (!signed_by_key) return fail(ErrorKind::denied, "csr: signature");

    const Issuer issuer = TRY(read_issuer(ca));
    const Instant from{grant.now.unix_ms - clock_slack_ms};
    const Certificate certificate = begin_certificate({grant.common_name, key, {from, grant.days}});
    add_end_entity(certificate.get(), "clientAuth");
    finish(certificate.get(), issuer.certificate.get(), issuer.key.get());
    return certificate_pem(certificate.get());
}

Result<std::string> certificate_fingerprint(std::string_view cert_pem) {
    const Certificate certificate = TRY(read_certificate(cert_pem));
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    CHECK(size > 0);
    const Sha256Digest digest = sha256({der, static_cast<std::size_t>(size)});
    OPENSSL_free(der);
    std::string text = to_hex(digest);
    for (char& c : text) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

Result<std::string> certificate_common_name(std::string_view cert_pem) {
    const Certificate certificate = TRY(read_certificate(cert_pem));
    const X509_NAME* name = X509_get_subject_name(certificate.get());
    const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (index < 0) return fail(ErrorKind::not_found, "x509: no common name");
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
    if (size < 0) {
        ERR_clear_error();
        return fail(ErrorKind::malformed, "x509: common name");
    }
    std::string out(text_of({text, static_cast<std::size_t>(size)}));
    OPENSSL_free(text);
    return out;
}

Result<Instant> certificate_not_after(std::string_view cert_pem) {
    const Certificate certificate = TRY(read_certificate(cert_pem));
    const Owned<ASN1_TIME, ASN1_STRING_free> epoch(ASN1_TIME_set(nullptr, 0));
    int days = 0;
    int seconds = 0;
    if (ASN1_TIME_diff(&days, &seconds, epoch.get(), X509_get0_notAfter(certificate.get())) != 1) {
        ERR_clear_error();
        return fail(ErrorKind::malformed, "x509: not after");
    }
    return Instant{(std::int64_t{days} * day_seconds + seconds) * 1000};
}

}  // namespace softpos::crypto
