// A process without hardware can be checked here: its own key signs what it says of itself.
#include "platform/server/evidence_check.h"

#include "crypto/hash.h"
#include "crypto/p256.h"
#include "protocol/evidence_forms.h"

#include <algorithm>

namespace softpos::server {
namespace {

using attest::Outcome;
using attest::Verdict;

Verdict failed(Verdict verdict, std::string_view reason) {
    verdict.outcome = Outcome::fail;
    verdict.reason = reason;
    return verdict;
}

// Never better than review: nothing but the process itself vouches for it.
Verdict check_dev_process(const protocol::Evidence& evidence, const EvidenceQuestion& question) {
    Verdict verdict;
    verdict.kind = evidence.kind;
    verdict.findings.push_back(
        {.code = protocol::FindingCode::software_key, .origin = protocol::TrustClass::hardware});
    const auto form = protocol::decode_dev_process_form(evidence.bytes);
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

}  // namespace

std::vector<Verdict> check_evidence(std::span<const protocol::Evidence> evidences,
                                    const EvidenceQuestion& question) {
    std::vector<Verdict> verdicts;
    verdicts.reserve(evidences.size());
    for (const protocol::Evidence& evidence : evidences) {
        if (evidence.kind == protocol::EvidenceKind::dev_process) {
            verdicts.push_back(check_dev_process(evidence, question));
        } else {
            Verdict verdict;
            verdict.kind = evidence.kind;
            verdicts.push_back(failed(std::move(verdict), "UNSUPPORTED"));
        }
    }
    return verdicts;
}

}  // namespace softpos::server
