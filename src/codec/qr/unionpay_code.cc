// Fixed widths, digits, and one host.
#include "codec/qr/unionpay_code.h"

#include <algorithm>

namespace softpos::qr {
namespace {

constexpr std::string_view address_start = "https://qr.95516.com/";
constexpr std::size_t institution_digits = 8;
constexpr std::size_t iin_digits = 8;
constexpr std::size_t merchant_id_characters = 15;
constexpr std::size_t account_characters = 2 * iin_digits + merchant_id_characters;

bool all_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool starts_as_address(std::string_view text) {
    return text.size() > address_start.size() &&
           std::ranges::equal(text.substr(0, address_start.size()), address_start, {}, lower);
}

bool is_number(std::string_view number) {
    return number.size() >= unionpay_number_digits_min &&
           number.size() <= unionpay_number_digits_max && all_digits(number);
}

// What the two first digits mean was seen in published codes and is written down nowhere.
UnionpayAddress::Kind kind_of(std::string_view institution, std::string_view number) {
    const bool own =
        institution == "00010000" || institution == "00010001" || institution == "00010002";
    if (!own) return UnionpayAddress::Kind::acquirer;
    return number.starts_with("62") ? UnionpayAddress::Kind::dynamic : UnionpayAddress::Kind::fixed;
}

}  // namespace

std::optional<UnionpayAddress> parse_unionpay_address(std::string_view text) {
    if (!starts_as_address(text)) return std::nullopt;
    text.remove_prefix(address_start.size());
    const std::string_view institution = text.substr(0, institution_digits);
    if (text.size() <= institution_digits || text[institution_digits] != '/') return std::nullopt;
    const std::string_view number = text.substr(institution_digits + 1);
    if (!all_digits(institution) || !is_number(number)) return std::nullopt;
    return UnionpayAddress{kind_of(institution, number), institution, number};
}

QrResult<std::string> build_unionpay_address(std::string_view institution,
                                             std::string_view number) {
    if (institution.size() != institution_digits) return broken(Rule::value_length, 0, 0);
    std::string text(address_start);
    text += institution;
    text += '/';
    if (number.size() < unionpay_number_digits_min || number.size() > unionpay_number_digits_max) {
        return broken(Rule::value_length, 0, text.size());
    }
    text += number;
    if (!parse_unionpay_address(text)) return broken(Rule::value, 0, address_start.size());
    return text;
}

QrResult<UnionpayAccount> parse_unionpay_account(std::string_view value) {
    if (value.size() != account_characters) {
        return broken(Rule::value_length, unionpay_account_id, 0);
    }
    const std::string_view iins = value.substr(0, 2 * iin_digits);
    const std::string_view merchant = value.substr(2 * iin_digits);
    if (!all_digits(iins)) return broken(Rule::value, unionpay_account_id, 0);
    if (!std::ranges::all_of(merchant, is_letter_or_digit)) {
        return broken(Rule::value, unionpay_account_id, 2 * iin_digits);
    }
    return UnionpayAccount{std::string(iins.substr(0, iin_digits)),
                           std::string(iins.substr(iin_digits)), std::string(merchant)};
}

QrResult<std::string> build_unionpay_account(const UnionpayAccount& account) {
    if (account.acquirer_iin.size() != iin_digits || account.forwarding_iin.size() != iin_digits) {
        return broken(Rule::value_length, unionpay_account_id, 0);
    }
    std::string value = account.acquirer_iin + account.forwarding_iin + account.merchant_id;
    TRY_VOID(parse_unionpay_account(value));
    return value;
}

}  // namespace softpos::qr
