// Merchant and terminal numbers as networks know them: 15 and 8 characters.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::merchant {

constexpr std::size_t merchant_number_size = 15;
constexpr std::size_t terminal_number_size = 8;

// Acquirer 3, region 4, MCC 4, sequence 4: 0001 to 9999, then A000 to ZZZZ.
// denied when the sequence is used up, malformed when a part is not digits of that size.
struct MerchantNumberParts {
    std::string_view acquirer = {};
    std::string_view region = {};
    std::string_view mcc = {};
    std::uint64_t sequence = 0;  // From 1, of that acquirer, region and MCC.
};
Result<std::string> merchant_number(const MerchantNumberParts& parts);

Result<std::string> terminal_number(std::uint64_t sequence);  // From 1: "00000001".

// A terminal's unique serial number (TUSN): maker 6 digits, device type 08 (a phone as POS), "P"
// and the sequence in 11 digits. Spec: [PBOC-259] serial number.
constexpr std::size_t serial_number_size = 20;
constexpr std::string_view phone_pos_device_type = "08";
Result<std::string> serial_number(std::string_view maker, std::uint64_t sequence);

bool is_merchant_number(std::string_view text);
bool is_terminal_number(std::string_view text);

}  // namespace softpos::merchant
