// Quotes of a software TPM with everything that their verdict needs.
#include "base/hex.h"
#include "codec/der.h"
#include "crypto/certificate.h"
#include "crypto/drbg.h"
#include "platform/attest/ek_certificate.h"
#include "platform/attest/tpm_credential.h"
#include "platform/attest/tpm_verify.h"
#include "protocol/evidence_forms.h"
#include "world/conformance/android_files.h"
#include "world/conformance/checkers.h"
#include "world/conformance/tpm_files.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

using attest::TpmPolicy;
using attest::TpmQuote;
using attest::TrustAnchor;

constexpr const char* root_file = "rootca.pem";
constexpr const char* issuer_file = "issuercert.pem";

struct Case {
    protocol::TpmQuoteForm form;
    TpmQuote quote;
    TpmPolicy policy;
    std::vector<TrustAnchor> anchors;
    Instant now;

    std::string judge(const protocol::TpmQuoteForm& changed, const TpmPolicy& asked) const {
        return text_of(attest::verify_tpm_quote(protocol::encode(changed), asked, anchors, now));
    }
};

// The statement itself is the challenge's and the expected state's source: what is left to find is
// whether everything fits together.
void ask_what_it_says(Case& one) {
    one.policy.challenge = one.quote.extra_data;
    const std::uint32_t selected = one.quote.selections.empty() ? 0 : one.quote.selections[0].pcrs;
    std::size_t index = 0;
    for (unsigned pcr = 0; pcr < attest::tpm_pcrs; ++pcr) {
        if ((selected >> pcr & 1U) == 0 || index == one.form.pcrs.size()) continue;
        one.policy.expected.push_back({pcr, {one.form.pcrs[index++]}});
    }
}

bool read_chip(Row& row, const Input& in, Case& one) {
    const auto certificate = read_companion(row, in, "ek.der");
    const auto issuer = read_chain(row, in.folder, issuer_file);
    const auto root = read_chain(row, in.folder, root_file);
    if (!certificate || !issuer || !root) return false;
    one.form.ek_certificate = *certificate;
    one.form.chain = issuer->der;
    one.anchors = {{"local", root->certificates.back().key()}};
    const auto parsed = crypto::Certificate::parse(*certificate);
    one.now = parsed ? parsed->not_before().value_or(Instant{}) : Instant{};
    return true;
}

std::optional<Case> read_case(Row& row, const Input& in, Bytes message) {
    Case one;
    const std::string stem = stem_of(in.file);
    const auto signature = read_companion(row, in, stem + ".sig");
    const auto pcrs = read_companion(row, in, stem + ".pcrs");
    const auto area = attestation_area(row, in);
    if (!signature || !pcrs || !area || !read_chip(row, in, one)) return std::nullopt;
    auto quote = attest::parse_tpm_quote(message);
    auto values = read_pcr_file(*pcrs);
    const auto signed_form = signature_of(row, *signature);
    if (!quote) row.fail("quote", quote.error());
    if (!values) row.fail("PCRs", values.error());
    if (row.failed()) return std::nullopt;
    one.quote = *std::move(quote);
    one.form.quote.assign(message.begin(), message.end());
    one.form.signature = *signed_form;
    one.form.ak_public = *area;
    one.form.pcrs = *std::move(values);
    one.policy.activated_name = attest::tpm_name(*area).value_or(Buffer{});
    ask_what_it_says(one);
    return one;
}

}  // namespace

// stem.msg with stem.sig, stem.pcrs and the keys.
void check_tpm_quote(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto one = read_case(row, in, bytes_of(in.text));
    if (!one) return;
    row.same("quote encoded again", attest::encode(one->quote), to_hex(one->form.quote));
    row.same_text("verdict", one->judge(one->form, one->policy), "PASS");
    TpmPolicy policy = one->policy;
    policy.challenge->back() ^= 1U;
    row.same_text("another nonce", one->judge(one->form, policy), "FAIL CHALLENGE");
    policy = one->policy;
    policy.activated_name.reset();
    row.same_text("not activated", one->judge(one->form, policy), "REVIEW NOT_ACTIVATED");
    policy = one->policy;
    if (!policy.expected.empty()) policy.expected.back().values[0][0] ^= 1U;
    row.same_text("another state", one->judge(one->form, policy), "FAIL PCR_VALUE");
    protocol::TpmQuoteForm form = one->form;
    if (!form.pcrs.empty()) form.pcrs[0][0] ^= 1U;
    row.same_text("another PCR", one->judge(form, one->policy), "FAIL PCR_DIGEST");
    form = one->form;
    form.quote.back() ^= 1U;  // In the PCR digest.
    row.same_text("altered quote", one->judge(form, one->policy), "FAIL SIGNATURE");
}

void check_tpm_signature_file(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto message = read_companion(row, in, stem_of(in.file) + ".msg");
    const auto area = attestation_area(row, in);
    const auto signature = signature_of(row, bytes_of(in.text));
    if (!message || !area || !signature) return;
    const auto key = attest::tpm_public_key(attest::parse_tpm_public(*area).value());
    const auto parsed = attest::parse_tpm_signature(*signature);
    if (!key || !parsed) return row.fail("key or signature");
    row.holds("signature fits", attest::check_tpm_signature(*key, *parsed, *message).has_value());
    const Bytes shorter = Bytes(*message).first(message->size() - 1);
    row.holds("and fits nothing else", !attest::check_tpm_signature(*key, *parsed, shorter));
}

void check_tpm_pcrs(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto message = read_companion(row, in, stem_of(in.file) + ".msg");
    const auto values = read_pcr_file(bytes_of(in.text));
    if (!values) row.fail("PCRs", values.error());
    if (!message || row.failed()) return;
    const auto quote = attest::parse_tpm_quote(*message);
    if (!quote) return row.fail("quote", quote.error());
    row.same("digest", attest::tpm_pcr_digest(*values), to_hex(quote->pcr_digest));
}

// The same read by another program.
void check_tpm_parsed(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto message = read_companion(row, in, stem_of(in.file) + ".msg");
    if (!message) return;
    const auto parsed = attest::parse_tpm_quote(*message);
    if (!parsed) return row.fail("quote", parsed.error());
    const TpmQuote& quote = *parsed;
    const auto number = [&](const char* key, std::uint64_t got) {
        const auto told = in.json[key].number();
        row.holds(std::string(key) + " differs", told && static_cast<std::uint64_t>(*told) == got);
    };
    const auto hex_number_of = [&](const Node& node) {
        const std::string text = node.text();
        return number_of(std::string_view(text).substr(std::min<std::size_t>(2, text.size())), 16);
    };
    row.same("qualifiedSigner", quote.qualified_signer, in.json["qualifiedSigner"]);
    row.same("extraData", quote.extra_data, in.json["extraData"]);
    number("clock", quote.clock_ms);
    number("resetCount", quote.reset_count);
    number("restartCount", quote.restart_count);
    number("safe", quote.clock_safe ? 1 : 0);
    row.holds("firmwareVersion differs",
              hex_number_of(in.json["firmwareVersion"]) == quote.firmware_version);
    row.same("pcrDigest", quote.pcr_digest, in.json["pcrDigest"]);
    const auto banks = in.json["pcrSelect"].items();
    row.holds("number of banks differs", banks.size() == quote.selections.size());
    for (std::size_t i = 0; i < banks.size() && i < quote.selections.size(); ++i) {
        std::uint32_t pcrs = 0;
        for (const Node& pcr : banks[i]["pcrs"].items()) {
            pcrs |= 1U << (static_cast<unsigned>(pcr.number().value_or(0)) & 31U);
        }
        row.holds("bank differs", hex_number_of(banks[i]["hash"]) == quote.selections[i].hash);
        row.holds("selection differs", pcrs == quote.selections[i].pcrs);
    }
}

// ak.pub, ak.name: the name out of the key is the name that the TPM gave.
void check_tpm_attestation_key(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto area = attestation_area(row, in);
    const auto told = read_companion(row, in, "ak.name");
    if (!area || !told) return;
    row.same("name", attest::tpm_name(*area).value_or(Buffer{}), to_hex(*told));
}

// ek.der, ek.pub: the certified key is the TPM's, by the default template.
void check_tpm_endorsement_key(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    Case one;
    const auto area = read_companion(row, in, "ek.pub");
    if (!area || !read_chip(row, in, one)) return;
    std::vector<Bytes> der{one.form.ek_certificate};
    der.insert(der.end(), one.form.chain.begin(), one.form.chain.end());
    attest::Chain chain;
    auto fault = attest::read_chain(der, chain);
    if (!fault) fault = attest::check_ek_chain(chain, one.anchors, one.now);
    if (fault) return row.fail("chain: " + std::string(fault->reason));
    row.same("public area",
             attest::ek_public_area(chain.certificates.front().key()).value_or(Buffer{}),
             to_hex(*area));
    const auto parsed = attest::parse_tpm_public(*area);
    if (!parsed) return row.fail("ek.pub", parsed.error());
    row.same("encoded again", attest::encode(*parsed), to_hex(*area));
    row.holds("maker is told",
              !attest::read_ek_identity(chain.certificates.front()).manufacturer.empty());
    attest::Chain alone;
    fault = attest::read_chain(der, alone);
    fault = attest::check_ek_chain(alone, {}, one.now);
    row.holds("without anchor it is nobody's", fault && fault->reason == "ROOT_UNTRUSTED");
}

// The authorities: who signed whom.
void check_tpm_authority(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto own = read_chain(row, in.folder, std::string(in.file));
    const auto root = read_chain(row, in.folder, root_file);
    if (!own || !root) return;
    row.holds("it is an authority", attest::is_authority(own->certificates.front()));
    row.holds(
        "the root signed it",
        own->certificates.front().check_signed_by(root->certificates.front().key()).has_value());
}

// cred.blob, secret: nobody but that TPM opens it; ours for the same keys has the same form.
void check_tpm_credential(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto blob = read_companion(row, in, "cred.blob");
    const auto secret = read_companion(row, in, "secret");
    const auto name = read_companion(row, in, "ak.name");
    const auto certificate = read_companion(row, in, "ek.der");
    if (!blob || !secret || !name || !certificate) return;
    const auto told = attest::parse_tpm_credential_file(*blob);
    if (!told) return row.fail("credential", told.error());
    const auto parsed = crypto::Certificate::parse(*certificate);
    if (!parsed) return row.fail("ek.der", parsed.error());
    crypto::KeyRandom random;
    const auto made = attest::make_tpm_credential(parsed->key(), *name, *secret, random);
    if (!made) return row.fail("made here", made.error());
    row.holds("size of the object", made->id_object.size() == told->id_object.size());
    row.holds("size of the secret", made->encrypted_secret.size() == told->encrypted_secret.size());
    row.holds("size of the MAC",
              std::ranges::equal(Bytes(made->id_object).first(4), Bytes(told->id_object).first(4)));
}

}  // namespace softpos::conformance
