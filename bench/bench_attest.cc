// What a verdict on an Android key costs beside the signatures that it must check in any case. The
// chain is made here and has the form of a factory's: three keys on P-256 under a root of RSA-4096.
// links: attest OpenSSL::Crypto benchmark
#include "base/check.h"
#include "codec/der.h"
#include "crypto/certificate.h"
#include "crypto/owned.h"
#include "platform/attest/android_verify.h"

#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <array>
#include <string>
#include <vector>

namespace {

using namespace softpos;
using namespace softpos::attest;
namespace der = codec::der;
using codec::DerWriter;

constexpr Instant judged_at{1'795'305'600'000};  // 2026-11-22T00:00:00Z
constexpr std::int64_t revocations = 2000;       // Google's list has about as many.

using Key = crypto::Owned<EVP_PKEY, EVP_PKEY_free>;
using Draft = crypto::Owned<X509, X509_free>;

Buffer wrapped(codec::DerTag tag, Bytes content) {
    Buffer out;
    DerWriter(out).put(tag, content);
    return out;
}

Buffer number(std::uint64_t value, codec::DerTag kind = der::integer) {
    Buffer out;
    DerWriter(out).put_unsigned(kind, value);
    return out;
}

Buffer octets(Bytes value) {
    return wrapped(der::octet_string, value);
}

Buffer joined(std::initializer_list<Buffer> parts) {
    Buffer out;
    for (const Buffer& part : parts) append(out, part);
    return out;
}

Buffer tagged(KeyTag tag, const Buffer& value) {
    return wrapped(der::context(static_cast<std::uint32_t>(tag)), value);
}

Buffer sequence(std::initializer_list<Buffer> parts) {
    return wrapped(der::sequence, joined(parts));
}

Buffer set(std::initializer_list<Buffer> parts) {
    return wrapped(der::set, joined(parts));
}

const Buffer challenge(32, 0xC4);
const Buffer signer(32, 0x51);
constexpr std::string_view package = "cn.example.spos";

Buffer boolean(bool value) {
    Buffer out;
    DerWriter(out).put_boolean(value);
    return out;
}

// A statement as phones of version 400 make it, without attested serial numbers.
Buffer key_description() {
    const Buffer application =
        sequence({set({sequence({octets(bytes_of(package)), number(7)})}), set({octets(signer)})});
    const Buffer software = sequence({tagged(KeyTag::creation_date_time, number(1'790'000'000'000)),
                                      tagged(KeyTag::application_id, octets(application))});
    const Buffer root = sequence({octets(Buffer(32, 0xB0)), boolean(true),
                                  number(0, der::enumerated), octets(Buffer(32, 0xB1))});
    const Buffer hardware = sequence(
        {tagged(KeyTag::purpose, set({number(purpose_sign)})), tagged(KeyTag::algorithm, number(3)),
         tagged(KeyTag::key_size, number(256)), tagged(KeyTag::digest, set({number(4)})),
         tagged(KeyTag::ec_curve, number(1)), tagged(KeyTag::no_auth_required, Buffer{5, 0}),
         tagged(KeyTag::origin, number(origin_generated)), tagged(KeyTag::root_of_trust, root),
         tagged(KeyTag::os_version, number(150'000)),
         tagged(KeyTag::os_patch_level, number(202'610)),
         tagged(KeyTag::vendor_patch_level, number(20'261'005)),
         tagged(KeyTag::boot_patch_level, number(20'261'005))});
    const Buffer level = number(1, der::enumerated);
    return sequence({number(400), level, number(400), level, octets(challenge), octets({}),
                     software, hardware});
}

void add_name(X509_NAME* name, const char* field, const std::string& value) {
    CHECK(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(value.data()),
                                     static_cast<int>(value.size()), -1, 0) == 1);
}

void add_extension(X509* draft, const char* oid, Bytes value) {
    const crypto::Owned<ASN1_OBJECT, ASN1_OBJECT_free> object(OBJ_txt2obj(oid, 1));
    const crypto::Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> data(ASN1_OCTET_STRING_new());
    CHECK(ASN1_OCTET_STRING_set(data.get(), value.data(), static_cast<int>(value.size())) == 1);
    const crypto::Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, data.get()));
    CHECK(extension.get() != nullptr && X509_add_ext(draft, extension.get(), -1) == 1);
}

struct Subject {
    std::string name;
    std::string title;  // TEE, on the attestation key.
    EVP_PKEY* key;
    bool authority;
};

Buffer issue(const Subject& subject, const Subject& issuer, long serial) {
    const Draft draft(X509_new());
    CHECK(X509_set_version(draft.get(), X509_VERSION_3) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(draft.get()), serial);
    CHECK(ASN1_TIME_set(X509_getm_notBefore(draft.get()), 1'700'000'000) != nullptr);
    CHECK(ASN1_TIME_set(X509_getm_notAfter(draft.get()), 2'100'000'000) != nullptr);
    for (const auto& [who, name] : {std::pair{&subject, X509_get_subject_name(draft.get())},
                                    std::pair{&issuer, X509_get_issuer_name(draft.get())}}) {
        if (!who->title.empty()) add_name(name, "title", who->title);
        add_name(name, "CN", who->name);
    }
    CHECK(X509_set_pubkey(draft.get(), subject.key) == 1);
    if (subject.authority) {
        add_extension(draft.get(), "2.5.29.19", sequence({boolean(true)}));
        add_extension(draft.get(), "2.5.29.15", Buffer{3, 2, 2, 4});  // keyCertSign
    } else {
        add_extension(draft.get(), std::string(android_key_oid).c_str(), key_description());
    }
    CHECK(X509_sign(draft.get(), issuer.key, EVP_sha256()) > 0);
    unsigned char* bytes = nullptr;
    const int size = i2d_X509(draft.get(), &bytes);
    CHECK(size > 0);
    Buffer out(bytes, bytes + size);
    OPENSSL_free(bytes);
    return out;
}

struct Phone {
    Phone() {
        const Key leaf(EVP_EC_gen("P-256"));
        const Key attestation(EVP_EC_gen("P-256"));
        const Key middle(EVP_EC_gen("P-256"));
        const Key root(EVP_RSA_gen(4096));
        const std::array<Subject, 4> subjects{{{"Android Keystore Key", "", leaf.get(), false},
                                               {"a1b2c3d4", "TEE", attestation.get(), true},
                                               {"e5f6a7b8", "TEE", middle.get(), true},
                                               {"root", "", root.get(), true}}};
        for (std::size_t i = 0; i < subjects.size(); ++i) {
            const Subject& issuer = subjects[std::min(i + 1, subjects.size() - 1)];
            chain.push_back(issue(subjects[i], issuer, 1000 + static_cast<long>(i)));
            certificates.push_back(crypto::Certificate::parse(chain.back()).value());
        }
        anchors.push_back({"made here", certificates.back().key()});
        std::string list = R"({"entries":{)";
        for (std::int64_t i = 0; i < revocations; ++i) {
            list += (i == 0 ? "\"" : ",\"") + std::to_string(900'000'000'000 + 7919 * i) +
                    R"(":{"status":"REVOKED","reason":"KEY_COMPROMISE"})";
        }
        revoked = RevocationList::parse(list + "}}", judged_at).value();
        policy.challenge = challenge;
        policy.package = std::string(package);
        policy.signers = {signer};
        policy.os_patch_min = 202'600;
    }

    void judge() const {
        const std::vector<Bytes> views(chain.begin(), chain.end());
        const Verdict verdict =
            verify_android_key(views, policy, {anchors, &revoked.value()}, judged_at);
        CHECK(verdict.outcome == Outcome::pass);
    }
    // The same four signatures, of certificates that are read and with keys that are loaded.
    void check_signatures() const {
        for (std::size_t i = 0; i < certificates.size(); ++i) {
            const auto& issuer = certificates[std::min(i + 1, certificates.size() - 1)];
            CHECK(certificates[i].check_signed_by(issuer.key()).has_value());
        }
    }

    std::vector<Buffer> chain;
    std::vector<crypto::Certificate> certificates;
    std::vector<TrustAnchor> anchors;
    std::optional<RevocationList> revoked;
    AndroidPolicy policy;
};

void judge_android_chain(benchmark::State& state) {
    const Phone phone;
    for (auto _ : state) phone.judge();
}
BENCHMARK(judge_android_chain);

void its_signatures_alone(benchmark::State& state) {
    const Phone phone;
    for (auto _ : state) phone.check_signatures();
}
BENCHMARK(its_signatures_alone);

}  // namespace
