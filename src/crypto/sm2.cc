// All of it by the library's SM2 key type.
#include "crypto/sm2.h"

#include "base/check.h"
#include "codec/der.h"
#include "crypto/owned.h"

#include <openssl/asn1t.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

namespace softpos::crypto {
namespace {

using PKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PKeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Number = Owned<BIGNUM, BN_clear_free>;
using Point = Owned<EC_POINT, EC_POINT_free>;
using Group = Owned<EC_GROUP, EC_GROUP_free>;
using ParameterBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using Bio = Owned<BIO, BIO_free>;
using Text = Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;
using Integer = Owned<ASN1_INTEGER, ASN1_INTEGER_free>;

constexpr char curve[] = "SM2";
constexpr std::size_t digest_bytes = 32;
constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t overhead_bytes_max = 256;  // Of a ciphertext over its text.

struct Parts {
    Bytes point;
    Bytes scalar = {};  // Empty: a public key.
};

PKey make_key(const Parts& parts) {
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    CHECK(builder != nullptr);
    CHECK(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) ==
          1);
    CHECK(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                           parts.point.data(), parts.point.size()) == 1);
    Number scalar;
    if (!parts.scalar.empty()) {
        scalar.reset(
            BN_bin2bn(parts.scalar.data(), static_cast<int>(parts.scalar.size()), nullptr));
        CHECK(scalar != nullptr);
        CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) == 1);
    }
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const PKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr));
    CHECK(parameters != nullptr && context != nullptr);
    CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
    EVP_PKEY* made = nullptr;
    const int selection = parts.scalar.empty() ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR;
    PKey key;
    if (EVP_PKEY_fromdata(context.get(), &made, selection, parameters.get()) == 1) key.reset(made);
    ERR_clear_error();
    return key;
}

Result<PKey> public_key(Bytes point) {
    if (point.size() != sm2_point_bytes || point.front() != 0x04) {
        return fail(ErrorKind::malformed, "sm2: point form");
    }
    PKey key = make_key({point});
    if (!key) return fail(ErrorKind::denied, "sm2: point is not on the curve");
    return key;
}

Buffer point_of(EVP_PKEY* key) {
    Buffer point(sm2_point_bytes);
    std::size_t size = 0;
    CHECK(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                          &size) == 1);
    CHECK(size == point.size());
    return point;
}

// The library takes lengths in more bytes than they need and more of the kind: one ciphertext would
// have many forms.
bool is_strict(Bytes ciphertext_der) {
    namespace der = codec::der;
    codec::DerReader in(ciphertext_der);
    auto parts = in.enter(der::sequence);
    if (!parts || !in.empty()) return false;
    for (int i = 0; i < 2; ++i) {
        const auto coordinate = parts->take_magnitude();
        if (!coordinate || coordinate->size() > coordinate_bytes) return false;
    }
    const auto digest = parts->take(der::octet_string);
    if (!digest || digest->content.size() != digest_bytes) return false;
    const auto text = parts->take(der::octet_string);
    return text && !text->content.empty() && parts->empty();
}

// The library keeps the identity in the key's context, which must outlive the digest's.
PKeyContext context_with(EVP_PKEY* key, std::string_view identity) {
    PKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    CHECK(context != nullptr);
    CHECK(EVP_PKEY_CTX_set1_id(context.get(), identity.data(), static_cast<int>(identity.size())) ==
          1);
    return context;
}

}  // namespace

struct Sm2Key::Handle {
    PKey key;
};

Sm2Key::Sm2Key(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Sm2Key::Sm2Key(Sm2Key&&) noexcept = default;
Sm2Key& Sm2Key::operator=(Sm2Key&&) noexcept = default;
Sm2Key::~Sm2Key() = default;

Result<Sm2Key> Sm2Key::generate() {
    PKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "SM2"));
    if (!key) return fail(ErrorKind::unavailable, "sm2: no key could be made");
    return Sm2Key(std::make_unique<Handle>(Handle{std::move(key)}));
}

Result<Sm2Key> Sm2Key::from_scalar(Bytes scalar) {
    if (scalar.size() != sm2_scalar_bytes) return fail(ErrorKind::malformed, "sm2: scalar size");
    const Group group(EC_GROUP_new_by_curve_name(NID_sm2));
    const Number number(BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), nullptr));
    const Number last(BN_dup(EC_GROUP_get0_order(group.get())));
    CHECK(group != nullptr && number != nullptr && last != nullptr);
    CHECK(BN_sub_word(last.get(), 2) == 1);
    if (BN_is_zero(number.get()) || BN_cmp(number.get(), last.get()) > 0) {
        return fail(ErrorKind::denied, "sm2: scalar out of range");
    }
    const Point point(EC_POINT_new(group.get()));
    CHECK(point != nullptr);
    CHECK(EC_POINT_mul(group.get(), point.get(), number.get(), nullptr, nullptr, nullptr) == 1);
    Buffer bytes(sm2_point_bytes);
    CHECK(EC_POINT_point2oct(group.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, bytes.data(),
                             bytes.size(), nullptr) == bytes.size());
    PKey key = make_key({bytes, scalar});
    if (!key) return fail(ErrorKind::denied, "sm2: no such key");
    return Sm2Key(std::make_unique<Handle>(Handle{std::move(key)}));
}

Result<Sm2Key> Sm2Key::from_private_pem(std::string_view pem) {
    const Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    CHECK(in != nullptr);
    PKey key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    if (!key || EVP_PKEY_is_a(key.get(), "SM2") != 1) {
        return fail(ErrorKind::malformed, "sm2: no private key of this kind");
    }
    return Sm2Key(std::make_unique<Handle>(Handle{std::move(key)}));
}

Buffer Sm2Key::public_point() const {
    return point_of(handle_->key.get());
}

Buffer Sm2Key::sign(Bytes message, std::string_view identity) const {
    const PKeyContext parameters = context_with(handle_->key.get(), identity);
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    EVP_MD_CTX_set_pkey_ctx(context.get(), parameters.get());
    CHECK(EVP_DigestSignInit(context.get(), nullptr, EVP_sm3(), nullptr, handle_->key.get()) == 1);
    std::size_t size = 0;
    CHECK(EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1);
    Buffer signature(size);
    CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
          1);
    signature.resize(size);
    return signature;
}

Result<SecretBytes> Sm2Key::decrypt(Bytes ciphertext_der) const {
    const auto denied = [] { return fail(ErrorKind::denied, "sm2: ciphertext does not open"); };
    if (ciphertext_der.size() > sm2_plain_bytes_max + overhead_bytes_max) return denied();
    if (!is_strict(ciphertext_der)) return denied();
    const PKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, handle_->key.get(), nullptr));
    CHECK(context != nullptr && EVP_PKEY_decrypt_init(context.get()) == 1);
    // Never longer than the ciphertext, whatever is written in it.
    SecretBytes plain(ciphertext_der.size());
    std::size_t size = plain.size();
    const bool good = EVP_PKEY_decrypt(context.get(), plain.writable().data(), &size,
                                       ciphertext_der.data(), ciphertext_der.size()) == 1;
    ERR_clear_error();
    if (!good || size > plain.size()) return denied();
    return SecretBytes::copy_of(plain.bytes().first(size));
}

Result<void> sm2_verify(Bytes public_point, Bytes message, std::string_view identity,
                        Bytes signature_der) {
    const PKey key = TRY(public_key(public_point));
    const PKeyContext parameters = context_with(key.get(), identity);
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    EVP_MD_CTX_set_pkey_ctx(context.get(), parameters.get());
    CHECK(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sm3(), nullptr, key.get()) == 1);
    const bool good = EVP_DigestVerify(context.get(), signature_der.data(), signature_der.size(),
                                       message.data(), message.size()) == 1;
    ERR_clear_error();
    if (!good) return fail(ErrorKind::denied, "sm2: signature does not fit");
    return {};
}

Result<Buffer> sm2_encrypt(Bytes point, Bytes plain) {
    if (plain.empty() || plain.size() > sm2_plain_bytes_max) {
        return fail(ErrorKind::malformed, "sm2: size of the text");
    }
    const PKey key = TRY(public_key(point));
    const PKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
    CHECK(context != nullptr && EVP_PKEY_encrypt_init(context.get()) == 1);
    std::size_t size = 0;
    CHECK(EVP_PKEY_encrypt(context.get(), nullptr, &size, plain.data(), plain.size()) == 1);
    Buffer out(size);
    CHECK(EVP_PKEY_encrypt(context.get(), out.data(), &size, plain.data(), plain.size()) == 1);
    out.resize(size);
    return out;
}

Result<Buffer> sm2_ciphertext_der(Bytes c1c3c2) {
    if (c1c3c2.size() <= sm2_point_bytes + digest_bytes || c1c3c2.front() != 0x04) {
        return fail(ErrorKind::malformed, "sm2: ciphertext form");
    }
    const auto number = [&](std::size_t at) {
        const Number value(BN_bin2bn(c1c3c2.data() + at, coordinate_bytes, nullptr));
        Integer integer(BN_to_ASN1_INTEGER(value.get(), nullptr));
        CHECK(integer != nullptr);
        return integer;
    };
    const auto text = [&](Bytes bytes) {
        Text octets(ASN1_OCTET_STRING_new());
        CHECK(octets != nullptr);
        CHECK(ASN1_OCTET_STRING_set(octets.get(), bytes.data(), static_cast<int>(bytes.size())) ==
              1);
        return octets;
    };
    const Integer x = number(1);
    const Integer y = number(1 + coordinate_bytes);
    const Text c3 = text(c1c3c2.subspan(sm2_point_bytes, digest_bytes));
    const Text c2 = text(c1c3c2.subspan(sm2_point_bytes + digest_bytes));
    const int inner = i2d_ASN1_INTEGER(x.get(), nullptr) + i2d_ASN1_INTEGER(y.get(), nullptr) +
                      i2d_ASN1_OCTET_STRING(c3.get(), nullptr) +
                      i2d_ASN1_OCTET_STRING(c2.get(), nullptr);
    const int whole = ASN1_object_size(1, inner, V_ASN1_SEQUENCE);
    CHECK(inner > 0 && whole > inner);
    Buffer der(static_cast<std::size_t>(whole));
    std::uint8_t* at = der.data();
    ASN1_put_object(&at, 1, inner, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
    i2d_ASN1_INTEGER(x.get(), &at);
    i2d_ASN1_INTEGER(y.get(), &at);
    i2d_ASN1_OCTET_STRING(c3.get(), &at);
    i2d_ASN1_OCTET_STRING(c2.get(), &at);
    CHECK(at == der.data() + der.size());
    return der;
}

}  // namespace softpos::crypto
