// Which verifier, with which part of what is trusted.
#include "platform/attest/evidence.h"

#include "crypto/hash.h"
#include "platform/attest/android_verify.h"
#include "platform/attest/app_attest.h"
#include "platform/attest/app_attest_verify.h"
#include "platform/attest/chain.h"
#include "platform/attest/dev_process.h"
#include "platform/attest/huks_verify.h"
#include "platform/attest/integrity_token.h"
#include "platform/attest/optee.h"

namespace softpos::attest {
namespace {

using protocol::EvidenceKind;

// No finding: that we cannot check it is not the phone's fault.
Verdict unsupported(EvidenceKind kind) {
    Verdict verdict;
    verdict.kind = kind;
    verdict.reason = "UNSUPPORTED";
    return verdict;
}

class Check {
public:
    Check(const EvidenceQuestion& question, const EvidenceTrust& trust)
        : question_(question),
          trust_(trust),
          challenge_(question.challenge.begin(), question.challenge.end()) {}

    Verdict operator()(const protocol::Evidence& evidence) const {
        switch (evidence.kind) {
            case EvidenceKind::android_key:
                return android(evidence.bytes);
            case EvidenceKind::app_attest:
                return apple(evidence.bytes);
            case EvidenceKind::tpm_quote:
                return tpm(evidence.bytes);
            case EvidenceKind::optee_pta:
                return optee(evidence.bytes);
            case EvidenceKind::play_integrity:
                return play(evidence.bytes);
            case EvidenceKind::sys_integrity:
                return hms(evidence.bytes);
            case EvidenceKind::dev_process:
                return verify_dev_process(
                    evidence.bytes,
                    {question_.challenge, question_.core_sign_point, question_.measurement});
            case EvidenceKind::huks:
                return huks(evidence.bytes);
        }
        return unsupported(evidence.kind);
    }

private:
    Verdict android(Bytes evidence) const;
    Verdict huks(Bytes evidence) const;
    Verdict apple(Bytes evidence) const;
    Verdict tpm(Bytes evidence) const;
    Verdict optee(Bytes evidence) const;
    Verdict play(Bytes evidence) const;
    Verdict hms(Bytes evidence) const;
    TokenPolicy token_policy() const;

    const EvidenceQuestion& question_;
    const EvidenceTrust& trust_;
    const Buffer challenge_;
};

Verdict Check::android(Bytes evidence) const {
    if (!trust_.android_app) return unsupported(EvidenceKind::android_key);
    AndroidPolicy policy;
    policy.challenge = challenge_;
    policy.package = trust_.android_app->package;
    policy.signers = trust_.android_app->signers;
    policy.revocation_age_ms_max = std::int64_t{question_.revocation_s_max} * 1000;
    std::vector<Bytes> certificates;
    // What cannot be split is no chain, and the verifier says so.
    if (auto split = split_chain(evidence)) certificates = *std::move(split);
    return verify_android_key(certificates, policy,
                              {trust_.android_roots, trust_.revoked ? &*trust_.revoked : nullptr},
                              question_.now);
}

Verdict Check::huks(Bytes evidence) const {
    if (!trust_.harmony_app) return unsupported(EvidenceKind::huks);
    HuksPolicy policy;
    policy.challenge = challenge_;
    policy.bundle = trust_.harmony_app->bundle;
    policy.app_ids = trust_.harmony_app->app_ids;
    policy.revocation_age_ms_max = std::int64_t{question_.revocation_s_max} * 1000;
    std::vector<Bytes> certificates;
    if (auto split = split_chain(evidence)) certificates = *std::move(split);
    return verify_huks_key(
        certificates, policy,
        {trust_.huks_roots, trust_.huks_revoked ? &*trust_.huks_revoked : nullptr}, question_.now);
}

Verdict Check::apple(Bytes evidence) const {
    if (!trust_.apple_app) return unsupported(EvidenceKind::app_attest);
    const auto digest = crypto::sha256(challenge_);
    const Buffer hash(digest.begin(), digest.end());
    if (parse_app_assertion(evidence)) {
        return verify_app_assertion(
            evidence, {hash, *trust_.apple_app, question_.known_apple_key.value_or(Buffer{}),
                       question_.known_apple_counter});
    }
    AppAttestPolicy policy;
    policy.client_data_hash = hash;
    policy.app_id = trust_.apple_app;
    return verify_app_attestation(evidence, policy, trust_.apple_roots, question_.now);
}

Verdict Check::tpm(Bytes evidence) const {
    if (trust_.tpm_roots.empty()) return unsupported(EvidenceKind::tpm_quote);
    TpmPolicy policy;
    policy.challenge = challenge_;
    policy.expected = trust_.pcrs;
    for (ExpectedPcr& one : policy.expected) {
        if (one.launched) one.values = {launched_pcr(question_.measurement)};
    }
    policy.activated_name = question_.known_ak;
    policy.activated_now = question_.ak_activated;
    policy.proof = question_.tpm_proof;
    policy.resets_known = question_.known_resets;
    return verify_tpm_quote(evidence, policy, trust_.tpm_roots, question_.now);
}

Verdict Check::optee(Bytes evidence) const {
    if (trust_.optee_keys.empty()) return unsupported(EvidenceKind::optee_pta);
    return verify_optee(evidence,
                        {question_.challenge, trust_.optee_keys, {question_.measurement}});
}

TokenPolicy Check::token_policy() const {
    TokenPolicy policy;
    policy.challenge = challenge_;
    policy.package = trust_.android_app->package;
    policy.signers = trust_.android_app->signers;
    return policy;
}

Verdict Check::play(Bytes evidence) const {
    if (!trust_.android_app || !trust_.play) return unsupported(EvidenceKind::play_integrity);
    TokenPolicy policy = token_policy();
    policy.store_required = trust_.play->store_required;
    return verify_play_integrity(text_of(evidence), policy,
                                 {&trust_.play->decryption, trust_.play->verification},
                                 question_.now);
}

Verdict Check::hms(Bytes evidence) const {
    if (!trust_.android_app || trust_.hms_roots.empty()) {
        return unsupported(EvidenceKind::sys_integrity);
    }
    return verify_sys_integrity(text_of(evidence), token_policy(), trust_.hms_roots, question_.now);
}

}  // namespace

std::vector<Verdict> check_evidence(std::span<const protocol::Evidence> evidences,
                                    const EvidenceQuestion& question, const EvidenceTrust& trust) {
    const Check check(question, trust);
    std::vector<Verdict> verdicts;
    verdicts.reserve(evidences.size());
    for (const protocol::Evidence& evidence : evidences) verdicts.push_back(check(evidence));
    return verdicts;
}

bool is_revocation_stale(const EvidenceTrust& trust, EvidenceKind kind, std::uint32_t age_s_max,
                         Instant now) {
    const bool android = kind == EvidenceKind::android_key && trust.android_app;
    const bool huks = kind == EvidenceKind::huks && trust.harmony_app;
    if ((!android && !huks) || age_s_max == 0) return false;
    const auto& list = android ? trust.revoked : trust.huks_revoked;
    return !list || now.unix_ms - list->served().unix_ms > std::int64_t{age_s_max} * 1000;
}

}  // namespace softpos::attest
