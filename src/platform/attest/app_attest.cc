// The maker's steps in their order, except that nothing is compared before the chain is believed.
#include "platform/attest/app_attest.h"

#include "base/hex.h"
#include "codec/cbor.h"
#include "codec/der.h"
#include "crypto/hash.h"
#include "platform/attest/chain.h"

#include <algorithm>

namespace softpos::attest {
namespace {

using codec::CborReader;
using protocol::FindingCode;

constexpr std::string_view format = "apple-appattest";
constexpr std::string_view nonce_oid = "1.2.840.113635.100.8.2";
constexpr std::size_t fields_max = 8;
constexpr std::size_t certificates_max = 4;
constexpr std::size_t name_bytes_max = 32;
constexpr std::size_t certificate_bytes_max = 4096;
constexpr std::size_t receipt_bytes_max = 8192;
constexpr std::size_t digest_bytes = 32;
constexpr std::size_t head_bytes = 37;  // Digest, flags, counter.
constexpr std::size_t aaguid_bytes = 16;
constexpr std::string_view production_aaguid{"appattest\0\0\0\0\0\0\0", aaguid_bytes};
constexpr std::string_view development_aaguid = "appattestdevelop";

std::unexpected<Error> malformed(Literal what) {
    return fail(ErrorKind::malformed, what);
}

std::uint32_t big_endian(Bytes four) {
    std::uint32_t number = 0;
    for (const std::uint8_t byte : four) number = number << 8U | byte;
    return number;
}

Result<void> take_statement(CborReader& in, AppAttestation& out) {
    const std::size_t fields = TRY(in.take_map(fields_max));
    for (std::size_t i = 0; i < fields; ++i) {
        const auto name = TRY(in.take_text(name_bytes_max));
        if (name != "x5c") {
            TRY(in.take_item());
            continue;
        }
        if (!out.certificates.empty()) return malformed("app attest: a field twice");
        const std::size_t count = TRY(in.take_array(certificates_max));
        for (std::size_t n = 0; n < count; ++n) {
            out.certificates.push_back(TRY(in.take_bytes(certificate_bytes_max)));
        }
    }
    return {};
}

// Spec: [WEBAUTHN] 6.1 authenticator data; 6.5.1 attested credential data.
Result<void> split_authenticator_data(AppAttestation& out) {
    Bytes rest = out.authenticator_data;
    if (rest.size() < head_bytes + aaguid_bytes + 2) return malformed("app attest: data is short");
    out.rp_id_hash = rest.first(digest_bytes);
    out.counter = big_endian(rest.subspan(digest_bytes + 1, 4));
    rest = rest.subspan(head_bytes);
    out.aaguid = rest.first(aaguid_bytes);
    const std::size_t size = std::size_t{rest[aaguid_bytes]} << 8U | rest[aaguid_bytes + 1];
    rest = rest.subspan(aaguid_bytes + 2);
    if (rest.size() < size) return malformed("app attest: credential id is short");
    out.credential_id = rest.first(size);
    return {};
}

// SEQUENCE { [1] { OCTET STRING } }
std::optional<Bytes> nonce_of(const crypto::Certificate& leaf) {
    const auto* extension = leaf.extension(nonce_oid);
    if (extension == nullptr) return std::nullopt;
    codec::DerReader in(extension->value);
    auto outer = in.enter(codec::der::sequence);
    if (!outer || !in.empty()) return std::nullopt;
    auto tagged = outer->enter(codec::der::context(1));
    if (!tagged || !outer->empty()) return std::nullopt;
    const auto octets = tagged->take(codec::der::octet_string);
    if (!octets || !tagged->empty()) return std::nullopt;
    return octets->content;
}

bool same(Bytes a, Bytes b) {
    return std::ranges::equal(a, b);
}

std::optional<Fault> check_times(const Chain& chain, Instant now) {
    for (std::uint32_t i = 0; i < chain.certificates.size(); ++i) {
        const auto from = chain.certificates[i].not_before();
        const auto until = chain.certificates[i].not_after();
        if (!from || now < *from) return Fault{"NOT_YET_VALID", i};
        if (!until || *until < now) return Fault{"EXPIRED", i};
    }
    return std::nullopt;
}

std::optional<Fault> check_chain(Chain& chain, const AppAttestation& object,
                                 std::span<const TrustAnchor> anchors, Instant now) {
    if (const auto fault = read_chain(object.certificates, chain)) return fault;
    if (const auto fault = check_root(chain, anchors)) return fault;
    if (const auto fault = check_names(chain)) return fault;
    if (const auto fault = check_signatures(chain, anchors)) return fault;
    return check_times(chain, now);
}

std::optional<Fault> check_content(const Chain& chain, const AppAttestation& object,
                                   const AppAttestPolicy& policy) {
    const crypto::Certificate& leaf = chain.certificates.front();
    const auto nonce = nonce_of(leaf);
    if (!nonce) return Fault{"NONCE_MISSING", 0};
    if (policy.challenge) {
        Buffer both(object.authenticator_data.begin(), object.authenticator_data.end());
        append(both, crypto::sha256(*policy.challenge));
        if (!same(*nonce, crypto::sha256(both))) return Fault{"CHALLENGE", 0};
    }
    if (leaf.key().family() != crypto::KeyFamily::p256 ||
        !same(object.credential_id, crypto::sha256(leaf.key().point()))) {
        return Fault{"KEY_ID", 0};
    }
    if (policy.app_id && !same(object.rp_id_hash, crypto::sha256(bytes_of(*policy.app_id)))) {
        return Fault{"APP_ID", 0};
    }
    if (object.counter != 0) return Fault{"COUNTER", object.counter};
    const std::string_view place = text_of(object.aaguid);
    const bool development = place == development_aaguid;
    if (place != production_aaguid && !(development && policy.development_allowed)) {
        return Fault{"ENVIRONMENT", 0};
    }
    return std::nullopt;
}

FindingCode code_of(std::string_view reason) {
    if (reason == "CHALLENGE") return FindingCode::replay;
    if (reason == "APP_ID" || reason == "ENVIRONMENT") return FindingCode::repackaged;
    if (reason == "KEY_ID" || reason == "COUNTER") return FindingCode::clone;
    return FindingCode::chain;
}

void observe(Verdict& verdict, const AppAttestation& object, const Chain& chain) {
    const auto note = [&](std::string name, std::string value) {
        verdict.observations.emplace_back(std::move(name), std::move(value));
    };
    note("key id", to_hex(object.credential_id));
    note("app (SHA-256 of its id)", to_hex(object.rp_id_hash));
    const std::string_view place = text_of(object.aaguid);
    note("environment", place == production_aaguid    ? "production"
                        : place == development_aaguid ? "development"
                                                      : "unknown");
    note("counter", std::to_string(object.counter));
    for (const crypto::Certificate& one : chain.certificates) {
        note("certificate", crypto::name_text(one.subject()));
        verdict.serials.push_back(one.serial_hex());
    }
}

}  // namespace

Result<AppAttestation> parse_app_attestation(Bytes object) {
    if (object.size() > app_attest_bytes_max) return fail(ErrorKind::denied, "app attest: size");
    CborReader in(object);
    AppAttestation out;
    bool named = false;
    const std::size_t fields = TRY(in.take_map(fields_max));
    for (std::size_t i = 0; i < fields; ++i) {
        const auto name = TRY(in.take_text(name_bytes_max));
        if (name == "fmt") {
            named = TRY(in.take_text(name_bytes_max)) == format;
        } else if (name == "attStmt") {
            TRY_VOID(take_statement(in, out));
        } else if (name == "authData") {
            if (!out.authenticator_data.empty()) return malformed("app attest: a field twice");
            out.authenticator_data = TRY(in.take_bytes(receipt_bytes_max));
        } else {
            TRY(in.take_item());
        }
    }
    TRY_VOID(in.end());
    if (!named) return fail(ErrorKind::unsupported, "app attest: another format");
    if (out.certificates.empty()) return malformed("app attest: no certificates");
    TRY_VOID(split_authenticator_data(out));
    return out;
}

Verdict verify_app_attestation(Bytes bytes, const AppAttestPolicy& policy,
                               std::span<const TrustAnchor> anchors, Instant now) {
    Verdict verdict;
    verdict.kind = protocol::EvidenceKind::app_attest;
    const auto failed = [&verdict](const Fault& fault) {
        verdict.outcome = Outcome::fail;
        verdict.reason = fault.reason;
        verdict.where = fault.where;
        verdict.findings.push_back(
            {code_of(fault.reason), protocol::TrustClass::hardware, fault.where});
        return verdict;
    };
    const auto object = parse_app_attestation(bytes);
    if (!object) return failed({"FORM", static_cast<std::uint32_t>(object.error().at)});
    Chain chain;
    const auto broken = check_chain(chain, *object, anchors, now);
    observe(verdict, *object, chain);
    if (broken) return failed(*broken);
    if (const auto fault = check_content(chain, *object, policy)) return failed(*fault);

    const crypto::PublicKey& key = chain.certificates.front().key();
    const auto id = crypto::sha256(key.spki());
    verdict.home = KeyHome::secure_element;
    verdict.device_key = key.spki();
    verdict.device_id.assign(id.begin(), id.end());
    if (policy.challenge && policy.app_id) {
        verdict.outcome = Outcome::pass;
        return verdict;
    }
    verdict.outcome = Outcome::review;
    verdict.reason = "NOT_COMPARED";
    verdict.findings.push_back({FindingCode::evidence_missing, protocol::TrustClass::hardware, 0});
    return verdict;
}

Result<AppAssertion> parse_app_assertion(Bytes object) {
    if (object.size() > app_attest_bytes_max) return fail(ErrorKind::denied, "app attest: size");
    CborReader in(object);
    AppAssertion out;
    const std::size_t fields = TRY(in.take_map(fields_max));
    for (std::size_t i = 0; i < fields; ++i) {
        const auto name = TRY(in.take_text(name_bytes_max));
        Bytes* const field = name == "signature"           ? &out.signature
                             : name == "authenticatorData" ? &out.authenticator_data
                                                           : nullptr;
        if (field == nullptr) {
            TRY(in.take_item());
            continue;
        }
        if (!field->empty()) return malformed("app assertion: a field twice");
        *field = TRY(in.take_bytes(certificate_bytes_max));
    }
    TRY_VOID(in.end());
    if (out.signature.empty() || out.authenticator_data.size() < head_bytes) {
        return malformed("app assertion: a field is missing");
    }
    out.counter = big_endian(out.authenticator_data.subspan(digest_bytes + 1, 4));
    return out;
}

Result<std::uint32_t> verify_app_assertion(Bytes object, const AssertionQuestion& question) {
    const AppAssertion assertion = TRY(parse_app_assertion(object));
    const auto key = TRY(crypto::PublicKey::from_spki(question.device_key));
    Buffer both(assertion.authenticator_data.begin(), assertion.authenticator_data.end());
    append(both, crypto::sha256(question.client_data));
    // The nonce is what is signed, and the signature hashes it once more.
    TRY_VOID(
        key.verify(crypto::SignatureKind::ecdsa_sha256, crypto::sha256(both), assertion.signature));
    if (!same(assertion.authenticator_data.first(digest_bytes),
              crypto::sha256(bytes_of(question.app_id)))) {
        return fail(ErrorKind::denied, "app assertion: of another app");
    }
    if (assertion.counter <= question.counter_before) {
        return fail(ErrorKind::denied, "app assertion: the counter did not rise");
    }
    return assertion.counter;
}

}  // namespace softpos::attest
