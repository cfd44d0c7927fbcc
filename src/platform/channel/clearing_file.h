// The network's file of general transactions (ACOMN): one line a transaction, fixed columns with
// one blank behind each. Read and written line by line, so that a day of any size needs no memory.
//
// Spec: [CUP-CLEARING] ACOMN (as public loaders show it; the paper itself was not read).
#pragma once

#include "base/result.h"
#include "platform/channel/fixed_columns.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::channel {

enum class ClearingColumn : std::uint8_t {
    acquirer,
    forwarder,
    trace,
    transmission_time,
    pan,
    amount,
    partial_amount,
    holder_fee,
    mti,
    processing,
    category,
    terminal,
    merchant,
    reference,
    condition,
    approval,
    receiver,
    original_trace,
    response,
    entry,
    fee_receivable,
    fee_payable,
    switch_fee,
    single_or_dual,
    sequence,
    reader,
    chip_condition,
    original_time,
    issuer,
    region,
    terminal_type,
    eci,
    instalment_fee,
    other,
};

constexpr std::array<Column, 34> clearing_columns{{
    {"acquirer", 11, ColumnKind::digits_left},
    {"forwarder", 11, ColumnKind::digits_left},
    {"trace", 6, ColumnKind::amount},
    {"transmission_time", 10, ColumnKind::amount},  // MMDDhhmmss
    {"pan", 19, ColumnKind::digits_left},
    {"amount", 12, ColumnKind::amount},
    {"partial_amount", 12, ColumnKind::amount},
    {"holder_fee", 12, ColumnKind::fee},
    {"mti", 4, ColumnKind::amount},
    {"processing", 6, ColumnKind::amount},
    {"category", 4, ColumnKind::amount},
    {"terminal", 8, ColumnKind::text},
    {"merchant", 15, ColumnKind::text},
    {"reference", 12, ColumnKind::text},
    {"condition", 2, ColumnKind::digits},
    {"approval", 6, ColumnKind::text},
    {"receiver", 11, ColumnKind::digits_left},
    {"original_trace", 6, ColumnKind::digits},
    {"response", 2, ColumnKind::text},
    {"entry", 3, ColumnKind::digits},
    {"fee_receivable", 12, ColumnKind::fee},
    {"fee_payable", 12, ColumnKind::fee},
    {"switch_fee", 12, ColumnKind::fee},
    {"single_or_dual", 1, ColumnKind::digits},
    {"sequence", 3, ColumnKind::digits},
    {"reader", 1, ColumnKind::digits},
    {"chip_condition", 1, ColumnKind::digits},
    {"original_time", 10, ColumnKind::digits},
    {"issuer", 11, ColumnKind::digits_left},
    {"region", 1, ColumnKind::text},
    {"terminal_type", 2, ColumnKind::digits},
    {"eci", 2, ColumnKind::text},
    {"instalment_fee", 12, ColumnKind::fee},
    {"other", 14, ColumnKind::text},
}};
constexpr std::size_t clearing_line_bytes = line_size_of(clearing_columns);

// One transaction, columns without their padding. Holds a clear PAN: never log it, drop it soon.
struct ClearingRow {
    std::array<std::string, clearing_columns.size()> values{};

    const std::string& at(ClearingColumn column) const {
        return values[static_cast<std::size_t>(column)];
    }
    std::string& at(ClearingColumn column) { return values[static_cast<std::size_t>(column)]; }

    std::int64_t amount_minor() const { return parse_amount(at(ClearingColumn::amount)); }
    std::int64_t fee_minor(ClearingColumn column) const;  // Signed: positive comes to us.
    // Money back to the card: a void, a refund or a reversal.
    bool gives_back() const;

    friend bool operator==(const ClearingRow&, const ClearingRow&) = default;
};

// A row with zeros where digits must stand, to be filled in before it is written.
ClearingRow empty_clearing_row();

// A line without its line feed. malformed with the line in Error.detail and the byte in Error.at;
// column_at says which column that is.
Result<ClearingRow> parse_clearing_line(std::string_view line, std::uint32_t number);
Result<std::string> format_clearing_line(const ClearingRow& row);
std::string_view column_at(std::size_t byte);

}  // namespace softpos::channel
