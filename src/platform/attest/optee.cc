// RSASSA-PSS over nonce and digest.
#include "platform/attest/optee.h"

#include "crypto/hash.h"
#include "platform/attest/reason.h"
#include "platform/attest/words.h"
#include "protocol/evidence_forms.h"

#include <algorithm>

namespace softpos::attest {
namespace {

std::optional<Fault> fault_in(const protocol::OpteeForm& form, const OpteePolicy& policy,
                              Verdict& verdict) {
    const auto key =
        std::ranges::find_if(policy.device_keys, [&form](const crypto::PublicKey& one) {
            return crypto::sha256(one.spki()) == form.key_id;
        });
    if (key == policy.device_keys.end()) return Fault{"KEY_UNKNOWN", 0};
    Buffer covered(policy.challenge.begin(), policy.challenge.end());
    append(covered, form.digest);
    if (!key->verify(crypto::SignatureKind::rsa_pss_sha256, covered, form.signature)) {
        return Fault{"SIGNATURE", 0};
    }
    verdict.home = KeyHome::trusted_environment;
    verdict.device_key = key->spki();
    verdict.device_id.assign(form.key_id.begin(), form.key_id.end());
    const auto& known = policy.measurements;
    if (!known.empty() && std::ranges::find(known, form.digest) == known.end()) {
        return Fault{"MEASUREMENT", 0};
    }
    return std::nullopt;
}

}  // namespace

Verdict verify_optee(Bytes evidence, const OpteePolicy& policy) {
    Verdict verdict;
    verdict.kind = protocol::EvidenceKind::optee_pta;
    const auto form = protocol::decode_optee_form(evidence);
    if (!form) {
        settle(verdict, Outcome::fail, Fault{"FORM", form.error().at});
        return verdict;
    }
    verdict.observations = {{"device key", hex_text(form->key_id)},
                            {"measurement", hex_text(form->digest)}};
    if (const auto fault = fault_in(*form, policy, verdict)) {
        settle(verdict, Outcome::fail, fault);
    } else {
        settle(
            verdict, Outcome::review,
            policy.measurements.empty() ? std::optional(Fault{"NOT_COMPARED", 0}) : std::nullopt);
    }
    return verdict;
}

}  // namespace softpos::attest
