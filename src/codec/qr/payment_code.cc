// Rules as published by an acquirer for its merchants, in the order in which they cannot meet.
#include "codec/qr/payment_code.h"

#include "codec/base64.h"
#include "codec/qr/objects.h"
#include "codec/qr/payer_code.h"
#include "codec/qr/unionpay_code.h"

#include <algorithm>
#include <array>

namespace softpos::qr {
namespace {

constexpr std::size_t two_digits = 2;
constexpr std::size_t face_characters_min = 16;
constexpr std::size_t face_characters_max = 64;

struct DigitRule {
    CodeKind kind;
    unsigned start_min, start_max;  // The first two digits.
    std::size_t size_min, size_max;
};

constexpr DigitRule digit_rules[] = {
    {CodeKind::wechat, 10, 15, 18, 18},
    {CodeKind::alipay, 25, 30, 16, 24},
    {CodeKind::unionpay, 62, 62, 19, 19},
};

struct StartRule {
    CodeKind kind;
    std::string_view start;  // In small letters.
};

constexpr StartRule merchant_starts[] = {
    {CodeKind::alipay_merchant, "https://qr.alipay.com/"},
    {CodeKind::wechat_merchant, "weixin://wxpay/"},
    {CodeKind::wechat_merchant, "wxp://"},
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter_or_digit(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

CodeKind of_digits(std::string_view text) {
    if (text.size() < two_digits) return CodeKind::unknown;
    const auto start = static_cast<unsigned>((text[0] - '0') * 10 + (text[1] - '0'));
    for (const DigitRule& rule : digit_rules) {
        if (start >= rule.start_min && start <= rule.start_max && text.size() >= rule.size_min &&
            text.size() <= rule.size_max) {
            return rule.kind;
        }
    }
    return CodeKind::unknown;
}

CodeKind of_address(std::string_view text) {
    if (const auto address = parse_unionpay_address(text)) {
        switch (address->kind) {
            case UnionpayAddress::Kind::fixed:
                return CodeKind::unionpay_fixed;
            case UnionpayAddress::Kind::dynamic:
                return CodeKind::unionpay_dynamic;
            case UnionpayAddress::Kind::acquirer:
                return CodeKind::unionpay_acquirer;
        }
    }
    for (const StartRule& rule : merchant_starts) {
        if (text.size() > rule.start.size() &&
            std::ranges::equal(text.substr(0, rule.start.size()), rule.start, {}, lower)) {
            return rule.kind;
        }
    }
    return CodeKind::unknown;
}

// Twelve characters of base64 are nine bytes: tag, length, the indicator, and two of what follows.
bool starts_as_payer_code(std::string_view text) {
    constexpr std::array<std::uint8_t, 7> start{0x85, 0x05, 'C', 'P', 'V', '0', '1'};
    constexpr std::size_t characters = 12;
    if (text.size() <= characters || text.size() > payer_code_lenient_characters_max) return false;
    const auto bytes = codec::from_base64(text.substr(0, characters));
    return bytes && std::ranges::equal(Bytes(*bytes).first(start.size()), start);
}

bool starts_as_merchant_code(std::string_view text) {
    return text.starts_with("000201") && text.size() > 14 &&
           (text.substr(6).starts_with("0102") || text.find("6304") != std::string_view::npos);
}

bool is_face_code(std::string_view text) {
    return text.starts_with("fp") && text.size() >= face_characters_min &&
           text.size() <= face_characters_max && std::ranges::all_of(text, is_letter_or_digit);
}

}  // namespace

std::string_view name_of(CodeKind kind) {
    switch (kind) {
        case CodeKind::unknown:
            return "unknown";
        case CodeKind::wechat:
            return "wechat";
        case CodeKind::alipay:
            return "alipay";
        case CodeKind::unionpay:
            return "unionpay";
        case CodeKind::emv_payer:
            return "emv-cpm";
        case CodeKind::alipay_face:
            return "alipay-face";
        case CodeKind::unionpay_fixed:
            return "unionpay-merchant-static";
        case CodeKind::unionpay_dynamic:
            return "unionpay-merchant-dynamic";
        case CodeKind::unionpay_acquirer:
            return "unionpay-acquirer-url";
        case CodeKind::emv_merchant:
            return "emv-mpm";
        case CodeKind::alipay_merchant:
            return "alipay-merchant";
        case CodeKind::wechat_merchant:
            return "wechat-merchant";
    }
    return "unknown";
}

std::string_view trimmed_code(std::string_view text) {
    constexpr std::string_view around = " \t\r\n";
    const std::size_t first = text.find_first_not_of(around);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(around) - first + 1);
}

CodeKind classify_code(std::string_view text) {
    text = trimmed_code(text);
    if (text.empty()) return CodeKind::unknown;
    if (starts_as_merchant_code(text)) return CodeKind::emv_merchant;
    if (std::ranges::all_of(text, is_digit)) return of_digits(text);
    if (starts_as_payer_code(text)) return CodeKind::emv_payer;
    if (is_face_code(text)) return CodeKind::alipay_face;
    return of_address(text);
}

}  // namespace softpos::qr
