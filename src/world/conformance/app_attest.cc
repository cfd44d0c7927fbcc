// Attestations of Apple's App Attest as apps on real phones got them.
#include "platform/attest/app_attest.h"

#include "codec/base64.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "host/durable_file.h"
#include "platform/attest/app_attest_verify.h"
#include "platform/attest/chain.h"
#include "platform/attest/words.h"
#include "world/conformance/android_files.h"
#include "world/conformance/checkers.h"
#include "world/conformance/conformance.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

using attest::AppAttestPolicy;
using attest::TrustAnchor;
using attest::Verdict;

constexpr std::string_view root_file = "apple_app_attestation_root_ca.pem";

std::optional<Buffer> base64_of(Row& row, const Node& from, std::string_view key) {
    auto bytes = codec::from_base64(row.text(from, key));
    if (bytes) return *std::move(bytes);
    row.fail(key, bytes.error());
    return std::nullopt;
}

Buffer hash_of(Bytes message) {
    const auto digest = crypto::sha256(message);
    return {digest.begin(), digest.end()};
}

// The 16 bytes that a UUID writes.
Buffer uuid_of(Row& row, const Node& from, std::string_view key) {
    std::string digits = row.text(from, key);
    std::erase(digits, '-');
    return row.hex(digits, key);
}

std::vector<TrustAnchor> apple_anchors(Row& row, const std::string& folder) {
    const auto chain = read_chain(row, folder, std::string(root_file));
    if (!chain) return {};
    return {{"Apple", chain->certificates.back().key()}};
}

struct Case {
    Buffer evidence;
    AppAttestPolicy policy;
    std::vector<TrustAnchor> anchors;
    Instant now;
};

// Files that do not tell the app or the time: what the certificate says of itself.
void complete(Row& row, const Input& in, Case& one) {
    const auto parsed = attest::parse_app_attestation(one.evidence);
    if (!parsed) return row.fail("attestation", parsed.error());
    const auto& leaf = parsed->certificates.front();
    one.policy.app_id = in.json["appId"].text();
    if (one.policy.app_id->empty()) {
        one.policy.app_id = attest::read_app_attest_hints(leaf).app_id;
    }
    const auto certificate = crypto::Certificate::parse(leaf);
    one.now =
        attest::read_instant(in.json["isoDate"].text())
            .value_or(certificate ? certificate->not_before().value_or(Instant{}) : Instant{});
}

std::optional<Case> read_case(Row& row, const Input& in) {
    Case one;
    one.anchors = apple_anchors(row, in.folder);
    one.evidence = base64_of(row, in.json, "attestation").value_or(Buffer{});
    one.policy.client_data_hash =
        hash_of(in.json["challenge"] ? base64_of(row, in.json, "challenge").value_or(Buffer{})
                                     : uuid_of(row, in.json, "attestationChallengeUuid"));
    if (in.json["keyId"]) one.policy.key_id = base64_of(row, in.json, "keyId");
    one.policy.development_allowed = true;
    if (!row.failed()) complete(row, in, one);
    if (row.failed()) return std::nullopt;
    return one;
}

void check_verdicts(Row& row, const Input& in, const Case& one) {
    const auto judge = [&one](const AppAttestPolicy& policy, Instant now) {
        return attest::verify_app_attestation(one.evidence, policy, one.anchors, now);
    };
    const Verdict verdict = judge(one.policy, one.now);
    const std::string told = in.json["verdict"].text();
    row.same_text("verdict", text_of(verdict), told.empty() ? "PASS" : told);
    if (verdict.outcome != attest::Outcome::pass) return;
    const auto pem = in.json["expectedPublicKeyPem"];
    if (pem) {
        const auto key = crypto::PublicKey::from_pem(pem.text());
        row.holds("the attested key is the expected one", key && key->spki() == verdict.device_key);
    }
    AppAttestPolicy policy = one.policy;
    policy.client_data_hash->back() ^= 1U;
    row.same_text("replay", text_of(judge(policy, one.now)), "FAIL CHALLENGE");
    policy = one.policy;
    policy.app_id->push_back('x');
    row.same_text("another app", text_of(judge(policy, one.now)), "FAIL APP_ID");
    policy = one.policy;
    policy.development_allowed = false;
    const bool production =
        std::ranges::count(verdict.observations,
                           std::pair<std::string, std::string>("environment", "production")) == 1;
    const std::string stated = in.json["environment"].text();
    if (!stated.empty()) row.holds("environment", production == (stated == "production"));
    row.same_text("out of the store", text_of(judge(policy, one.now)),
                  production ? "PASS" : "FAIL ENVIRONMENT");
    constexpr std::int64_t ten_years_ms = 10LL * 365 * 86'400'000;
    row.same_text("much later", text_of(judge(one.policy, {one.now.unix_ms + ten_years_ms})),
                  "FAIL EXPIRED");
}

// The request that was signed, as the publisher's own test writes it around the challenge.
std::string request_around(Bytes challenge) {
    std::string numbers;
    for (const std::uint8_t byte : challenge) {
        numbers += (numbers.empty() ? "" : ",") + std::to_string(byte);
    }
    return R"({"action":"getGameLevel","challenge":{"data":[)" + numbers +
           R"(],"type":"Buffer"},"levelId":1234})";
}

void check_assertion(const Input& in, Tally& tally) {
    Row row(tally, "assertion");
    const Buffer evidence = base64_of(row, in.json, "assertion").value_or(Buffer{});
    const Buffer challenge = uuid_of(row, in.json, "assertionRequestChallengeUuid");
    const auto key = crypto::PublicKey::from_pem(row.text(in.json, "expectedPublicKeyPem"));
    if (!key) row.fail("expectedPublicKeyPem", key.error());
    if (row.failed()) return;
    attest::AppAssertionPolicy policy{hash_of(bytes_of(request_around(challenge))),
                                      row.text(in.json, "appId"), key->spki(), 0};
    const Verdict verdict = attest::verify_app_assertion(evidence, policy);
    row.same_text("verdict", text_of(verdict), "PASS");
    policy.counter_known = verdict.counter;
    row.same_text("repeated", text_of(attest::verify_app_assertion(evidence, policy)),
                  "FAIL COUNTER");
    policy.client_data_hash = hash_of(challenge);
    row.same_text("another request", text_of(attest::verify_app_assertion(evidence, policy)),
                  "FAIL SIGNATURE");
}

}  // namespace

void check_app_attest(const Input& in, Tally& tally) {
    if (in.json["attestation"]) {
        Row row(tally, "attestation");
        if (const auto one = read_case(row, in)) check_verdicts(row, in, *one);
    }
    if (in.json["assertion"]) check_assertion(in, tally);
}

void check_app_attest_root(const Input& in, Tally& tally) {
    const auto all = crypto::pem_certificates(in.text, 1);
    Row row(tally, std::string(in.file));
    if (!all) return row.fail("certificate", all.error());
    const auto certificate = crypto::Certificate::parse(all->front());
    if (!certificate) return row.fail("certificate", certificate.error());
    row.holds("it is an authority", attest::is_authority(*certificate));
    row.holds("it signed itself", certificate->check_signed_by(certificate->key()).has_value());
}

}  // namespace softpos::conformance
