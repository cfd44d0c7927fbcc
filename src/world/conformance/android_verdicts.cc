// Chains of Android key attestation with the verdict that each deserves.
#include "codec/base64.h"
#include "host/durable_file.h"
#include "platform/attest/words.h"
#include "world/conformance/android_files.h"
#include "world/conformance/checkers.h"
#include "world/conformance/conformance.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

using attest::AndroidPolicy;
using attest::TrustAnchor;
using attest::Verdict;

struct Case {
    std::vector<TrustAnchor> anchors;
    AndroidPolicy policy;
    Instant now;
};

std::optional<Case> read_case(Row& row, const Input& in) {
    Case read;
    const Node policy = in.json["policy"];
    const auto now = attest::read_instant(in.json["evaluationTime"].text());
    if (!now) row.fail("evaluationTime");
    read.now = now.value_or(Instant{});
    for (const Node& file : policy["roots"].items()) {
        const auto root = read_chain(row, in.folder, file.text());
        if (!root) return std::nullopt;
        read.anchors.push_back({file.text(), root->certificates.back().key()});
    }
    read.policy.challenge = row.hex(policy, "challengeHex");
    read.policy.package = row.text(policy, "package");
    read.policy.signers.push_back(row.hex(policy, "signerSha256"));
    for (const Node& key : policy["verifiedBootKeys"].items()) {
        read.policy.self_signed_boot_keys.push_back(row.hex(key.text(), "verifiedBootKeys"));
    }
    read.policy.app_version_min =
        static_cast<std::uint64_t>(policy["minAppVersion"].number().value_or(0));
    // These cases take an old patch level as a doubt, not as a refusal.
    read.policy.os_patch_wanted =
        static_cast<std::uint32_t>(policy["minOsPatch"].number().value_or(0));
    read.policy.attest_key_allowed = true;
    if (row.failed()) return std::nullopt;
    return read;
}

// The list that the case names; nothing where it says in words that there is none.
std::optional<attest::RevocationList> list_of(Row& row, const Input& in, const Node& one,
                                              Instant now) {
    const std::string name = one["status"].text();
    if (name.empty()) return empty_revocation_list(now);
    if (!name.ends_with(".json")) return std::nullopt;
    const auto text = host::read_file(in.folder + "/" + name, file_bytes_max);
    if (!text) {
        row.fail(name, text.error());
        return std::nullopt;
    }
    auto list = attest::RevocationList::parse(softpos::text_of(*text), now);
    if (!list) {
        row.fail(name, list.error());
        return std::nullopt;
    }
    return *std::move(list);
}

void same_verdict(Row& row, const Verdict& verdict, const Node& expected) {
    row.same_text("verdict", attest::name_of(verdict.outcome), expected["verdict"].text());
    const std::string reasons = expected["reason"].text();
    if (reasons.empty()) return row.holds("there is a reason", verdict.reason.empty());
    // "CHAIN_BROKEN/SIGNATURE" leaves a choice; behind a blank stands an explanation.
    const std::string choice = "/" + reasons.substr(0, reasons.find(' ')) + "/";
    row.holds("reason is " + std::string(verdict.reason) + ", expected " + reasons,
              choice.find("/" + std::string(verdict.reason) + "/") != std::string::npos);
}

}  // namespace

void check_android_synthetic(const Input& in, Tally& tally) {
    for (const Node& one : in.json["vectors"].items()) {
        const std::string name = one["name"].text();
        Row row(tally, name + (one["status"] ? " with " + one["status"].text() : std::string()));
        const auto test = read_case(row, in);
        if (!test) continue;
        const auto revoked = list_of(row, in, one, test->now);
        const auto chain = read_chain(row, in.folder, name + ".pem");
        if (!chain) continue;
        const attest::AndroidTrust trust{test->anchors, revoked ? &*revoked : nullptr};
        same_verdict(
            row, attest::verify_android_key(chain->bytes(), test->policy, trust, test->now), one);
    }
}

void check_android_tampered(const Input& in, Tally& tally) {
    for (const Node& one : in.json.items()) {
        const std::string name = one["name"].text();
        Row row(tally, name);
        const auto anchors = google_anchors(row);
        const auto chain = read_chain(row, in.folder, name + ".pem");
        if (!chain) continue;
        // Asked what it says: only that it was tampered with is left to find.
        const auto description = chain->description();
        const AndroidPolicy policy = description ? policy_of(*description) : AndroidPolicy{};
        const Instant now = chain->issuers_valid();
        const auto revoked = empty_revocation_list(now);
        same_verdict(
            row, attest::verify_android_key(chain->bytes(), policy, {anchors, &revoked}, now), one);
    }
}

// Phones that are locked and verified, and emulators; which one it is, is told beside it.
void check_android_warden(const Input& in, Tally& tally) {
    for (const Node& one : in.json.items()) {
        const std::string file = one["file"].text();
        Row row(tally, file);
        const auto anchors = google_anchors(row);
        const auto chain = read_chain(row, in.folder, file);
        const auto now = attest::read_instant(one["evaluationTime"].text());
        const auto challenge = codec::from_base64(one["challengeBase64"].text());
        if (!now || !challenge) row.fail("evaluationTime or challengeBase64");
        if (!chain || row.failed()) continue;
        const auto description = chain->description();
        if (!description) {
            row.fail("cannot be read");
            continue;
        }
        AndroidPolicy policy = policy_of(*description);
        policy.challenge = *challenge;
        const auto revoked = empty_revocation_list(*now);
        const Verdict verdict =
            attest::verify_android_key(chain->bytes(), policy, {anchors, &revoked}, *now);
        const bool software = description->attestation_level == attest::SecurityLevel::software;
        row.same_text("verdict", text_of(verdict), software ? "FAIL ROOT_UNTRUSTED" : "PASS");
        // And with any other challenge it is a replay.
        policy.challenge->push_back(0);
        const Verdict replay =
            attest::verify_android_key(chain->bytes(), policy, {anchors, &revoked}, *now);
        if (!software) row.same_text("replay", text_of(replay), "FAIL CHALLENGE");
    }
}

}  // namespace softpos::conformance
