// Android key descriptions and their chains as others read them.
#include "base/hex.h"
#include "codec/base64.h"
#include "world/conformance/android_files.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <chrono>

namespace softpos::conformance {
namespace {

using attest::Authorization;
using attest::AuthorizationList;
using attest::KeyDescription;
using attest::TagForm;

// Where the others' name is not the one of the schema.
struct OtherName {
    std::string_view schema;
    std::string_view name;
};
constexpr OtherName other_names[] = {
    {"purpose", "purposes"}, {"algorithm", "algorithms"}, {"blockMode", "blockModes"},
    {"digest", "digests"},   {"padding", "paddings"},     {"mgfDigest", "rsaOaepMgfDigests"},
};

std::string_view others_name(std::string_view schema) {
    for (const OtherName& row : other_names) {
        if (row.schema == schema) return row.name;
    }
    return schema;
}

void same_number(Row& row, const std::string& what, std::uint64_t got, const Node& expected) {
    row.same_text(what, std::to_string(got), expected.text());
}

void same_bytes(Row& row, const std::string& what, Bytes got, const Node& expected) {
    if (!expected.is_text()) return row.fail(what + " is missing or no text");
    row.holds(what + " differs", codec::to_base64(got) == expected.text());
}

// Patch levels without a month are told by some of them as missing.
bool has_month(std::uint64_t level) {
    const std::uint64_t month = level >= 20'000'000 ? level / 100 % 100 : level % 100;
    const bool sized =
        (level >= 100'000 && level <= 999'999) || (level >= 10'000'000 && level <= 99'999'999);
    return sized && month >= 1 && month <= 12;
}

void same_root(Row& row, const std::string& what, const attest::RootOfTrust& root,
               const Node& expected) {
    same_bytes(row, what + " boot key", root.boot_key, expected["verifiedBootKey"]);
    row.holds(what + " deviceLocked", expected["deviceLocked"].flag() == root.locked);
    row.same_text(what + " state", attest::name_of(root.state),
                  expected["verifiedBootState"].text());
    row.holds(what + " boot hash is there",
              root.boot_hash.has_value() == expected["verifiedBootHash"].is_text());
    if (root.boot_hash) {
        same_bytes(row, what + " boot hash", *root.boot_hash, expected["verifiedBootHash"]);
    }
}

void same_application(Row& row, const std::string& what, const attest::ApplicationId& app,
                      const Node& expected) {
    const auto packages = expected["packages"].items();
    const auto signers = expected["signatures"].items();
    if (packages.empty() || packages.size() > app.packages.size() ||
        signers.size() != app.signers.size()) {
        return row.fail(what + ": number of packages or signers");
    }
    // Each package that the file names, in its order. Files of system keys leave some out.
    auto at = app.packages.begin();
    for (const Node& package : packages) {
        const std::string name = package["name"].text();
        at = std::ranges::find(at, app.packages.end(), name, &attest::PackageInfo::name);
        if (at == app.packages.end()) return row.fail(what + ": package " + name);
        same_number(row, what + " version", at->version, package["version"]);
        ++at;
    }
    for (std::size_t i = 0; i < signers.size(); ++i) {
        same_bytes(row, what + " signer", app.signers[i], signers[i]);
    }
}

void same_entry(Row& row, const std::string& what, const AuthorizationList& list,
                const Authorization& entry, const Node& expected) {
    constexpr std::string_view origins[] = {"GENERATED", "DERIVED", "IMPORTED", "RESERVED",
                                            "SECURELY_IMPORTED"};
    switch (attest::find_tag(entry.tag)->form) {
        case TagForm::numbers: {
            const auto items = expected.items();
            if (items.size() != entry.numbers.size()) return row.fail(what + ": other size");
            for (std::size_t i = 0; i < items.size(); ++i) {
                same_number(row, what, entry.numbers[i], items[i]);
            }
            return;
        }
        case TagForm::number:
            if (entry.tag == static_cast<std::uint32_t>(attest::KeyTag::origin)) {
                if (entry.number >= std::size(origins)) return row.fail(what + ": no origin");
                return row.same_text(what, origins[entry.number], expected.text());
            }
            return same_number(row, what, entry.number, expected);
        case TagForm::flag:
            return row.holds(what, expected.flag() == true);
        case TagForm::text:
            return row.same_text(what, softpos::text_of(entry.bytes), expected.text());
        case TagForm::bytes:
            return same_bytes(row, what, entry.bytes, expected);
        case TagForm::root_of_trust:
            return same_root(row, what, list.root_of_trust.value(), expected);
        case TagForm::application:
            return same_application(row, what, list.application.value(), expected);
    }
}

bool may_be_missing(const Authorization& entry) {
    using enum attest::KeyTag;
    const auto is = [&entry](attest::KeyTag tag) {
        return entry.tag == static_cast<std::uint32_t>(tag);
    };
    const bool patch = is(os_patch_level) || is(vendor_patch_level) || is(boot_patch_level);
    return attest::find_tag(entry.tag) == nullptr || (patch && !has_month(entry.number));
}

void same_list(Row& row, const std::string& what, const AuthorizationList& list,
               const Node& expected) {
    std::vector<std::string> told;
    for (const Authorization& entry : list.entries) {
        const attest::TagRow* tag = attest::find_tag(entry.tag);
        const std::string name =
            tag == nullptr ? std::to_string(entry.tag) : std::string(others_name(tag->name));
        told.push_back(name);
        const Node value = expected[name];
        if (value) {
            same_entry(row, what + name, list, entry, value);
        } else if (!may_be_missing(entry)) {
            row.fail(what + name + " is not expected");
        }
    }
    for (const auto& [name, value] : expected.members()) {
        if (name == "areTagsOrdered") {
            row.holds(what + "order", value.flag() == list.ordered);
        } else if (std::ranges::find(told, name) == told.end()) {
            row.fail(what + name + " is missing");
        }
    }
}

void same_description(Row& row, const KeyDescription& description, const Node& expected) {
    same_number(row, "attestationVersion", description.attestation_version,
                expected["attestationVersion"]);
    same_number(row, "keyMintVersion", description.keymint_version, expected["keyMintVersion"]);
    row.same_text("attestationSecurityLevel", attest::name_of(description.attestation_level),
                  expected["attestationSecurityLevel"].text());
    row.same_text("keyMintSecurityLevel", attest::name_of(description.keymint_level),
                  expected["keyMintSecurityLevel"].text());
    same_bytes(row, "attestationChallenge", description.challenge,
               expected["attestationChallenge"]);
    same_bytes(row, "uniqueId", description.unique_id, expected["uniqueId"]);
    same_list(row, "software.", description.software, expected["softwareEnforced"]);
    same_list(row, "hardware.", description.hardware, expected["hardwareEnforced"]);
}

// As RFC 4514 writes names: the last part first, known short names only.
std::string reversed_name(Bytes der) {
    constexpr OtherName names[] = {{"2.5.4.3", "CN"}, {"2.5.4.6", "C"},  {"2.5.4.7", "L"},
                                   {"2.5.4.8", "ST"}, {"2.5.4.10", "O"}, {"2.5.4.11", "OU"}};
    const auto parts = crypto::name_parts(der);
    std::string text;
    if (!parts) return text;
    for (std::size_t i = parts->size(); i-- > 0;) {
        const crypto::NamePart& part = (*parts)[i];
        const auto* known = std::ranges::find(names, part.oid, &OtherName::schema);
        if (!text.empty()) text += ',';
        text += known == std::end(names) ? std::string(part.oid) : std::string(known->name);
        text += '=';
        for (const char c : part.value) {
            if (std::string_view(",+\"\\<>;").find(c) != std::string_view::npos) text += '\\';
            text += c;
        }
    }
    return text;
}

std::string date_of(std::optional<Instant> instant) {
    if (!instant) return {};
    const auto time =
        std::chrono::sys_time<std::chrono::seconds>(std::chrono::seconds(instant->unix_ms / 1000));
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    const auto two = [](auto number) {
        const std::string digits = std::to_string(number);
        return digits.size() < 2 ? "0" + digits : digits;
    };
    return std::to_string(static_cast<int>(date.year())) + "-" +
           two(static_cast<unsigned>(date.month())) + "-" + two(static_cast<unsigned>(date.day())) +
           " " + two(clock.hours().count()) + ":" + two(clock.minutes().count()) + ":" +
           two(clock.seconds().count());
}

std::string key_name(const crypto::PublicKey& key) {
    switch (key.family()) {
        case crypto::KeyFamily::rsa:
            return "rsa" + std::to_string(key.bits());
        case crypto::KeyFamily::p256:
            return "secp256r1";
        case crypto::KeyFamily::p384:
            return "secp384r1";
        case crypto::KeyFamily::p521:
            return "secp521r1";
        case crypto::KeyFamily::other:
            break;
    }
    return "unsupported";
}

void same_certificate(Row& row, const crypto::Certificate& certificate, const Node& expected) {
    row.same_text("subject", reversed_name(certificate.subject()), expected["subject"].text());
    row.same_text("issuer", reversed_name(certificate.issuer()), expected["issuer"].text());
    row.same_text("serialHex", certificate.serial_hex(), expected["serialHex"].text());
    row.same_text("serialDec", certificate.serial_decimal(), expected["serialDec"].text());
    row.same_text("notBefore", date_of(certificate.not_before()), expected["notBefore"].text());
    row.same_text("notAfter", date_of(certificate.not_after()), expected["notAfter"].text());
    const std::string key = expected["key"].text();
    row.same_text("key", key_name(certificate.key()), key.substr(0, key.find(':')));
    row.holds("hasAttestation", expected["hasAttestation"].flag() ==
                                    (certificate.extension(attest::android_key_oid) != nullptr));
    const auto* info = certificate.extension("1.3.6.1.4.1.11129.2.1.30");
    row.holds("provisioningInfo is there",
              expected["provisioningInfo"].is_text() == (info != nullptr));
    if (info != nullptr) row.same("provisioningInfo", info->value, expected["provisioningInfo"]);
}

void same_signature(Row& row, const PemChain& chain, std::size_t at, const Node& expected) {
    const auto& issuer = chain.certificates[std::min(at + 1, chain.certificates.size() - 1)];
    const bool fits = chain.certificates[at].check_signed_by(issuer.key()).has_value();
    const bool short_key = issuer.key().family() == crypto::KeyFamily::rsa &&
                           issuer.key().bits() < crypto::rsa_bits_min;
    // With a key that short we take nothing, whatever fits.
    row.holds("signature", fits == (expected.flag() == true && !short_key));
}

// What follows from the description as the others read it.
bool deserves_pass(const Node& file, const PemChain& chain, bool google_root) {
    const Node description = file["keyDescription"];
    const Node root = description["hardwareEnforced"]["rootOfTrust"];
    const Node app = description["softwareEnforced"]["attestationApplicationId"];
    const auto signatures = file["signatures"].items();
    const bool signed_all = std::ranges::all_of(
        signatures, [](const Node& signature) { return signature.flag() == true; });
    bool in_order = true;
    for (std::size_t i = 0; i + 1 < chain.certificates.size(); ++i) {
        in_order = in_order && std::ranges::equal(chain.certificates[i].issuer(),
                                                  chain.certificates[i + 1].subject());
    }
    return google_root && signed_all && in_order && chain.certificates.size() >= 4 &&
           description["attestationSecurityLevel"].text() != "SOFTWARE" &&
           root["deviceLocked"].flag() == true && root["verifiedBootState"].text() == "VERIFIED" &&
           app["packages"].size() == 1 && app["signatures"].size() > 0 &&
           file["certificates"][0]["key"].text() == "secp256r1" &&
           description["hardwareEnforced"]["areTagsOrdered"].flag() == true;
}

void check_verdict(Row& row, const Input& in, const PemChain& chain) {
    const auto anchors = google_anchors(row);
    const auto description = chain.description();
    if (!description) {
        return row.holds("description is refused", in.json["keyDescriptionError"].is_text());
    }
    const Instant now = chain.issuers_valid();
    const auto revoked = empty_revocation_list(now);
    const auto verdict = attest::verify_android_key(chain.bytes(), policy_of(*description),
                                                    {anchors, &revoked}, now);
    const bool google_root =
        attest::find_anchor(anchors, chain.certificates.back().key()) != nullptr;
    const bool pass = deserves_pass(in.json, chain, google_root);
    if (pass != (verdict.outcome == attest::Outcome::pass)) {
        return row.fail("verdict is " + text_of(verdict));
    }
    const std::string_view expected = pass ? "PASS" : "FAIL";
    row.same_text("verdict", attest::name_of(verdict.outcome), expected);
    if (!google_root) row.same_text("verdict", verdict.reason, "ROOT_UNTRUSTED");
}

std::string pem_beside(std::string_view file, std::string_view suffix) {
    return std::string(file.substr(0, file.size() - suffix.size())) + ".pem";
}

}  // namespace

void check_android_description(const Input& in, Tally& tally) {
    Row row(tally, "key description");
    const auto chain = read_chain(row, in.folder, pem_beside(in.file, ".json"));
    if (!chain) return;
    const auto description = chain->description();
    if (!description) return row.fail("cannot be read");
    same_description(row, *description, in.json);
}

void check_android_chain(const Input& in, Tally& tally) {
    Row whole(tally, "chain");
    const auto chain = read_chain(whole, in.folder, pem_beside(in.file, ".parsed.json"));
    if (!chain) return;
    const auto certificates = in.json["certificates"].items();
    const auto signatures = in.json["signatures"].items();
    const std::size_t count = chain->certificates.size();
    whole.holds("number of certificates",
                certificates.size() == count && signatures.size() == count);
    if (whole.failed()) return;
    for (std::size_t i = 0; i < count; ++i) {
        Row row(tally, "certificate " + std::to_string(i));
        same_certificate(row, chain->certificates[i], certificates[i]);
        same_signature(row, *chain, i, signatures[i]);
    }
    if (const Node expected = in.json["keyDescription"]) {
        Row row(tally, "key description");
        const auto description = chain->description();
        if (!description) return row.fail("cannot be read");
        same_description(row, *description, expected);
    }
    check_verdict(whole, in, *chain);
}

}  // namespace softpos::conformance
