// What an Android phone's key store states about a key, as the extension of its certificate says
// it. Everything that stands there is kept, known or not; what follows from it is the verifier's.
//
// Spec: [ANDROID-KM] "Schema", attestation versions 1 to 500.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "codec/der.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::attest {

constexpr std::string_view android_key_oid = "1.3.6.1.4.1.11129.2.1.17";

enum class SecurityLevel : std::uint8_t { software, trusted_environment, strong_box };
std::string_view name_of(SecurityLevel level);  // "TRUSTED_ENVIRONMENT"

enum class BootState : std::uint8_t { verified, self_signed, unverified, failed };
std::string_view name_of(BootState state);  // "SELF_SIGNED"

// Numbers of the tags that the verifier asks for; tag_rows() has them all.
enum class KeyTag : std::uint32_t {
    purpose = 1,
    algorithm = 2,
    key_size = 3,
    digest = 5,
    ec_curve = 10,
    no_auth_required = 503,
    trusted_confirmation_required = 508,
    all_applications = 600,
    creation_date_time = 701,
    origin = 702,
    root_of_trust = 704,
    os_version = 705,
    os_patch_level = 706,
    application_id = 709,
    id_serial = 713,
    id_imei = 714,
    id_meid = 715,
    vendor_patch_level = 718,
    boot_patch_level = 719,
    second_imei = 723,
    module_hash = 724,
};

enum class TagForm : std::uint8_t {
    numbers,
    number,
    flag,
    text,
    bytes,
    root_of_trust,
    application
};

struct TagRow {
    std::uint32_t number;
    std::string_view name;  // Of the schema: "osPatchLevel".
    TagForm form;
};
std::span<const TagRow> tag_rows();
const TagRow* find_tag(std::uint32_t number);  // Null where we do not know it.

constexpr std::uint64_t purpose_sign = 2;
constexpr std::uint64_t purpose_verify = 3;
constexpr std::uint64_t purpose_attest_key = 7;
constexpr std::uint64_t origin_generated = 0;

struct RootOfTrust {
    Buffer boot_key;  // Of whoever signed what booted; may be empty or all zero.
    bool locked = false;
    BootState state = BootState::failed;
    std::optional<Buffer> boot_hash;  // From version 3 on.
};

struct PackageInfo {
    std::string name;  // As stated: not checked to be text.
    std::uint64_t version = 0;
};

struct ApplicationId {
    std::vector<PackageInfo> packages;  // All that share the user id of the app.
    std::vector<Buffer> signers;        // SHA-256 of signing certificates.
};

// One tag with its value, in the member that fits its form; `bytes` is the whole value in DER
// where the tag is not known.
struct Authorization {
    std::uint32_t tag = 0;
    std::size_t at = 0;  // Byte offset in the extension.
    std::uint64_t number = 0;
    std::vector<std::uint64_t> numbers;
    Buffer bytes;
};

struct AuthorizationList {
    std::vector<Authorization> entries;  // In the order in which they stand.
    bool ordered = true;                 // Tags ascend, and none stands twice.
    std::optional<RootOfTrust> root_of_trust;
    std::optional<ApplicationId> application;

    const Authorization* find(KeyTag tag) const;
    std::optional<std::uint64_t> number(KeyTag tag) const;
    bool has(KeyTag tag) const { return find(tag) != nullptr; }
};

struct KeyDescription {
    static constexpr std::size_t entries_max = 128;
    static constexpr std::size_t set_items_max = 64;
    static constexpr std::size_t packages_max = 512;  // The system's user id has over a hundred.

    std::uint64_t attestation_version = 0;
    SecurityLevel attestation_level = SecurityLevel::software;
    std::uint64_t keymint_version = 0;
    SecurityLevel keymint_level = SecurityLevel::software;
    Buffer challenge;
    Buffer unique_id;
    AuthorizationList software;  // What the operating system says.
    AuthorizationList hardware;  // What the secure world says.
    codec::DerQuirks quirks;

    // malformed, with the byte, where the extension does not follow its schema; denied over a
    // limit. Tags out of order and tags that we do not know are told, not refused.
    static Result<KeyDescription> parse(Bytes extension);

    bool version_known() const;
};

}  // namespace softpos::attest
