// The check digit rules of Chinese licence and identity numbers, and of bank cards.
#include "platform/merchant/check_digits.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

namespace softpos::merchant {
namespace {

bool all_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

unsigned digit(char c) {
    return static_cast<unsigned>(c - '0');
}

unsigned number(std::string_view digits) {
    unsigned value = 0;
    for (const char c : digits) value = value * 10 + digit(c);
    return value;
}

bool luhn(std::string_view digits) {
    unsigned sum = 0;
    bool twice = false;
    for (std::size_t i = digits.size(); i > 0; --i, twice = !twice) {
        const unsigned value = digit(digits[i - 1]) * (twice ? 2 : 1);
        sum += value / 10 + value % 10;
    }
    return sum % 10 == 0;
}

bool is_day(std::string_view yyyymmdd) {
    const std::chrono::year_month_day day{
        std::chrono::year(static_cast<int>(number(yyyymmdd.substr(0, 4)))),
        std::chrono::month(number(yyyymmdd.substr(4, 2))),
        std::chrono::day(number(yyyymmdd.substr(6, 2)))};
    return day.ok();
}

}  // namespace

// Spec: [GB32100] 4. Weights are powers of 3 modulo 31; the alphabet has 31 characters.
std::optional<char> social_credit_check(std::string_view first_seventeen) {
    constexpr std::string_view alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    static_assert(alphabet.size() == 31);
    if (first_seventeen.size() != 17) return std::nullopt;
    std::size_t sum = 0;
    std::size_t weight = 1;
    for (const char c : first_seventeen) {
        const std::size_t value = alphabet.find(c);
        if (value == alphabet.npos) return std::nullopt;
        sum += value * weight;
        weight = weight * 3 % alphabet.size();
    }
    return alphabet[(alphabet.size() - sum % alphabet.size()) % alphabet.size()];
}

bool is_social_credit_code(std::string_view code) {
    if (code.size() != 18 || !all_digits(code.substr(2, 6))) return false;
    const auto check = social_credit_check(code.substr(0, 17));
    return check && *check == code[17];
}

// Spec: [GB11643] 4. ISO 7064 MOD 11-2: weights are powers of 2 modulo 11, X stands for ten.
std::optional<char> resident_id_check(std::string_view first_seventeen) {
    constexpr std::array<unsigned, 17> weights{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    constexpr std::string_view checks = "10X98765432";
    if (first_seventeen.size() != weights.size() || !all_digits(first_seventeen)) {
        return std::nullopt;
    }
    unsigned sum = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) sum += digit(first_seventeen[i]) * weights[i];
    return checks[sum % checks.size()];
}

bool is_resident_id(std::string_view id, std::uint32_t today) {
    constexpr unsigned first_year = 1850;
    if (id.size() != 18) return false;
    const auto check = resident_id_check(id.substr(0, 17));
    if (!check || *check != id[17] || id[0] == '0') return false;
    const std::string_view birth = id.substr(6, 8);
    return is_day(birth) && number(birth) <= today && number(birth.substr(0, 4)) >= first_year;
}

bool is_bank_account(std::string_view account) {
    constexpr std::size_t digits_min = 8;
    constexpr std::size_t digits_max = 32;
    if (account.size() < digits_min || account.size() > digits_max) return false;
    if (!all_digits(account)) return false;
    // UnionPay debit cards, which private merchants are paid to, carry a Luhn digit.
    const bool card = account.size() == 19 && account.starts_with("62");
    return !card || luhn(account);
}

bool is_mobile_number(std::string_view phone) {
    return phone.size() == 11 && all_digits(phone) && phone[0] == '1' && phone[1] >= '3';
}

}  // namespace softpos::merchant
