// The key first, then the statement, then what it says, then who made the TPM.
#include "platform/attest/tpm_quote.h"

#include "base/check.h"
#include "base/hex.h"
#include "codec/der.h"
#include "crypto/block_modes.h"
#include "crypto/hash.h"
#include "crypto/mac.h"
#include "platform/attest/chain.h"
#include "protocol/evidence_forms.h"

#include <algorithm>

namespace softpos::attest {
namespace {

using protocol::FindingCode;

constexpr std::string_view extended_key_usage_oid = "2.5.29.37";
constexpr std::string_view ek_usage_oid = "2.23.133.8.1";
constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t seed_bytes = 32;
constexpr std::size_t storage_key_bytes = 16;
constexpr unsigned ek_bits = 2048;

void put_sized(Buffer& out, Bytes bytes) {
    CHECK(bytes.size() <= 0xFFFF);
    out.push_back(static_cast<std::uint8_t>(bytes.size() >> 8U));
    out.push_back(static_cast<std::uint8_t>(bytes.size()));
    append(out, bytes);
}

// Spec: [SP800-108] 4.1 with HMAC-SHA-256; [TPM2-1] 11.4.10.2. Labels end with a zero.
Buffer kdfa(Bytes key, std::string_view label, Bytes context, std::size_t size) {
    CHECK(size <= seed_bytes);
    Buffer message = {0, 0, 0, 1};
    append(message, bytes_of(label));
    message.push_back(0);
    append(message, context);
    const auto bits = static_cast<std::uint32_t>(size * 8);
    for (unsigned left = 4; left-- > 0;) {
        message.push_back(static_cast<std::uint8_t>(bits >> (8 * left)));
    }
    const auto block = crypto::hmac_sha256(key, message);
    return {block.begin(), block.begin() + static_cast<std::ptrdiff_t>(size)};
}

Buffer padded(Bytes number) {
    Buffer out(coordinate_bytes - std::min(number.size(), coordinate_bytes), 0);
    append(out, number);
    return out;
}

std::optional<crypto::PublicKey> key_of(const TpmPublic& ak) {
    const bool p256 = ak.type == tpm::ecc && ak.curve == tpm::nist_p256 &&
                      ak.x.size() <= coordinate_bytes && ak.y.size() <= coordinate_bytes;
    if (!p256) return std::nullopt;
    Buffer point = {0x04};
    append(point, padded(ak.x));
    append(point, padded(ak.y));
    auto key = crypto::PublicKey::from_p256_point(point);
    return key ? std::optional(*std::move(key)) : std::nullopt;
}

FindingCode code_of(std::string_view reason) {
    if (reason == "CHALLENGE") return FindingCode::replay;
    if (reason == "AK_NAME") return FindingCode::clone;
    if (reason == "PCR_VALUE") return FindingCode::boot_state;
    if (reason == "AK_ATTRIBUTES" || reason == "AK_ALGORITHM") return FindingCode::level;
    return FindingCode::chain;
}

class Judge {
public:
    Judge(const TpmPolicy& policy, std::span<const TrustAnchor> anchors, Instant now)
        : policy_(policy), anchors_(anchors), now_(now) {
        verdict_.kind = protocol::EvidenceKind::tpm_quote;
    }

    std::optional<Fault> judge(Bytes evidence);
    Verdict verdict(const std::optional<Fault>& fault);

private:
    std::optional<Fault> attestation_key();
    std::optional<Fault> statement();
    std::optional<Fault> values();
    std::optional<Fault> maker();
    void note(std::string name, std::string value) {
        verdict_.observations.emplace_back(std::move(name), std::move(value));
    }

    const TpmPolicy& policy_;
    std::span<const TrustAnchor> anchors_;
    Instant now_;
    Verdict verdict_;
    protocol::TpmQuoteForm form_;
    std::optional<crypto::PublicKey> ak_;
    TpmQuote quote_;
    bool has_certificate_ = false;
};

std::optional<Fault> Judge::attestation_key() {
    const auto ak = parse_tpm_public(form_.ak_public);
    const auto name = tpm_name(form_.ak_public);
    if (!ak || !name) return Fault{"AK_FORM", 0};
    note("attestation key", to_hex(*name));
    // Made in the TPM, never leaves it, and signs nothing but what the TPM itself says.
    constexpr std::uint32_t needed = tpm::fixed_tpm | tpm::fixed_parent |
                                     tpm::sensitive_data_origin | tpm::restricted | tpm::sign;
    if (!ak->has(needed) || (ak->attributes & tpm::decrypt) != 0) {
        return Fault{"AK_ATTRIBUTES", ak->attributes};
    }
    ak_ = key_of(*ak);
    if (!ak_) return Fault{"AK_ALGORITHM", ak->type};
    if (policy_.ak_name && *policy_.ak_name != *name) return Fault{"AK_NAME", 0};
    const auto id = crypto::sha256(*name);
    verdict_.device_key = ak_->spki();
    verdict_.device_id.assign(id.begin(), id.end());
    return std::nullopt;
}

std::optional<Fault> Judge::statement() {
    auto quote = parse_tpm_quote(form_.quote);
    const auto signature = parse_tpm_signature(form_.signature);
    if (!quote || !signature) return Fault{"QUOTE_FORM", 0};
    quote_ = *std::move(quote);
    note("nonce", to_hex(quote_.extra_data));
    note("power cycles", std::to_string(quote_.reset_count));
    note("firmware", std::to_string(quote_.firmware_version));
    const bool usual = signature->algorithm == tpm::ecdsa && signature->hash == tpm::sha256;
    if (!usual || !ak_->verify(crypto::SignatureKind::ecdsa_sha256, form_.quote,
                               crypto::ecdsa_signature_der(signature->r, signature->s))) {
        return Fault{"SIGNATURE", 0};
    }
    if (quote_.extra_data != policy_.challenge) return Fault{"CHALLENGE", 0};
    return std::nullopt;
}

std::optional<Fault> Judge::values() {
    if (quote_.selections.size() != 1 || quote_.selections.front().hash != tpm::sha256) {
        return Fault{"PCR_BANK", 0};
    }
    const std::uint32_t selected = quote_.selections.front().pcrs;
    Buffer all;
    std::size_t next = 0;
    std::vector<std::pair<unsigned, const Buffer*>> values;
    for (unsigned pcr = 0; pcr < tpm_pcrs; ++pcr) {
        if ((selected >> pcr & 1U) == 0) continue;
        if (next == form_.pcrs.size()) return Fault{"PCR_DIGEST", pcr};
        values.emplace_back(pcr, &form_.pcrs[next]);
        append(all, form_.pcrs[next++]);
        note("PCR " + std::to_string(pcr), to_hex(*values.back().second));
    }
    const auto digest = crypto::sha256(all);
    if (next != form_.pcrs.size() || !std::ranges::equal(digest, quote_.pcr_digest)) {
        return Fault{"PCR_DIGEST", 0};
    }
    for (const PcrRule& rule : policy_.pcrs) {
        const auto quoted =
            std::ranges::find(values, rule.pcr, &decltype(values)::value_type::first);
        const bool good = quoted != values.end() &&
                          std::ranges::find(rule.allowed, *quoted->second) != rule.allowed.end();
        if (!good) return Fault{"PCR_VALUE", rule.pcr};
    }
    return std::nullopt;
}

std::optional<Fault> Judge::maker() {
    if (form_.ek_certificate.empty()) {
        if (policy_.certificate_needed) return Fault{"CERTIFICATE_MISSING", 0};
        return std::nullopt;
    }
    std::vector<Bytes> certificates = {form_.ek_certificate};
    certificates.insert(certificates.end(), form_.chain.begin(), form_.chain.end());
    Chain chain;
    if (const auto fault = read_chain(certificates, chain)) return fault;
    for (const crypto::Certificate& one : chain.certificates) {
        verdict_.serials.push_back(one.serial_hex());
        note("certificate by", crypto::name_text(one.issuer()));
    }
    if (const auto fault = check_root(chain, anchors_)) return fault;
    if (const auto fault = check_names(chain)) return fault;
    if (const auto fault = check_signatures(chain, anchors_)) return fault;
    if (!is_ek_certificate(chain.certificates.front())) return Fault{"EK_USAGE", 0};
    for (std::uint32_t i = 0; i < chain.certificates.size(); ++i) {
        const auto from = chain.certificates[i].not_before();
        const auto until = chain.certificates[i].not_after();
        if (!from || now_ < *from) return Fault{"NOT_YET_VALID", i};
        if (!until || *until < now_) return Fault{"EXPIRED", i};
    }
    has_certificate_ = true;
    return std::nullopt;
}

std::optional<Fault> Judge::judge(Bytes evidence) {
    auto form = protocol::decode_tpm_quote_form(evidence);
    if (!form) return Fault{"FORM", static_cast<std::uint32_t>(form.error().at)};
    form_ = *std::move(form);
    if (const auto fault = attestation_key()) return fault;
    if (const auto fault = statement()) return fault;
    if (const auto fault = values()) return fault;
    return maker();
}

Verdict Judge::verdict(const std::optional<Fault>& fault) {
    using protocol::TrustClass;
    if (fault) {
        verdict_.outcome = Outcome::fail;
        verdict_.reason = fault->reason;
        verdict_.where = fault->where;
        verdict_.findings.push_back({code_of(fault->reason), TrustClass::hardware, fault->where});
        return std::move(verdict_);
    }
    // A key that is known from its enrolment was activated then.
    const bool known = policy_.ak_name.has_value() || (has_certificate_ && policy_.activated);
    verdict_.outcome = known ? Outcome::pass : Outcome::review;
    verdict_.home = known ? KeyHome::tpm : KeyHome::software;
    if (!known) {
        verdict_.reason = "NOT_ACTIVATED";
        verdict_.findings.push_back({FindingCode::evidence_missing, TrustClass::hardware, 0});
    }
    return std::move(verdict_);
}

}  // namespace

Verdict verify_tpm_quote(Bytes form, const TpmPolicy& policy, std::span<const TrustAnchor> anchors,
                         Instant now) {
    Judge judge(policy, anchors, now);
    return judge.verdict(judge.judge(form));
}

bool is_ek_certificate(const crypto::Certificate& certificate) {
    const auto* extension = certificate.extension(extended_key_usage_oid);
    if (extension == nullptr) return false;
    codec::DerReader in(extension->value);
    auto usages = in.enter(codec::der::sequence);
    if (!usages || !in.empty()) return false;
    while (!usages->empty()) {
        const auto oid = usages->take_oid();
        if (!oid) return false;
        const auto text = codec::oid_text(*oid);
        if (text && *text == ek_usage_oid) return true;
    }
    return false;
}

Result<TpmCredential> make_credential(const crypto::PublicKey& ek, Bytes ak_name, Bytes secret,
                                      Random& random) {
    if (ek.family() != crypto::KeyFamily::rsa || ek.bits() != ek_bits) {
        return fail(ErrorKind::unsupported, "tpm: endorsement key of another kind");
    }
    if (secret.empty() || secret.size() > tpm_credential_bytes_max) {
        return fail(ErrorKind::malformed, "tpm: size of the credential");
    }
    constexpr std::string_view label{"IDENTITY\0", 9};  // Its zero belongs to it.
    const auto seed = random.take<seed_bytes>();
    TpmCredential out;
    put_sized(out.encrypted_secret, TRY(ek.encrypt_oaep_sha256(seed, bytes_of(label))));

    Buffer inner;
    put_sized(inner, secret);
    const Buffer storage_key = kdfa(seed, "STORAGE", ak_name, storage_key_bytes);
    const Buffer zeroes(storage_key_bytes, 0);
    const Buffer identity = TRY(crypto::mode_encrypt({.cipher = crypto::Cipher::aes,
                                                      .mode = crypto::BlockMode::cfb,
                                                      .key = storage_key,
                                                      .iv = zeroes},
                                                     inner));
    Buffer covered = identity;
    append(covered, ak_name);
    const Buffer mac_key = kdfa(seed, "INTEGRITY", {}, seed_bytes);
    Buffer object;
    put_sized(object, crypto::hmac_sha256(mac_key, covered));
    append(object, identity);
    put_sized(out.id_object, object);
    return out;
}

}  // namespace softpos::attest
