// Lines to rows and back; totals over them.
#include "platform/channel/clearing_file.h"

#include "base/check.h"

namespace softpos::channel {
namespace {

constexpr std::string_view sum_mark = "SUM";
constexpr std::int64_t count_max = 9'999'999'999;
constexpr std::int64_t sum_max = 999'999'999'999'999;
constexpr Column sum_columns[] = {
    {"mark", 3, ColumnKind::text},       {"count", 10, ColumnKind::amount},
    {"amount", 16, ColumnKind::amount},  {"back", 16, ColumnKind::amount},
    {"receivable", 16, ColumnKind::fee}, {"payable", 16, ColumnKind::fee},
};

std::string format_signed(std::int64_t minor) {
    return (minor < 0 ? "D" : "C") + format_amount(minor < 0 ? -minor : minor, 15);
}

std::int64_t parse_signed(std::string_view text) {
    const std::int64_t minor = parse_amount(text.substr(1));
    return text.front() == 'C' ? minor : -minor;
}

}  // namespace

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

void ClearingTotals::add(const ClearingRow& row) {
    ++count;
    (row.gives_back() ? back_minor : amount_minor) += row.amount_minor();
    receivable_minor += row.fee_minor(ClearingColumn::fee_receivable);
    payable_minor += row.fee_minor(ClearingColumn::fee_payable);
}

Result<std::string> format_clearing_sum(const ClearingTotals& totals) {
    const auto fits = [](std::int64_t minor) { return minor >= -sum_max && minor <= sum_max; };
    const bool good = totals.count >= 0 && totals.count <= count_max && totals.amount_minor >= 0 &&
                      totals.back_minor >= 0 && fits(totals.amount_minor) &&
                      fits(totals.back_minor) && fits(totals.receivable_minor) &&
                      fits(totals.payable_minor);
    if (!good) return fail(ErrorKind::denied, "clearing: totals do not fit");
    const std::string values[] = {
        std::string(sum_mark),
        format_amount(totals.count, 10),
        format_amount(totals.amount_minor, 16),
        format_amount(totals.back_minor, 16),
        format_signed(totals.receivable_minor),
        format_signed(totals.payable_minor),
    };
    std::string line;
    for (std::size_t i = 0; i < std::size(values); ++i) {
        TRY_VOID(write_column(sum_columns[i], values[i], line));
    }
    return line;
}

Result<ClearingTotals> parse_clearing_sum(std::string_view line) {
    std::array<std::string_view, std::size(sum_columns)> values;
    TRY_VOID(read_columns(line, 1, sum_columns,
                          [&](std::size_t i, std::string_view value) { values[i] = value; }));
    if (values[0] != sum_mark) return fail(ErrorKind::malformed, "clearing: no sum line", 1);
    return ClearingTotals{.count = parse_amount(values[1]),
                          .amount_minor = parse_amount(values[2]),
                          .back_minor = parse_amount(values[3]),
                          .receivable_minor = parse_signed(values[4]),
                          .payable_minor = parse_signed(values[5])};
}

}  // namespace softpos::channel
