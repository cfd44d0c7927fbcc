// Between what a TPM says and the forms in which a platform reads it.
#include "phone/anchor/tpm_anchor.h"

#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "protocol/evidence_forms.h"

#include <algorithm>

namespace softpos::anchor {
namespace {

constexpr hw::TpmPcrSet core_pcr = 1U << hw::tpm_core_pcr;

bool is_untouched(Bytes pcr) {
    return std::ranges::all_of(pcr, [](std::uint8_t byte) { return byte == 0; });
}

// What a PCR of zeros holds once it was extended with `digest`.
Buffer extended(Bytes digest) {
    Buffer message(hw::tpm_digest_bytes);
    append(message, digest);
    const auto value = crypto::sha256(message);
    return {value.begin(), value.end()};
}

}  // namespace

Result<std::unique_ptr<TpmAnchor>> TpmAnchor::open(const TpmOptions& options) {
    std::vector<Buffer> authorities;
    if (!options.authorities_pem.empty()) {
        authorities =
            TRY(crypto::pem_certificates(options.authorities_pem, protocol::ek_chain_max));
    }
    hw::Tpm tpm = TRY(hw::Tpm::open(options.tcti));
    return std::unique_ptr<TpmAnchor>(
        new TpmAnchor(std::move(tpm), options.boot_pcrs | core_pcr, std::move(authorities)));
}

// The first core of a start of the machine is written down; the same one may come back. A PCR that
// cannot be set back is what makes a second program impossible to hide.
Result<void> TpmAnchor::launch(const protocol::Digest32& measurement) {
    const auto pcr = TRY(tpm_.read_pcrs(core_pcr));
    if (is_untouched(pcr.front())) return tpm_.extend(hw::tpm_core_pcr, measurement);
    if (pcr.front() == extended(measurement)) return {};
    return fail(ErrorKind::denied,
                "tpm: another program was launched since the machine started (PCR)",
                hw::tpm_core_pcr);
}

Result<protocol::Evidence> TpmAnchor::quote(Bytes message, Certificates certificates) {
    auto quoted = TRY(tpm_.quote(crypto::sha256(message), pcrs_));
    protocol::TpmQuoteForm form;
    form.quote = std::move(quoted.quote);
    form.signature = std::move(quoted.signature);
    form.ak_public = TRY(tpm_.ak_public());
    form.pcrs = std::move(quoted.pcrs);
    if (certificates == Certificates::with) {
        form.ek_certificate = TRY(tpm_.ek_certificate());
        form.chain = authorities_;
    }
    return protocol::Evidence{protocol::EvidenceKind::tpm_quote, protocol::encode(form)};
}

Result<protocol::Evidence> TpmAnchor::evidence(Bytes message) {
    return quote(message, Certificates::without);
}

Result<protocol::Evidence> TpmAnchor::enrolment_evidence(Bytes message) {
    return quote(message, Certificates::with);
}

Result<protocol::Evidence> TpmAnchor::activate(const protocol::EnrolCredential& credential,
                                               Bytes binding) {
    const SecretBytes secret =
        TRY(tpm_.activate_credential(credential.id_object, credential.encrypted_secret));
    Buffer message = protocol::activation_message(binding, secret.bytes());
    auto proof = quote(message, Certificates::without);
    wipe(message);
    return proof;
}

}  // namespace softpos::anchor
