// Names and armour: what of certificates is text.
#include "codec/base64.h"
#include "codec/der.h"
#include "crypto/certificate.h"
#include "crypto/pem.h"

#include <algorithm>
#include <utility>

namespace softpos::crypto {
namespace {

namespace der = codec::der;

constexpr std::size_t name_parts_max = 32;
constexpr std::size_t name_value_bytes_max = 1024;
constexpr std::size_t pem_line_characters = 64;  // Spec: [RFC-7468] 2.
constexpr std::string_view pem_begin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view pem_end = "-----END CERTIFICATE-----";

constexpr std::pair<std::string_view, std::string_view> short_names[] = {
    {"2.5.4.3", "CN"}, {"2.5.4.5", "serialNumber"}, {"2.5.4.6", "C"},   {"2.5.4.7", "L"},
    {"2.5.4.8", "ST"}, {"2.5.4.10", "O"},           {"2.5.4.11", "OU"}, {"2.5.4.12", "title"},
};

std::string_view short_name(std::string_view oid) {
    for (const auto& [known, name] : short_names) {
        if (known == oid) return name;
    }
    return oid;
}

}  // namespace

Result<std::vector<NamePart>> name_parts(Bytes der_name) {
    std::vector<NamePart> parts;
    codec::DerReader whole(der_name);
    codec::DerReader in = TRY(whole.enter(der::sequence));
    TRY_VOID(whole.end());
    while (!in.empty()) {
        codec::DerReader group = TRY(in.enter(der::set));
        while (!group.empty()) {
            if (parts.size() == name_parts_max) {
                return fail(ErrorKind::denied, "name: too many parts", name_parts_max);
            }
            codec::DerReader part = TRY(group.enter(der::sequence));
            std::string oid = TRY(codec::oid_text(TRY(part.take_oid())));
            const codec::DerObject value = TRY(part.take());
            TRY_VOID(part.end());
            if (value.content.size() > name_value_bytes_max) {
                return fail(ErrorKind::denied, "name: too long", name_value_bytes_max);
            }
            std::string text(text_of(value.content));
            std::ranges::replace_if(
                text, [](char c) { return c < ' ' || c > '~'; }, '?');
            parts.push_back({std::move(oid), std::move(text)});
        }
    }
    return parts;
}

std::string name_text(Bytes der_name) {
    const auto parts = name_parts(der_name);
    if (!parts) return "(unreadable)";
    std::string text;
    for (const NamePart& part : *parts) {
        if (!text.empty()) text += ", ";
        text.append(short_name(part.oid)).append("=").append(part.value);
    }
    return text;
}

Result<std::vector<Buffer>> pem_certificates(std::string_view text, std::size_t count_max) {
    auto found = TRY(pem_blocks(text, "CERTIFICATE", count_max));
    if (found.empty()) return fail(ErrorKind::malformed, "pem: no certificate");
    return found;
}

std::string pem_of_certificate(Bytes der) {
    const std::string digits = codec::to_base64(der);
    std::string text(pem_begin);
    for (std::size_t at = 0; at < digits.size(); at += pem_line_characters) {
        text.append("\n").append(digits, at, pem_line_characters);
    }
    return text.append("\n").append(pem_end).append("\n");
}

}  // namespace softpos::crypto
