// The schema as a table: what a tag is called, and what form its value has.
#include "platform/attest/android_key.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::attest {
namespace {

namespace der = codec::der;
using codec::DerReader;
using enum TagForm;

constexpr TagRow rows[] = {
    {1, "purpose", numbers},
    {2, "algorithm", number},
    {3, "keySize", number},
    {4, "blockMode", numbers},
    {5, "digest", numbers},
    {6, "padding", numbers},
    {10, "ecCurve", number},
    {11, "mlDsaVariant", number},
    {200, "rsaPublicExponent", number},
    {203, "mgfDigest", numbers},
    {303, "rollbackResistance", flag},
    {305, "earlyBootOnly", flag},
    {400, "activeDateTime", number},
    {401, "originationExpireDateTime", number},
    {402, "usageExpireDateTime", number},
    {405, "usageCountLimit", number},
    {502, "userSecureId", number},
    {503, "noAuthRequired", flag},
    {504, "userAuthType", number},
    {505, "authTimeout", number},
    {506, "allowWhileOnBody", flag},
    {507, "trustedUserPresenceRequired", flag},
    {508, "trustedConfirmationRequired", flag},
    {509, "unlockedDeviceRequired", flag},
    {600, "allApplications", flag},
    {601, "applicationId", bytes},
    {701, "creationDateTime", number},
    {702, "origin", number},
    {703, "rollbackResistant", flag},
    {704, "rootOfTrust", root_of_trust},
    {705, "osVersion", number},
    {706, "osPatchLevel", number},
    {709, "attestationApplicationId", application},
    {710, "attestationIdBrand", text},
    {711, "attestationIdDevice", text},
    {712, "attestationIdProduct", text},
    {713, "attestationIdSerial", text},
    {714, "attestationIdImei", text},
    {715, "attestationIdMeid", text},
    {716, "attestationIdManufacturer", text},
    {717, "attestationIdModel", text},
    {718, "vendorPatchLevel", number},
    {719, "bootPatchLevel", number},
    {720, "deviceUniqueAttestation", flag},
    {723, "attestationIdSecondImei", text},
    {724, "moduleHash", bytes},
};

constexpr std::uint64_t known_versions[] = {1, 2, 3, 4, 100, 200, 300, 400, 500};

Result<std::vector<std::uint64_t>> take_numbers(DerReader& in) {
    DerReader set = TRY(in.enter(der::set));
    std::vector<std::uint64_t> values;
    while (!set.empty()) {
        if (values.size() == KeyDescription::set_items_max) {
            return fail(ErrorKind::denied, "key description: set too large", 0, set.position());
        }
        values.push_back(TRY(set.take_unsigned(der::integer)));
    }
    return values;
}

Result<Buffer> take_bytes(DerReader& in) {
    const Bytes value = TRY(in.take_octets());
    return Buffer(value.begin(), value.end());
}

Result<RootOfTrust> take_root_of_trust(DerReader& in) {
    DerReader parts = TRY(in.enter(der::sequence));
    RootOfTrust root;
    root.boot_key = TRY(take_bytes(parts));
    root.locked = TRY(parts.take_boolean());
    const std::size_t at = parts.position();
    const std::uint64_t state = TRY(parts.take_unsigned(der::enumerated));
    if (state > static_cast<std::uint64_t>(BootState::failed)) {
        return fail(ErrorKind::malformed, "key description: boot state", 0, at);
    }
    root.state = static_cast<BootState>(state);
    if (!parts.empty()) root.boot_hash = TRY(take_bytes(parts));
    TRY_VOID(parts.end());
    return root;
}

Result<PackageInfo> take_package(DerReader& in) {
    DerReader parts = TRY(in.enter(der::sequence));
    PackageInfo package;
    package.name = std::string(text_of(TRY(parts.take_octets())));
    package.version = TRY(parts.take_unsigned(der::integer));
    TRY_VOID(parts.end());
    return package;
}

// A structure of its own inside of an OCTET STRING, written by the system's package manager.
Result<ApplicationId> take_application(DerReader& in) {
    DerReader whole = TRY(in.enter(der::octet_string));
    DerReader parts = TRY(whole.enter(der::sequence));
    TRY_VOID(whole.end());
    ApplicationId id;
    DerReader packages = TRY(parts.enter(der::set));
    while (!packages.empty()) {
        if (id.packages.size() == KeyDescription::packages_max) {
            return fail(ErrorKind::denied, "key description: packages", 0, packages.position());
        }
        id.packages.push_back(TRY(take_package(packages)));
    }
    DerReader signers = TRY(parts.enter(der::set));
    while (!signers.empty()) {
        if (id.signers.size() == KeyDescription::set_items_max) {
            return fail(ErrorKind::denied, "key description: signers", 0, signers.position());
        }
        id.signers.push_back(TRY(take_bytes(signers)));
    }
    TRY_VOID(parts.end());
    return id;
}

// The value of one tag, into the member that fits its form.
Result<void> take_value(DerReader& in, TagForm form, AuthorizationList& list,
                        Authorization& entry) {
    switch (form) {
        case numbers:
            entry.numbers = TRY(take_numbers(in));
            return {};
        case number:
            entry.number = TRY(in.take_unsigned(der::integer));
            return {};
        case flag:
            return in.take_null();
        case text:
        case bytes:
            entry.bytes = TRY(take_bytes(in));
            return {};
        case root_of_trust:
            list.root_of_trust = TRY(take_root_of_trust(in));
            return {};
        case application:
            list.application = TRY(take_application(in));
            return {};
    }
    CHECK(false);
}

Result<AuthorizationList> take_list(DerReader& in) {
    DerReader parts = TRY(in.enter(der::sequence));
    AuthorizationList list;
    while (!parts.empty()) {
        if (list.entries.size() == KeyDescription::entries_max) {
            return fail(ErrorKind::denied, "key description: too many tags", 0, parts.position());
        }
        const codec::DerObject object = TRY(parts.take());
        if (object.tag != der::context(object.tag.number)) {
            return fail(ErrorKind::malformed, "key description: no explicit tag", object.tag.number,
                        object.at);
        }
        Authorization entry;
        entry.tag = object.tag.number;
        entry.at = object.at;
        const bool ascends = list.entries.empty() || list.entries.back().tag < entry.tag;
        const bool repeated =
            std::ranges::find(list.entries, entry.tag, &Authorization::tag) != list.entries.end();
        // Two values of one tag are two statements: there is no telling which one counts.
        if (repeated) {
            return fail(ErrorKind::malformed, "key description: a tag twice", entry.tag, object.at);
        }
        list.ordered = list.ordered && ascends;
        if (const TagRow* row = find_tag(entry.tag)) {
            DerReader value = TRY(parts.inside(object));
            TRY_VOID(take_value(value, row->form, list, entry));
            TRY_VOID(value.end());
        } else {
            entry.bytes.assign(object.content.begin(), object.content.end());
        }
        list.entries.push_back(std::move(entry));
    }
    return list;
}

Result<SecurityLevel> take_level(DerReader& in) {
    const std::size_t at = in.position();
    const std::uint64_t level = TRY(in.take_unsigned(der::enumerated));
    if (level > static_cast<std::uint64_t>(SecurityLevel::strong_box)) {
        return fail(ErrorKind::malformed, "key description: security level", 0, at);
    }
    return static_cast<SecurityLevel>(level);
}

}  // namespace

std::string_view name_of(SecurityLevel level) {
    constexpr std::string_view names[] = {"SOFTWARE", "TRUSTED_ENVIRONMENT", "STRONG_BOX"};
    return names[static_cast<std::size_t>(level)];
}

std::string_view name_of(BootState state) {
    constexpr std::string_view names[] = {"VERIFIED", "SELF_SIGNED", "UNVERIFIED", "FAILED"};
    return names[static_cast<std::size_t>(state)];
}

std::span<const TagRow> tag_rows() {
    return rows;
}

const TagRow* find_tag(std::uint32_t number) {
    const auto* row = std::ranges::lower_bound(rows, number, {}, &TagRow::number);
    return row == std::end(rows) || row->number != number ? nullptr : row;
}

const Authorization* AuthorizationList::find(KeyTag tag) const {
    const auto found =
        std::ranges::find(entries, static_cast<std::uint32_t>(tag), &Authorization::tag);
    return found == entries.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> AuthorizationList::number(KeyTag tag) const {
    const Authorization* entry = find(tag);
    return entry == nullptr ? std::nullopt : std::optional(entry->number);
}

Result<KeyDescription> KeyDescription::parse(Bytes extension) {
    KeyDescription description;
    // Tags that we do not know are at least well formed. Counts no quirk twice.
    codec::DerQuirks seen;
    TRY_VOID(codec::check_der(extension, &seen));
    DerReader whole(extension, &description.quirks);
    DerReader in = TRY(whole.enter(der::sequence));
    TRY_VOID(whole.end());
    description.attestation_version = TRY(in.take_unsigned(der::integer));
    description.attestation_level = TRY(take_level(in));
    description.keymint_version = TRY(in.take_unsigned(der::integer));
    description.keymint_level = TRY(take_level(in));
    description.challenge = TRY(take_bytes(in));
    description.unique_id = TRY(take_bytes(in));
    description.software = TRY(take_list(in));
    description.hardware = TRY(take_list(in));
    TRY_VOID(in.end());
    return description;
}

bool KeyDescription::version_known() const {
    return std::ranges::find(known_versions, attestation_version) != std::end(known_versions);
}

}  // namespace softpos::attest
