// Keys on the SM2 curve: signatures with the signer's identity, and encryption to a key.
//
// Spec: [GMT-0003] 2 (signature), 4 (encryption), 5 (curve).
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <memory>
#include <string_view>

namespace softpos::crypto {

constexpr std::size_t sm2_point_bytes = 65;  // 04 || x || y.
constexpr std::size_t sm2_scalar_bytes = 32;
constexpr std::size_t sm2_plain_bytes_max = 4096;
// The identity where signer and verifier agreed on none. Spec: [GMT-0009] 10.
constexpr std::string_view sm2_usual_identity = "1234567812345678";

// A private key. Safe to use from several threads.
class Sm2Key {
public:
    static Result<Sm2Key> generate();
    // malformed unless 32 bytes, denied unless from 1 to the order of the curve less 2.
    static Result<Sm2Key> from_scalar(Bytes scalar);
    static Result<Sm2Key> from_private_pem(std::string_view pem);  // PKCS#8.

    Sm2Key(Sm2Key&&) noexcept;
    Sm2Key& operator=(Sm2Key&&) noexcept;
    ~Sm2Key();

    Buffer public_point() const;

    // With SM3, in DER.
    Buffer sign(Bytes message, std::string_view identity) const;
    // What was encrypted to this key, in DER. Every ciphertext that is none is the same error,
    // denied.
    Result<SecretBytes> decrypt(Bytes ciphertext_der) const;

private:
    struct Handle;
    explicit Sm2Key(std::unique_ptr<Handle> handle);
    std::unique_ptr<Handle> handle_;
};

// denied where the signature does not fit or is none, malformed for a bad point.
Result<void> sm2_verify(Bytes public_point, Bytes message, std::string_view identity,
                        Bytes signature_der);

// SEQUENCE {x, y, SM3 of it, ciphertext}. denied where the point is not on the curve. Spec:
// [GMT-0009] 7.2.
Result<Buffer> sm2_encrypt(Bytes public_point, Bytes plain);

// The same ciphertext from its three parts side by side: C1 (65 bytes), C3 (32), C2. malformed
// where it is too short. Spec: [GMT-0003] 4.
Result<Buffer> sm2_ciphertext_der(Bytes c1c3c2);

}  // namespace softpos::crypto
