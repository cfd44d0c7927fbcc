// What both services say in different words is compared by the same functions.
#include "platform/attest/integrity_token.h"

#include "codec/base64.h"
#include "codec/json_tree.h"
#include "platform/attest/chain.h"
#include "platform/attest/jws.h"
#include "platform/attest/reason.h"
#include "platform/attest/words.h"

#include <algorithm>
#include <charconv>

namespace softpos::attest {
namespace {

using codec::JsonTree;
using protocol::FindingCode;

constexpr std::string_view common_name = "2.5.4.3";
constexpr std::size_t shown_texts_max = 8;

// Values that one service writes as number and the other as text.
std::optional<std::int64_t> number_in(const JsonTree::Value& value) {
    if (const auto number = value.integer()) return number;
    const auto text = value.text();
    if (!text) return std::nullopt;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
    return number;
}

// In either alphabet, padded or not: services hand on what the app gave them.
std::optional<Buffer> any_base64(std::string_view text) {
    if (const auto bytes = codec::from_base64(text)) return *bytes;
    while (text.ends_with('=')) text.remove_suffix(1);
    if (const auto bytes = codec::from_base64url(text)) return *bytes;
    return std::nullopt;
}

bool contains(const std::vector<std::string_view>& all, std::string_view one) {
    return std::ranges::find(all, one) != all.end();
}

std::string joined(const std::vector<std::string_view>& texts) {
    std::string out;
    for (std::size_t i = 0; i < std::min(texts.size(), shown_texts_max); ++i) {
        out += (out.empty() ? "" : ", ") + std::string(texts[i]);
    }
    return printable_text(out);
}

// One token on its way: payload, verdict and the first fault.
class Judge {
public:
    Judge(const TokenPolicy& policy, Instant now, protocol::EvidenceKind kind)
        : policy_(policy), now_(now) {
        verdict_.kind = kind;
    }

    // Each does nothing once a fault was found.
    void fault(std::string_view reason, std::uint32_t where = 0);
    bool good() const { return !fault_; }
    void read(std::string_view token);
    void signed_by(const std::optional<crypto::PublicKey>& key);
    void certified(std::span<const TrustAnchor> anchors, std::string_view signer);
    void challenge(const JsonTree::Value& first, const JsonTree::Value& second = {});
    void time(const JsonTree::Value& stated);
    void package(const JsonTree::Value& stated);
    void signers(const JsonTree::Value& stated);
    void version(const JsonTree::Value& stated);

    JsonTree::Value payload() const { return payload_ ? payload_->root() : JsonTree::Value(); }
    void observe(std::string_view name, const JsonTree::Value& value);
    void find(FindingCode code);
    Verdict finish();

private:
    const TokenPolicy& policy_;
    const Instant now_;
    Verdict verdict_;
    std::vector<protocol::Finding> findings_;
    std::optional<Fault> fault_;
    std::optional<Jws> jws_;
    Chain chain_;
    std::optional<JsonTree> payload_;
};

void Judge::fault(std::string_view reason, std::uint32_t where) {
    if (!fault_) fault_ = Fault{reason, where};
}

void Judge::read(std::string_view token) {
    if (fault_) return;
    auto jws = parse_jws(token);
    if (!jws) {
        const bool known_form = jws.error().kind == ErrorKind::unsupported;
        return fault(known_form ? "ALGORITHM" : "FORM", jws.error().at);
    }
    auto payload = JsonTree::parse(text_of(jws->payload));
    if (!payload || !payload->root().is_object()) return fault("FORM");
    jws_ = *std::move(jws);
    payload_ = *std::move(payload);
    verdict_.observations.emplace_back("signed with", name_of(jws_->algorithm));
}

void Judge::signed_by(const std::optional<crypto::PublicKey>& key) {
    if (fault_) return;
    // Google signs with ES256 and nothing else.
    if (jws_->algorithm != JwsAlgorithm::es256) return fault("ALGORITHM");
    if (!key) return fault("KEY_UNKNOWN");
    if (!check_jws(*jws_, *key)) fault("SIGNATURE");
}

void Judge::certified(std::span<const TrustAnchor> anchors, std::string_view signer) {
    if (fault_) return;
    if (jws_->algorithm == JwsAlgorithm::es256) return fault("ALGORITHM");
    const std::vector<Bytes> der(jws_->certificates.begin(), jws_->certificates.end());
    fault_ = read_chain(der, chain_);
    if (!fault_) fault_ = check_root(chain_, anchors);
    if (!fault_) fault_ = check_names(chain_);
    for (std::uint32_t i = 0; !fault_ && i < chain_.certificates.size(); ++i) {
        if (is_authority(chain_.certificates[i]) != (i > 0)) fault("CHAIN_EXTENDED", i);
    }
    if (!fault_) fault_ = check_signatures(chain_, anchors);
    const std::size_t end = chain_.certificates.size() - (good() && chain_.has_root() ? 1 : 0);
    if (!fault_) fault_ = check_dates(chain_, {0, end}, now_);
    if (fault_) return;
    // Whoever has another certificate under the same root must not speak for the service.
    const crypto::Certificate& leaf = chain_.certificates.front();
    const auto names = crypto::name_parts(leaf.subject());
    const auto named = [signer](const crypto::NamePart& part) {
        return part.oid == common_name && part.value == signer;
    };
    if (!names || std::ranges::count_if(*names, named) != 1) return fault("SIGNER");
    if (!check_jws(*jws_, leaf.key())) fault("SIGNATURE");
}

void Judge::challenge(const JsonTree::Value& first, const JsonTree::Value& second) {
    observe("challenge", first);
    observe("challenge", second);
    if (fault_ || !policy_.challenge) return;
    for (const auto& value : {first, second}) {
        const auto bytes = any_base64(value.text().value_or(""));
        if (bytes && *bytes == *policy_.challenge) return;
    }
    fault("CHALLENGE");
}

void Judge::time(const JsonTree::Value& stated) {
    if (fault_) return;
    const auto at = number_in(stated);
    if (!at || *at < 0) return fault("FORM");
    verdict_.observations.emplace_back("made at", instant_text(Instant{*at}));
    if (*at > now_.unix_ms + policy_.ahead_ms_max || *at < now_.unix_ms - policy_.age_ms_max) {
        fault("TIME");
    }
}

void Judge::package(const JsonTree::Value& stated) {
    if (fault_ || !policy_.package) return;
    if (stated.text() != *policy_.package) fault("APP_PACKAGE");
}

void Judge::signers(const JsonTree::Value& stated) {
    if (fault_ || !policy_.package) return;
    const auto digests = stated.texts();
    if (!digests || digests->empty()) return fault("APP_SIGNER");
    for (const std::string_view text : *digests) {
        const auto digest = any_base64(text);
        if (!digest || std::ranges::find(policy_.signers, *digest) == policy_.signers.end()) {
            return fault("APP_SIGNER");
        }
    }
}

void Judge::version(const JsonTree::Value& stated) {
    const auto version = number_in(stated);
    if (version && *version >= 0 && *version <= UINT32_MAX) {
        verdict_.app_version = static_cast<std::uint32_t>(*version);
    }
    if (fault_ || policy_.app_version_min == 0) return;
    if (!version || *version < 0 ||
        static_cast<std::uint64_t>(*version) < policy_.app_version_min) {
        fault("APP_VERSION");
    }
}

void Judge::observe(std::string_view name, const JsonTree::Value& value) {
    std::string text;
    if (const auto texts = value.texts()) {
        text = texts->empty() ? "(none)" : joined(*texts);
    } else if (const auto one = value.text()) {
        text = printable_text(*one);
    } else if (const auto number = value.integer()) {
        text = std::to_string(*number);
    } else if (const auto flag = value.flag()) {
        text = *flag ? "yes" : "no";
    } else {
        return;
    }
    verdict_.observations.emplace_back(name, std::move(text));
}

void Judge::find(FindingCode code) {
    findings_.push_back({code, protocol::TrustClass::hardware, 0});
}

Verdict Judge::finish() {
    const bool compared = policy_.challenge && policy_.package;
    if (fault_) {
        settle(verdict_, Outcome::fail, fault_);
    } else {
        settle(verdict_, Outcome::review,
               compared ? std::nullopt : std::optional(Fault{"NOT_COMPARED", 0}));
    }
    // What an unproven token says of the phone is no finding of its maker.
    const bool proven = !fault_ || fault_->reason == "DEVICE_INTEGRITY";
    if (proven)
        verdict_.findings.insert(verdict_.findings.end(), findings_.begin(), findings_.end());
    Observations chain = describe_certificates(chain_);
    if (chain_.anchor != nullptr) chain.emplace_back("anchor", chain_.anchor->name);
    verdict_.observations.insert(verdict_.observations.begin(), chain.begin(), chain.end());
    for (const auto& one : chain_.certificates) verdict_.serials.push_back(one.serial_hex());
    return std::move(verdict_);
}

// ---- Play Integrity -------------------------------------------------------------------------

void judge_device(Judge& judge, const JsonTree::Value& device) {
    judge.observe("device", device["deviceRecognitionVerdict"]);
    if (!judge.good()) return;
    const auto labels =
        device["deviceRecognitionVerdict"].texts().value_or(std::vector<std::string_view>{});
    if (contains(labels, "MEETS_DEVICE_INTEGRITY") || contains(labels, "MEETS_STRONG_INTEGRITY")) {
        return;
    }
    judge.fault(contains(labels, "MEETS_VIRTUAL_INTEGRITY") ? "EMULATOR" : "DEVICE_INTEGRITY");
}

// Apps beside ours that see or touch the screen: findings, not a refusal; the policy weighs them.
void judge_surroundings(Judge& judge, const JsonTree::Value& environment) {
    judge.observe("other apps", environment["appAccessRiskVerdict"]["appsDetected"]);
    judge.observe("Play Protect", environment["playProtectVerdict"]);
    const auto apps = environment["appAccessRiskVerdict"]["appsDetected"].texts().value_or(
        std::vector<std::string_view>{});
    const auto seen = [&apps](std::string_view what) {
        return std::ranges::any_of(
            apps, [what](std::string_view label) { return label.ends_with(what); });
    };
    if (seen("_CAPTURING")) judge.find(FindingCode::screen_capture);
    if (seen("_CONTROLLING")) judge.find(FindingCode::accessibility);
    if (seen("_OVERLAYS")) judge.find(FindingCode::overlay);
}

// ---- SysIntegrity ---------------------------------------------------------------------------

struct DetailRow {
    std::string_view detail;
    FindingCode code;
};
constexpr DetailRow details[] = {
    {"root", FindingCode::root},
    {"jailbreak", FindingCode::root},
    {"unlocked", FindingCode::boot_unlocked},
    {"emulator", FindingCode::emulator},
    {"attack", FindingCode::hook},
};

void judge_integrity(Judge& judge, const JsonTree::Value& payload) {
    judge.observe("integrity", payload["basicIntegrity"]);
    judge.observe("detail", payload["detail"]);
    judge.observe("advice", payload["advice"]);
    const auto told = payload["detail"].texts().value_or(std::vector<std::string_view>{});
    for (const DetailRow& row : details) {
        if (contains(told, row.detail)) judge.find(row.code);
    }
    if (!judge.good() || payload["basicIntegrity"].flag() == true) return;
    judge.fault(payload["basicIntegrity"].flag() ? "DEVICE_INTEGRITY" : "FORM");
}

}  // namespace

Verdict verify_play_integrity(std::string_view token, const TokenPolicy& policy,
                              const PlayIntegrityKeys& keys, Instant now) {
    Judge judge(policy, now, protocol::EvidenceKind::play_integrity);
    std::string inner;
    if (is_jwe(token)) {
        const auto opened = keys.decryption == nullptr
                                ? Result<SecretBytes>(fail(ErrorKind::denied, "token: no key"))
                                : open_jwe(token, keys.decryption->bytes());
        if (!opened) judge.fault("DECRYPTION");
        // Nothing in it needs to be wiped: the phone's owner may know what Google thinks of it.
        if (opened) inner = text_of(opened->bytes());
        token = inner;
    }
    judge.read(token);
    judge.signed_by(keys.verification);
    const auto payload = judge.payload();
    const auto request = payload["requestDetails"];
    const auto app = payload["appIntegrity"];
    judge.observe("package", request["requestPackageName"]);
    judge.challenge(request["nonce"], request["requestHash"]);
    judge.time(request["timestampMillis"]);
    judge_device(judge, payload["deviceIntegrity"]);
    judge.package(request["requestPackageName"]);
    judge.observe("app", app["appRecognitionVerdict"]);
    judge.observe("app version", app["versionCode"]);
    judge.observe("app signers", app["certificateSha256Digest"]);
    judge.package(app["packageName"]);
    if (policy.store_required && judge.good() &&
        app["appRecognitionVerdict"].text() != "PLAY_RECOGNIZED") {
        judge.fault("APP_RECOGNITION");
    }
    judge.signers(app["certificateSha256Digest"]);
    judge.version(app["versionCode"]);
    judge.observe("licence", payload["accountDetails"]["appLicensingVerdict"]);
    judge_surroundings(judge, payload["environmentDetails"]);
    return judge.finish();
}

Verdict verify_sys_integrity(std::string_view token, const TokenPolicy& policy,
                             std::span<const TrustAnchor> anchors, Instant now,
                             std::string_view signer) {
    Judge judge(policy, now, protocol::EvidenceKind::sys_integrity);
    judge.read(token);
    judge.certified(anchors, signer);
    const auto payload = judge.payload();
    judge.challenge(payload["nonce"]);
    judge.time(payload["timestampMs"]);
    judge_integrity(judge, payload);
    judge.observe("package", payload["apkPackageName"]);
    judge.observe("app digest", payload["apkDigestSha256"]);
    judge.observe("app signers", payload["apkCertificateDigestSha256"]);
    judge.observe("app id", payload["appId"]);
    judge.package(payload["apkPackageName"]);
    judge.signers(payload["apkCertificateDigestSha256"]);
    return judge.finish();
}

}  // namespace softpos::attest
