// Tokens of services of a test's own, right but for what a test changes.
#pragma once

#include "codec/base64.h"
#include "codec/der.h"
#include "crypto/aead.h"
#include "crypto/key_wrap.h"
#include "platform/attest/certificate_test_support.h"
#include "platform/attest/jws.h"
#include "platform/attest/tpm_test_support.h"

#include <string>
#include <string_view>
#include <vector>

namespace softpos::attest {

inline std::string token_part(std::string_view text) {
    return codec::to_base64url(bytes_of(text));
}

// The two numbers of an ECDSA signature, 32 bytes each.
inline Buffer raw_signature(Bytes der_signature) {
    codec::DerReader in(der_signature);
    auto numbers = in.enter(der::sequence).value();
    Buffer out;
    for (int i = 0; i < 2; ++i) {
        const Bytes number = numbers.take_magnitude().value();
        out.resize(out.size() + 32 - number.size());
        append(out, number);
    }
    return out;
}

inline std::string sign_es256(const crypto::P256Key& key, std::string_view header,
                              std::string_view payload) {
    const std::string text = token_part(header) + "." + token_part(payload);
    return text + "." + codec::to_base64url(raw_signature(key.sign(bytes_of(text))));
}

inline std::string sign_rsa(crypto::SignatureKind kind, std::string_view header,
                            std::string_view payload) {
    const std::string text = token_part(header) + "." + token_part(payload);
    return text + "." + codec::to_base64url(test_rsa_key().sign(kind, bytes_of(text)).value());
}

inline std::string encrypt_token(Bytes key, std::string_view inner,
                                 std::string_view header = R"({"alg":"A256KW","enc":"A256GCM"})") {
    const Buffer content_key(32, 0x6B);
    const Buffer nonce(12, 0x11);
    const std::string head = token_part(header);
    const Buffer sealed =
        crypto::gcm_seal(content_key, nonce, bytes_of(head), bytes_of(inner)).value();
    const Bytes all = sealed;
    return head + "." + codec::to_base64url(crypto::aes_key_wrap(key, content_key).value()) + "." +
           codec::to_base64url(nonce) + "." +
           codec::to_base64url(all.first(all.size() - crypto::gcm_tag_bytes)) + "." +
           codec::to_base64url(all.last(crypto::gcm_tag_bytes));
}

// Google's side of Play Integrity.
struct TestPlay {
    crypto::P256Key key = TestAuthority::make("play").key;
    SecretBytes decryption = SecretBytes::copy_of(Buffer(32, 0x2D));
    Buffer challenge = Buffer(32, 0x44);
    Buffer signer = Buffer(32, 0x99);
    std::string package = "cn.example.spos";

    // Set to something else by whoever wants it wrong.
    std::string app_package = package;
    std::string device = R"(["MEETS_BASIC_INTEGRITY","MEETS_DEVICE_INTEGRITY"])";
    std::string recognition = "PLAY_RECOGNIZED";
    std::string apps = "[]";
    std::string nonce_name = "nonce";
    std::int64_t made_at_ms = tests_now.unix_ms - 1'000;
    std::string header = R"({"alg":"ES256"})";

    std::string payload() const {
        return "{\"requestDetails\":{\"requestPackageName\":\"" + package + "\",\"" + nonce_name +
               "\":\"" + codec::to_base64url(challenge) + "\",\"timestampMillis\":\"" +
               std::to_string(made_at_ms) + "\"},\"appIntegrity\":{\"appRecognitionVerdict\":\"" +
               recognition + "\",\"packageName\":\"" + app_package +
               "\",\"certificateSha256Digest\":[\"" + codec::to_base64url(signer) +
               "\"],\"versionCode\":\"120\"},\"deviceIntegrity\":{\"deviceRecognitionVerdict\":" +
               device + "},\"accountDetails\":{\"appLicensingVerdict\":\"LICENSED\"}," +
               "\"environmentDetails\":{\"appAccessRiskVerdict\":{\"appsDetected\":" + apps + "}}}";
    }
    std::string inner() const { return sign_es256(key, header, payload()); }
    std::string token() const { return encrypt_token(decryption.bytes(), inner()); }
    crypto::PublicKey verification() const {
        return crypto::PublicKey::from_spki(p256_spki(key.public_point())).value();
    }
};

// Huawei's side of SysIntegrity. The chain is on P-256 here, where Huawei's is RSA: only the leaf's
// key signs tokens.
struct TestHms {
    TestAuthority root = TestAuthority::make("Test CBG Root CA");
    TestAuthority authority = TestAuthority::make("Test CBG Mobile CA");
    Buffer challenge = Buffer(32, 0x45);
    Buffer signer = Buffer(32, 0x9A);
    std::string package = "cn.example.spos";

    // Set to something else by whoever wants it wrong.
    std::string algorithm = "PS256";
    crypto::SignatureKind kind = crypto::SignatureKind::rsa_pss_sha256;
    std::string name = "sysintegrity.platform.hicloud.com";
    std::string integrity = "true";
    std::string detail = "[]";
    std::int64_t made_at_ms = tests_now.unix_ms - 1'000;
    TestCertificate leaf{};

    std::vector<TrustAnchor> anchors() const { return {root.anchor()}; }
    std::string header() const {
        TestCertificate certificate = leaf;
        certificate.subject = name;
        certificate.spki = test_rsa_key().spki();
        return "{\"alg\":\"" + algorithm + "\",\"x5c\":[\"" +
               codec::to_base64(authority.certify(certificate)) + "\",\"" +
               codec::to_base64(root.certify(authority)) + "\"]}";
    }
    std::string payload() const {
        return "{\"nonce\":\"" + codec::to_base64(challenge) +
               "\",\"timestampMs\":" + std::to_string(made_at_ms) + ",\"apkPackageName\":\"" +
               package + "\",\"apkDigestSha256\":\"" + codec::to_base64(Buffer(32, 1)) +
               "\",\"apkCertificateDigestSha256\":[\"" + codec::to_base64(signer) +
               "\"],\"basicIntegrity\":" + integrity + ",\"appId\":\"1001\",\"detail\":" + detail +
               "}";
    }
    std::string token() const { return sign_rsa(kind, header(), payload()); }
};

}  // namespace softpos::attest
