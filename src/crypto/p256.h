// Keys on the curve P-256: agreement, signatures, and how they are written down.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <memory>
#include <string>
#include <string_view>

namespace softpos::crypto {

constexpr std::size_t p256_point_bytes = 65;   // 04 || x || y.
constexpr std::size_t p256_shared_bytes = 32;  // The x coordinate.

// A private key. Safe to use from several threads: nothing of it changes.
//
//     const P256Key key = TRY(P256Key::generate());
//     const SecretBytes shared = TRY(key.ecdh(peer_point));   // Into a KDF, never used as a key.
class P256Key {
public:
    static Result<P256Key> generate();
    // malformed unless a P-256 private key: PKCS#8 or SEC 1. PEM never asks for a pass phrase.
    static Result<P256Key> from_private_der(Bytes der);
    static Result<P256Key> from_private_pem(std::string_view pem);

    P256Key(P256Key&&) noexcept;
    P256Key& operator=(P256Key&&) noexcept;
    ~P256Key();

    Buffer public_point() const;      // p256_point_bytes.
    SecretBytes private_der() const;  // PKCS#8.
    // PKCS#8, for the one who writes a key file. A string is not wiped: prefer private_der().
    std::string private_pem() const;

    // denied where the point is not on the curve, malformed where it is not 65 bytes with 04 in
    // front.
    Result<SecretBytes> ecdh(Bytes peer_point) const;

    // ECDSA with SHA-256, in DER.
    Buffer sign(Bytes message) const;

private:
    struct Handle;
    explicit P256Key(std::unique_ptr<Handle> handle);
    std::unique_ptr<Handle> handle_;
};

// denied where the signature does not fit or is no signature at all, malformed for a bad point.
Result<void> p256_verify(Bytes public_point, Bytes message, Bytes signature_der);

}  // namespace softpos::crypto
