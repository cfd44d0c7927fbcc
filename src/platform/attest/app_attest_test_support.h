// An iPhone's part of App Attest with an Apple of a test's own: attestations and assertions that
// are right but for what a test changes.
#pragma once

#include "codec/cbor.h"
#include "crypto/hash.h"
#include "platform/attest/app_attest.h"
#include "platform/attest/certificate_test_support.h"

#include <string>
#include <vector>

namespace softpos::attest {

struct TestIphone {
    TestAuthority root = TestAuthority::make("Test Attestation Root");
    TestAuthority authority = TestAuthority::make("Test Attestation CA 1");
    crypto::P256Key key = TestAuthority::make("key").key;
    std::string app_id = "ABCDE12345.cn.example.spos";
    Buffer challenge_hash = Buffer(32, 0x5A);

    // Set to something else by whoever wants it wrong.
    std::string service{"appattest\0\0\0\0\0\0\0", 16};
    std::uint32_t counter = 0;
    std::uint8_t flags = 0x40;
    TestCertificate leaf{};  // Subject, dates, authority.
    bool with_nonce = true;

    std::vector<TrustAnchor> anchors() const { return {root.anchor()}; }

    Buffer credential_id() const {
        const auto id = crypto::sha256(key.public_point());
        return {id.begin(), id.end()};
    }

    Buffer data(bool with_credential) const {
        const auto app = crypto::sha256(bytes_of(app_id));
        Buffer out(app.begin(), app.end());
        out.push_back(flags);
        for (const unsigned shift : {24U, 16U, 8U, 0U}) {
            out.push_back(static_cast<std::uint8_t>(counter >> shift));
        }
        if (!with_credential) return out;
        append(out, bytes_of(service));
        append(out, Buffer{0, 32});
        append(out, credential_id());
        const Buffer point = key.public_point();
        codec::CborWriter cose(out);
        cose.begin_map(5);
        for (const int value : {1, 2, 3, -7, -1, 1}) cose.put_integer(value);
        cose.put_integer(-2);
        cose.put_bytes(Bytes(point).subspan(1, 32));
        cose.put_integer(-3);
        cose.put_bytes(Bytes(point).subspan(33));
        return out;
    }

    static Buffer nonce(Bytes data, Bytes hash) {
        Buffer message(data.begin(), data.end());
        append(message, hash);
        const auto digest = crypto::sha256(message);
        return {digest.begin(), digest.end()};
    }

    Buffer leaf_certificate() const {
        TestCertificate certificate = leaf;
        certificate.subject = "key";
        certificate.spki = p256_spki(key.public_point());
        if (with_nonce) {
            Buffer octets;
            codec::DerWriter(octets).put_octets(nonce(data(true), challenge_hash));
            certificate.extensions.push_back(
                {std::string(app_attest_nonce_oid),
                 der_list(der::sequence, {der_object(der::context(1), octets)})});
        }
        return authority.certify(certificate);
    }

    Buffer attestation() const {
        return attestation({leaf_certificate(), root.certify(authority)});
    }

    Buffer attestation(const std::vector<Buffer>& certificates) const {
        Buffer out;
        codec::CborWriter cbor(out);
        cbor.begin_map(3);
        cbor.put_text("fmt");
        cbor.put_text("apple-appattest");
        cbor.put_text("attStmt");
        cbor.begin_map(2);
        cbor.put_text("x5c");
        cbor.begin_array(certificates.size());
        for (const Buffer& one : certificates) cbor.put_bytes(one);
        cbor.put_text("receipt");
        cbor.put_bytes(Buffer{1, 2, 3});
        cbor.put_text("authData");
        cbor.put_bytes(data(true));
        return out;
    }

    Buffer assertion() const {
        const Buffer signed_data = data(false);
        Buffer out;
        codec::CborWriter cbor(out);
        cbor.begin_map(2);
        cbor.put_text("signature");
        cbor.put_bytes(key.sign(nonce(signed_data, challenge_hash)));
        cbor.put_text("authenticatorData");
        cbor.put_bytes(signed_data);
        return out;
    }
};

}  // namespace softpos::attest
