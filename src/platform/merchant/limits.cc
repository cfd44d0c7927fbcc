// Reads a limit table.
//
//     limits 1
//     # class payment day month
//     micro 100000 500000 5000000
#include "platform/merchant/limits.h"

#include "base/money.h"
#include "base/table_text.h"

#include <algorithm>
#include <optional>
#include <span>

namespace softpos::merchant {
namespace {

constexpr std::size_t columns = 4;
constexpr std::int64_t version_max = 1'000'000'000;

std::optional<LimitRow> row_of(std::span<const std::string_view> words) {
    if (words.size() != columns) return std::nullopt;
    const auto payment = decimal(words[1], amount_minor_max);
    const auto day = decimal(words[2], amount_minor_max);
    const auto month = decimal(words[3], amount_minor_max);
    if (!payment || !day || !month) return std::nullopt;
    return LimitRow{std::string(words[0]), *payment, *day, *month};
}

bool over(std::int64_t limit_minor, std::int64_t minor) {
    return limit_minor != 0 && minor > limit_minor;
}

}  // namespace

Result<LimitTable> LimitTable::parse(std::string_view text) {
    if (text.size() > text_bytes_max) return fail(ErrorKind::malformed, "limit table is too long");
    LimitTable table;
    for (TableText lines(text); lines.next();) {
        const auto words = lines.words();
        const std::uint32_t line = lines.line();
        if (table.version_ == 0) {
            const bool header = words.size() == 2 && words[0] == "limits";
            const auto version = header ? decimal(words[1], version_max) : std::nullopt;
            if (!version || *version == 0) {
                return fail(ErrorKind::malformed, "limit table has no version", line);
            }
            table.version_ = static_cast<std::uint32_t>(*version);
            continue;
        }
        const auto row = row_of(words);
        if (!row || table.find(row->limit_class) != nullptr) {
            return fail(ErrorKind::malformed, "limit row cannot be read or is there twice", line);
        }
        if (table.rows_.size() == rows_max) {
            return fail(ErrorKind::malformed, "limit table has too many rows", line);
        }
        table.rows_.push_back(*row);
    }
    if (table.rows_.empty()) return fail(ErrorKind::malformed, "limit table has no row");
    return table;
}

const LimitRow* LimitTable::find(std::string_view limit_class) const {
    const auto row = std::ranges::find(rows_, limit_class, &LimitRow::limit_class);
    return row == rows_.end() ? nullptr : &*row;
}

Refusal LimitTable::check(std::string_view limit_class, const Usage& usage,
                          std::int64_t amount_minor) const {
    const LimitRow* row = find(limit_class);
    const bool refused = row == nullptr || over(row->payment_minor, amount_minor) ||
                         over(row->day_minor, usage.day_minor + amount_minor) ||
                         over(row->month_minor, usage.month_minor + amount_minor);
    return refused ? Refusal::amount_over_limit : Refusal::none;
}

}  // namespace softpos::merchant
