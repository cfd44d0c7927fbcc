// The chip first, then the key, then what the key signed.
#include "platform/attest/tpm_verify.h"

#include "base/hex.h"
#include "codec/der.h"
#include "crypto/hash.h"
#include "platform/attest/ek_certificate.h"
#include "platform/attest/reason.h"
#include "platform/attest/words.h"
#include "protocol/evidence_forms.h"

#include <algorithm>
#include <bit>

namespace softpos::attest {
namespace {

namespace der = codec::der;

constexpr std::size_t coordinate_bytes = 32;
constexpr std::uint32_t usual_exponent = 65'537;
constexpr std::uint8_t hierarchies[][4] = {{0x40, 0, 0, 0x0B},   // TPM_RH_ENDORSEMENT
                                           {0x40, 0, 0, 0x01}};  // TPM_RH_OWNER
constexpr std::uint32_t attestation_attributes =
    tpm::fixed_tpm | tpm::fixed_parent | tpm::sensitive_data_origin | tpm::restricted | tpm::sign;

Buffer tagged(codec::DerTag tag, Bytes content) {
    Buffer out;
    codec::DerWriter(out).put(tag, content);
    return out;
}

// SubjectPublicKeyInfo out of an algorithm's identifiers and the bits.
Buffer spki_of(Bytes algorithm, Bytes bits) {
    Buffer with_unused{0};
    append(with_unused, bits);
    Buffer content = tagged(der::sequence, algorithm);
    append(content, tagged(der::bit_string, with_unused));
    return tagged(der::sequence, content);
}

Result<void> put_coordinate(Buffer& point, Bytes coordinate) {
    if (coordinate.empty() || coordinate.size() > coordinate_bytes) {
        return fail(ErrorKind::malformed, "tpm: size of a coordinate");
    }
    point.resize(point.size() + coordinate_bytes - coordinate.size());
    append(point, coordinate);
    return {};
}

// Name of something whose parent has that qualified name, or is that hierarchy.
Buffer qualified_name(Bytes parent, Bytes name) {
    Buffer message(parent.begin(), parent.end());
    append(message, name);
    Buffer out{0, static_cast<std::uint8_t>(tpm::sha256)};
    append(out, crypto::sha256(message));
    return out;
}

class Judge {
public:
    Judge(const TpmPolicy& policy, std::span<const TrustAnchor> anchors, Instant now)
        : policy_(policy), anchors_(anchors), now_(now) {}

    std::optional<Fault> read(Bytes evidence);
    std::optional<Fault> chip();
    std::optional<Fault> key();
    std::optional<Fault> statement() const;
    std::optional<Fault> state() const;
    std::optional<Fault> proof();
    std::optional<Fault> doubts() const;
    void observe(Verdict& verdict) const;

private:
    // Of the PCR of that number; null where it was not quoted.
    const Buffer* value_of(unsigned pcr) const;
    bool activated() const {
        if (policy_.activated_name) return *policy_.activated_name == name_;
        return policy_.activated_now || proven_;
    }

    const TpmPolicy& policy_;
    const std::span<const TrustAnchor> anchors_;
    const Instant now_;
    protocol::TpmQuoteForm form_;
    TpmQuote quote_;
    TpmSignature signature_;
    TpmPublic ak_;
    Buffer name_;
    std::optional<crypto::PublicKey> key_;
    Chain chain_;
    bool proven_ = false;
};

std::optional<Fault> Judge::read(Bytes evidence) {
    auto form = protocol::decode_tpm_quote_form(evidence);
    if (!form) return Fault{"FORM", form.error().at};
    auto quote = parse_tpm_quote(form->quote);
    auto signature = parse_tpm_signature(form->signature);
    auto ak = parse_tpm_public(form->ak_public);
    auto name = tpm_name(form->ak_public);
    if (!quote || !signature || !ak || !name) return Fault{"FORM", 0};
    form_ = *std::move(form);
    quote_ = *std::move(quote);
    signature_ = *std::move(signature);
    ak_ = *std::move(ak);
    name_ = *std::move(name);
    return std::nullopt;
}

std::optional<Fault> Judge::chip() {
    if (form_.ek_certificate.empty()) {
        if (policy_.activated_name) return std::nullopt;
        return Fault{"EK_MISSING", 0};
    }
    std::vector<Bytes> der{form_.ek_certificate};
    der.insert(der.end(), form_.chain.begin(), form_.chain.end());
    if (const auto fault = read_chain(der, chain_)) return fault;
    return check_ek_chain(chain_, anchors_, now_);
}

std::optional<Fault> Judge::key() {
    // A key that signs anything signs made-up quotes too, and one that can leave the TPM lives
    // wherever it likes.
    if (!ak_.has(attestation_attributes) || ak_.has(tpm::decrypt)) return Fault{"KEY_SCOPE", 0};
    auto key = tpm_public_key(ak_);
    if (!key) return Fault{"KEY_ALGORITHM", 0};
    key_ = *std::move(key);
    if (policy_.activated_name && !activated()) return Fault{"KEY_MISMATCH", 0};
    return std::nullopt;
}

std::optional<Fault> Judge::statement() const {
    if (!check_tpm_signature(*key_, signature_, form_.quote)) return Fault{"SIGNATURE", 0};
    Buffer ek_area;
    if (!chain_.certificates.empty()) {
        ek_area = ek_public_area(chain_.certificates.front().key()).value_or(Buffer{});
    }
    // Below an endorsement key that is not known the name cannot be computed.
    if (!ek_area.empty() && !names_tpm_key(quote_.qualified_signer, name_, ek_area)) {
        return Fault{"AK_NAME", 0};
    }
    if (policy_.challenge && quote_.extra_data != *policy_.challenge) return Fault{"CHALLENGE", 0};
    return std::nullopt;
}

std::optional<Fault> Judge::state() const {
    if (quote_.selections.size() != 1 || quote_.selections[0].hash != tpm::sha256) {
        return Fault{"PCR_SELECTION", 0};
    }
    const auto count = static_cast<std::size_t>(std::popcount(quote_.selections[0].pcrs));
    if (count != form_.pcrs.size() || tpm_pcr_digest(form_.pcrs) != quote_.pcr_digest) {
        return Fault{"PCR_DIGEST", static_cast<std::uint32_t>(form_.pcrs.size())};
    }
    for (const ExpectedPcr& expected : policy_.expected) {
        const Buffer* value = value_of(expected.pcr);
        if (value == nullptr) return Fault{"PCR_SELECTION", expected.pcr};
        if (std::ranges::find(expected.values, *value) == expected.values.end()) {
            return Fault{"PCR_VALUE", expected.pcr};
        }
    }
    if (quote_.reset_count < policy_.resets_known) return Fault{"RESETS", quote_.reset_count};
    return std::nullopt;
}

// The same key, the same start of the machine and the same PCRs: what opened the credential is what
// was judged, and keys may be sealed to it.
std::optional<Fault> Judge::proof() {
    if (!policy_.proof) return std::nullopt;
    const auto form = protocol::decode_tpm_quote_form(policy_.proof->evidence);
    if (!form) return Fault{"ACTIVATION", form.error().at};
    const auto quote = parse_tpm_quote(form->quote);
    const auto signature = parse_tpm_signature(form->signature);
    // Nothing that only the TPM could know is nothing to prove by.
    const bool asked = !policy_.proof->challenge.empty();
    if (!asked || !quote || !signature || form->ak_public != form_.ak_public ||
        !check_tpm_signature(*key_, *signature, form->quote) ||
        quote->extra_data != policy_.proof->challenge) {
        return Fault{"ACTIVATION", 0};
    }
    if (quote->reset_count != quote_.reset_count || quote->restart_count != quote_.restart_count) {
        return Fault{"RESTARTED", quote->reset_count};
    }
    if (quote->selections != quote_.selections || quote->pcr_digest != quote_.pcr_digest) {
        return Fault{"PCR_CHANGED", 0};
    }
    proven_ = true;
    return std::nullopt;
}

const Buffer* Judge::value_of(unsigned pcr) const {
    const std::uint32_t selected = quote_.selections.empty() ? 0 : quote_.selections[0].pcrs;
    if (pcr >= tpm_pcrs || (selected >> pcr & 1U) == 0) return nullptr;
    const std::uint32_t below = selected & ((1U << pcr) - 1);
    const auto index = static_cast<std::size_t>(std::popcount(below));
    return index < form_.pcrs.size() ? &form_.pcrs[index] : nullptr;
}

std::optional<Fault> Judge::doubts() const {
    if (!activated()) return Fault{"NOT_ACTIVATED", 0};
    if (!policy_.challenge || policy_.expected.empty()) return Fault{"NOT_COMPARED", 0};
    return std::nullopt;
}

void Judge::observe(Verdict& verdict) const {
    if (name_.empty()) return;
    Observations& out = verdict.observations;
    out = describe_certificates(chain_);
    if (!chain_.certificates.empty()) {
        const EkIdentity maker = read_ek_identity(chain_.certificates.front());
        out.emplace_back("TPM", maker.manufacturer + " " + maker.model + " " + maker.version);
    }
    if (chain_.anchor != nullptr) out.emplace_back("anchor", chain_.anchor->name);
    out.emplace_back("attestation key", (key_ ? key_->name() : "unknown") + ", name " +
                                            hex_text(name_) + (activated() ? ", activated" : ""));
    describe_quote(quote_, out);
    for (unsigned pcr = 0; pcr < tpm_pcrs; ++pcr) {
        const Buffer* value = value_of(pcr);
        if (value != nullptr) out.emplace_back("PCR " + std::to_string(pcr), hex_text(*value));
    }
    for (const auto& one : chain_.certificates) verdict.serials.push_back(one.serial_hex());
    verdict.home = KeyHome::tpm;
    verdict.boot_key = quote_.pcr_digest;
    verdict.tpm = TpmState{name_, quote_.reset_count, quote_.restart_count};
    if (!key_) return;
    verdict.device_key = key_->spki();
    // The attestation key is made from the TPM's own seed: the same in each quote, while the
    // endorsement key comes along with enrolment only.
    const auto id = crypto::sha256(key_->spki());
    verdict.device_id.assign(id.begin(), id.end());
}

}  // namespace

Verdict verify_tpm_quote(Bytes evidence, const TpmPolicy& policy,
                         std::span<const TrustAnchor> anchors, Instant now) {
    Verdict verdict;
    verdict.kind = protocol::EvidenceKind::tpm_quote;
    Judge judge(policy, anchors, now);
    auto fault = judge.read(evidence);
    if (!fault) fault = judge.chip();
    if (!fault) fault = judge.key();
    if (!fault) fault = judge.statement();
    if (!fault) fault = judge.state();
    if (!fault) fault = judge.proof();
    if (fault) {
        settle(verdict, Outcome::fail, fault);
    } else {
        settle(verdict, Outcome::review, judge.doubts());
    }
    judge.observe(verdict);
    return verdict;
}

void describe_quote(const TpmQuote& quote, Observations& out) {
    out.emplace_back("qualified signer", hex_text(quote.qualified_signer));
    out.emplace_back("challenge", hex_text(quote.extra_data));
    out.emplace_back("clock", std::to_string(quote.clock_ms) + " ms" +
                                  (quote.clock_safe ? "" : ", may have stood higher"));
    out.emplace_back("power cycles", std::to_string(quote.reset_count) + ", resumes " +
                                         std::to_string(quote.restart_count));
    out.emplace_back("firmware",
                     hex_number(static_cast<std::uint32_t>(quote.firmware_version >> 32U)) + " " +
                         hex_number(static_cast<std::uint32_t>(quote.firmware_version)));
    for (const TpmPcrSelection& selection : quote.selections) {
        std::string text = selection.hash == tpm::sha256 ? "SHA-256:" : "another bank:";
        for (unsigned pcr = 0; pcr < tpm_pcrs; ++pcr) {
            if ((selection.pcrs >> pcr & 1U) != 0) text += " " + std::to_string(pcr);
        }
        out.emplace_back("PCRs", std::move(text));
    }
    out.emplace_back("PCR digest", hex_text(quote.pcr_digest));
}

Result<crypto::PublicKey> tpm_public_key(const TpmPublic& area) {
    if (area.type == tpm::ecc) {
        if (area.curve != tpm::nist_p256) return fail(ErrorKind::unsupported, "tpm: curve");
        Buffer point{0x04};
        TRY_VOID(put_coordinate(point, area.x));
        TRY_VOID(put_coordinate(point, area.y));
        return crypto::PublicKey::from_p256_point(point);
    }
    if (area.type != tpm::rsa) return fail(ErrorKind::unsupported, "tpm: type of key", area.type);
    Buffer algorithm;
    codec::DerWriter(algorithm).put_oid("1.2.840.113549.1.1.1");
    codec::DerWriter(algorithm).put_null();
    Buffer numbers;
    codec::DerWriter(numbers).put_magnitude(area.modulus);
    codec::DerWriter(numbers).put_unsigned(
        der::integer, area.rsa_exponent == 0 ? usual_exponent : area.rsa_exponent);
    return crypto::PublicKey::from_spki(spki_of(algorithm, tagged(der::sequence, numbers)));
}

Result<void> check_tpm_signature(const crypto::PublicKey& key, const TpmSignature& signature,
                                 Bytes message) {
    using crypto::SignatureKind;
    if (signature.hash != tpm::sha256) {
        return fail(ErrorKind::unsupported, "tpm: hash of a signature", signature.hash);
    }
    switch (signature.algorithm) {
        case tpm::rsassa:
            return key.verify(SignatureKind::rsa_pkcs1_sha256, message, signature.rsa);
        case tpm::rsapss:
            return key.verify(SignatureKind::rsa_pss_sha256, message, signature.rsa);
        case tpm::ecdsa:
            return key.verify(SignatureKind::ecdsa_sha256, message,
                              crypto::ecdsa_signature_der(signature.r, signature.s));
        default:
            return fail(ErrorKind::unsupported, "tpm: signature algorithm", signature.algorithm);
    }
}

Buffer tpm_pcr_digest(std::span<const Buffer> values) {
    Buffer all;
    for (const Buffer& value : values) append(all, value);
    const auto digest = crypto::sha256(all);
    return {digest.begin(), digest.end()};
}

Buffer launched_pcr(Bytes measurement) {
    Buffer extended(tpm_pcr_bytes);
    append(extended, measurement);
    const auto digest = crypto::sha256(extended);
    return {digest.begin(), digest.end()};
}

bool names_tpm_key(Bytes qualified_signer, Bytes ak_name, Bytes ek_area) {
    const auto named = [qualified_signer](const Buffer& name) {
        return std::ranges::equal(name, qualified_signer);
    };
    for (const auto& hierarchy : hierarchies) {
        if (named(qualified_name(hierarchy, ak_name))) return true;
    }
    const auto ek_name = tpm_name(ek_area);
    return ek_name && named(qualified_name(qualified_name(hierarchies[0], *ek_name), ak_name));
}

}  // namespace softpos::attest
