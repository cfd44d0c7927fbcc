// Apple's nine steps in an order of our own: the chain first, then what it carries.
#include "platform/attest/app_attest_verify.h"

#include "crypto/hash.h"
#include "platform/attest/app_attest.h"
#include "platform/attest/chain.h"
#include "platform/attest/reason.h"
#include "platform/attest/words.h"

#include <algorithm>

namespace softpos::attest {
namespace {

bool is_sha256_of(Bytes digest, Bytes message) {
    return std::ranges::equal(crypto::sha256(message), digest);
}

// SHA-256 over the data and the hash of what the app was asked.
crypto::Sha256Digest nonce_of(Bytes signed_data, Bytes client_data_hash) {
    Buffer message(signed_data.begin(), signed_data.end());
    append(message, client_data_hash);
    return crypto::sha256(message);
}

class Judge {
public:
    Judge(const AppAttestPolicy& policy, std::span<const TrustAnchor> anchors, Instant now)
        : policy_(policy), anchors_(anchors), now_(now) {}

    std::optional<Fault> read(Bytes evidence);
    std::optional<Fault> chain();
    std::optional<Fault> statement() const;
    std::optional<Fault> doubts() const;
    void observe(Verdict& verdict) const;

private:
    std::optional<Fault> key() const;

    const AppAttestPolicy& policy_;
    const std::span<const TrustAnchor> anchors_;
    const Instant now_;
    AppAttestation parsed_;
    Chain chain_;
};

std::optional<Fault> Judge::read(Bytes evidence) {
    auto parsed = parse_app_attestation(evidence);
    if (!parsed) return Fault{"FORM", parsed.error().at};
    parsed_ = *std::move(parsed);
    return std::nullopt;
}

std::optional<Fault> Judge::chain() {
    const std::vector<Bytes> der(parsed_.certificates.begin(), parsed_.certificates.end());
    if (const auto fault = read_chain(der, chain_)) return fault;
    if (const auto fault = check_root(chain_, anchors_)) return fault;
    if (const auto fault = check_names(chain_)) return fault;
    // Two and no more by the form: an attested key cannot stand between.
    if (is_authority(chain_.certificates[0])) return Fault{"CHAIN_EXTENDED", 0};
    if (!is_authority(chain_.certificates[1])) return Fault{"CHAIN_EXTENDED", 1};
    if (const auto fault = check_signatures(chain_, anchors_)) return fault;
    return check_dates(chain_, {0, chain_.certificates.size()}, now_);
}

// Certificate, credential and key id are about one key.
std::optional<Fault> Judge::key() const {
    const crypto::PublicKey& leaf = chain_.certificates.front().key();
    if (leaf.family() != crypto::KeyFamily::p256) return Fault{"KEY_ALGORITHM", 0};
    const AppAttestCredential& credential = *parsed_.data.credential;
    const bool one_key = std::ranges::equal(leaf.point(), credential.point) &&
                         is_sha256_of(credential.id, leaf.point()) &&
                         (!policy_.key_id || *policy_.key_id == credential.id);
    if (!one_key) return Fault{"KEY_MISMATCH", 0};
    return std::nullopt;
}

std::optional<Fault> Judge::statement() const {
    const auto* extension = chain_.certificates.front().extension(app_attest_nonce_oid);
    if (extension == nullptr) return Fault{"EXTENSION_MISSING", 0};
    const auto nonce = parse_app_attest_nonce(extension->value);
    if (!nonce) return Fault{"EXTENSION_MALFORMED", nonce.error().at};
    if (const auto fault = key()) return fault;
    // Also what Apple signed of the data: without the question nothing proves that it is the same.
    if (policy_.client_data_hash &&
        !std::ranges::equal(nonce_of(parsed_.signed_data, *policy_.client_data_hash), *nonce)) {
        return Fault{"CHALLENGE", 0};
    }
    if (policy_.app_id && !is_sha256_of(parsed_.data.app_id_hash, bytes_of(*policy_.app_id))) {
        return Fault{"APP_ID", 0};
    }
    if (parsed_.data.counter != 0) return Fault{"COUNTER", parsed_.data.counter};
    const auto environment = parsed_.data.credential->environment;
    const bool served = environment == AppAttestEnvironment::production ||
                        (environment && policy_.development_allowed);
    if (!served) return Fault{"ENVIRONMENT", 0};
    return std::nullopt;
}

std::optional<Fault> Judge::doubts() const {
    if (!policy_.client_data_hash || !policy_.app_id) return Fault{"NOT_COMPARED", 0};
    return std::nullopt;
}

void add_hint(Observations& out, std::string_view name, std::string_view text) {
    if (!text.empty()) out.emplace_back(name, printable_text(text));
}

void Judge::observe(Verdict& verdict) const {
    if (!parsed_.data.credential) return;
    Observations& out = verdict.observations;
    out = describe_certificates(chain_);
    if (chain_.anchor != nullptr) out.emplace_back("anchor", chain_.anchor->name);
    const AppAttestCredential& credential = *parsed_.data.credential;
    std::string_view service = "not known";
    if (credential.environment) {
        service = credential.environment == AppAttestEnvironment::production ? "production"
                                                                             : "development";
    }
    out.emplace_back("environment", service);
    out.emplace_back("key id", hex_text(credential.id));
    out.emplace_back("app id hash", hex_text(parsed_.data.app_id_hash));
    out.emplace_back("counter", std::to_string(parsed_.data.counter));
    out.emplace_back("receipt", std::to_string(parsed_.receipt.size()) + " bytes");
    if (chain_.certificates.empty()) return;
    const crypto::Certificate& leaf = chain_.certificates.front();
    if (const auto* extension = leaf.extension(app_attest_nonce_oid)) {
        const auto nonce = parse_app_attest_nonce(extension->value);
        if (nonce) out.emplace_back("nonce", hex_text(*nonce));
    }
    const AppAttestHints hints = read_app_attest_hints(leaf.der());
    add_hint(out, "app id (hint)", hints.app_id);
    add_hint(out, "system version (hint)", hints.system_version);
    add_hint(out, "system build (hint)", hints.system_build);
    for (const auto& one : chain_.certificates) verdict.serials.push_back(one.serial_hex());
    verdict.device_key = leaf.key().spki();
    const auto id = crypto::sha256(leaf.key().spki());
    verdict.device_id.assign(id.begin(), id.end());
    verdict.home = KeyHome::secure_element;
    verdict.counter = parsed_.data.counter;
}

}  // namespace

Verdict verify_app_attestation(Bytes evidence, const AppAttestPolicy& policy,
                               std::span<const TrustAnchor> anchors, Instant now) {
    Verdict verdict;
    verdict.kind = protocol::EvidenceKind::app_attest;
    Judge judge(policy, anchors, now);
    auto fault = judge.read(evidence);
    if (!fault) fault = judge.chain();
    if (!fault) fault = judge.statement();
    if (fault) {
        settle(verdict, Outcome::fail, fault);
    } else {
        settle(verdict, Outcome::review, judge.doubts());
    }
    judge.observe(verdict);
    return verdict;
}

Verdict verify_app_assertion(Bytes evidence, const AppAssertionPolicy& policy) {
    Verdict verdict;
    verdict.kind = protocol::EvidenceKind::app_attest;
    const auto parsed = parse_app_assertion(evidence);
    if (!parsed) {
        settle(verdict, Outcome::fail, Fault{"FORM", parsed.error().at});
        return verdict;
    }
    verdict.observations = {{"app id hash", hex_text(parsed->data.app_id_hash)},
                            {"counter", std::to_string(parsed->data.counter)},
                            {"signature", hex_text(parsed->signature)}};
    verdict.counter = parsed->data.counter;
    const auto key = crypto::PublicKey::from_spki(policy.device_key);
    std::optional<Fault> fault;
    if (!key || key->family() != crypto::KeyFamily::p256) {
        fault = Fault{"KEY_UNKNOWN", 0};
    } else if (!key->verify(crypto::SignatureKind::ecdsa_sha256,
                            nonce_of(parsed->signed_data, policy.client_data_hash),
                            parsed->signature)) {
        fault = Fault{"SIGNATURE", 0};
    } else if (!is_sha256_of(parsed->data.app_id_hash, bytes_of(policy.app_id))) {
        fault = Fault{"APP_ID", 0};
    } else if (parsed->data.counter <= policy.counter_known) {
        fault = Fault{"COUNTER", parsed->data.counter};
    }
    settle(verdict, Outcome::fail, fault);
    if (verdict.outcome == Outcome::pass) {
        const auto id = crypto::sha256(policy.device_key);
        verdict.home = KeyHome::secure_element;
        verdict.device_key = policy.device_key;
        verdict.device_id.assign(id.begin(), id.end());
    }
    return verdict;
}

}  // namespace softpos::attest
