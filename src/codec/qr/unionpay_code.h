// Codes of UnionPay's own: the address that a merchant shows, and the account in its EMV code.
#pragma once

#include "codec/qr/qr_fault.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::qr {

// https://qr.95516.com/00010000/62...: who made the code, and its number.
struct UnionpayAddress {
    enum class Kind : std::uint8_t {
        fixed,     // By UnionPay's own switch, to stand on a counter.
        dynamic,   // By the same, for one payment.
        acquirer,  // By an institution's own service, whose numbers mean something to it alone.
    };
    Kind kind;
    std::string_view institution;  // 8 digits; borrowed, as is the number.
    std::string_view number;
};

constexpr std::size_t unionpay_number_digits_min = 16;
constexpr std::size_t unionpay_number_digits_max = 64;

// nullopt for any other text. Scheme and host are taken in either case: codes in capitals are
// smaller symbols.
std::optional<UnionpayAddress> parse_unionpay_address(std::string_view text);
// value or value_length where a part does not fit. `institution` has 8 digits.
QrResult<std::string> build_unionpay_address(std::string_view institution, std::string_view number);

// What stands under 15 (or 16) of an EMV merchant code.
struct UnionpayAccount {
    std::string acquirer_iin;    // 8 digits
    std::string forwarding_iin;  // 8 digits
    std::string merchant_id;     // 15 characters

    friend bool operator==(const UnionpayAccount&, const UnionpayAccount&) = default;
};

constexpr unsigned unionpay_account_id = 15;

QrResult<UnionpayAccount> parse_unionpay_account(std::string_view value);
QrResult<std::string> build_unionpay_account(const UnionpayAccount& account);

}  // namespace softpos::qr
