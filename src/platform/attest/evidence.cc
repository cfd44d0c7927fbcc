// Which verifier, with which part of what is trusted.
#include "platform/attest/evidence.h"

#include "crypto/hash.h"
#include "crypto/p256.h"
#include "platform/attest/android_verify.h"
#include "platform/attest/app_attest.h"
#include "platform/attest/chain.h"

#include <algorithm>

namespace softpos::attest {
namespace {

Verdict failed(Verdict verdict, std::string_view reason) {
    verdict.outcome = Outcome::fail;
    verdict.reason = reason;
    return verdict;
}

using protocol::EvidenceKind;

Verdict unsupported(EvidenceKind kind) {
    Verdict verdict;
    verdict.kind = kind;
    return failed(std::move(verdict), "UNSUPPORTED");
}

Verdict check_android(const protocol::Evidence& evidence, const EvidenceQuestion& question,
                      const EvidenceTrust& trust) {
    if (!trust.android_app) return unsupported(evidence.kind);
    AndroidPolicy policy;
    policy.challenge = Buffer(question.challenge.begin(), question.challenge.end());
    policy.package = trust.android_app->package;
    policy.signers = trust.android_app->signers;
    std::vector<Bytes> certificates;
    // What cannot be split is no chain, and the verifier says so.
    if (auto split = split_chain(evidence.bytes)) certificates = *std::move(split);
    return verify_android_key(certificates, policy,
                              {trust.android_roots, trust.revoked ? &*trust.revoked : nullptr},
                              question.now);
}

Verdict check_apple(const protocol::Evidence& evidence, const EvidenceQuestion& question,
                    const EvidenceTrust& trust) {
    if (!trust.apple_app) return unsupported(evidence.kind);
    return verify_app_attestation(
        evidence.bytes,
        {.challenge = Buffer(question.challenge.begin(), question.challenge.end()),
         .app_id = trust.apple_app},
        trust.apple_roots, question.now);
}

Verdict check_tpm(const protocol::Evidence& evidence, const EvidenceQuestion& question,
                  const EvidenceTrust& trust) {
    if (trust.tpm_roots.empty()) return unsupported(evidence.kind);
    return verify_tpm_quote(
        evidence.bytes,
        {.challenge = Buffer(question.challenge.begin(), question.challenge.end()),
         .pcrs = trust.pcrs,
         .ak_name = question.known_ak,
         .certificate_needed = !question.known_ak,
         .activated = question.ak_activated},
        trust.tpm_roots, question.now);
}

Verdict check_one(const protocol::Evidence& evidence, const EvidenceQuestion& question,
                  const EvidenceTrust& trust) {
    switch (evidence.kind) {
        case EvidenceKind::android_key:
            return check_android(evidence, question, trust);
        case EvidenceKind::app_attest:
            return check_apple(evidence, question, trust);
        case EvidenceKind::tpm_quote:
            return check_tpm(evidence, question, trust);
        case EvidenceKind::optee_pta:
            if (trust.optee_keys.empty()) break;
            return verify_optee(evidence.bytes, question, trust.optee_keys);
        case EvidenceKind::dev_process:
            return verify_dev_process(evidence.bytes, question);
        case EvidenceKind::huks:
        case EvidenceKind::sys_integrity:
        case EvidenceKind::play_integrity:
            break;
    }
    return unsupported(evidence.kind);
}

}  // namespace

Verdict verify_dev_process(Bytes bytes, const EvidenceQuestion& question) {
    Verdict verdict;
    verdict.kind = EvidenceKind::dev_process;
    verdict.findings.push_back(
        {.code = protocol::FindingCode::software_key, .origin = protocol::TrustClass::hardware});
    const auto form = protocol::decode_dev_process_form(bytes);
    if (!form) return failed(std::move(verdict), "FORM");
    const auto statement = protocol::decode_dev_process_statement(form->statement);
    if (!statement) return failed(std::move(verdict), "FORM");
    if (statement->challenge != question.challenge) {
        return failed(std::move(verdict), "CHALLENGE");
    }
    if (statement->core_sign_point != question.core_sign_point) {
        return failed(std::move(verdict), "KEY");
    }
    if (statement->measurement != question.measurement) {
        return failed(std::move(verdict), "MEASUREMENT");
    }
    const Buffer message = protocol::dev_process_signed_message(form->statement);
    if (!crypto::p256_verify(statement->core_sign_point, message, form->signature)) {
        return failed(std::move(verdict), "SIGNATURE");
    }
    const auto id = crypto::sha256(statement->core_sign_point);
    verdict.outcome = Outcome::review;
    verdict.reason = "SOFTWARE_KEY";
    verdict.device_key.assign(statement->core_sign_point.begin(), statement->core_sign_point.end());
    verdict.device_id.assign(id.begin(), id.end());
    verdict.app_version = statement->app_version;
    return verdict;
}

Verdict verify_optee(Bytes bytes, const EvidenceQuestion& question,
                     std::span<const crypto::PublicKey> device_keys) {
    Verdict verdict;
    verdict.kind = EvidenceKind::optee_pta;
    const auto refused = [&verdict](std::string_view reason) {
        verdict.findings.push_back(
            {protocol::FindingCode::chain, protocol::TrustClass::hardware, 0});
        return failed(std::move(verdict), reason);
    };
    const auto form = protocol::decode_optee_form(bytes);
    if (!form) return refused("FORM");
    const auto key = std::ranges::find_if(device_keys, [&](const crypto::PublicKey& one) {
        return crypto::sha256(one.spki()) == form->key_id;
    });
    if (key == device_keys.end()) return refused("KEY_UNKNOWN");
    Buffer covered(question.challenge.begin(), question.challenge.end());
    append(covered, form->digest);
    if (!key->verify(crypto::SignatureKind::rsa_pss_sha256, covered, form->signature)) {
        return refused("SIGNATURE");
    }
    if (form->digest != question.measurement) return refused("MEASUREMENT");
    verdict.outcome = Outcome::pass;
    verdict.home = KeyHome::trusted_environment;
    verdict.device_key = key->spki();
    verdict.device_id.assign(form->key_id.begin(), form->key_id.end());
    return verdict;
}

std::vector<Verdict> check_evidence(std::span<const protocol::Evidence> evidences,
                                    const EvidenceQuestion& question, const EvidenceTrust& trust) {
    std::vector<Verdict> verdicts;
    verdicts.reserve(evidences.size());
    for (const protocol::Evidence& evidence : evidences) {
        verdicts.push_back(check_one(evidence, question, trust));
    }
    return verdicts;
}

}  // namespace softpos::attest
