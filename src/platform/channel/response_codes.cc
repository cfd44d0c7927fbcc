// Four columns a line; sorted once, then searched.
#include "platform/channel/response_codes.h"

#include <algorithm>
#include <array>
#include <optional>

namespace softpos::channel {
namespace {

constexpr std::size_t columns = 4;
constexpr std::string_view class_names[] = {"approve",     "decline_final", "capture",
                                            "retry_later", "re_sign_in",    "duplicate",
                                            "re_enter_pin"};

std::optional<AnswerClass> class_of(std::string_view name) {
    const auto* found = std::ranges::find(class_names, name);
    if (found == std::end(class_names)) return std::nullopt;
    return static_cast<AnswerClass>(found - std::begin(class_names));
}

bool is_code(std::string_view text) {
    return text.size() == 2 && std::ranges::all_of(text, [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
           });
}

bool is_meaning(std::string_view text) {
    return !text.empty() && text.size() <= ResponseCodes::meaning_bytes_max;
}

// nullopt where the number of columns is another.
std::optional<std::array<std::string_view, columns>> split(std::string_view line) {
    std::array<std::string_view, columns> parts;
    for (std::size_t i = 0; i < columns; ++i) {
        const std::size_t end = line.find('\t');
        if ((end == std::string_view::npos) != (i + 1 == columns)) return std::nullopt;
        parts[i] = line.substr(0, end);
        if (i + 1 < columns) line.remove_prefix(end + 1);
    }
    return parts;
}

}  // namespace

std::string_view name_of(AnswerClass klass) {
    return class_names[static_cast<std::size_t>(klass)];
}

Result<ResponseCodes> ResponseCodes::parse(std::string_view text) {
    if (text.size() > text_bytes_max) return fail(ErrorKind::denied, "codes: too long");
    ResponseCodes codes;
    std::uint32_t number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.empty() || line.front() == '#') continue;
        const auto parts = split(line);
        if (!parts) return fail(ErrorKind::malformed, "codes: needs four columns", number);
        const auto& [code, name, en, zh] = *parts;
        const auto klass = class_of(name);
        if (!is_code(code)) return fail(ErrorKind::malformed, "codes: code", number);
        if (!klass) return fail(ErrorKind::malformed, "codes: class", number);
        if (!is_meaning(en) || !is_meaning(zh)) {
            return fail(ErrorKind::malformed, "codes: meaning", number);
        }
        const auto place = std::ranges::lower_bound(codes.rows_, code, {}, &ResponseCode::code);
        if (place != codes.rows_.end() && place->code == code) {
            return fail(ErrorKind::malformed, "codes: code twice", number);
        }
        codes.rows_.insert(place, {std::string(code), *klass, std::string(en), std::string(zh)});
    }
    if (codes.find("00").klass != AnswerClass::approve) {
        return fail(ErrorKind::malformed, "codes: 00 does not approve", number);
    }
    return codes;
}

const ResponseCode& ResponseCodes::find(std::string_view code) const {
    const auto found = std::ranges::lower_bound(rows_, code, {}, &ResponseCode::code);
    return found != rows_.end() && found->code == code ? *found : unknown_;
}

}  // namespace softpos::channel
