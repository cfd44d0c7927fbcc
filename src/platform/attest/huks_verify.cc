// The chain first, then what it carries.
#include "platform/attest/huks_verify.h"

#include "crypto/hash.h"
#include "platform/attest/chain.h"
#include "platform/attest/reason.h"
#include "platform/attest/words.h"

#include <algorithm>

namespace softpos::attest {
namespace {

// Spec: [HUKS] a chain that was made online has three certificates, one that was made offline four.
constexpr std::size_t certificates_min = 3;
constexpr std::size_t certificates_max = 4;

class Judge {
public:
    Judge(const HuksPolicy& policy, const HuksTrust& trust, Instant now)
        : policy_(policy), trust_(trust), now_(now) {}

    std::optional<Fault> chain(std::span<const Bytes> certificates);
    std::optional<Fault> statement();
    std::optional<Fault> doubts() const;
    void observe(Verdict& verdict);

private:
    std::optional<Fault> positions() const;
    std::optional<Fault> owner() const;
    std::optional<Fault> key() const;

    const HuksPolicy& policy_;
    const HuksTrust& trust_;
    const Instant now_;
    Chain chain_;
    std::optional<HuksStatement> statement_;
};

std::optional<Fault> Judge::chain(std::span<const Bytes> certificates) {
    if (const auto fault = read_chain(certificates, chain_)) return fault;
    if (const auto fault = check_root(chain_, trust_.anchors)) return fault;
    if (const auto fault = check_names(chain_)) return fault;
    if (const auto fault = positions()) return fault;
    if (const auto fault = check_signatures(chain_, trust_.anchors)) return fault;
    // The root is trusted as a key, and the leaf's dates are the phone's own guess.
    const std::size_t end = chain_.certificates.size() - (chain_.has_root() ? 1 : 0);
    if (const auto fault = check_dates(chain_, {1, end}, now_)) return fault;
    if (trust_.revoked == nullptr) return std::nullopt;
    for (std::uint32_t i = 0; i < chain_.certificates.size(); ++i) {
        if (trust_.revoked->find(chain_.certificates[i]) != nullptr) return Fault{"REVOKED", i};
    }
    return std::nullopt;
}

// An app can sign with an attested key of its own: only the first certificate may carry the
// statement, and whoever signs another than the first must be an authority. That the phone's own
// certificate, which signs the first, is marked as one is not said anywhere.
std::optional<Fault> Judge::positions() const {
    const std::size_t count = chain_.certificates.size() + (chain_.has_root() ? 0 : 1);
    if (count < certificates_min) return Fault{"CHAIN_BROKEN", 0};
    if (count > certificates_max) return Fault{"CHAIN_EXTENDED", 0};
    for (std::uint32_t i = 1; i < chain_.certificates.size(); ++i) {
        const crypto::Certificate& one = chain_.certificates[i];
        if (one.extension(huks_key_oid) != nullptr) return Fault{"CHAIN_EXTENDED", i};
        if (i > 1 && !is_authority(one)) return Fault{"CHAIN_EXTENDED", i};
    }
    if (chain_.certificates.front().extension(huks_key_oid) == nullptr) {
        return Fault{"EXTENSION_MISSING", 0};
    }
    return std::nullopt;
}

std::optional<Fault> Judge::statement() {
    auto parsed = HuksStatement::parse(chain_.certificates.front().extension(huks_key_oid)->value);
    if (!parsed) return Fault{"EXTENSION_MALFORMED", parsed.error().at};
    statement_ = *std::move(parsed);
    if (statement_->version != 0) return Fault{"EXTENSION_MALFORMED", 0};
    if (!statement_->challenge ||
        (policy_.challenge && *statement_->challenge != *policy_.challenge)) {
        return Fault{"CHALLENGE", 0};
    }
    if (const auto fault = owner()) return fault;
    return key();
}

std::optional<Fault> Judge::owner() const {
    if (!policy_.bundle) return std::nullopt;
    const auto& owner = statement_->owner;
    if (!owner || !owner->app) return Fault{"APP_ID_MISSING", 0};
    if (owner->bundle != *policy_.bundle) return Fault{"APP_PACKAGE", 0};
    const bool known = std::ranges::find(policy_.app_ids, owner->app_id) != policy_.app_ids.end();
    if (!known) return Fault{"APP_SIGNER", 0};
    return std::nullopt;
}

std::optional<Fault> Judge::key() const {
    // Keys that were brought from elsewhere are attested as well.
    if (statement_->source != HuksKeySource::generated) return Fault{"KEY_ORIGIN", 0};
    const crypto::Certificate& leaf = chain_.certificates.front();
    const auto constraints = leaf.basic_constraints();
    const auto signs_certificates = leaf.may_sign_certificates();
    if (!constraints || (*constraints && (*constraints)->authority) || !signs_certificates ||
        signs_certificates->value_or(false)) {
        return Fault{"KEY_PURPOSE", 0};
    }
    if (leaf.key().family() != crypto::KeyFamily::p256) return Fault{"KEY_ALGORITHM", 0};
    return std::nullopt;
}

std::optional<Fault> Judge::doubts() const {
    if (trust_.revoked == nullptr ||
        now_.unix_ms - trust_.revoked->served().unix_ms > policy_.revocation_age_ms_max) {
        return Fault{"STATUS_STALE", 0};
    }
    if (!policy_.challenge || !policy_.bundle) return Fault{"NOT_COMPARED", 0};
    return std::nullopt;
}

std::string source_text(HuksKeySource source) {
    return source == HuksKeySource::generated ? "generated" : "imported";
}

// Also of a chain that is refused: people want to see what was sent.
void Judge::observe(Verdict& verdict) {
    if (chain_.certificates.empty()) return;
    const crypto::Certificate& leaf = chain_.certificates.front();
    if (chain_.anchor != nullptr) verdict.home = KeyHome::trusted_environment;
    verdict.device_key = leaf.key().spki();
    const auto digest = crypto::sha256(verdict.device_key);  // Lives as long as the installation.
    verdict.device_id.assign(digest.begin(), digest.end());
    for (const auto& one : chain_.certificates) verdict.serials.push_back(one.serial_hex());
    Observations& seen = verdict.observations;
    seen = describe_certificates(chain_);
    if (chain_.anchor != nullptr) seen.emplace_back("anchor", printable_text(chain_.anchor->name));
    const auto* extension = leaf.extension(huks_key_oid);
    if (!statement_ && extension != nullptr) {
        if (auto parsed = HuksStatement::parse(extension->value)) statement_ = *std::move(parsed);
    }
    if (!statement_) return;
    seen.emplace_back("version", std::to_string(statement_->version));
    if (statement_->challenge) seen.emplace_back("challenge", hex_text(*statement_->challenge));
    if (const auto& owner = statement_->owner) {
        seen.emplace_back(owner->app ? "bundle" : "service", printable_text(owner->bundle));
        if (owner->app) seen.emplace_back("app id", printable_text(owner->app_id));
    }
    if (statement_->source) seen.emplace_back("key source", source_text(*statement_->source));
    if (statement_->model) seen.emplace_back("model", printable_text(*statement_->model));
    for (const HuksClaim& claim : statement_->claims) {
        if (huks_claim_name(claim.oid).empty()) {
            seen.emplace_back("claim " + claim.oid, hex_text(claim.value));
        }
    }
}

}  // namespace

Verdict verify_huks_key(std::span<const Bytes> certificates, const HuksPolicy& policy,
                        const HuksTrust& trust, Instant now) {
    Verdict verdict;
    verdict.kind = protocol::EvidenceKind::huks;
    Judge judge(policy, trust, now);
    auto fault = judge.chain(certificates);
    if (!fault) fault = judge.statement();
    if (fault) {
        settle(verdict, Outcome::fail, fault);
    } else {
        settle(verdict, Outcome::review, judge.doubts());
    }
    judge.observe(verdict);
    return verdict;
}

}  // namespace softpos::attest
