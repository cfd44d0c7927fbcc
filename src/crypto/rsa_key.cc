// The library's RSA with the paddings of rsa_padding.h.
#include "crypto/rsa_key.h"

#include "base/check.h"
#include "crypto/owned.h"
#include "crypto/rsa_padding.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace softpos::crypto {
namespace {

constexpr std::size_t pkcs8_bytes_max = 8UL * 1024;

using PKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PKeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

const char* digest_of(SignatureKind kind) {
    switch (kind) {
        case SignatureKind::rsa_pkcs1_sha256:
        case SignatureKind::rsa_pss_sha256:
            return "SHA256";
        case SignatureKind::rsa_pkcs1_sha384:
            return "SHA384";
        case SignatureKind::rsa_pkcs1_sha512:
            return "SHA512";
        default:
            return nullptr;
    }
}

}  // namespace

struct RsaKey::Handle {
    PKey key;
};

RsaKey::RsaKey(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
RsaKey::RsaKey(RsaKey&&) noexcept = default;
RsaKey& RsaKey::operator=(RsaKey&&) noexcept = default;
RsaKey::~RsaKey() = default;

Result<RsaKey> RsaKey::generate(unsigned bits) {
    if (bits < rsa_bits_min || bits > rsa_bits_max) {
        return fail(ErrorKind::unsupported, "key: RSA size", bits);
    }
    PKey key(EVP_RSA_gen(bits));
    if (!key) {
        ERR_clear_error();
        return fail(ErrorKind::internal, "key: RSA generation");
    }
    return RsaKey(std::make_unique<Handle>(Handle{std::move(key)}));
}

Result<RsaKey> RsaKey::from_pkcs8(Bytes der) {
    if (der.size() > pkcs8_bytes_max) return fail(ErrorKind::malformed, "key: too long");
    const unsigned char* at = der.data();
    const Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> info(
        d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
    const bool whole = info && at == der.data() + der.size();
    PKey key(whole ? EVP_PKCS82PKEY(info.get()) : nullptr);
    ERR_clear_error();
    if (!key || EVP_PKEY_is_a(key.get(), "RSA") != 1) {
        return fail(ErrorKind::malformed, "key: no RSA key in PKCS #8");
    }
    const auto bits = static_cast<unsigned>(EVP_PKEY_get_bits(key.get()));
    if (bits < rsa_bits_min || bits > rsa_bits_max) {
        return fail(ErrorKind::unsupported, "key: RSA size", bits);
    }
    const PKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    CHECK(context != nullptr);
    const bool consistent = EVP_PKEY_pairwise_check(context.get()) == 1;
    ERR_clear_error();
    if (!consistent) return fail(ErrorKind::malformed, "key: its numbers do not fit");
    return RsaKey(std::make_unique<Handle>(Handle{std::move(key)}));
}

SecretBytes RsaKey::pkcs8() const {
    const Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> info(
        EVP_PKEY2PKCS8(handle_->key.get()));
    CHECK(info != nullptr);
    unsigned char* bytes = nullptr;
    const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &bytes);
    CHECK(size > 0);
    SecretBytes out = SecretBytes::copy_of(Bytes(bytes, static_cast<std::size_t>(size)));
    OPENSSL_clear_free(bytes, static_cast<std::size_t>(size));
    return out;
}

Buffer RsaKey::spki() const {
    unsigned char* bytes = nullptr;
    const int size = i2d_PUBKEY(handle_->key.get(), &bytes);
    CHECK(size > 0);
    Buffer copy(bytes, bytes + size);
    OPENSSL_free(bytes);
    return copy;
}

Buffer RsaKey::modulus() const {
    BIGNUM* number = nullptr;
    CHECK(EVP_PKEY_get_bn_param(handle_->key.get(), OSSL_PKEY_PARAM_RSA_N, &number) == 1);
    const Owned<BIGNUM, BN_free> owned(number);
    Buffer bytes(static_cast<std::size_t>(BN_num_bytes(number)));
    CHECK(BN_bn2bin(number, bytes.data()) == static_cast<int>(bytes.size()));
    return bytes;
}

Result<Buffer> RsaKey::sign(SignatureKind kind, Bytes message) const {
    const char* digest = digest_of(kind);
    if (digest == nullptr) return fail(ErrorKind::denied, "signature: not of this kind of key");
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    EVP_PKEY_CTX* parameters = nullptr;  // Owned by the context.
    CHECK(EVP_DigestSignInit_ex(context.get(), &parameters, digest, nullptr, nullptr,
                                handle_->key.get(), nullptr) == 1);
    if (kind == SignatureKind::rsa_pss_sha256) CHECK(set_pss(parameters));
    std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(handle_->key.get()));
    Buffer out(size);
    CHECK(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1);
    out.resize(size);
    return out;
}

Result<SecretBytes> RsaKey::open_oaep_sha256(Bytes sealed, Bytes label) const {
    const PKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, handle_->key.get(), nullptr));
    CHECK(context != nullptr);
    TRY_VOID(set_oaep_sha256(context.get(), label, EVP_PKEY_decrypt_init));
    std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(handle_->key.get()));
    SecretBytes room(size);
    const bool opened = EVP_PKEY_decrypt(context.get(), room.writable().data(), &size,
                                         sealed.data(), sealed.size()) == 1;
    ERR_clear_error();
    if (!opened) return fail(ErrorKind::denied, "oaep: cannot be opened");
    return SecretBytes::copy_of(room.bytes().first(size));
}

}  // namespace softpos::crypto
