// The certificates of our own small world: one authority a platform, a server certificate, and one
// client certificate a phone. P-256 with SHA-256 throughout.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace softpos::crypto {

constexpr std::size_t pem_bytes_max = 16UL * 1024;
constexpr std::size_t common_name_bytes_max = 64;  // ub-common-name. Spec: [RFC-5280] A.1.
constexpr unsigned certificate_days_max = 36'500;

struct CertAndKey {
    std::string cert_pem;
    std::string key_pem;
};

// A self-signed authority that can sign end entities and no further authority.
Result<CertAndKey> make_ca(std::string_view name, Instant not_before, unsigned days);

struct ServerNames {
    std::string common_name;
    std::vector<std::string> dns;  // "localhost"
    std::vector<std::string> ip;   // "127.0.0.1"
};
Result<CertAndKey> issue_server(const CertAndKey& ca, const ServerNames& names, Instant not_before,
                                unsigned days);

// PKCS#10 with the subject CN=common_name.
Result<std::string> make_csr(std::string_view key_pem, std::string_view common_name);

struct ClientGrant {
    std::string common_name;  // What the certificate says; the request's own wish is not looked at.
    Instant now;              // Valid from an hour before, so that a slow clock does not refuse it.
    unsigned days = 0;
};
// A client certificate for the key in a request out of foreign hands. malformed where it is no
// request, its key is not P-256; denied where it is not signed by that key.
Result<std::string> sign_csr(const CertAndKey& ca, std::string_view csr_pem,
                             const ClientGrant& grant);

// SHA-256 of the DER form, 64 lower-case hex digits.
Result<std::string> certificate_fingerprint(std::string_view cert_pem);
Result<std::string> certificate_common_name(std::string_view cert_pem);
Result<Instant> certificate_not_after(std::string_view cert_pem);

}  // namespace softpos::crypto
