// Attestations and assertions of Apple's App Attest.
#include "platform/attest/app_attest.h"

#include "base/hex.h"
#include "codec/base64.h"
#include "host/durable_file.h"
#include "world/conformance/android_files.h"
#include "world/conformance/checkers.h"
#include "world/conformance/conformance.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

using attest::AppAttestPolicy;
using attest::TrustAnchor;

constexpr char root_file[] = "apple_app_attestation_root_ca.pem";
// Of the files that name none: what their source says they were made by.
constexpr std::string_view sample_app = "V8H6LQ9448.io.uebelacker.AppAttestExample";

std::optional<Buffer> base64_of(Row& row, const Node& from, std::string_view key) {
    auto bytes = codec::from_base64(from[key].text());
    if (!bytes) {
        row.fail(key, bytes.error());
        return std::nullopt;
    }
    return *std::move(bytes);
}

// The sixteen bytes that a UUID writes down.
Buffer uuid_bytes(Row& row, std::string text) {
    std::erase(text, '-');
    return row.hex(text, "uuid");
}

// The JSON that the sample's app signed: its keys sorted, its challenge as Node writes a buffer.
// The file gives the challenge only.
std::string sample_request(Bytes challenge) {
    std::string data;
    for (const std::uint8_t byte : challenge) {
        if (!data.empty()) data += ',';
        data += std::to_string(byte);
    }
    return R"({"action":"getGameLevel","challenge":{"data":[)" + data +
           R"(],"type":"Buffer"},"levelId":1234})";
}

struct Case {
    Buffer object;
    AppAttestPolicy policy;
    std::vector<TrustAnchor> anchors;
    Instant now;
};

std::optional<Case> read_case(Row& row, const Input& in) {
    const auto object = base64_of(row, in.json, "attestation");
    const auto root = read_chain(row, in.folder, root_file);
    if (!object || !root) return std::nullopt;
    Case out{.object = *object, .policy = {}, .anchors = {}, .now = {}};
    out.anchors.push_back({"Apple", root->certificates.front().key()});
    if (in.json["attestationChallengeUuid"]) {
        out.policy.challenge = uuid_bytes(row, in.json["attestationChallengeUuid"].text());
        out.policy.app_id = in.json["appId"].text();
    } else {
        const auto challenge = base64_of(row, in.json, "challenge");
        if (!challenge) return std::nullopt;
        out.policy.challenge = *challenge;
        if (in.json["keyId"]) out.policy.app_id = std::string(sample_app);
    }
    out.policy.development_allowed = true;
    const auto parsed = attest::parse_app_attestation(out.object);
    if (!parsed) {
        row.fail("attestation", parsed.error());
        return std::nullopt;
    }
    const auto leaf = crypto::Certificate::parse(parsed->certificates.front());
    if (!leaf) {
        row.fail("certificate", leaf.error());
        return std::nullopt;
    }
    const auto stated = instant_of(in.json["isoDate"].text());
    out.now = stated ? *stated : leaf->not_before().value_or(Instant{});
    if (row.failed()) return std::nullopt;
    return out;
}

std::string judged(const Case& test) {
    return text_of(
        attest::verify_app_attestation(test.object, test.policy, test.anchors, test.now));
}

void check_assertion(Row& row, const Input& in, const Case& test, Bytes device_key) {
    const auto assertion = base64_of(row, in.json, "assertion");
    if (!assertion) return;
    const std::string data =
        sample_request(uuid_bytes(row, in.json["assertionRequestChallengeUuid"].text()));
    attest::AssertionQuestion question{
        .client_data = bytes_of(data), .app_id = *test.policy.app_id, .device_key = device_key};
    const auto counter = attest::verify_app_assertion(*assertion, question);
    if (!counter) return row.fail("assertion", counter.error());
    row.holds("the assertion's counter", *counter == 1);
    question.counter_before = 1;
    row.holds("the same again is refused", !attest::verify_app_assertion(*assertion, question));
    question.counter_before = 0;
    question.app_id += "x";
    row.holds("another app is refused", !attest::verify_app_assertion(*assertion, question));
}

}  // namespace

void check_app_attest(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    auto test = read_case(row, in);
    if (!test) return;
    const auto verdict =
        attest::verify_app_attestation(test->object, test->policy, test->anchors, test->now);
    row.same_text("verdict", text_of(verdict),
                  test->policy.app_id ? "PASS" : "REVIEW NOT_COMPARED");
    if (in.json["keyId"]) {
        const auto parsed = attest::parse_app_attestation(test->object);
        const auto key_id = base64_of(row, in.json, "keyId");
        if (parsed && key_id) row.same("key id", parsed->credential_id, to_hex(*key_id));
    }
    // Each thing that was asked, asked otherwise.
    Case other = *test;
    other.policy.challenge->push_back(0);
    row.same_text("another challenge", judged(other), "FAIL CHALLENGE");
    if (test->policy.app_id) {
        other = *test;
        *other.policy.app_id += "x";
        row.same_text("another app", judged(other), "FAIL APP_ID");
    }
    other = *test;
    other.anchors.clear();
    row.same_text("another root", judged(other), "FAIL ROOT_UNTRUSTED");
    other = *test;
    other.now.unix_ms += std::int64_t{3} * 365 * 86'400'000;
    row.same_text("years later", judged(other), "FAIL EXPIRED");
    if (in.json["assertion"]) check_assertion(row, in, *test, verdict.device_key);
}

void check_app_attest_root(const Input& in, Tally& tally) {
    Row row(tally, std::string(in.file));
    const auto root = read_chain(row, in.folder, std::string(in.file));
    if (!root) return;
    const crypto::Certificate& certificate = root->certificates.front();
    row.holds("issued by itself", certificate.self_issued());
    row.holds("signed by itself", certificate.check_signed_by(certificate.key()).has_value());
    row.same_text("key", certificate.key().name(), "P-384");
}

}  // namespace softpos::conformance
