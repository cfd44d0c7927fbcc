// RSA private keys: a merchant's towards the wallets, those of services that sign tokens, and of
// whoever plays a TPM. The platform's own keys are on curves.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "crypto/public_key.h"

#include <memory>

namespace softpos::crypto {

// Safe to use from several threads: nothing of it changes.
//
//     const RsaKey key = TRY(RsaKey::generate(2048));
//     const Buffer signature = TRY(key.sign(SignatureKind::rsa_pss_sha256, message));
class RsaKey {
public:
    // With 65537 as exponent; takes a second. unsupported outside of rsa_bits_min and rsa_bits_max.
    static Result<RsaKey> generate(unsigned bits);

    // PrivateKeyInfo in DER, as wallets give it to a merchant. malformed where it is none of RSA,
    // anything is left behind it, or its numbers do not belong together; unsupported for a size
    // outside of those. Spec: [RFC-5958] 2.
    static Result<RsaKey> from_pkcs8(Bytes der);

    RsaKey(RsaKey&&) noexcept;
    RsaKey& operator=(RsaKey&&) noexcept;
    ~RsaKey();

    SecretBytes pkcs8() const;  // What from_pkcs8() takes, to put it away.
    Buffer spki() const;        // SubjectPublicKeyInfo, DER.
    Buffer modulus() const;     // Big endian.

    // denied for a kind that is not RSA's.
    Result<Buffer> sign(SignatureKind kind, Bytes message) const;

    // What PublicKey::encrypt_oaep_sha256() made. denied for everything else, with one error for
    // all reasons: the difference would give the text away.
    Result<SecretBytes> open_oaep_sha256(Bytes sealed, Bytes label) const;

private:
    struct Handle;
    explicit RsaKey(std::unique_ptr<Handle> handle);
    std::unique_ptr<Handle> handle_;
};

}  // namespace softpos::crypto
