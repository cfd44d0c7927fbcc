// The statement is compared before its signature, which says no more than that it is the process's.
#include "platform/attest/dev_process.h"

#include "crypto/hash.h"
#include "crypto/p256.h"
#include "platform/attest/words.h"
#include "protocol/evidence_forms.h"

namespace softpos::attest {
namespace {

std::string_view reason_of(const protocol::DevProcessStatement& statement, Bytes signed_bytes,
                           Bytes signature, const DevProcessQuestion& question) {
    if (statement.challenge != question.challenge) return "CHALLENGE";
    if (statement.core_sign_point != question.core_sign_point) return "KEY_MISMATCH";
    if (statement.measurement != question.measurement) return "MEASUREMENT";
    const Buffer message = protocol::dev_process_signed_message(signed_bytes);
    if (!crypto::p256_verify(statement.core_sign_point, message, signature)) return "SIGNATURE";
    return {};
}

}  // namespace

Verdict verify_dev_process(Bytes evidence, const DevProcessQuestion& question) {
    Verdict verdict;
    verdict.kind = protocol::EvidenceKind::dev_process;
    verdict.findings.push_back(
        {.code = protocol::FindingCode::software_key, .origin = protocol::TrustClass::hardware});
    verdict.reason = "FORM";
    const auto form = protocol::decode_dev_process_form(evidence);
    if (!form) return verdict;
    const auto statement = protocol::decode_dev_process_statement(form->statement);
    if (!statement) return verdict;
    verdict.observations = {{"challenge", hex_text(statement->challenge)},
                            {"measurement", hex_text(statement->measurement)},
                            {"key", hex_text(statement->core_sign_point)},
                            {"app version", std::to_string(statement->app_version)}};
    verdict.reason = reason_of(*statement, form->statement, form->signature, question);
    if (!verdict.reason.empty()) return verdict;
    const auto id = crypto::sha256(statement->core_sign_point);
    verdict.outcome = Outcome::review;
    verdict.reason = "SOFTWARE_KEY";
    verdict.device_key.assign(statement->core_sign_point.begin(), statement->core_sign_point.end());
    verdict.device_id.assign(id.begin(), id.end());
    verdict.app_version = statement->app_version;
    return verdict;
}

}  // namespace softpos::attest
