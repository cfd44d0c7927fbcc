// Keys are taken apart here and loaded by their numbers: the library's own way from
// SubjectPublicKeyInfo looks for a decoder each time, and takes longer than the signature check.
#include "crypto/public_key.h"

#include "base/check.h"
#include "codec/der.h"
#include "crypto/owned.h"
#include "crypto/pem.h"
#include "crypto/rsa_padding.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <array>
#include <mutex>

namespace softpos::crypto {
namespace {

namespace der = codec::der;

using PKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PKeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Number = Owned<BIGNUM, BN_free>;
using ParameterBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = Owned<OSSL_PARAM, OSSL_PARAM_free>;

constexpr std::string_view rsa_oid = "1.2.840.113549.1.1.1";
constexpr std::string_view ec_oid = "1.2.840.10045.2.1";
constexpr std::uint8_t uncompressed = 0x04;
constexpr std::size_t exponent_bytes_max = 8;

struct Curve {
    KeyFamily family;
    std::string_view oid;
    std::size_t coordinate_bytes;
    unsigned bits;
    const char* library_name;
    std::string_view name;
};
constexpr Curve curves[] = {
    {KeyFamily::p256, "1.2.840.10045.3.1.7", 32, 256, "prime256v1", "P-256"},
    {KeyFamily::p384, "1.3.132.0.34", 48, 384, "secp384r1", "P-384"},
    {KeyFamily::p521, "1.3.132.0.35", 66, 521, "secp521r1", "P-521"},
};

const Curve* curve_of(KeyFamily family) {
    for (const Curve& curve : curves) {
        if (curve.family == family) return &curve;
    }
    return nullptr;
}

struct KindRow {
    const char* digest;
    bool rsa;
    bool pss;
};

KindRow row_of(SignatureKind kind) {
    switch (kind) {
        case SignatureKind::rsa_pkcs1_sha256:
            return {"SHA256", true, false};
        case SignatureKind::rsa_pkcs1_sha384:
            return {"SHA384", true, false};
        case SignatureKind::rsa_pkcs1_sha512:
            return {"SHA512", true, false};
        case SignatureKind::rsa_pss_sha256:
            return {"SHA256", true, true};
        case SignatureKind::ecdsa_sha256:
            return {"SHA256", false, false};
        case SignatureKind::ecdsa_sha384:
            return {"SHA384", false, false};
        case SignatureKind::ecdsa_sha512:
            return {"SHA512", false, false};
    }
    CHECK(false);
}

unsigned bit_count(Bytes number) {
    if (number.empty()) return 0;
    unsigned top = 0;
    while (top < 8 && number.front() >> top != 0) ++top;
    return static_cast<unsigned>(number.size() - 1) * 8 + top;
}

}  // namespace

struct PublicKey::Handle {
    Buffer spki;
    KeyFamily family = KeyFamily::other;
    unsigned bits = 0;
    Buffer point;              // Of a curve.
    Buffer modulus, exponent;  // Of RSA.

    std::once_flag loading;
    PKey key;  // Null until the first use, and where the library refuses the numbers.

    void load();
    Result<void> read();
    Result<EVP_PKEY*> usable();  // Loaded, and of a size that we take.
};

Result<void> PublicKey::Handle::read() {
    codec::DerReader in(spki);
    codec::DerReader info = TRY(in.enter(der::sequence));
    TRY_VOID(in.end());
    codec::DerReader algorithm = TRY(info.enter(der::sequence));
    const std::string oid = TRY(codec::oid_text(TRY(algorithm.take_oid())));
    const Bytes bit_string = TRY(info.take(der::bit_string)).content;
    TRY_VOID(info.end());
    if (bit_string.empty()) return fail(ErrorKind::malformed, "key: no bits");
    if (oid == ec_oid) {
        const auto named = TRY(algorithm.take_if(der::object_identifier));
        if (!named) return {};  // A curve of its own: other.
        const std::string curve_oid = TRY(codec::oid_text(named->content));
        for (const Curve& curve : curves) {
            if (curve.oid != curve_oid) continue;
            const Bytes bytes = bit_string.subspan(1);
            if (bit_string.front() != 0 || bytes.size() != 1 + 2 * curve.coordinate_bytes ||
                bytes.front() != uncompressed) {
                return fail(ErrorKind::malformed, "key: point form");
            }
            family = curve.family;
            bits = curve.bits;
            point.assign(bytes.begin(), bytes.end());
        }
        return {};
    }
    if (oid != rsa_oid || bit_string.front() != 0) return {};
    TRY_VOID(algorithm.take_null());
    codec::DerReader outer(bit_string.subspan(1));
    codec::DerReader numbers = TRY(outer.enter(der::sequence));
    TRY_VOID(outer.end());
    const Bytes n = TRY(numbers.take_magnitude());
    const Bytes e = TRY(numbers.take_magnitude());
    TRY_VOID(numbers.end());
    // Numbers that no RSA key has: 1 as exponent would sign nothing.
    if (n.empty() || e.empty() || (n.back() & 1U) == 0 || (e.back() & 1U) == 0 ||
        e.size() > exponent_bytes_max || (e.size() == 1 && e.front() == 1)) {
        return fail(ErrorKind::malformed, "key: RSA numbers");
    }
    family = KeyFamily::rsa;
    bits = bit_count(n);
    modulus.assign(n.begin(), n.end());
    exponent.assign(e.begin(), e.end());
    return {};
}

void PublicKey::Handle::load() {
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    CHECK(builder != nullptr);
    const bool rsa = family == KeyFamily::rsa;
    Number n;
    Number e;
    if (rsa) {
        n.reset(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
        e.reset(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
        CHECK(n != nullptr && e != nullptr);
        CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1);
        CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
    } else {
        CHECK(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                              curve_of(family)->library_name, 0) == 1);
        CHECK(OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                               point.size()) == 1);
    }
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const PKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, rsa ? "RSA" : "EC", nullptr));
    CHECK(parameters != nullptr && context != nullptr);
    CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
    EVP_PKEY* made = nullptr;
    // Refuses a point that is not on its curve.
    if (EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1) {
        key.reset(made);
    }
    ERR_clear_error();
}

Result<PublicKey> PublicKey::from_spki(Bytes spki) {
    if (spki.size() > spki_bytes_max) return fail(ErrorKind::denied, "key: too long");
    auto handle = std::make_shared<Handle>();
    handle->spki.assign(spki.begin(), spki.end());
    TRY_VOID(handle->read());
    return PublicKey(std::move(handle));
}

Result<PublicKey> PublicKey::from_p256_point(Bytes point) {
    // SubjectPublicKeyInfo of this curve up to the point. Spec: [RFC-5480] 2.
    constexpr std::array<std::uint8_t, 26> head = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
        0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};
    constexpr std::size_t point_bytes = 65;
    if (point.size() != point_bytes) return fail(ErrorKind::malformed, "key: point form");
    Buffer spki(head.begin(), head.end());
    append(spki, point);
    return from_spki(spki);
}

Result<PublicKey> PublicKey::from_pem(std::string_view text) {
    const auto blocks = TRY(pem_blocks(text, "PUBLIC KEY", 1));
    if (blocks.empty()) return fail(ErrorKind::malformed, "pem: no public key");
    return from_spki(blocks.front());
}

KeyFamily PublicKey::family() const {
    return handle_->family;
}

unsigned PublicKey::bits() const {
    return handle_->bits;
}

std::string PublicKey::name() const {
    if (handle_->family == KeyFamily::rsa) return "RSA-" + std::to_string(handle_->bits);
    const Curve* curve = curve_of(handle_->family);
    return curve == nullptr ? "unknown" : std::string(curve->name);
}

const Buffer& PublicKey::spki() const {
    return handle_->spki;
}

Bytes PublicKey::point() const {
    return handle_->point;
}

Result<EVP_PKEY*> PublicKey::Handle::usable() {
    if (family == KeyFamily::rsa && (bits < rsa_bits_min || bits > rsa_bits_max)) {
        return fail(ErrorKind::unsupported, "key: RSA size", bits);
    }
    std::call_once(loading, [this] { load(); });
    if (!key) return fail(ErrorKind::denied, "key: unusable");
    return key.get();
}

Result<void> PublicKey::verify(SignatureKind kind, Bytes message, Bytes signature) const {
    const KindRow row = row_of(kind);
    const bool rsa = handle_->family == KeyFamily::rsa;
    if (handle_->family == KeyFamily::other || rsa != row.rsa) {
        return fail(ErrorKind::denied, "signature: not of this kind of key");
    }
    EVP_PKEY* key = TRY(handle_->usable());
    const DigestContext context(EVP_MD_CTX_new());
    CHECK(context != nullptr);
    EVP_PKEY_CTX* parameters = nullptr;  // Owned by the context.
    bool good = EVP_DigestVerifyInit_ex(context.get(), &parameters, row.digest, nullptr, nullptr,
                                        key, nullptr) == 1;
    if (good && row.pss) good = set_pss(parameters);
    good = good && EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                    message.data(), message.size()) == 1;
    ERR_clear_error();
    if (!good) return fail(ErrorKind::denied, "signature: does not fit");
    return {};
}

Result<Buffer> PublicKey::encrypt_oaep_sha256(Bytes plain, Bytes label) const {
    if (handle_->family != KeyFamily::rsa) {
        return fail(ErrorKind::unsupported, "oaep: not an RSA key of a size in use");
    }
    EVP_PKEY* key = TRY(handle_->usable());
    const PKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    CHECK(context != nullptr);
    TRY_VOID(set_oaep_sha256(context.get(), label, EVP_PKEY_encrypt_init));
    std::size_t size = handle_->modulus.size();
    Buffer out(size);
    if (EVP_PKEY_encrypt(context.get(), out.data(), &size, plain.data(), plain.size()) != 1) {
        ERR_clear_error();
        return fail(ErrorKind::denied, "oaep: the text does not fit");
    }
    out.resize(size);
    return out;
}

Buffer ecdsa_signature_der(Bytes r, Bytes s) {
    const Owned<ECDSA_SIG, ECDSA_SIG_free> numbers(ECDSA_SIG_new());
    Number first(BN_bin2bn(r.data(), static_cast<int>(r.size()), nullptr));
    Number second(BN_bin2bn(s.data(), static_cast<int>(s.size()), nullptr));
    CHECK(numbers != nullptr && first != nullptr && second != nullptr);
    CHECK(ECDSA_SIG_set0(numbers.get(), first.release(), second.release()) == 1);
    const int size = i2d_ECDSA_SIG(numbers.get(), nullptr);
    CHECK(size > 0);
    Buffer der(static_cast<std::size_t>(size));
    std::uint8_t* at = der.data();
    CHECK(i2d_ECDSA_SIG(numbers.get(), &at) == size);
    return der;
}

}  // namespace softpos::crypto
