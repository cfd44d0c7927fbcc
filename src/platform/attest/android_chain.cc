// Positions, counts and dates.
#include "platform/attest/android_chain.h"

#include "codec/cbor.h"

#include <algorithm>

namespace softpos::attest {
namespace {

constexpr std::string_view common_name = "2.5.4.3";
constexpr std::string_view organisation = "2.5.4.10";
constexpr std::string_view title = "2.5.4.12";
constexpr std::string_view remote_authority = "Droid CA";  // Of Google's provisioning service.
constexpr std::size_t factory_above_attestation = 2;       // Intermediate and root.
constexpr std::size_t remote_above_attestation = 3;        // Two intermediates and root.
constexpr std::size_t provisioning_pairs_max = 16;

std::optional<std::string> part_of(Bytes name, std::string_view oid) {
    const auto parts = crypto::name_parts(name);
    if (!parts) return std::nullopt;
    const auto found = std::ranges::find(*parts, oid, &crypto::NamePart::oid);
    if (found == parts->end()) return std::nullopt;
    return found->value;
}

std::optional<SecurityLevel> level_in(const std::optional<std::string>& text) {
    if (text == "TEE") return SecurityLevel::trusted_environment;
    if (text == "StrongBox") return SecurityLevel::strong_box;
    return std::nullopt;
}

// How many certificates the provisioning service made for this phone, under key 1 of a CBOR map;
// what else stands there is passed over.
Result<std::optional<std::uint64_t>> read_provisioning_info(Bytes value) {
    codec::CborReader in(value);
    const std::size_t pairs = TRY(in.take_map(provisioning_pairs_max));
    std::optional<std::uint64_t> issued;
    for (std::size_t i = 0; i < pairs; ++i) {
        const std::int64_t key = TRY(in.take_integer());
        if (key == 1) {
            issued = TRY(in.take_unsigned());
        } else {
            TRY_VOID(in.take_item());
        }
    }
    TRY_VOID(in.end());
    return issued;
}

bool states_key(const crypto::Certificate& certificate) {
    return certificate.extension(android_key_oid) != nullptr;
}

Fault at(std::string_view reason, std::size_t position) {
    return Fault{reason, static_cast<std::uint32_t>(position)};
}

// Statements stand where they may: on the leaf, and on one ATTEST_KEY right above it.
std::optional<Fault> check_statements(AndroidChain& chain, bool attest_key_allowed) {
    const auto& certificates = chain.certificates;
    if (certificates.size() > 1 && states_key(certificates[1]) && attest_key_allowed) {
        const auto description =
            KeyDescription::parse(certificates[1].extension(android_key_oid)->value);
        const Authorization* purpose =
            description ? description->hardware.find(KeyTag::purpose) : nullptr;
        const bool attests_only = purpose != nullptr && purpose->numbers.size() == 1 &&
                                  purpose->numbers.front() == purpose_attest_key;
        if (attests_only) chain.attestation_at = 2;
    }
    for (std::size_t i = chain.attestation_at; i < certificates.size(); ++i) {
        if (states_key(certificates[i])) return at("CHAIN_EXTENDED", i);
    }
    if (!states_key(certificates.front())) return at("EXTENSION_MISSING", 0);
    return std::nullopt;
}

std::optional<Fault> check_provisioning(AndroidChain& chain) {
    const crypto::Certificate& attestation = chain.attestation();
    const auto authority = part_of(attestation.issuer(), common_name);
    const crypto::CertificateExtension* info = attestation.extension(provisioning_info_oid);
    if (info == nullptr && !(authority && authority->starts_with(remote_authority))) {
        return std::nullopt;
    }
    chain.provisioning = Provisioning::remote;
    if (info == nullptr) return std::nullopt;  // Early ones have none.
    const auto issued = read_provisioning_info(info->value);
    if (!issued) return at("EXTENSION_MALFORMED", chain.attestation_at);
    chain.certificates_issued = *issued;
    return std::nullopt;
}

std::optional<Fault> check_count(const AndroidChain& chain) {
    const std::size_t above = chain.provisioning == Provisioning::remote
                                  ? remote_above_attestation
                                  : factory_above_attestation;
    const std::size_t count = chain.certificates.size() + (chain.has_root() ? 0 : 1);
    const std::size_t expected = chain.attestation_at + 1 + above;
    if (count > expected) return at("CHAIN_EXTENDED", expected - 1);
    if (count < expected) return at("CHAIN_BROKEN", chain.certificates.size() - 1);
    return std::nullopt;
}

}  // namespace

std::string_view name_of(Provisioning provisioning) {
    return provisioning == Provisioning::remote ? "remote" : "factory";
}

std::optional<Fault> check_positions(AndroidChain& chain, bool attest_key_allowed) {
    if (const auto fault = check_statements(chain, attest_key_allowed)) return fault;
    if (chain.certificates.size() <= chain.attestation_at) {
        return at("CHAIN_BROKEN", chain.certificates.size() - 1);
    }
    if (const auto fault = check_provisioning(chain)) return fault;
    if (const auto fault = check_count(chain)) return fault;
    for (std::size_t i = chain.attestation_at; i < chain.certificates.size(); ++i) {
        if (is_authority(chain.certificates[i])) continue;
        // Factories forgot to say so of the attestation key, on phones that are otherwise good.
        const bool forgiven =
            i == chain.attestation_at && chain.provisioning == Provisioning::factory;
        if (!forgiven) return at("CHAIN_EXTENDED", i);
        chain.attestation_key_is_authority = false;
    }
    return std::nullopt;
}

std::optional<Fault> check_validity(const AndroidChain& chain, Instant now) {
    if (chain.provisioning != Provisioning::remote) return std::nullopt;
    const std::size_t end = chain.certificates.size() - (chain.has_root() ? 1 : 0);
    return check_dates(chain, {chain.attestation_at, end}, now);
}

std::optional<SecurityLevel> level_named_by(const AndroidChain& chain) {
    const std::string_view place =
        chain.provisioning == Provisioning::remote ? organisation : title;
    return level_in(part_of(chain.attestation().subject(), place));
}

}  // namespace softpos::attest
