// Two CBOR maps with data in WebAuthn's layout inside.
#include "platform/attest/app_attest.h"

#include "codec/cbor.h"
#include "codec/der.h"
#include "crypto/certificate.h"

#include <algorithm>

namespace softpos::attest {
namespace {

using codec::CborReader;

constexpr std::string_view format_name = "apple-appattest";
constexpr std::string_view key_description_oid = "1.2.840.113635.100.8.5";
constexpr std::string_view system_oid = "1.2.840.113635.100.8.7";
constexpr std::uint32_t app_id_tag = 1204;
constexpr std::uint32_t system_version_tag = 1400;
constexpr std::uint32_t system_build_tag = 1403;
constexpr std::size_t hints_max = 64;

constexpr std::size_t digest_bytes = 32;
constexpr std::size_t coordinate_bytes = 32;
constexpr std::size_t service_bytes = 16;
constexpr std::string_view production{"appattest\0\0\0\0\0\0\0", service_bytes};
constexpr std::string_view development{"appattestdevelop"};
constexpr std::uint8_t with_credential = 0x40;  // The flag AT; Apple sets no other.
constexpr std::size_t name_bytes_max = 32;

Result<Buffer> take_some(CborReader& in, std::size_t bytes_max) {
    const std::size_t at = in.position();
    const Bytes bytes = TRY(in.take_bytes(bytes_max));
    if (bytes.empty()) return fail(ErrorKind::malformed, "app attest: empty part", 0, at);
    return Buffer(bytes.begin(), bytes.end());
}

Result<void> expect_integer(CborReader& in, std::int64_t wanted) {
    const std::size_t at = in.position();
    if (TRY(in.take_integer()) == wanted) return {};
    return fail(ErrorKind::malformed, "app attest: key", 0, at);
}

Result<void> take_coordinate(CborReader& in, Buffer& point) {
    const Bytes bytes = TRY(in.take_bytes(coordinate_bytes));
    if (bytes.size() != coordinate_bytes) return fail(ErrorKind::malformed, "app attest: point");
    append(point, bytes);
    return {};
}

// A COSE key: EC2, ES256, P-256, x, y. Spec: [RFC-9053] 7.1.1.
Result<Buffer> take_cose_key(Bytes cose) {
    CborReader in(cose);
    constexpr std::size_t pairs = 5;
    if (TRY(in.take_map(pairs)) != pairs) return fail(ErrorKind::malformed, "app attest: key");
    Buffer point{0x04};
    for (const auto& [label, value] : {std::pair{1, 2}, {3, -7}, {-1, 1}}) {
        TRY_VOID(expect_integer(in, label));
        TRY_VOID(expect_integer(in, value));
    }
    for (const int label : {-2, -3}) {
        TRY_VOID(expect_integer(in, label));
        TRY_VOID(take_coordinate(in, point));
    }
    TRY_VOID(in.end());
    return point;
}

class DataReader {
public:
    explicit DataReader(Bytes data) : in_(data) {}

    Result<Bytes> take(std::size_t bytes) {
        const auto taken = in_.take(bytes);
        if (!taken) return fail(ErrorKind::malformed, "app attest: data ends", 0, in_.position());
        return *taken;
    }
    Result<Buffer> copy(std::size_t bytes) {
        const Bytes taken = TRY(take(bytes));
        return Buffer(taken.begin(), taken.end());
    }
    Result<std::uint32_t> number(std::size_t bytes) {
        std::uint32_t value = 0;
        for (const std::uint8_t byte : TRY(take(bytes))) value = value << 8U | byte;
        return value;
    }
    Bytes rest() const { return in_.rest(); }

private:
    ByteReader in_;
};

Result<AppAttestCredential> take_credential(DataReader& in) {
    AppAttestCredential credential;
    const std::string_view service = text_of(TRY(in.take(service_bytes)));
    if (service == production) credential.environment = AppAttestEnvironment::production;
    if (service == development) credential.environment = AppAttestEnvironment::development;
    if (TRY(in.number(2)) != digest_bytes) {
        return fail(ErrorKind::malformed, "app attest: credential id");
    }
    credential.id = TRY(in.copy(digest_bytes));
    credential.point = TRY(take_cose_key(in.rest()));
    return credential;
}

enum class Credential : std::uint8_t { wanted, none };

// Spec: [WEBAUTHN] 6.1.
Result<AuthenticatorData> parse_data(Bytes bytes, Credential wanted) {
    DataReader in(bytes);
    AuthenticatorData data;
    data.app_id_hash = TRY(in.copy(digest_bytes));
    const std::uint32_t flags = TRY(in.number(1));
    data.counter = TRY(in.number(4));
    if (wanted == Credential::wanted) {
        if (flags != with_credential) return fail(ErrorKind::malformed, "app attest: flags");
        data.credential = TRY(take_credential(in));
        return data;
    }
    // Apple sets the flag in assertions too, where no credential follows.
    if (flags != with_credential && flags != 0) {
        return fail(ErrorKind::malformed, "app attest: flags");
    }
    if (!in.rest().empty()) return fail(ErrorKind::malformed, "app attest: bytes left over");
    return data;
}

// The field of that name comes now, and for the first time.
template <typename Value>
Result<bool> is_field(CborReader& in, std::string_view name, std::string_view wanted,
                      const Value& value) {
    if (name != wanted) return false;
    if (value.empty()) return true;
    return fail(ErrorKind::malformed, "app attest: field twice", 0, in.position());
}

std::unexpected<Error> unknown_field(const CborReader& in) {
    return fail(ErrorKind::malformed, "app attest: field", 0, in.position());
}

Result<void> take_statement(CborReader& in, AppAttestation& out) {
    constexpr std::size_t fields = 2;
    if (TRY(in.take_map(fields)) != fields) {
        return fail(ErrorKind::malformed, "app attest: statement", 0, in.position());
    }
    for (std::size_t i = 0; i < fields; ++i) {
        const std::string_view name = TRY(in.take_text(name_bytes_max));
        if (TRY(is_field(in, name, "x5c", out.certificates))) {
            if (TRY(in.take_array(app_attest_certificates)) != app_attest_certificates) {
                return fail(ErrorKind::malformed, "app attest: certificates", 0, in.position());
            }
            for (std::size_t n = 0; n < app_attest_certificates; ++n) {
                out.certificates.push_back(TRY(take_some(in, app_attest_certificate_bytes_max)));
            }
        } else if (TRY(is_field(in, name, "receipt", out.receipt))) {
            out.receipt = TRY(take_some(in, app_attest_receipt_bytes_max));
        } else {
            return unknown_field(in);
        }
    }
    return {};
}

// The texts in "SEQUENCE of [tag] { OCTET STRING }" that an extension of Apple's is.
void read_hint(Bytes extension, std::uint32_t tag, std::string& text) {
    codec::DerReader whole(extension);
    auto in = whole.enter(codec::der::sequence);
    for (std::size_t i = 0; in && !in->empty() && i < hints_max; ++i) {
        const auto object = in->take();
        if (!object) return;
        if (object->tag != codec::der::context(tag)) continue;
        auto inner = in->inside(*object);
        const auto octets = inner ? inner->take_octets() : std::unexpected(inner.error());
        if (octets) text = text_of(*octets);
        return;
    }
}

}  // namespace

Result<AppAttestation> parse_app_attestation(Bytes evidence) {
    CborReader in(evidence);
    constexpr std::size_t fields = 3;
    if (TRY(in.take_map(fields)) != fields) {
        return fail(ErrorKind::malformed, "app attest: attestation", 0, in.position());
    }
    AppAttestation out;
    std::string_view format;
    for (std::size_t i = 0; i < fields; ++i) {
        const std::string_view name = TRY(in.take_text(name_bytes_max));
        if (TRY(is_field(in, name, "fmt", format))) {
            format = TRY(in.take_text(name_bytes_max));
            if (format != format_name) return fail(ErrorKind::unsupported, "app attest: format");
        } else if (TRY(is_field(in, name, "attStmt", out.certificates))) {
            TRY_VOID(take_statement(in, out));
        } else if (TRY(is_field(in, name, "authData", out.signed_data))) {
            out.signed_data = TRY(take_some(in, app_attest_data_bytes_max));
        } else {
            return unknown_field(in);
        }
    }
    TRY_VOID(in.end());
    out.data = TRY(parse_data(out.signed_data, Credential::wanted));
    return out;
}

Result<AppAssertion> parse_app_assertion(Bytes evidence) {
    CborReader in(evidence);
    constexpr std::size_t fields = 2;
    if (TRY(in.take_map(fields)) != fields) {
        return fail(ErrorKind::malformed, "app attest: assertion", 0, in.position());
    }
    AppAssertion out;
    for (std::size_t i = 0; i < fields; ++i) {
        const std::string_view name = TRY(in.take_text(name_bytes_max));
        if (TRY(is_field(in, name, "signature", out.signature))) {
            out.signature = TRY(take_some(in, app_attest_signature_bytes_max));
        } else if (TRY(is_field(in, name, "authenticatorData", out.signed_data))) {
            out.signed_data = TRY(take_some(in, app_attest_data_bytes_max));
        } else {
            return unknown_field(in);
        }
    }
    TRY_VOID(in.end());
    out.data = TRY(parse_data(out.signed_data, Credential::none));
    return out;
}

Result<Buffer> parse_app_attest_nonce(Bytes extension) {
    codec::DerReader whole(extension);
    codec::DerReader list = TRY(whole.enter(codec::der::sequence));
    TRY_VOID(whole.end());
    codec::DerReader tagged = TRY(list.enter(codec::der::context(1)));
    TRY_VOID(list.end());
    const Bytes nonce = TRY(tagged.take_octets());
    TRY_VOID(tagged.end());
    if (nonce.size() != digest_bytes) return fail(ErrorKind::malformed, "app attest: nonce size");
    return Buffer(nonce.begin(), nonce.end());
}

AppAttestHints read_app_attest_hints(Bytes certificate_der) {
    AppAttestHints hints;
    const auto certificate = crypto::Certificate::parse(certificate_der);
    if (!certificate) return hints;
    if (const auto* key = certificate->extension(key_description_oid)) {
        read_hint(key->value, app_id_tag, hints.app_id);
    }
    if (const auto* system = certificate->extension(system_oid)) {
        read_hint(system->value, system_version_tag, hints.system_version);
        read_hint(system->value, system_build_tag, hints.system_build);
    }
    return hints;
}

}  // namespace softpos::attest
