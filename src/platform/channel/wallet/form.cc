// Percent signs and plus signs.
#include "platform/channel/wallet/form.h"

#include <algorithm>
#include <optional>

namespace softpos::wallet {
namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

bool stays(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '*' ||
           c == '-' || c == '.' || c == '_';
}

void append_escaped(std::string& to, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (stays(c)) {
            to += c;
        } else {
            to += '%';
            to += hex_digits[byte >> 4];
            to += hex_digits[byte & 0xF];
        }
    }
}

std::optional<unsigned> nibble_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    return std::nullopt;
}

Result<std::string> unescaped(std::string_view text, std::size_t at) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        const auto high = text.size() - i > 2 ? nibble_of(text[i + 1]) : std::nullopt;
        const auto low = high ? nibble_of(text[i + 2]) : std::nullopt;
        if (!low) return fail(ErrorKind::malformed, "form: escape", 0, at + i);
        out += static_cast<char>(*high << 4 | *low);
        i += 2;
    }
    return out;
}

}  // namespace

std::string write_form(const FormFields& fields) {
    std::string body;
    for (const auto& [name, value] : fields) {
        if (!body.empty()) body += '&';
        append_escaped(body, name);
        body += '=';
        append_escaped(body, value);
    }
    return body;
}

Result<FormFields> read_form(std::string_view body) {
    if (body.size() > form_bytes_max) return fail(ErrorKind::denied, "form: too long");
    FormFields fields;
    for (std::size_t at = 0; at < body.size();) {
        const std::size_t end = std::min(body.find('&', at), body.size());
        const std::string_view part = body.substr(at, end - at);
        const std::size_t equals = std::min(part.find('='), part.size());
        std::string name = TRY(unescaped(part.substr(0, equals), at));
        if (name.empty()) return fail(ErrorKind::malformed, "form: no name", 0, at);
        const std::size_t value_at = std::min(equals + 1, part.size());
        std::string value = TRY(unescaped(part.substr(value_at), at + value_at));
        if (fields.size() == form_fields_max)
            return fail(ErrorKind::denied, "form: too many", 0, at);
        if (!fields.try_emplace(std::move(name), std::move(value)).second) {
            return fail(ErrorKind::malformed, "form: a name twice", 0, at);
        }
        at = end + 1;
    }
    return fields;
}

}  // namespace softpos::wallet
