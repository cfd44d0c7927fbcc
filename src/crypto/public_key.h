// Public keys out of certificates and messages, and signatures made by them.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace softpos::crypto {

enum class KeyFamily : std::uint8_t { rsa, p256, p384, p521, other };  // other: not usable here.

enum class SignatureKind : std::uint8_t {
    rsa_pkcs1_sha256,
    rsa_pkcs1_sha384,
    rsa_pkcs1_sha512,
    rsa_pss_sha256,  // Salt as long as the digest.
    ecdsa_sha256,    // The signature in DER.
    ecdsa_sha384,
    ecdsa_sha512,
};

constexpr unsigned rsa_bits_min = 2048;
constexpr unsigned rsa_bits_max = 8192;

// A public key. Copies share it; it does not change, and any number of threads may use it.
//
//     const PublicKey key = TRY(PublicKey::from_spki(der));
//     TRY_VOID(key.verify(SignatureKind::ecdsa_sha256, message, signature));
class PublicKey {
public:
    static constexpr std::size_t spki_bytes_max = 8UL * 1024;

    // SubjectPublicKeyInfo in DER. malformed where it is none; a kind of key that the library does
    // not know gives a key of the family `other`, which verifies nothing. Whether a point is on its
    // curve shows when the key is used first. The bytes are copied.
    static Result<PublicKey> from_spki(Bytes der);

    // The same in one block "PUBLIC KEY"; malformed where there is none, denied for more than one.
    static Result<PublicKey> from_pem(std::string_view text);

    // 04 || x || y on P-256; malformed for another form.
    static Result<PublicKey> from_p256_point(Bytes point);

    KeyFamily family() const;
    unsigned bits() const;       // 256, 4096; 0 of `other`.
    std::string name() const;    // "P-256", "RSA-4096", "unknown"
    const Buffer& spki() const;  // SubjectPublicKeyInfo, DER.
    // 04 || x || y of a key on a curve; empty of any other.
    Bytes point() const;

    // denied where the signature does not fit, is none, or the key is of another family than the
    // kind; unsupported for an RSA key outside of rsa_bits_min and rsa_bits_max.
    Result<void> verify(SignatureKind kind, Bytes message, Bytes signature) const;

    // RSA with OAEP over SHA-256 and that label: as long as the modulus. unsupported for another
    // key, denied where `plain` does not fit. Spec: [RFC-8017] 7.1.
    Result<Buffer> encrypt_oaep_sha256(Bytes plain, Bytes label) const;

private:
    struct Handle;
    explicit PublicKey(std::shared_ptr<Handle> handle) : handle_(std::move(handle)) {}
    std::shared_ptr<Handle> handle_;  // Shared: loaded into the library at most once.
};

// The two numbers of an ECDSA signature in the form that verify() takes. Spec: [RFC-3279] 2.2.3.
Buffer ecdsa_signature_der(Bytes r, Bytes s);

}  // namespace softpos::crypto
