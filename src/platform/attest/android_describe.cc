// The words for numbers that key stores use.
#include "platform/attest/android_describe.h"

#include <algorithm>
#include <limits>

namespace softpos::attest {
namespace {

constexpr std::size_t shown_packages_max = 4;

struct Word {
    std::uint64_t number;
    std::string_view word;
};
constexpr Word purposes[] = {{0, "ENCRYPT"},  {1, "DECRYPT"},   {2, "SIGN"},      {3, "VERIFY"},
                             {5, "WRAP_KEY"}, {6, "AGREE_KEY"}, {7, "ATTEST_KEY"}};
constexpr Word algorithms[] = {{1, "RSA"},  {3, "EC"},    {4, "ML-DSA"},
                               {32, "AES"}, {33, "3DES"}, {128, "HMAC"}};
constexpr Word digests[] = {{0, "NONE"},    {1, "MD5"},     {2, "SHA-1"},  {3, "SHA-224"},
                            {4, "SHA-256"}, {5, "SHA-384"}, {6, "SHA-512"}};
constexpr Word paddings[] = {{1, "NONE"},          {2, "RSA-OAEP"},       {3, "RSA-PSS"},
                             {4, "RSA-PKCS1-ENC"}, {5, "RSA-PKCS1-SIGN"}, {64, "PKCS7"}};
constexpr Word modes[] = {{1, "ECB"}, {2, "CBC"}, {3, "CTR"}, {32, "GCM"}};
constexpr Word ec_groups[] = {
    {0, "P-224"}, {1, "P-256"}, {2, "P-384"}, {3, "P-521"}, {4, "Curve25519"}};
constexpr Word origins[] = {
    {0, "GENERATED"}, {1, "DERIVED"}, {2, "IMPORTED"}, {3, "RESERVED"}, {4, "SECURELY_IMPORTED"}};
constexpr Word authenticators[] = {
    {1, "PASSWORD"}, {2, "FINGERPRINT"}, {3, "PASSWORD or FINGERPRINT"}};

struct Vocabulary {
    std::uint32_t tag;
    std::span<const Word> words;
};
constexpr Vocabulary vocabularies[] = {
    {1, purposes},  {2, algorithms},       {4, modes},
    {5, digests},   {6, paddings},         {10, ec_groups},
    {203, digests}, {504, authenticators}, {702, origins},
};

std::string worded(std::uint32_t tag, std::uint64_t number) {
    const auto* vocabulary = std::ranges::find(vocabularies, tag, &Vocabulary::tag);
    if (vocabulary != std::end(vocabularies)) {
        const auto word = std::ranges::find(vocabulary->words, number, &Word::number);
        if (word != vocabulary->words.end()) return std::string(word->word);
    }
    return std::to_string(number);
}

// 202511 is "2025-11", 20251105 is "2025-11-05"; phones also write what is neither.
std::string patch_text(std::uint64_t number) {
    if (number >= 200'000 && number <= 999'999) {
        return std::to_string(number / 100) + "-" + two_digits(number % 100);
    }
    if (number >= 20'000'000 && number <= 99'999'999) {
        return std::to_string(number / 10'000) + "-" + two_digits(number / 100 % 100) + "-" +
               two_digits(number % 100);
    }
    return std::to_string(number) + " (no date)";
}

// 160000 is "16"; 90001 is "9.0.1".
std::string version_text(std::uint64_t number) {
    const std::string major = std::to_string(number / 10'000);
    if (number % 10'000 == 0) return major;
    return major + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

std::string unix_ms_text(std::uint64_t unix_ms) {
    constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
    if (unix_ms > largest) return std::to_string(unix_ms);
    return instant_text(Instant{static_cast<std::int64_t>(unix_ms)});
}

std::string application_text(const ApplicationId& id) {
    std::string text;
    for (std::size_t i = 0; i < std::min(id.packages.size(), shown_packages_max); ++i) {
        if (i > 0) text += ", ";
        text += printable_text(id.packages[i].name) + " (" +
                std::to_string(id.packages[i].version) + ")";
    }
    if (id.packages.size() > shown_packages_max) {
        text += " and " + std::to_string(id.packages.size() - shown_packages_max) + " more";
    }
    for (const Buffer& signer : id.signers) text += ", signed by " + hex_text(signer);
    return text;
}

std::string root_text(const RootOfTrust& root) {
    std::string text = root.locked ? "locked, " : "UNLOCKED, ";
    text += std::string(name_of(root.state)) + ", boot key " + hex_text(root.boot_key);
    if (root.boot_hash) text += ", boot hash " + hex_text(*root.boot_hash);
    return text;
}

std::string number_text(std::uint32_t tag, std::uint64_t number) {
    switch (tag) {
        case static_cast<std::uint32_t>(KeyTag::os_version):
            return version_text(number);
        case static_cast<std::uint32_t>(KeyTag::os_patch_level):
        case static_cast<std::uint32_t>(KeyTag::vendor_patch_level):
        case static_cast<std::uint32_t>(KeyTag::boot_patch_level):
            return patch_text(number);
        case 400:
        case 401:
        case 402:
        case static_cast<std::uint32_t>(KeyTag::creation_date_time):
            return unix_ms_text(number);
        default:
            return worded(tag, number);
    }
}

void describe_list(const AuthorizationList& list, const std::string& prefix, Observations& out) {
    for (const Authorization& entry : list.entries) {
        const TagRow* row = find_tag(entry.tag);
        const std::string name =
            row == nullptr ? "tag " + std::to_string(entry.tag) : std::string(row->name);
        out.emplace_back(prefix + name, describe_value(list, entry));
    }
    if (!list.ordered) out.emplace_back(prefix + "order", "tags do not ascend");
}

void describe_quirks(const codec::DerQuirks& quirks, Observations& out) {
    const auto add = [&out](unsigned count, std::string_view what) {
        if (count > 0) out.emplace_back("quirk", std::to_string(count) + " " + std::string(what));
    };
    add(quirks.odd_booleans, "truth value(s) that are neither 00 nor FF");
    add(quirks.long_lengths, "length(s) longer than needed");
    add(quirks.long_integers, "number(s) longer than needed");
}

}  // namespace

std::string describe_value(const AuthorizationList& list, const Authorization& entry) {
    const TagRow* row = find_tag(entry.tag);
    if (row == nullptr) return "not known: " + hex_text(entry.bytes);
    switch (row->form) {
        case TagForm::numbers: {
            std::string text;
            for (const std::uint64_t number : entry.numbers) {
                text += (text.empty() ? "" : ", ") + worded(entry.tag, number);
            }
            return text.empty() ? "(none)" : text;
        }
        case TagForm::number:
            return number_text(entry.tag, entry.number);
        case TagForm::flag:
            return "yes";
        case TagForm::text:
            return printable_text(text_of(entry.bytes));
        case TagForm::bytes:
            return hex_text(entry.bytes);
        case TagForm::root_of_trust:
            return list.root_of_trust ? root_text(*list.root_of_trust) : "";
        case TagForm::application:
            return list.application ? application_text(*list.application) : "";
    }
    return {};
}

Observations describe_chain(const AndroidChain& chain, const RevocationList* revoked) {
    Observations out = describe_certificates(chain);
    for (std::size_t i = 0; i < chain.certificates.size() && revoked != nullptr; ++i) {
        const Revocation* entry = revoked->find(chain.certificates[i]);
        if (entry == nullptr) continue;
        std::string& text = out[i].second;
        text += entry->status == RevocationStatus::suspended ? "; SUSPENDED" : "; REVOKED";
        if (!entry->reason.empty()) text += " (" + printable_text(entry->reason) + ")";
    }
    if (chain.anchor == nullptr) return out;  // The rest is not proven.
    out.emplace_back("anchor", chain.anchor->name);
    out.emplace_back("provisioning", std::string(name_of(chain.provisioning)));
    if (chain.certificates_issued) {
        out.emplace_back("certificates issued lately", std::to_string(*chain.certificates_issued));
    }
    if (chain.has_attest_key()) out.emplace_back("attest key", "signed the leaf");
    if (!chain.attestation_key_is_authority) {
        out.emplace_back("quirk", "the attestation key's certificate is not marked as authority");
    }
    return out;
}

Observations describe_key(const KeyDescription& description) {
    Observations out;
    out.emplace_back("attestation version",
                     std::to_string(description.attestation_version) +
                         (description.version_known() ? "" : " (not known)"));
    out.emplace_back("attestation level", std::string(name_of(description.attestation_level)));
    out.emplace_back("key store version", std::to_string(description.keymint_version));
    out.emplace_back("key store level", std::string(name_of(description.keymint_level)));
    out.emplace_back("challenge", hex_text(description.challenge));
    if (!description.unique_id.empty())
        out.emplace_back("unique id", hex_text(description.unique_id));
    describe_list(description.software, "software.", out);
    describe_list(description.hardware, "hardware.", out);
    describe_quirks(description.quirks, out);
    const auto& app = description.software.application;
    const bool unknown_app =
        app && app->packages.size() == 1 && app->packages.front().name == "UnknownApplication";
    if (unknown_app) {
        out.emplace_back("quirk", "the phone's package manager failed; a restart heals it");
    }
    return out;
}

}  // namespace softpos::attest
