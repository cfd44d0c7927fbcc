// Endorsement keys by position, purpose and template.
#include "platform/attest/ek_certificate.h"

#include "base/hex.h"
#include "codec/der.h"
#include "platform/attest/tpm_structures.h"

#include <algorithm>

namespace softpos::attest {
namespace {

namespace der = codec::der;

constexpr std::string_view extended_key_usage = "2.5.29.37";
constexpr std::string_view endorsement_key = "2.23.133.8.1";
constexpr std::string_view subject_alternative_name = "2.5.29.17";
constexpr std::string_view tpm_manufacturer = "2.23.133.2.1";
constexpr std::string_view tpm_model = "2.23.133.2.2";
constexpr std::string_view tpm_version = "2.23.133.2.3";
constexpr std::size_t purposes_max = 16;
constexpr std::size_t names_max = 16;
constexpr unsigned template_rsa_bits = 2048;

// PolicySecret of the endorsement hierarchy.
constexpr std::string_view template_policy =
    "837197674484B3F81A90CC8D46A5D724FD52D76E06520B64F2A1DA1B331469AA";
constexpr std::uint32_t admin_with_policy = 1U << 7U;

Result<bool> has_purpose(Bytes extension, std::string_view wanted) {
    codec::DerReader whole(extension);
    codec::DerReader in = TRY(whole.enter(der::sequence));
    TRY_VOID(whole.end());
    bool found = false;
    for (std::size_t i = 0; !in.empty(); ++i) {
        if (i == purposes_max) return fail(ErrorKind::denied, "certificate: too many purposes");
        found = TRY(codec::oid_text(TRY(in.take_oid()))) == wanted || found;
    }
    return found;
}

void take_parts(Bytes name, EkIdentity& identity) {
    const auto parts = crypto::name_parts(name);
    if (!parts) return;
    for (const crypto::NamePart& part : *parts) {
        if (part.oid == tpm_manufacturer) identity.manufacturer = part.value;
        if (part.oid == tpm_model) identity.model = part.value;
        if (part.oid == tpm_version) identity.version = part.value;
    }
}

Result<void> read_names(Bytes extension, EkIdentity& identity) {
    codec::DerReader whole(extension);
    codec::DerReader in = TRY(whole.enter(der::sequence));
    for (std::size_t i = 0; !in.empty() && i < names_max; ++i) {
        const codec::DerObject name = TRY(in.take());
        if (name.tag == der::context(4)) take_parts(name.content, identity);  // directoryName
    }
    return {};
}

// The modulus of a key in SubjectPublicKeyInfo.
Result<Buffer> modulus_of(const crypto::PublicKey& key) {
    codec::DerReader in(key.spki());
    codec::DerReader info = TRY(in.enter(der::sequence));
    TRY_VOID(info.take(der::sequence));
    const Bytes bits = TRY(info.take_bits());
    codec::DerReader outer(bits);
    codec::DerReader numbers = TRY(outer.enter(der::sequence));
    const Bytes modulus = TRY(numbers.take_magnitude());
    return Buffer(modulus.begin(), modulus.end());
}

}  // namespace

std::optional<Fault> check_ek_chain(Chain& chain, std::span<const TrustAnchor> anchors,
                                    Instant now) {
    if (const auto fault = check_root(chain, anchors)) return fault;
    if (const auto fault = check_names(chain)) return fault;
    const crypto::Certificate& certificate = chain.certificates.front();
    if (!is_ek_certificate(certificate) || is_authority(certificate)) {
        return Fault{"KEY_PURPOSE", 0};
    }
    for (std::uint32_t i = 1; i < chain.certificates.size(); ++i) {
        if (!is_authority(chain.certificates[i])) return Fault{"CHAIN_EXTENDED", i};
    }
    if (const auto fault = check_signatures(chain, anchors)) return fault;
    const auto family = certificate.key().family();
    if (family != crypto::KeyFamily::rsa && family != crypto::KeyFamily::p256) {
        return Fault{"KEY_ALGORITHM", 0};
    }
    const std::size_t end = chain.certificates.size() - (chain.has_root() ? 1 : 0);
    return check_dates(chain, {0, end}, now);
}

bool is_ek_certificate(const crypto::Certificate& certificate) {
    const auto* extension = certificate.extension(extended_key_usage);
    return extension != nullptr && has_purpose(extension->value, endorsement_key).value_or(false);
}

EkIdentity read_ek_identity(const crypto::Certificate& certificate) {
    EkIdentity identity;
    if (const auto* extension = certificate.extension(subject_alternative_name)) {
        // What cannot be read is not told.
        static_cast<void>(read_names(extension->value, identity));
    }
    return identity;
}

Result<Buffer> ek_public_area(const crypto::PublicKey& ek) {
    TpmPublic area;
    area.name_hash = tpm::sha256;
    area.attributes = tpm::fixed_tpm | tpm::fixed_parent | tpm::sensitive_data_origin |
                      admin_with_policy | tpm::restricted | tpm::decrypt;
    area.auth_policy = TRY(from_hex(template_policy));
    area.symmetric = tpm::aes;
    area.symmetric_bits = 128;
    area.symmetric_mode = tpm::cfb;
    if (ek.family() == crypto::KeyFamily::rsa && ek.bits() == template_rsa_bits) {
        area.type = tpm::rsa;
        area.rsa_bits = template_rsa_bits;
        area.modulus = TRY(modulus_of(ek));
        return encode(area);
    }
    if (ek.family() != crypto::KeyFamily::p256) {
        return fail(ErrorKind::unsupported, "tpm: no default template for the endorsement key");
    }
    const Bytes point = ek.point();
    area.type = tpm::ecc;
    area.curve = tpm::nist_p256;
    area.x.assign(point.begin() + 1, point.begin() + 33);
    area.y.assign(point.begin() + 33, point.end());
    return encode(area);
}

}  // namespace softpos::attest
