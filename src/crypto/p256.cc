// Only named-curve P-256 keys get in; every other type the library would take is refused here.
#include "crypto/p256.h"

#include "base/check.h"
#include "crypto/owned.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <limits>

namespace softpos::crypto {
namespace {

using PKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PKeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Bio = Owned<BIO, BIO_free_all>;

constexpr std::size_t key_text_bytes_max = 8192;
constexpr std::uint8_t uncompressed = 0x04;

bool is_p256(const EVP_PKEY* key) {
    std::array<char, 32> group{};
    std::size_t size = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 &&
           std::string_view(group.data(), size) == "prime256v1";
}

// The library answers every bad point with the same error; which rule it broke stays with it.
Result<PKey> public_key(Bytes point) {
    if (point.size() != p256_point_bytes || point[0] != uncompressed) {
        return fail(ErrorKind::malformed, "p256: point form");
    }
    std::array<char, 11> group{"prime256v1"};
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                          const_cast<std::uint8_t*>(point.data()), point.size()),
        OSSL_PARAM_construct_end()};
    const PKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    CHECK(context != nullptr && EVP_PKEY_fromdata_init(context.get()) == 1);
    EVP_PKEY* made = nullptr;
    // Refuses what is not on the curve.
    if (EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY,
                          const_cast<OSSL_PARAM*>(parameters.data())) != 1) {
        ERR_clear_error();
        return fail(ErrorKind::denied, "p256: point is not on the curve");
    }
    return PKey(made);
}

// Never prompts: a program without a person in front of it must not wait for one.
int no_pass_phrase(char*, int, int, void*) {
    return -1;
}

}  // namespace

struct P256Key::Handle {
    PKey key;
};

P256Key::P256Key(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
P256Key::P256Key(P256Key&&) noexcept = default;
P256Key& P256Key::operator=(P256Key&&) noexcept = default;
P256Key::~P256Key() = default;

Result<P256Key> P256Key::generate() {
    PKey key(EVP_EC_gen("P-256"));
    if (!key) {
        ERR_clear_error();
        return fail(ErrorKind::internal, "p256: generation");
    }
    return P256Key(std::make_unique<Handle>(std::move(key)));
}

Result<P256Key> P256Key::from_private_der(Bytes der) {
    if (der.size() > key_text_bytes_max) return fail(ErrorKind::malformed, "p256: key size");
    const std::uint8_t* cursor = der.data();
    PKey key(d2i_AutoPrivateKey(nullptr, &cursor, static_cast<long>(der.size())));
    ERR_clear_error();
    if (!key || cursor != der.data() + der.size() || !is_p256(key.get())) {
        return fail(ErrorKind::malformed, "p256: no private key");
    }
    return P256Key(std::make_unique<Handle>(std::move(key)));
}

Result<P256Key> P256Key::from_private_pem(std::string_view pem) {
    if (pem.size() > key_text_bytes_max) return fail(ErrorKind::malformed, "p256: key size");
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    CHECK(bio != nullptr);
    PKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr));
    ERR_clear_error();
    if (!key || !is_p256(key.get())) return fail(ErrorKind::malformed, "p256: no private key");
    return P256Key(std::make_unique<Handle>(std::move(key)));
}

Buffer P256Key::public_point() const {
    Buffer point(p256_point_bytes);
    std::size_t size = 0;
    // Keys made elsewhere may carry the compressed form; the coordinates are always there.
    BIGNUM* x = nullptr;
    BIGNUM* y = nullptr;
    CHECK(EVP_PKEY_get_bn_param(handle_->key.get(), OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1);
    const Owned<BIGNUM, BN_free> own_x(x);
    CHECK(EVP_PKEY_get_bn_param(handle_->key.get(), OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1);
    const Owned<BIGNUM, BN_free> own_y(y);
    point[size++] = uncompressed;
    CHECK(BN_bn2binpad(x, &point[1], 32) == 32);
    CHECK(BN_bn2binpad(y, &point[33], 32) == 32);
    return point;
}

SecretBytes P256Key::private_der() const {
    const Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free> info(
        EVP_PKEY2PKCS8(handle_->key.get()));
    CHECK(info != nullptr);
    const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr);
    CHECK(size > 0);
    SecretBytes der(static_cast<std::size_t>(size));
    std::uint8_t* cursor = der.writable().data();
    CHECK(i2d_PKCS8_PRIV_KEY_INFO(info.get(), &cursor) == size);
    return der;
}

std::string P256Key::private_pem() const {
    const Bio bio(BIO_new(BIO_s_secmem()));
    CHECK(bio != nullptr);
    CHECK(PEM_write_bio_PrivateKey(bio.get(), handle_->key.get(), nullptr, nullptr, 0, nullptr,
                                   nullptr) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    CHECK(size > 0);
    return {data, static_cast<std::size_t>(size)};
}

Result<SecretBytes> P256Key::ecdh(Bytes peer_point) const {
    const PKey peer = TRY(public_key(peer_point));
    const PKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, handle_->key.get(), nullptr));
    CHECK(context != nullptr && EVP_PKEY_derive_init(context.get()) == 1);
    SecretBytes shared(p256_shared_bytes);
    std::size_t size = shared.size();
    if (EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
        EVP_PKEY_derive(context.get(), shared.writable().data(), &size) != 1 ||
        size != shared.size()) {
        ERR_clear_error();
        return fail(ErrorKind::denied, "p256: agreement");
    }
    return shared;
}

Buffer P256Key::sign(Bytes message) const {
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr,
                                handle_->key.get(), nullptr) == 1);
    Buffer signature(80);  // 72 at most for this curve.
    std::size_t size = signature.size();
    CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
          1);
    signature.resize(size);
    return signature;
}

Result<void> p256_verify(Bytes public_point, Bytes message, Bytes signature_der) {
    const PKey key = TRY(public_key(public_point));
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    CHECK(EVP_DigestVerifyInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr, key.get(),
                                  nullptr) == 1);
    const int verdict = EVP_DigestVerify(context.get(), signature_der.data(), signature_der.size(),
                                         message.data(), message.size());
    ERR_clear_error();
    if (verdict != 1) return fail(ErrorKind::denied, "p256: signature");
    return {};
}

}  // namespace softpos::crypto
