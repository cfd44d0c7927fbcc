// Lines to rows and back.
#include "platform/channel/clearing_file.h"

#include "base/check.h"

namespace softpos::channel {

std::int64_t ClearingRow::fee_minor(ClearingColumn column) const {
    const auto minor = parse_fee(at(column));
    CHECK(minor.has_value());
    return *minor;
}

bool ClearingRow::gives_back() const {
    return at(ClearingColumn::processing).starts_with("20") ||
           at(ClearingColumn::mti).starts_with("04");
}

ClearingRow empty_clearing_row() {
    ClearingRow row;
    for (std::size_t i = 0; i < clearing_columns.size(); ++i) {
        if (clearing_columns[i].kind == ColumnKind::amount) {
            row.values[i] = std::string(clearing_columns[i].width, '0');
        }
        if (clearing_columns[i].kind == ColumnKind::fee) row.values[i] = format_fee(0);
    }
    return row;
}

Result<ClearingRow> parse_clearing_line(std::string_view line, std::uint32_t number) {
    ClearingRow row;
    TRY_VOID(read_columns(line, number, clearing_columns,
                          [&](std::size_t i, std::string_view value) { row.values[i] = value; }));
    return row;
}

Result<std::string> format_clearing_line(const ClearingRow& row) {
    std::string line;
    line.reserve(clearing_line_bytes);
    for (std::size_t i = 0; i < clearing_columns.size(); ++i) {
        TRY_VOID(write_column(clearing_columns[i], row.values[i], line));
    }
    return line;
}

std::string_view column_at(std::size_t byte) {
    std::size_t end = 0;
    for (const Column& column : clearing_columns) {
        end += column.width + 1U;
        if (byte < end) return column.name;
    }
    return "";
}

}  // namespace softpos::channel
