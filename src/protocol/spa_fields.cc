// The composed fields of SPA/1.
#include "protocol/spa_fields.h"

namespace softpos::protocol::spa_fields {
namespace {

constexpr Size claim_size{0, claim_bytes_max};
constexpr std::int64_t latitude_e6_max = 90'000'000;
constexpr std::int64_t longitude_e6_max = 180'000'000;

Result<std::int32_t> take_degrees(CborReader& in, std::int64_t max) {
    const std::int64_t value = TRY(in.take_integer());
    if (value < -max || value > max) return wrong("spa: degrees", in);
    return static_cast<std::int32_t>(value);
}

}  // namespace

void put(CborWriter& out, const DeviceClaims& claims) {
    out.begin_array(6);
    put_text(out, claims.platform, claim_size);
    put_text(out, claims.model, claim_size);
    put_text(out, claims.os_version, claim_size);
    put_text(out, claims.app_package, claim_size);
    out.put_unsigned(claims.app_version);
    out.put_unsigned(claims.sdk_version);
}

Result<DeviceClaims> take_claims(CborReader& in) {
    TRY_VOID(take_fields(in, 6));
    DeviceClaims claims;
    claims.platform = TRY(take_text(in, claim_size));
    claims.model = TRY(take_text(in, claim_size));
    claims.os_version = TRY(take_text(in, claim_size));
    claims.app_package = TRY(take_text(in, claim_size));
    claims.app_version = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    claims.sdk_version = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    return claims;
}

void put(CborWriter& out, const Finding& finding) {
    out.begin_array(3);
    put_enum(out, finding.code);
    put_enum(out, finding.origin);
    out.put_unsigned(finding.detail);
}

Result<Finding> take_finding(CborReader& in) {
    TRY_VOID(take_fields(in, 3));
    Finding finding;
    finding.code = TRY(take_enum<FindingCode>(in, finding_codes));
    finding.origin = TRY(take_enum<TrustClass>(in, trust_classes));
    finding.detail = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    return finding;
}

void put(CborWriter& out, const std::optional<Location>& location) {
    if (!location) return out.put_null();
    out.begin_array(5);
    out.put_integer(location->latitude_e6);
    out.put_integer(location->longitude_e6);
    out.put_unsigned(location->accuracy_m);
    out.put_unsigned(location->age_s);
    put_enum(out, location->source);
}

Result<std::optional<Location>> take_location(CborReader& in) {
    if (TRY(in.take_null())) return std::optional<Location>();
    TRY_VOID(take_fields(in, 5));
    Location location;
    location.latitude_e6 = TRY(take_degrees(in, latitude_e6_max));
    location.longitude_e6 = TRY(take_degrees(in, longitude_e6_max));
    location.accuracy_m = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    location.age_s = TRY(take_number<std::uint32_t>(in, UINT32_MAX));
    location.source = TRY(take_enum<LocationSource>(in, location_sources));
    return std::optional(location);
}

void put(CborWriter& out, const SignedBody& body) {
    out.begin_array(2);
    put_buffer(out, body.body, {1, spa_message_bytes_max});
    put_buffer(out, body.signature, {1, signature_bytes_max});
}

Result<SignedBody> take_signed(CborReader& in) {
    TRY_VOID(take_fields(in, 2));
    SignedBody body;
    body.body = TRY(take_buffer(in, {1, spa_message_bytes_max}));
    body.signature = TRY(take_buffer(in, {1, signature_bytes_max}));
    return body;
}

void put(CborWriter& out, const Evidence& evidence) {
    out.begin_array(2);
    put_enum(out, evidence.kind);
    put_buffer(out, evidence.bytes, {1, evidence_bytes_max});
}

Result<Evidence> take_evidence(CborReader& in) {
    TRY_VOID(take_fields(in, 2));
    Evidence evidence;
    evidence.kind = TRY(take_enum<EvidenceKind>(in, evidence_kinds));
    evidence.bytes = TRY(take_buffer(in, {1, evidence_bytes_max}));
    return evidence;
}

}  // namespace softpos::protocol::spa_fields
