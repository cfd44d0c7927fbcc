// Chains of a test's own: authorities and certificates with any extension, right or wrong in any
// one part. Signed with P-256 throughout; the key that is certified may be any.
#pragma once

#include "base/check.h"
#include "codec/der.h"
#include "crypto/certificate.h"
#include "crypto/p256.h"
#include "platform/attest/anchors.h"
#include "platform/attest/words.h"

#include <string>
#include <string_view>
#include <vector>

namespace softpos::attest {

namespace der = codec::der;

constexpr Instant tests_from{1'767'225'600'000};  // 2026-01-01
constexpr Instant tests_now{1'795'305'600'000};   // 2026-11-22
constexpr Instant tests_to{1'830'297'600'000};    // 2028-01-01

inline Buffer der_object(codec::DerTag tag, Bytes content) {
    Buffer out;
    codec::DerWriter(out).put(tag, content);
    return out;
}

inline Buffer der_list(codec::DerTag tag, const std::vector<Buffer>& parts) {
    Buffer content;
    for (const Buffer& part : parts) append(content, part);
    return der_object(tag, content);
}

inline Buffer der_oid(std::string_view text) {
    Buffer out;
    codec::DerWriter(out).put_oid(text);
    return out;
}

inline Buffer der_bits(Bytes bytes) {
    Buffer content{0};
    append(content, bytes);
    return der_object(der::bit_string, content);
}

inline Buffer p256_spki(Bytes point) {
    return der_list(
        der::sequence,
        {der_list(der::sequence, {der_oid("1.2.840.10045.2.1"), der_oid("1.2.840.10045.3.1.7")}),
         der_bits(point)});
}

struct TestExtension {
    std::string oid;
    Buffer value;
    bool critical = false;
};

struct TestCertificate {
    std::string subject = {};
    std::string issuer = {};
    Buffer spki = {};
    bool authority = false;
    std::vector<TestExtension> extensions = {};
    Instant not_before = tests_from;
    Instant not_after = tests_to;
    Buffer serial{0x12, 0x34};
};

inline Buffer der_name(const std::string& common_name) {
    const Buffer part = der_list(
        der::sequence, {der_oid("2.5.4.3"), der_object(der::utf8_string, bytes_of(common_name))});
    return der_list(der::sequence, {der_list(der::set, {part})});
}

inline Buffer der_time(Instant instant) {
    constexpr codec::DerTag generalized_time{codec::DerClass::universal, false, 24};
    std::string text = instant_text(instant);  // "2026-11-22 15:04:05 UTC"
    std::erase_if(text, [](char c) { return c < '0' || c > '9'; });
    text += 'Z';
    return der_object(generalized_time, bytes_of(text));
}

// The certificate in DER, signed by the issuer's key.
inline Buffer sign_certificate(const TestCertificate& certificate,
                               const crypto::P256Key& issuer_key) {
    const Buffer algorithm = der_list(der::sequence, {der_oid("1.2.840.10045.4.3.2")});
    Buffer version;
    codec::DerWriter(version).put_unsigned(der::integer, 2);
    Buffer serial;
    codec::DerWriter(serial).put_magnitude(certificate.serial);
    std::vector<TestExtension> all = certificate.extensions;
    if (certificate.authority) {
        Buffer truth;
        codec::DerWriter(truth).put_boolean(true);
        all.push_back({"2.5.29.19", der_list(der::sequence, {truth}), true});
    }
    std::vector<Buffer> extensions;
    for (const TestExtension& one : all) {
        std::vector<Buffer> parts{der_oid(one.oid)};
        if (one.critical) codec::DerWriter(parts.emplace_back()).put_boolean(true);
        codec::DerWriter(parts.emplace_back()).put_octets(one.value);
        extensions.push_back(der_list(der::sequence, parts));
    }
    std::vector<Buffer> body{der_object(der::context(0), version),
                             serial,
                             algorithm,
                             der_name(certificate.issuer),
                             der_list(der::sequence, {der_time(certificate.not_before),
                                                      der_time(certificate.not_after)}),
                             der_name(certificate.subject),
                             certificate.spki};
    if (!extensions.empty()) {
        body.push_back(der_object(der::context(3), der_list(der::sequence, extensions)));
    }
    const Buffer signed_part = der_list(der::sequence, body);
    return der_list(der::sequence,
                    {signed_part, algorithm, der_bits(issuer_key.sign(signed_part))});
}

// A key with the certificates above it: what signs the leaf of a test.
struct TestAuthority {
    std::string name;
    crypto::P256Key key;

    static TestAuthority make(std::string name) {
        auto key = crypto::P256Key::generate();
        CHECK(key.has_value());
        return {std::move(name), *std::move(key)};
    }
    Buffer spki() const { return p256_spki(key.public_point()); }
    TrustAnchor anchor() const {
        auto loaded = crypto::PublicKey::from_spki(spki());
        CHECK(loaded.has_value());
        return {name, *std::move(loaded)};
    }
    Buffer certify(TestCertificate certificate) const {
        certificate.issuer = name;
        return sign_certificate(certificate, key);
    }
    Buffer certify(const TestAuthority& below) const {
        return certify({.subject = below.name, .spki = below.spki(), .authority = true});
    }
};

}  // namespace softpos::attest
