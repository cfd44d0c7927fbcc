// The chain first, then what it carries: nothing that a phone says counts before its maker signed
// for it.
#include "platform/attest/android_verify.h"

#include "crypto/hash.h"
#include "platform/attest/android_chain.h"
#include "platform/attest/android_describe.h"
#include "platform/attest/reason.h"

#include <algorithm>
#include <limits>

namespace softpos::attest {
namespace {

Fault about(std::string_view reason, KeyTag tag) {
    return Fault{reason, static_cast<std::uint32_t>(tag)};
}

bool contains(const std::vector<Buffer>& all, const Buffer& one) {
    return std::ranges::find(all, one) != all.end();
}

class Judge {
public:
    Judge(const AndroidPolicy& policy, const AndroidTrust& trust, Instant now, Verdict& verdict)
        : policy_(policy), trust_(trust), now_(now), verdict_(verdict) {}

    std::optional<Fault> chain(std::span<const Bytes> certificates);
    std::optional<Fault> description();
    std::optional<Fault> doubts() const;  // What is for review.
    void observe();

private:
    std::optional<Fault> revocation() const;
    std::optional<Fault> level() const;
    std::optional<Fault> boot() const;
    std::optional<Fault> application() const;
    std::optional<Fault> key() const;
    std::optional<Fault> attest_key() const;
    void keep();

    const AndroidPolicy& policy_;
    const AndroidTrust& trust_;
    const Instant now_;
    Verdict& verdict_;
    AndroidChain chain_;
    std::optional<KeyDescription> description_;
};

std::optional<Fault> Judge::chain(std::span<const Bytes> certificates) {
    if (const auto fault = read_chain(certificates, chain_)) return fault;
    if (const auto fault = check_root(chain_, trust_.anchors)) return fault;
    if (const auto fault = check_names(chain_)) return fault;
    if (const auto fault = check_positions(chain_, policy_.attest_key_allowed)) return fault;
    if (const auto fault = check_signatures(chain_, trust_.anchors)) return fault;
    if (const auto fault = check_validity(chain_, now_)) return fault;
    return revocation();
}

std::optional<Fault> Judge::revocation() const {
    if (trust_.revoked == nullptr) return std::nullopt;
    for (std::uint32_t i = 0; i < chain_.certificates.size(); ++i) {
        if (trust_.revoked->find(chain_.certificates[i]) != nullptr) return Fault{"REVOKED", i};
    }
    return std::nullopt;
}

std::optional<Fault> Judge::level() const {
    const SecurityLevel level = description_->attestation_level;
    if (level != description_->keymint_level || level < policy_.level_min) {
        return Fault{"SECURITY_LEVEL", 0};
    }
    // StrongBox must be named by whoever certified the attestation key, and not only by the phone;
    // where the level is named at all it must be this one.
    const auto named = level_named_by(chain_);
    if (level == SecurityLevel::strong_box && named != level) return Fault{"SECURITY_LEVEL", 1};
    if (named && *named != level) return Fault{"SECURITY_LEVEL", 1};
    return std::nullopt;
}

std::optional<Fault> Judge::boot() const {
    // From the secure world's list only: what the system says about itself proves nothing.
    const auto& root = description_->hardware.root_of_trust;
    if (!root) return about("ROOT_OF_TRUST_MISSING", KeyTag::root_of_trust);
    if (!root->locked) return about("BOOTLOADER_UNLOCKED", KeyTag::root_of_trust);
    switch (root->state) {
        case BootState::verified:
            return std::nullopt;
        case BootState::self_signed:
            if (contains(policy_.self_signed_boot_keys, root->boot_key)) return std::nullopt;
            return about("BOOT_KEY_UNKNOWN", KeyTag::root_of_trust);
        case BootState::unverified:
            return about("BOOT_STATE_UNVERIFIED", KeyTag::root_of_trust);
        case BootState::failed:
            break;
    }
    return about("BOOT_STATE_FAILED", KeyTag::root_of_trust);
}

std::optional<Fault> Judge::application() const {
    if (!policy_.package) return std::nullopt;
    const auto& software = description_->software.application;
    const auto& id = software ? software : description_->hardware.application;
    if (!id) return about("APP_ID_MISSING", KeyTag::application_id);
    // Apps that share a user id share their keys.
    if (id->packages.size() != 1 || id->packages.front().name != *policy_.package) {
        return about("APP_PACKAGE", KeyTag::application_id);
    }
    const bool signers_known = std::ranges::all_of(
        id->signers, [this](const Buffer& signer) { return contains(policy_.signers, signer); });
    if (id->signers.empty() || !signers_known) return about("APP_SIGNER", KeyTag::application_id);
    if (id->packages.front().version < policy_.app_version_min) {
        return about("APP_VERSION", KeyTag::application_id);
    }
    return std::nullopt;
}

std::optional<Fault> Judge::key() const {
    const AuthorizationList& list = description_->hardware;
    if (list.number(KeyTag::origin) != origin_generated) {
        return about("KEY_ORIGIN", KeyTag::origin);
    }
    if (list.has(KeyTag::all_applications) ||
        description_->software.has(KeyTag::all_applications)) {
        return about("KEY_SCOPE", KeyTag::all_applications);
    }
    const Authorization* purpose = list.find(KeyTag::purpose);
    const auto allowed = [this](std::uint64_t one) {
        return std::ranges::find(policy_.purposes, one) != policy_.purposes.end();
    };
    if (purpose == nullptr || !std::ranges::all_of(purpose->numbers, allowed) ||
        std::ranges::find(purpose->numbers, purpose_sign) == purpose->numbers.end()) {
        return about("KEY_PURPOSE", KeyTag::purpose);
    }
    // The key must be one that we can ask for a signature and check it.
    if (chain_.certificates.front().key().family() != crypto::KeyFamily::p256) {
        return about("KEY_ALGORITHM", KeyTag::algorithm);
    }
    return std::nullopt;
}

// The key between leaf and attestation key was made by the same app on the same phone, and lives at
// least as well protected.
std::optional<Fault> Judge::attest_key() const {
    if (!chain_.has_attest_key()) return std::nullopt;
    const auto attest =
        KeyDescription::parse(chain_.certificates[1].extension(android_key_oid)->value);
    if (!attest || !attest->hardware.ordered || !attest->software.ordered) {
        return Fault{"EXTENSION_MALFORMED", 1};
    }
    const auto& theirs = attest->hardware.root_of_trust;
    const auto& ours = description_->hardware.root_of_trust;
    const bool same_phone = theirs && ours && theirs->boot_key == ours->boot_key &&
                            theirs->locked == ours->locked && theirs->state == ours->state;
    const auto& their_app = attest->software.application;
    const auto& our_app = description_->software.application;
    const bool same_app = their_app.has_value() == our_app.has_value() &&
                          (!our_app || their_app->signers == our_app->signers);
    if (!same_phone || !same_app || attest->attestation_level != description_->attestation_level ||
        attest->hardware.number(KeyTag::origin) != origin_generated) {
        return Fault{"CHAIN_EXTENDED", 1};
    }
    return std::nullopt;
}

std::optional<Fault> Judge::description() {
    auto parsed =
        KeyDescription::parse(chain_.certificates.front().extension(android_key_oid)->value);
    if (!parsed) return Fault{"EXTENSION_MALFORMED", parsed.error().at};
    description_ = *std::move(parsed);
    // Phones write their tags in order; tools that forge statements often do not.
    if (!description_->software.ordered || !description_->hardware.ordered) {
        return Fault{"EXTENSION_MALFORMED", 0};
    }
    if (const auto fault = level()) return fault;
    if (policy_.challenge && description_->challenge != *policy_.challenge) {
        return Fault{"CHALLENGE", 0};
    }
    if (const auto fault = boot()) return fault;
    if (const auto fault = application()) return fault;
    if (const auto fault = key()) return fault;
    if (const auto fault = attest_key()) return fault;
    const auto patch = description_->hardware.number(KeyTag::os_patch_level).value_or(0);
    if (patch < policy_.os_patch_min) return about("PATCH_LEVEL", KeyTag::os_patch_level);
    return std::nullopt;
}

std::optional<Fault> Judge::doubts() const {
    if (trust_.revoked == nullptr ||
        now_.unix_ms - trust_.revoked->served().unix_ms > policy_.revocation_age_ms_max) {
        return Fault{"STATUS_STALE", 0};
    }
    const auto patch = description_->hardware.number(KeyTag::os_patch_level).value_or(0);
    if (patch < policy_.os_patch_wanted) return about("PATCH_LEVEL", KeyTag::os_patch_level);
    if (!policy_.challenge || !policy_.package) return Fault{"NOT_COMPARED", 0};
    return std::nullopt;
}

// A number that stays the same for one phone: its serial numbers where it attested them, else its
// key, which lives as long as the installation. Attestation keys will not do: factories put one
// into a hundred thousand phones.
Buffer device_id_of(const KeyDescription* description, const crypto::Certificate& leaf) {
    Buffer content;
    if (description != nullptr) {
        for (const KeyTag tag : {KeyTag::id_serial, KeyTag::id_imei, KeyTag::id_meid}) {
            const Authorization* entry = description->hardware.find(tag);
            if (entry == nullptr) continue;
            content.push_back(static_cast<std::uint8_t>(static_cast<std::uint32_t>(tag)));
            append(content, crypto::sha256(entry->bytes));
        }
    }
    if (content.empty()) append(content, leaf.key().spki());
    const auto digest = crypto::sha256(content);
    return {digest.begin(), digest.end()};
}

std::uint32_t narrow(std::uint64_t value) {
    constexpr std::uint64_t largest = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::min(value, largest));
}

void Judge::keep() {
    const KeyDescription& description = *description_;
    if (description.attestation_level == SecurityLevel::trusted_environment) {
        verdict_.home = KeyHome::trusted_environment;
    } else if (description.attestation_level == SecurityLevel::strong_box) {
        verdict_.home = KeyHome::secure_element;
    }
    verdict_.os_version = narrow(description.hardware.number(KeyTag::os_version).value_or(0));
    verdict_.os_patch = narrow(description.hardware.number(KeyTag::os_patch_level).value_or(0));
    if (description.hardware.root_of_trust) {
        verdict_.boot_key = description.hardware.root_of_trust->boot_key;
    }
    const auto& app = description.software.application;
    if (app && app->packages.size() == 1) {
        verdict_.app_version = narrow(app->packages.front().version);
    }
}

// Also of a chain that is refused: people want to see what was sent.
void Judge::observe() {
    if (chain_.certificates.empty()) return;
    const crypto::Certificate& leaf = chain_.certificates.front();
    for (const auto& certificate : chain_.certificates) {
        verdict_.serials.push_back(certificate.serial_hex());
    }
    verdict_.device_key = leaf.key().spki();
    const auto* extension = leaf.extension(android_key_oid);
    if (!description_ && extension != nullptr) {
        auto parsed = KeyDescription::parse(extension->value);
        if (parsed) description_ = *std::move(parsed);
    }
    verdict_.device_id = device_id_of(description_ ? &*description_ : nullptr, leaf);
    if (description_) keep();
    verdict_.observations = describe_chain(chain_, trust_.revoked);
    if (!description_) return;
    for (auto& line : describe_key(*description_)) {
        verdict_.observations.push_back(std::move(line));
    }
}

}  // namespace

Verdict verify_android_key(std::span<const Bytes> certificates, const AndroidPolicy& policy,
                           const AndroidTrust& trust, Instant now) {
    Verdict verdict;
    verdict.kind = protocol::EvidenceKind::android_key;
    Judge judge(policy, trust, now, verdict);
    auto fault = judge.chain(certificates);
    if (!fault) fault = judge.description();
    if (fault) {
        settle(verdict, Outcome::fail, fault);
    } else {
        settle(verdict, Outcome::review, judge.doubts());
    }
    judge.observe();
    return verdict;
}

}  // namespace softpos::attest
