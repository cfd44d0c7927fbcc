// What a verdict on an Android key costs beside the signatures that it must check in any case. The
// chain is made here and has the form of a factory's, with all four keys on P-256.
// links: attest benchmark
#include "base/check.h"
#include "codec/der.h"
#include "crypto/certificate.h"
#include "crypto/p256.h"
#include "platform/attest/android_verify.h"

#include <benchmark/benchmark.h>

#include <algorithm>
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

Buffer object_id(std::string_view text) {
    Buffer out;
    DerWriter(out).put_oid(text);
    return out;
}

struct Subject {
    std::string name;
    std::string title;  // TEE, on the attestation key.
    const crypto::P256Key& key;
    bool authority;
};

Buffer name_of_subject(const Subject& subject) {
    const auto part = [](std::string_view oid, std::string_view value) {
        return set({sequence({object_id(oid), wrapped(der::utf8_string, bytes_of(value))})});
    };
    const Buffer name = part("2.5.4.3", subject.name);
    return subject.title.empty() ? sequence({name})
                                 : sequence({part("2.5.4.12", subject.title), name});
}

Buffer extensions_of(const Subject& subject) {
    const auto extension = [](std::string_view oid, const Buffer& value) {
        return sequence({object_id(oid), octets(value)});
    };
    if (!subject.authority) return sequence({extension(android_key_oid, key_description())});
    const Buffer sign_certificates{3, 2, 2, 4};  // BIT STRING
    return sequence({extension("2.5.29.19", sequence({boolean(true)})),
                     extension("2.5.29.15", sign_certificates)});
}

// Spec: [RFC-5280] 4.1.
Buffer issue(const Subject& subject, const Subject& issuer, std::uint64_t serial) {
    constexpr codec::DerTag utc_time{codec::DerClass::universal, false, 23};
    const Buffer algorithm = sequence({object_id("1.2.840.10045.4.3.2")});  // ECDSA, SHA-256
    const Buffer validity = sequence({wrapped(utc_time, bytes_of("240101000000Z")),
                                      wrapped(utc_time, bytes_of("360101000000Z"))});
    const auto key = crypto::PublicKey::from_p256_point(subject.key.public_point());
    CHECK(key.has_value());
    const Buffer content =
        sequence({wrapped(der::context(0), number(2)), number(serial), algorithm,
                  name_of_subject(issuer), validity, name_of_subject(subject), key->spki(),
                  wrapped(der::context(3), extensions_of(subject))});
    Buffer signature{0};  // No unused bits.
    append(signature, issuer.key.sign(content));
    return sequence({content, algorithm, wrapped(der::bit_string, signature)});
}

struct Phone {
    Phone() {
        std::vector<crypto::P256Key> keys;
        for (int i = 0; i < 4; ++i) keys.push_back(crypto::P256Key::generate().value());
        const std::array<Subject, 4> subjects{{{"Android Keystore Key", "", keys[0], false},
                                               {"a1b2c3d4", "TEE", keys[1], true},
                                               {"e5f6a7b8", "TEE", keys[2], true},
                                               {"root", "", keys[3], true}}};
        for (std::size_t i = 0; i < subjects.size(); ++i) {
            const Subject& issuer = subjects[std::min(i + 1, subjects.size() - 1)];
            chain.push_back(issue(subjects[i], issuer, 1000 + i));
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
