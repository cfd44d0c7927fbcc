// Our reading of certificates against the library's, over every published chain, and what is
// refused.
#include "crypto/certificate.h"

#include "base/hex.h"
#include "crypto/owned.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

namespace softpos::crypto {
namespace {

namespace fs = std::filesystem;

using Foreign = Owned<X509, X509_free>;
using Number = Owned<BIGNUM, BN_free>;

Foreign foreign(Bytes der) {
    const unsigned char* at = der.data();
    Foreign read(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    ERR_clear_error();
    if (read != nullptr && at != der.data() + der.size()) read.reset();
    return read;
}

Buffer written(int (*write)(const X509_NAME*, unsigned char**), const X509_NAME* name) {
    unsigned char* bytes = nullptr;
    const int size = write(name, &bytes);
    Buffer copy(bytes, bytes + size);
    OPENSSL_free(bytes);
    return copy;
}

std::int64_t seconds_of(const ASN1_TIME* time) {
    const Owned<ASN1_TIME, ASN1_STRING_free> epoch(ASN1_TIME_set(nullptr, 0));
    int days = 0;
    int seconds = 0;
    EXPECT_EQ(ASN1_TIME_diff(&days, &seconds, epoch.get(), time), 1);
    return std::int64_t{days} * 86'400 + seconds;
}

std::vector<std::vector<Buffer>> published_chains() {
    std::vector<std::vector<Buffer>> chains;
    for (const char* folder : {"attestation", "appattest", "tpm"}) {
        const auto path = testing::shared_path(folder);
        if (!path) continue;
        std::vector<fs::path> files;
        for (const auto& entry : fs::recursive_directory_iterator(*path)) {
            if (entry.path().extension() == ".pem") files.push_back(entry.path());
        }
        std::ranges::sort(files);
        for (const auto& file : files) {
            std::ifstream in(file);
            const std::string text{std::istreambuf_iterator<char>(in), {}};
            if (const auto chain = pem_certificates(text, 40)) chains.push_back(*chain);
        }
    }
    return chains;
}

void expect_same(const Certificate& ours, X509* theirs) {
    EXPECT_EQ(to_hex(ours.issuer()), to_hex(written(i2d_X509_NAME, X509_get_issuer_name(theirs))));
    EXPECT_EQ(to_hex(ours.subject()),
              to_hex(written(i2d_X509_NAME, X509_get_subject_name(theirs))));
    const Number serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(theirs), nullptr));
    char* decimal = BN_bn2dec(serial.get());
    EXPECT_EQ(ours.serial_decimal(), decimal);
    OPENSSL_free(decimal);
    EXPECT_EQ(ours.not_before().value().unix_ms, seconds_of(X509_get0_notBefore(theirs)) * 1000);
    EXPECT_EQ(ours.not_after().value().unix_ms, seconds_of(X509_get0_notAfter(theirs)) * 1000);
    const EVP_PKEY* key = X509_get0_pubkey(theirs);
    ERR_clear_error();
    EXPECT_EQ(ours.key().family() == KeyFamily::other, key == nullptr);
    if (key != nullptr) {
        EXPECT_EQ(static_cast<int>(ours.key().bits()), EVP_PKEY_get_bits(key));
    }
    ASSERT_EQ(static_cast<int>(ours.extensions().size()), X509_get_ext_count(theirs));
    for (std::size_t i = 0; i < ours.extensions().size(); ++i) {
        X509_EXTENSION* extension = X509_get_ext(theirs, static_cast<int>(i));
        const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
        EXPECT_TRUE(std::ranges::equal(ours.extensions()[i].value,
                                       Bytes(ASN1_STRING_get0_data(value),
                                             static_cast<std::size_t>(ASN1_STRING_length(value)))));
        EXPECT_EQ(ours.extensions()[i].critical, X509_EXTENSION_get_critical(extension) == 1);
    }
    const auto constraints = ours.basic_constraints();
    ASSERT_TRUE(constraints.has_value());
    const bool authority = constraints->has_value() && (*constraints)->authority;
    EXPECT_EQ(authority, (X509_get_extension_flags(theirs) & EXFLAG_CA) != 0);
    const auto may_sign = ours.may_sign_certificates();
    ASSERT_TRUE(may_sign.has_value());
    EXPECT_EQ(may_sign->value_or(true), (X509_get_key_usage(theirs) & KU_KEY_CERT_SIGN) != 0);
}

TEST(Certificate, ReadsPublishedOnesAsTheLibraryDoes) {
    if (!testing::shared_path("attestation")) GTEST_SKIP();
    unsigned count = 0;
    for (const auto& chain : published_chains()) {
        for (const Buffer& der : chain) {
            SCOPED_TRACE(count++);
            const auto ours = Certificate::parse(der);
            const Foreign theirs = foreign(der);
            ASSERT_EQ(ours.has_value(), theirs != nullptr)
                << (ours ? "" : ours.error().what.c_str());
            if (ours) expect_same(*ours, theirs.get());
        }
    }
    EXPECT_GT(count, 100U);
}

TEST(Certificate, SignaturesFitWhereTheLibrarySaysSo) {
    if (!testing::shared_path("attestation")) GTEST_SKIP();
    std::map<std::string, unsigned> good;
    unsigned bad = 0;
    for (const auto& chain : published_chains()) {
        for (std::size_t i = 0; i < chain.size(); ++i) {
            const std::size_t above = std::min(i + 1, chain.size() - 1);
            const auto ours = Certificate::parse(chain[i]);
            const auto issuer = Certificate::parse(chain[above]);
            if (!ours || !issuer) continue;
            const Foreign theirs = foreign(chain[i]);
            const Foreign their_issuer = foreign(chain[above]);
            // The library also takes keys that are too short to mean anything today.
            if (issuer->key().family() == KeyFamily::rsa && issuer->key().bits() < rsa_bits_min) {
                EXPECT_EQ(ours->check_signed_by(issuer->key()).error().kind,
                          ErrorKind::unsupported);
                continue;
            }
            const bool fits = X509_verify(theirs.get(), X509_get0_pubkey(their_issuer.get())) == 1;
            ERR_clear_error();
            EXPECT_EQ(ours->check_signed_by(issuer->key()).has_value(), fits);
            fits ? ++good[issuer->key().name() + " " + ours->signature_oid()] : ++bad;
        }
    }
    EXPECT_GT(good["RSA-4096 1.2.840.113549.1.1.11"], 10U);
    EXPECT_GT(good["P-256 1.2.840.10045.4.3.2"], 10U);
    EXPECT_GT(good["P-384 1.2.840.10045.4.3.3"], 1U);
    EXPECT_GT(good["P-256 1.2.840.10045.4.3.3"], 0U);  // A real quirk.
    EXPECT_GT(bad, 3U);
}

// Shows: A7
TEST(Certificate, NoTurnedBitKeepsTheSignature) {
    if (!testing::shared_path("attestation")) GTEST_SKIP();
    auto prng = testing::Prng::from_environment();
    const auto chains = published_chains();
    unsigned read = 0;
    for (unsigned round = 0; round < 3'000; ++round) {
        SCOPED_TRACE(::testing::Message() << "SEED=" << prng.seed() << " round " << round);
        const auto& chain = chains[prng.below(static_cast<unsigned>(chains.size()))];
        const std::size_t at = prng.below(static_cast<unsigned>(chain.size()));
        Buffer der = chain[at];
        der[prng.below(static_cast<unsigned>(der.size()))] ^=
            static_cast<std::uint8_t>(1U << prng.below(8));
        const auto ours = Certificate::parse(der);
        if (!ours) continue;
        ++read;
        const auto issuer = Certificate::parse(chain[std::min(at + 1, chain.size() - 1)]);
        if (issuer) EXPECT_FALSE(ours->check_signed_by(issuer->key()).has_value());
    }
    EXPECT_GT(read, 1'000U);
}

TEST(Certificate, RefusesWhatIsBehindItAndWhatIsTooMuch) {
    const auto text = testing::read_shared("attestation/synthetic/root.pem");
    if (!text) GTEST_SKIP();
    Buffer der = pem_certificates(*text, 1).value().front();
    ASSERT_TRUE(Certificate::parse(der).has_value());
    EXPECT_EQ(pem_certificates(pem_of_certificate(der), 1).value().front(), der);
    EXPECT_EQ(pem_certificates(*text + *text, 1).error().kind, ErrorKind::denied);
    der.push_back(0);
    EXPECT_FALSE(Certificate::parse(der).has_value());
    der.pop_back();
    der.pop_back();
    EXPECT_FALSE(Certificate::parse(der).has_value());
    EXPECT_FALSE(Certificate::parse({}).has_value());
    EXPECT_FALSE(Certificate::parse(Buffer(Certificate::der_bytes_max + 1)).has_value());
}

TEST(Certificate, ArmourIsReadWhereItStands) {
    EXPECT_FALSE(pem_certificates("", 3).has_value());
    EXPECT_FALSE(pem_certificates("-----BEGIN CERTIFICATE-----\nMA==\n", 3).has_value());
    EXPECT_FALSE(pem_certificates("-----BEGIN CERTIFICATE-----\nM*==\n-----END CERTIFICATE-----", 3)
                     .has_value());
    const auto found = pem_certificates(
        "of a phone\r\n-----BEGIN CERTIFICATE-----\r\nMA\r\n==\r\n-----END CERTIFICATE-----\r\n",
        3);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(to_hex(found->front()), "30");
}

TEST(PublicKey, OddOnesVerifyNothing) {
    // A point beside the curve: (1, 1).
    Buffer spki = testing::unhex("3059301306072A8648CE3D020106082A8648CE3D03010703420004");
    spki.resize(spki.size() + 64);
    spki[spki.size() - 33] = 1;
    spki.back() = 1;
    const auto key = PublicKey::from_spki(spki);
    ASSERT_TRUE(key.has_value());
    EXPECT_EQ(key->family(), KeyFamily::p256);
    EXPECT_EQ(key->point().size(), 65U);
    const Buffer signature = testing::unhex("3006020101020101");
    EXPECT_FALSE(key->verify(SignatureKind::ecdsa_sha256, bytes_of("m"), signature).has_value());
    EXPECT_FALSE(
        key->verify(SignatureKind::rsa_pkcs1_sha256, bytes_of("m"), signature).has_value());

    const auto unknown = PublicKey::from_spki(testing::unhex("300C300506032A030405000303000102"));
    EXPECT_FALSE(unknown.has_value());  // Bytes left over.
    const auto other = PublicKey::from_spki(testing::unhex("300D300706052A0304050103020001"));
    ASSERT_TRUE(other.has_value());
    EXPECT_EQ(other->family(), KeyFamily::other);
    EXPECT_FALSE(other->verify(SignatureKind::ecdsa_sha256, bytes_of("m"), signature).has_value());
}

}  // namespace
}  // namespace softpos::crypto
