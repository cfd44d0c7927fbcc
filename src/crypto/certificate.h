// Certificates out of foreign hands, taken apart for verifiers that know the positions in a chain
// better than any general rule: phone makers' chains are older than, or stand beside, the profile
// that a path builder would hold them to. Nothing here decides on trust.
//
// Spec: [RFC-5280] 4.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/public_key.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::crypto {

struct NamePart {
    std::string oid;    // "2.5.4.3"
    std::string value;  // Printable ASCII; anything else is replaced by '?'.
};

struct CertificateExtension {
    std::string oid;
    bool critical;
    Bytes value;  // What the OCTET STRING holds; borrowed from the certificate.
};

struct BasicConstraints {
    bool authority = false;
    std::optional<unsigned> path_length;
};

// One X.509 certificate. Copies share it; it does not change, and any number of threads may use it.
//
//     const Certificate leaf = TRY(Certificate::parse(der));
//     TRY_VOID(leaf.check_signed_by(issuer.key()));
class Certificate {
public:
    static constexpr std::size_t der_bytes_max = 64UL * 1024;
    static constexpr std::size_t extensions_max = 64;

    // malformed where it is no certificate in DER, anything is left behind it, the serial number is
    // negative, an extension stands in it twice, or its two statements of the signature's algorithm
    // differ. The bytes are copied.
    static Result<Certificate> parse(Bytes der);

    Bytes der() const;
    Bytes issuer() const;   // Name, DER: chaining compares these bytes.
    Bytes subject() const;  // Name, DER.
    bool self_issued() const;
    Bytes serial() const;            // Big endian, without leading zeros; empty is zero.
    std::string serial_hex() const;  // Lower case, without leading zeros: "f1c172a6"; "0".
    std::string serial_decimal() const;
    // Nothing where the certificate states no time that exists.
    std::optional<Instant> not_before() const;
    std::optional<Instant> not_after() const;
    const PublicKey& key() const;

    const std::vector<CertificateExtension>& extensions() const;        // In their order.
    const CertificateExtension* extension(std::string_view oid) const;  // Null where there is none.
    // Nothing where the extension is missing; malformed where it is none.
    Result<std::optional<BasicConstraints>> basic_constraints() const;
    // The bit keyCertSign; nothing where no key usage is stated, malformed where it is none.
    Result<std::optional<bool>> may_sign_certificates() const;
    // Spec: [RFC-5280] 4.1.1.2: "sha256WithRSAEncryption" is 1.2.840.113549.1.1.11.
    std::string signature_oid() const;

    // Whether the issuer's key made the signature over this certificate: RSA (PKCS #1) with
    // SHA-256, SHA-384, SHA-512, and ECDSA on P-256, P-384, P-521 with any of them. unsupported for
    // any other algorithm, denied where the signature does not fit.
    Result<void> check_signed_by(const PublicKey& issuer) const;

private:
    struct Parts;
    explicit Certificate(std::shared_ptr<const Parts> parts) : parts_(std::move(parts)) {}
    std::shared_ptr<const Parts> parts_;  // Shared, so that chains are cheap to pass on.
};

// The parts of a Name in their order.
Result<std::vector<NamePart>> name_parts(Bytes der_name);
// "CN=Droid CA3, O=Google LLC": short names where there are some, for people.
std::string name_text(Bytes der_name);

// The certificates of a PEM text, DER, in the order in which they stand; text around them is
// passed over. malformed where there is none or one is broken, denied above count_max.
Result<std::vector<Buffer>> pem_certificates(std::string_view text, std::size_t count_max);
std::string pem_of_certificate(Bytes der);

}  // namespace softpos::crypto
