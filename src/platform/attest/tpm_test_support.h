// A TPM of a test's own, in software: makes quotes and opens credentials as a real one would, and
// wrong where a test wants it wrong. What a real one does is tested with swtpm elsewhere.
#pragma once

#include "base/secret.h"
#include "crypto/block_modes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/mac.h"
#include "crypto/rsa_key.h"
#include "platform/attest/certificate_test_support.h"
#include "platform/attest/ek_certificate.h"
#include "platform/attest/tpm_structures.h"
#include "platform/attest/tpm_verify.h"
#include "protocol/evidence_forms.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <vector>

namespace softpos::attest {

inline const crypto::RsaKey& test_rsa_key() {
    static const auto key = crypto::RsaKey::generate(2048);
    CHECK(key.has_value());
    return *key;
}

inline Buffer sha256_buffer(Bytes message) {
    const auto digest = crypto::sha256(message);
    return {digest.begin(), digest.end()};
}

struct TestTpm {
    TestAuthority root = TestAuthority::make("Test TPM Root");
    TestAuthority maker = TestAuthority::make("Test TPM Maker");
    crypto::P256Key ak = TestAuthority::make("ak").key;
    Buffer challenge = Buffer(32, 0x3C);
    std::vector<Buffer> pcrs = std::vector<Buffer>(tpm_pcrs, Buffer(32));
    std::uint32_t selected = 1U << 0U | 1U << 7U | 1U << 23U;

    // Set to something else by whoever wants it wrong.
    TestCertificate ek{.subject = "", .extensions = {purpose("2.23.133.8.1")}};
    std::uint32_t ak_attributes = 0x00050072;
    bool rsa_ak = false;
    bool below_ek = false;
    std::uint16_t bank = tpm::sha256;

    static TestExtension purpose(std::string_view oid) {
        return {"2.5.29.37", der_list(der::sequence, {der_oid(oid)})};
    }

    std::vector<TrustAnchor> anchors() const { return {root.anchor()}; }

    Buffer ek_certificate() const {
        TestCertificate certificate = ek;
        certificate.spki = test_rsa_key().spki();
        const auto named = [](std::string_view oid, std::string_view text) {
            return der_list(
                der::set, {der_list(der::sequence,
                                    {der_oid(oid), der_object(der::utf8_string, bytes_of(text))})});
        };
        certificate.extensions.push_back(
            {"2.5.29.17",
             der_list(der::sequence,
                      {der_list(der::context(4),
                                {der_list(der::sequence, {named("2.23.133.2.1", "id:54455354"),
                                                          named("2.23.133.2.2", "soft"),
                                                          named("2.23.133.2.3", "id:1")})})}),
             true});
        return maker.certify(certificate);
    }

    Buffer ak_public() const {
        TpmPublic area;
        area.name_hash = tpm::sha256;
        area.attributes = ak_attributes;
        area.scheme_hash = tpm::sha256;
        if (rsa_ak) {
            area.type = tpm::rsa;
            area.scheme = tpm::rsassa;
            area.rsa_bits = 2048;
            area.modulus = test_rsa_key().modulus();
        } else {
            const Buffer point = ak.public_point();
            area.type = tpm::ecc;
            area.scheme = tpm::ecdsa;
            area.curve = tpm::nist_p256;
            area.x.assign(point.begin() + 1, point.begin() + 33);
            area.y.assign(point.begin() + 33, point.end());
        }
        return encode(area);
    }
    Buffer ak_name() const { return tpm_name(ak_public()).value(); }

    static Buffer qualified(Buffer parent, Bytes name) {
        append(parent, name);
        Buffer out{0, 0x0B};
        append(out, sha256_buffer(parent));
        return out;
    }

    Buffer qualified_signer() const {
        const Buffer endorsement{0x40, 0, 0, 0x0B};
        if (!below_ek) return qualified(endorsement, ak_name());
        const auto key = crypto::PublicKey::from_spki(test_rsa_key().spki()).value();
        const Buffer ek_name = tpm_name(ek_public_area(key).value()).value();
        return qualified(qualified(endorsement, ek_name), ak_name());
    }

    std::vector<Buffer> quoted() const {
        std::vector<Buffer> values;
        for (unsigned pcr = 0; pcr < tpm_pcrs; ++pcr) {
            if ((selected >> pcr & 1U) != 0) values.push_back(pcrs[pcr]);
        }
        return values;
    }

    TpmQuote statement() const {
        TpmQuote quote;
        quote.qualified_signer = qualified_signer();
        quote.extra_data = challenge;
        quote.clock_ms = 1141;
        quote.reset_count = 2;
        quote.clock_safe = true;
        quote.firmware_version = 0x2019102300163636;
        quote.selections = {{bank, selected}};
        quote.pcr_digest = tpm_pcr_digest(quoted());
        return quote;
    }

    TpmSignature sign(Bytes message) const {
        TpmSignature signature;
        signature.hash = tpm::sha256;
        if (rsa_ak) {
            signature.algorithm = tpm::rsassa;
            signature.rsa =
                test_rsa_key().sign(crypto::SignatureKind::rsa_pkcs1_sha256, message).value();
            return signature;
        }
        signature.algorithm = tpm::ecdsa;
        const Buffer encoded = ak.sign(message);
        codec::DerReader in(encoded);
        auto numbers = in.enter(der::sequence).value();
        const auto take = [&numbers] {
            const Bytes number = numbers.take_magnitude().value();
            return Buffer(number.begin(), number.end());
        };
        signature.r = take();
        signature.s = take();
        return signature;
    }

    protocol::TpmQuoteForm form() const { return form(statement()); }
    protocol::TpmQuoteForm form(const TpmQuote& quote) const {
        protocol::TpmQuoteForm form;
        form.quote = encode(quote);
        form.signature = encode(sign(form.quote));
        form.ak_public = ak_public();
        form.pcrs = quoted();
        form.ek_certificate = ek_certificate();
        form.chain = {root.certify(maker)};
        return form;
    }

    // What the command ActivateCredential gives; nothing where the TPM would refuse.
    std::optional<Buffer> activate(Bytes id_object, Bytes encrypted_secret, Bytes name) const {
        constexpr std::string_view label{"IDENTITY\0", 9};
        const auto seed =
            test_rsa_key().open_oaep_sha256(encrypted_secret.subspan(2), bytes_of(label));
        if (!seed) return std::nullopt;
        return open_identity(id_object, seed->bytes(), name);
    }

    static std::optional<Buffer> open_identity(Bytes id_object, Bytes seed, Bytes name) {
        const Bytes mac = id_object.subspan(4, 32);
        const Bytes identity = id_object.subspan(36);
        const auto mac_key = crypto::counter_kdf_sha256({seed, "INTEGRITY"}, 32).value();
        Buffer covered(identity.begin(), identity.end());
        append(covered, name);
        if (!std::ranges::equal(crypto::hmac_sha256(mac_key.bytes(), covered), mac)) {
            return std::nullopt;
        }
        const auto key = crypto::counter_kdf_sha256({seed, "STORAGE", name}, 16).value();
        const Buffer zeros(16);
        const auto plain =
            crypto::mode_decrypt({crypto::Cipher::aes, crypto::BlockMode::cfb, key.bytes(), zeros},
                                 identity)
                .value();
        const Bytes secret = plain.bytes().subspan(2);
        return Buffer(secret.begin(), secret.end());
    }
};

}  // namespace softpos::attest
