// Lines of fixed-width columns with one blank behind each column, as clearing files have them.
#pragma once

#include "base/result.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace softpos::channel {

// What may stand in a column.
enum class ColumnKind : std::uint8_t {
    text,         // Printable ASCII and bytes from 80; blanks behind it.
    digits,       // Digits all over, or all blank.
    digits_left,  // Digits, blanks behind them.
    amount,       // Digits all over: minor units.
    fee,          // C or D, then digits: minor units, C to us.
};

struct Column {
    std::string_view name;
    std::uint16_t width;
    ColumnKind kind;
};

constexpr std::size_t line_size_of(std::span<const Column> columns) {
    std::size_t size = 0;
    for (const Column& column : columns) size += column.width + 1U;
    return size;
}

// malformed with the line in Error.detail and the byte in Error.at. The blank behind the last
// column and a carriage return may be missing. Calls take(index, value) with blanks taken off the
// end.
template <typename Take>
Result<void> read_columns(std::string_view line, std::uint32_t number,
                          std::span<const Column> columns, Take take);

// Writes one column and its blank. denied, with the byte in Error.at, where the value is too long
// or has a byte that the column may not.
Result<void> write_column(const Column& column, std::string_view value, std::string& out);

// True iff the padded value may stand in the column.
bool fits_column(const Column& column, std::string_view padded);

Result<std::int64_t> parse_fee(std::string_view text);  // "C00000000012" is 12, "D..." is -12.
std::string format_fee(std::int64_t minor);             // 12 characters; CHECKs the range.
std::string format_amount(std::int64_t minor, std::size_t width);  // CHECKs the range.
std::int64_t parse_amount(std::string_view digits);                // Of a checked column.

template <typename Take>
Result<void> read_columns(std::string_view line, std::uint32_t number,
                          std::span<const Column> columns, Take take) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    std::size_t at = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const Column& column = columns[i];
        const std::string_view padded = line.substr(std::min(at, line.size()), column.width);
        if (padded.size() != column.width) {
            return fail(ErrorKind::malformed, "columns: line cut short", number, line.size());
        }
        if (!fits_column(column, padded)) {
            return fail(ErrorKind::malformed, "columns: value", number, at);
        }
        take(i, padded.substr(0, padded.find_last_not_of(' ') + 1));
        at += column.width;
        const bool last = i + 1 == columns.size();
        if (at < line.size() ? line[at] != ' ' : !last) {
            return fail(ErrorKind::malformed, "columns: no blank behind the column", number, at);
        }
        ++at;
    }
    if (line.size() > at) {
        return fail(ErrorKind::malformed, "columns: bytes behind the line", number, at);
    }
    return {};
}

}  // namespace softpos::channel
