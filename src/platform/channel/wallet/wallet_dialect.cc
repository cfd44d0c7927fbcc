// What all dialects share.
#include "platform/channel/wallet/wallet_dialect.h"

#include "base/money.h"

#include <charconv>

namespace softpos::wallet {

std::string yuan_text(std::int64_t amount_minor) {
    const std::string fen = std::to_string(amount_minor % 100);
    return std::to_string(amount_minor / 100) + (fen.size() == 1 ? ".0" : ".") + fen;
}

std::optional<std::int64_t> fen_of(std::string_view yuan) {
    const std::size_t point = yuan.find('.');
    const std::string_view whole = yuan.substr(0, point);
    std::string digits(whole);
    std::string_view part =
        point == std::string_view::npos ? std::string_view() : yuan.substr(point + 1);
    if (whole.empty() || part.size() > 2 || (point != std::string_view::npos && part.empty())) {
        return std::nullopt;
    }
    digits.append(part).append(2 - part.size(), '0');
    if (digits.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    std::int64_t fen = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), fen);
    if (error != std::errc() || fen > amount_minor_max) return std::nullopt;
    return fen;
}

std::string_view header_of(const Headers& headers, std::string_view lower_case_name) {
    for (const auto& [name, value] : headers) {
        if (name == lower_case_name) return value;
    }
    return {};
}

}  // namespace softpos::wallet
