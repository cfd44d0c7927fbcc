// One recogniser a form, in the order of how sure its mark is.
#include "platform/attest/explain.h"

#include "codec/base64.h"
#include "codec/json_tree.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "platform/attest/android_verify.h"
#include "platform/attest/app_attest.h"
#include "platform/attest/app_attest_verify.h"
#include "platform/attest/dev_process.h"
#include "platform/attest/ek_certificate.h"
#include "platform/attest/huks_verify.h"
#include "platform/attest/integrity_token.h"
#include "platform/attest/jws.h"
#include "platform/attest/optee.h"
#include "platform/attest/reason.h"
#include "platform/attest/words.h"
#include "protocol/evidence_forms.h"

#include <algorithm>
#include <utility>

namespace softpos::attest {
namespace {

using Found = std::optional<Explanation>;

constexpr std::string_view pem_mark = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view statement_mark = "\xFFTCG";

std::string count_of(std::size_t count, std::string_view what) {
    return std::to_string(count) + " " + std::string(what) + (count == 1 ? "" : "s");
}

Buffer hash_of(Bytes message) {
    const auto digest = crypto::sha256(message);
    return {digest.begin(), digest.end()};
}

Explanation explain_ek(std::span<const Bytes> der, const ExplainQuestion& question) {
    Explanation out{"Endorsement certificate of a TPM, " + count_of(der.size(), "certificate"), {}};
    out.verdict.kind = protocol::EvidenceKind::tpm_quote;
    Chain chain;
    auto fault = read_chain(der, chain);
    if (!fault) fault = check_ek_chain(chain, question.anchors, question.now);
    settle(out.verdict, fault ? Outcome::fail : Outcome::review,
           fault ? fault : Fault{"NOT_COMPARED", 0});
    Observations& seen = out.verdict.observations;
    seen = describe_certificates(chain);
    if (chain.certificates.empty()) return out;
    const EkIdentity maker = read_ek_identity(chain.certificates.front());
    seen.emplace_back("maker", printable_text(maker.manufacturer));
    seen.emplace_back("model", printable_text(maker.model));
    seen.emplace_back("version", printable_text(maker.version));
    if (chain.anchor != nullptr) seen.emplace_back("anchor", chain.anchor->name);
    out.verdict.home = KeyHome::tpm;
    out.verdict.device_key = chain.certificates.front().key().spki();
    for (const auto& one : chain.certificates) out.verdict.serials.push_back(one.serial_hex());
    return out;
}

// The asker tells the bundle's name, and no identity: whoever signed it is told, not compared.
Explanation explain_huks(std::span<const Bytes> der, const ExplainQuestion& question) {
    HuksPolicy policy;
    policy.challenge = question.challenge;
    Explanation out{"HUKS key attestation, " + count_of(der.size(), "certificate"), {}};
    const HuksTrust trust{question.anchors, question.revoked};
    out.verdict = verify_huks_key(der, policy, trust, question.now);
    if (!question.app || out.verdict.outcome == Outcome::fail) return out;
    const auto leaf = crypto::Certificate::parse(der.front());
    const auto said = HuksStatement::parse(leaf->extension(huks_key_oid)->value);
    policy.bundle = question.app;
    if (said && said->owner) policy.app_ids = {said->owner->app_id};
    out.verdict = verify_huks_key(der, policy, trust, question.now);
    return out;
}

Explanation explain_chain(std::span<const Bytes> der, const ExplainQuestion& question) {
    const auto leaf = crypto::Certificate::parse(der.front());
    if (leaf && is_ek_certificate(*leaf)) return explain_ek(der, question);
    if (leaf && leaf->extension(huks_key_oid) != nullptr) return explain_huks(der, question);
    AndroidPolicy policy;
    policy.challenge = question.challenge;
    policy.package = question.app;
    policy.signers = question.signers;
    policy.level_min = SecurityLevel::trusted_environment;
    policy.attest_key_allowed = true;
    const bool android = leaf && leaf->extension(android_key_oid) != nullptr;
    return {(android ? "Android key attestation, " : "Certificates without a statement, ") +
                count_of(der.size(), "certificate"),
            verify_android_key(der, policy, {question.anchors, question.revoked}, question.now)};
}

Found take_certificates(Bytes file, const ExplainQuestion& question) {
    std::vector<Buffer> owned;
    std::vector<Bytes> der;
    if (text_of(file).find(pem_mark) != std::string_view::npos) {
        auto pem = crypto::pem_certificates(text_of(file), chain_max);
        if (!pem) return std::nullopt;
        owned = *std::move(pem);
        der.assign(owned.begin(), owned.end());
    } else {
        auto split = split_chain(file);
        if (!split || split->empty()) return std::nullopt;
        der = *std::move(split);
    }
    return explain_chain(der, question);
}

// Our own protocol gives the service its challenge as the hash, others the hash of theirs:
// whichever fits is meant, and nobody can make the other one fit.
Explanation explain_attestation(Bytes evidence, const ExplainQuestion& question,
                                std::optional<Buffer> key_id) {
    AppAttestPolicy policy;
    policy.app_id = question.app;
    policy.key_id = std::move(key_id);
    policy.development_allowed = question.development_allowed;
    Explanation out{"Apple App Attest, attestation", {}};
    if (question.challenge) policy.client_data_hash = hash_of(*question.challenge);
    const auto judge = [&] {
        return verify_app_attestation(evidence, policy, question.anchors, question.now);
    };
    out.verdict = judge();
    if (out.verdict.reason == "CHALLENGE") {
        policy.client_data_hash = question.challenge;
        Verdict direct = judge();
        if (direct.reason != "CHALLENGE") out.verdict = std::move(direct);
    }
    return out;
}

Explanation explain_assertion(Bytes evidence, const ExplainQuestion& question) {
    AppAssertionPolicy policy;
    policy.app_id = question.app.value_or("");
    if (question.key) policy.device_key = question.key->spki();
    const Buffer challenge = question.challenge.value_or(Buffer{});
    policy.client_data_hash = hash_of(challenge);
    Explanation out{"Apple App Attest, assertion", verify_app_assertion(evidence, policy)};
    if (out.verdict.reason == "SIGNATURE") {
        policy.client_data_hash = challenge;
        Verdict direct = verify_app_assertion(evidence, policy);
        if (direct.reason != "SIGNATURE") out.verdict = std::move(direct);
    }
    return out;
}

Found take_app_attest(Bytes file, const ExplainQuestion& question) {
    if (parse_app_attestation(file)) return explain_attestation(file, question, std::nullopt);
    if (parse_app_assertion(file)) return explain_assertion(file, question);
    return std::nullopt;
}

// {"attestation", "keyId", "challenge", "appId"} as apps send them to their servers; what the asker
// tells goes before.
Found take_app_attest_json(Bytes file, const ExplainQuestion& question) {
    const auto json = codec::JsonTree::parse(text_of(file));
    if (!json) return std::nullopt;
    const auto bytes = [&](std::string_view name) -> std::optional<Buffer> {
        const auto text = json->root()[name].text();
        const auto decoded = codec::from_base64(text.value_or(""));
        if (!text || !decoded) return std::nullopt;
        return *decoded;
    };
    ExplainQuestion asked = question;
    if (!asked.challenge) asked.challenge = bytes("challenge");
    const auto app = json->root()["appId"].text();
    if (!asked.app && app) asked.app = std::string(*app);
    if (const auto evidence = bytes("attestation")) {
        return explain_attestation(*evidence, asked, bytes("keyId"));
    }
    if (const auto evidence = bytes("assertion")) return explain_assertion(*evidence, asked);
    return std::nullopt;
}

Found take_tpm_form(Bytes file, const ExplainQuestion& question) {
    const auto form = protocol::decode_tpm_quote_form(file);
    if (!form) return std::nullopt;
    TpmPolicy policy;
    policy.challenge = question.challenge;
    policy.expected = question.pcrs;
    policy.activated_now = question.activated;
    return Explanation{"Quote of a TPM with its keys",
                       verify_tpm_quote(file, policy, question.anchors, question.now)};
}

// A statement without signature or key: what it says, and that nothing proves it.
Found take_tpm_statement(Bytes file) {
    if (!text_of(file).starts_with(statement_mark)) return std::nullopt;
    const auto quote = parse_tpm_quote(file);
    if (!quote) return std::nullopt;
    Explanation out{"Quote of a TPM, the statement alone", {}};
    out.verdict.kind = protocol::EvidenceKind::tpm_quote;
    settle(out.verdict, Outcome::fail, Fault{"KEY_UNKNOWN", 0});
    describe_quote(*quote, out.verdict.observations);
    return out;
}

Found take_optee(Bytes file, const ExplainQuestion& question) {
    const auto form = protocol::decode_optee_form(file);
    if (!form) return std::nullopt;
    OpteePolicy policy;
    if (question.challenge && question.challenge->size() == policy.challenge.size()) {
        std::ranges::copy(*question.challenge, policy.challenge.begin());
    }
    if (question.key) policy.device_keys = {&*question.key, 1};
    return Explanation{"Measurement signed by OP-TEE", verify_optee(file, policy)};
}

// Asked what it says: nobody but the process itself could contradict it.
Found take_dev_process(Bytes file, const ExplainQuestion& question) {
    const auto form = protocol::decode_dev_process_form(file);
    if (!form) return std::nullopt;
    const auto statement = protocol::decode_dev_process_statement(form->statement);
    if (!statement) return std::nullopt;
    protocol::Digest32 challenge = statement->challenge;
    if (question.challenge && question.challenge->size() == challenge.size()) {
        std::ranges::copy(*question.challenge, challenge.begin());
    }
    return Explanation{
        "Word of a process without hardware",
        verify_dev_process(file, {challenge, statement->core_sign_point, statement->measurement})};
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// Which service a token is from shows in its payload, encrypted ones are Google's.
Found take_token(Bytes file, const ExplainQuestion& question) {
    const std::string_view token = trimmed(text_of(file));
    TokenPolicy policy;
    policy.challenge = question.challenge;
    policy.package = question.app;
    policy.signers = question.signers;
    if (is_jwe(token) && token.find_first_of("{ \n") == std::string_view::npos) {
        return Explanation{"Play Integrity token, encrypted",
                           verify_play_integrity(token, policy, {question.decryption, question.key},
                                                 question.now)};
    }
    const auto jws = parse_jws(token);
    if (!jws) return std::nullopt;
    const auto payload = codec::JsonTree::parse(text_of(jws->payload));
    if (payload && payload->root()["requestDetails"]) {
        return Explanation{"Play Integrity token",
                           verify_play_integrity(token, policy, {question.decryption, question.key},
                                                 question.now)};
    }
    if (payload && payload->root()["apkPackageName"]) {
        return Explanation{"SysIntegrity token of HMS",
                           verify_sys_integrity(token, policy, question.anchors, question.now)};
    }
    Explanation out{"Signed token of a service that is not known here", {}};
    settle(out.verdict, Outcome::fail, Fault{"UNSUPPORTED", 0});
    return out;
}

// Reasons whose `where` is a certificate's position.
constexpr std::string_view about_certificates[] = {
    "CERTIFICATE_MALFORMED", "ROOT_UNTRUSTED", "CHAIN_EXTENDED", "CHAIN_BROKEN",
    "NOT_YET_VALID",         "EXPIRED",        "REVOKED"};

std::string place_of(const Verdict& verdict) {
    const bool android = verdict.kind == protocol::EvidenceKind::android_key;
    const bool certificate =
        std::ranges::find(about_certificates, verdict.reason) != std::end(about_certificates) ||
        ((android || verdict.kind == protocol::EvidenceKind::huks) &&
         verdict.reason == "SIGNATURE");
    if (certificate && !verdict.serials.empty()) {
        return "certificate " + std::to_string(verdict.where);
    }
    if (verdict.reason == "PCR_VALUE" || verdict.reason == "PCR_SELECTION") {
        return "PCR " + std::to_string(verdict.where);
    }
    const TagRow* tag = android && verdict.where > 1 ? find_tag(verdict.where) : nullptr;
    return tag == nullptr ? std::string() : std::string(tag->name);
}

Found recognise(Bytes file, const ExplainQuestion& question) {
    if (auto found = take_tpm_statement(file)) return found;
    if (auto found = take_app_attest(file, question)) return found;
    if (auto found = take_tpm_form(file, question)) return found;
    if (auto found = take_optee(file, question)) return found;
    if (auto found = take_dev_process(file, question)) return found;
    if (auto found = take_app_attest_json(file, question)) return found;
    if (auto found = take_token(file, question)) return found;
    return take_certificates(file, question);
}

}  // namespace

Result<Explanation> explain_evidence(Bytes file, const ExplainQuestion& question) {
    if (file.size() > explained_bytes_max) {
        return fail(ErrorKind::denied, "attest: file is too long", explained_bytes_max);
    }
    const auto known = [&question](Bytes bytes) {
        auto found = recognise(bytes, question);
        if (found) found->place = place_of(found->verdict);
        return found;
    };
    if (auto found = known(file)) return *std::move(found);
    std::string digits(text_of(file));
    std::erase_if(digits, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
    auto decoded = codec::from_base64(digits);
    if (!decoded) decoded = codec::from_base64url(digits);
    if (decoded && !decoded->empty()) {
        if (auto found = known(*decoded)) return *std::move(found);
    }
    return fail(ErrorKind::unsupported, "attest: no evidence of a kind that is known here");
}

}  // namespace softpos::attest
