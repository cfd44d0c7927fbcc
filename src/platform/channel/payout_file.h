// The file that tells a bank what to pay to whom for a settled day: one line a merchant, fixed
// columns with one blank behind each.
//
// Spec: [CUP-CLEARING] ZPSUM (as public loaders show it; the paper itself was not read).
#pragma once

#include "base/result.h"
#include "platform/channel/fixed_columns.h"

#include <array>
#include <cstdint>
#include <string>

namespace softpos::channel {

constexpr std::array<Column, 12> payout_columns{{
    {"merchant", 15, ColumnKind::text},
    {"category", 4, ColumnKind::digits},
    {"name", 80, ColumnKind::text},
    {"bank", 60, ColumnKind::text},
    {"bank_number", 12, ColumnKind::digits_left},
    {"branch_number", 12, ColumnKind::digits_left},
    {"account", 32, ColumnKind::text},
    {"holder", 80, ColumnKind::text},
    {"region", 6, ColumnKind::digits},
    {"count", 8, ColumnKind::amount},
    {"amount", 13, ColumnKind::amount},
    {"fee", 13, ColumnKind::amount},
}};

// Texts are written as they are given; their width counts bytes, and one that is too long is
// refused: half a name at a bank is another name.
struct PayoutLine {
    std::string merchant{};
    std::string category{};
    std::string name{};
    std::string bank{};
    std::string bank_number{};
    std::string branch_number{};
    std::string account{};
    std::string holder{};
    std::string region{};
    std::int64_t count = 0;         // Payments that make up the amount.
    std::int64_t amount_minor = 0;  // To be paid, fees taken off.
    std::int64_t fee_minor = 0;

    friend bool operator==(const PayoutLine&, const PayoutLine&) = default;
};

// denied where a value does not fit its column, or where there is nothing to pay.
Result<std::string> format_payout_line(const PayoutLine& payout);
Result<PayoutLine> parse_payout_line(std::string_view line, std::uint32_t number);

}  // namespace softpos::channel
