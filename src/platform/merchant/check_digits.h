// Numbers that carry their own check.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace softpos::merchant {

// Spec: [GB32100] 4. Eighteen characters of digits and letters without I O S V Z.
bool is_social_credit_code(std::string_view code);
std::optional<char> social_credit_check(std::string_view first_seventeen);

// Spec: [GB11643] 4. Eighteen characters: region 6, birth date 8, sequence 3, check. `today` is
// yyyymmdd: nobody is born after it.
bool is_resident_id(std::string_view number, std::uint32_t today);
std::optional<char> resident_id_check(std::string_view first_seventeen);

// A bank card number with its Luhn digit, or a corporate account: 8 to 32 digits.
bool is_bank_account(std::string_view number);

bool is_mobile_number(std::string_view number);  // 11 digits, 13… to 19….

}  // namespace softpos::merchant
