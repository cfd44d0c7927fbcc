// Read strictly and in place by our own reader; the library sees keys, digests and signatures only.
// A test holds both readings of every published certificate together.
#include "crypto/certificate.h"

#include "base/hex.h"
#include "codec/der.h"

#include <algorithm>
#include <array>

namespace softpos::crypto {
namespace {

namespace der = codec::der;
using codec::DerClass;
using codec::DerReader;
using codec::DerTag;

constexpr DerTag utc_time{DerClass::universal, false, 23};
constexpr DerTag generalized_time{DerClass::universal, false, 24};
constexpr std::uint64_t version_max = 2;  // Version 3.
constexpr std::string_view basic_constraints_oid = "2.5.29.19";
constexpr std::string_view key_usage_oid = "2.5.29.15";
constexpr std::uint8_t key_cert_sign = 0x04;  // Bit 5. Spec: [RFC-5280] 4.2.1.3.
constexpr std::int64_t day_ms = 86'400'000;

struct Algorithm {
    std::string_view oid;
    SignatureKind kind;
};
// Spec: [RFC-4055] 5 and [RFC-5758] 3.2.
constexpr Algorithm algorithms[] = {
    {"1.2.840.113549.1.1.11", SignatureKind::rsa_pkcs1_sha256},
    {"1.2.840.113549.1.1.12", SignatureKind::rsa_pkcs1_sha384},
    {"1.2.840.113549.1.1.13", SignatureKind::rsa_pkcs1_sha512},
    {"1.2.840.10045.4.3.2", SignatureKind::ecdsa_sha256},
    {"1.2.840.10045.4.3.3", SignatureKind::ecdsa_sha384},
    {"1.2.840.10045.4.3.4", SignatureKind::ecdsa_sha512},
};

std::optional<unsigned> two_digits(std::string_view text) {
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return std::nullopt;
    return static_cast<unsigned>((text[0] - '0') * 10 + (text[1] - '0'));
}

// "YYYYMMDDHHMMSSZ", or with two digits of the year. Spec: [RFC-5280] 4.1.2.5.
std::optional<Instant> instant_of(const codec::DerObject& time) {
    std::string text(text_of(time.content));
    if (time.tag == utc_time && text.size() == 13) {
        text.insert(0, text[0] < '5' ? "20" : "19");
    }
    if (text.size() != 15 || text.back() != 'Z') return std::nullopt;
    std::array<unsigned, 7> parts{};  // Century, year, month, day, hour, minute, second.
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto value = two_digits(std::string_view(text).substr(2 * i, 2));
        if (!value) return std::nullopt;
        parts[i] = *value;
    }
    const auto [century, year, month, day, hour, minute, second] = parts;
    const std::chrono::year_month_day date{
        std::chrono::year(static_cast<int>(century * 100 + year)), std::chrono::month(month),
        std::chrono::day(day)};
    if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    return Instant{days * day_ms + std::int64_t{(hour * 60 + minute) * 60 + second} * 1000};
}

}  // namespace

struct Certificate::Parts {
    explicit Parts(Bytes bytes) : der(bytes.begin(), bytes.end()) {}

    const Buffer der;  // What all the spans below lie in.
    Bytes signed_part, issuer, subject, serial, signature;
    Bytes signature_algorithm;  // OID.
    std::optional<Instant> not_before, not_after;
    std::optional<PublicKey> key;
    std::vector<CertificateExtension> extensions;

    Result<void> read();
    Result<void> read_signed_part(DerReader in, Bytes algorithm);
    Result<void> read_validity(DerReader in);
    Result<void> read_extensions(DerReader in);
};

Result<void> Certificate::Parts::read() {
    DerReader whole(der);
    DerReader in = TRY(whole.enter(der::sequence));
    TRY_VOID(whole.end());
    const codec::DerObject body = TRY(in.take(der::sequence));
    const codec::DerObject algorithm = TRY(in.take(der::sequence));
    signature = TRY(in.take_bits());
    TRY_VOID(in.end());
    signed_part = body.whole;
    DerReader algorithm_parts = TRY(in.inside(algorithm));
    signature_algorithm = TRY(algorithm_parts.take_oid());
    return read_signed_part(TRY(in.inside(body)), algorithm.whole);
}

Result<void> Certificate::Parts::read_signed_part(DerReader in, Bytes algorithm) {
    std::uint64_t version = 0;
    if (!in.empty() && TRY(in.peek()) == der::context(0)) {
        DerReader inner = TRY(in.enter(der::context(0)));
        version = TRY(inner.take_unsigned(der::integer));
        TRY_VOID(inner.end());
    }
    if (version > version_max) return fail(ErrorKind::malformed, "certificate: version");
    serial = TRY(in.take_magnitude());
    if (!std::ranges::equal(TRY(in.take(der::sequence)).whole, algorithm)) {
        return fail(ErrorKind::malformed, "certificate: two algorithms");
    }
    issuer = TRY(in.take(der::sequence)).whole;
    TRY_VOID(read_validity(TRY(in.enter(der::sequence))));
    subject = TRY(in.take(der::sequence)).whole;
    key = TRY(PublicKey::from_spki(TRY(in.take(der::sequence)).whole));
    // Unique identifiers, which nobody uses.
    TRY_VOID(in.take_if({DerClass::context, false, 1}));
    TRY_VOID(in.take_if({DerClass::context, false, 2}));
    if (!in.empty()) {
        if (version != version_max) return fail(ErrorKind::malformed, "certificate: version");
        DerReader list = TRY(in.enter(der::context(3)));
        TRY_VOID(read_extensions(TRY(list.enter(der::sequence))));
        TRY_VOID(list.end());
    }
    return in.end();
}

Result<void> Certificate::Parts::read_validity(DerReader in) {
    for (std::optional<Instant>* time : {&not_before, &not_after}) {
        const codec::DerObject object = TRY(in.take());
        if (object.tag != utc_time && object.tag != generalized_time) {
            return fail(ErrorKind::malformed, "certificate: validity", 0, object.at);
        }
        *time = instant_of(object);
    }
    return in.end();
}

Result<void> Certificate::Parts::read_extensions(DerReader in) {
    while (!in.empty()) {
        if (extensions.size() == extensions_max) {
            return fail(ErrorKind::denied, "certificate: too many extensions", extensions_max);
        }
        DerReader one = TRY(in.enter(der::sequence));
        std::string oid = TRY(codec::oid_text(TRY(one.take_oid())));
        bool critical = false;
        if (!one.empty() && TRY(one.peek()) == der::boolean) critical = TRY(one.take_boolean());
        const Bytes value = TRY(one.take_octets());
        TRY_VOID(one.end());
        const bool twice = std::ranges::any_of(
            extensions, [&oid](const CertificateExtension& seen) { return seen.oid == oid; });
        if (twice) return fail(ErrorKind::malformed, "certificate: an extension twice");
        extensions.push_back({std::move(oid), critical, value});
    }
    return {};
}

Result<Certificate> Certificate::parse(Bytes bytes) {
    if (bytes.size() > der_bytes_max) return fail(ErrorKind::denied, "certificate: too large");
    const auto parts = std::make_shared<Parts>(bytes);
    TRY_VOID(parts->read());
    return Certificate(parts);
}

Bytes Certificate::der() const {
    return parts_->der;
}
Bytes Certificate::issuer() const {
    return parts_->issuer;
}
Bytes Certificate::subject() const {
    return parts_->subject;
}
bool Certificate::self_issued() const {
    return std::ranges::equal(parts_->issuer, parts_->subject);
}
Bytes Certificate::serial() const {
    return parts_->serial;
}
std::optional<Instant> Certificate::not_before() const {
    return parts_->not_before;
}
std::optional<Instant> Certificate::not_after() const {
    return parts_->not_after;
}
const PublicKey& Certificate::key() const {
    return *parts_->key;
}
const std::vector<CertificateExtension>& Certificate::extensions() const {
    return parts_->extensions;
}

std::string Certificate::serial_hex() const {
    std::string text = to_hex(parts_->serial);
    for (char& c : text) {
        if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
    }
    if (text.empty()) return "0";
    return text.front() == '0' ? text.substr(1) : text;
}

std::string Certificate::serial_decimal() const {
    std::string digits = "0";  // Lowest first.
    for (const std::uint8_t byte : parts_->serial) {
        unsigned carry = byte;
        for (char& digit : digits) {
            carry += static_cast<unsigned>(digit - '0') * 256;
            digit = static_cast<char>('0' + carry % 10);
            carry /= 10;
        }
        for (; carry != 0; carry /= 10) digits += static_cast<char>('0' + carry % 10);
    }
    std::ranges::reverse(digits);
    return digits;
}

const CertificateExtension* Certificate::extension(std::string_view oid) const {
    const auto found = std::ranges::find(parts_->extensions, oid, &CertificateExtension::oid);
    return found == parts_->extensions.end() ? nullptr : &*found;
}

Result<std::optional<BasicConstraints>> Certificate::basic_constraints() const {
    const CertificateExtension* found = extension(basic_constraints_oid);
    if (found == nullptr) return std::nullopt;
    DerReader whole(found->value);
    DerReader in = TRY(whole.enter(der::sequence));
    TRY_VOID(whole.end());
    BasicConstraints constraints;
    if (!in.empty() && TRY(in.peek()) == der::boolean) {
        constraints.authority = TRY(in.take_boolean());
    }
    if (!in.empty()) {
        constexpr std::uint64_t path_length_max = 255;
        const std::uint64_t length = TRY(in.take_unsigned(der::integer));
        constraints.path_length = static_cast<unsigned>(std::min(length, path_length_max));
    }
    TRY_VOID(in.end());
    return constraints;
}

Result<std::optional<bool>> Certificate::may_sign_certificates() const {
    const CertificateExtension* found = extension(key_usage_oid);
    if (found == nullptr) return std::nullopt;
    DerReader whole(found->value);
    const Bytes bits = TRY(whole.take(der::bit_string)).content;  // Unused bits, then the bits.
    TRY_VOID(whole.end());
    if (bits.empty() || bits.front() > 7 || (bits.size() == 1 && bits.front() != 0)) {
        return fail(ErrorKind::malformed, "certificate: key usage");
    }
    return bits.size() > 1 && (bits[1] & key_cert_sign) != 0;
}

std::string Certificate::signature_oid() const {
    return codec::oid_text(parts_->signature_algorithm).value_or("");
}

Result<void> Certificate::check_signed_by(const PublicKey& issuer) const {
    const std::string oid = signature_oid();
    const auto* row = std::ranges::find(algorithms, oid, &Algorithm::oid);
    if (row == std::end(algorithms)) {
        return fail(ErrorKind::unsupported, "certificate: signature algorithm");
    }
    return issuer.verify(row->kind, parts_->signed_part, parts_->signature);
}

}  // namespace softpos::crypto
