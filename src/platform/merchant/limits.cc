// Reads a limit table.
//
//     limits 1
//     # class payment day month
//     micro 100000 500000 5000000
#include "platform/merchant/limits.h"

#include "base/money.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace softpos::merchant {
namespace {

constexpr std::size_t columns = 4;

struct Words {
    std::array<std::string_view, columns> word;
    std::size_t count = 0;
};

std::optional<Words> words_of(std::string_view line) {
    Words words;
    while (true) {
        const auto start = line.find_first_not_of(" \t");
        if (start == line.npos) return words;
        if (words.count == words.word.size()) return std::nullopt;
        const auto end = std::min(line.find_first_of(" \t", start), line.size());
        words.word[words.count++] = line.substr(start, end - start);
        line.remove_prefix(end);
    }
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    const bool read = !text.empty() && parsed.ec == std::errc() && parsed.ptr == end;
    if (!read || text.front() == '-' || value > amount_minor_max) return std::nullopt;
    return value;
}

std::optional<LimitRow> row_of(const Words& words) {
    if (words.count != columns) return std::nullopt;
    const auto payment = number(words.word[1]), day = number(words.word[2]),
               month = number(words.word[3]);
    if (!payment || !day || !month) return std::nullopt;
    return LimitRow{std::string(words.word[0]), *payment, *day, *month};
}

bool over(std::int64_t limit_minor, std::int64_t minor) {
    return limit_minor != 0 && minor > limit_minor;
}

}  // namespace

Result<LimitTable> LimitTable::parse(std::string_view text) {
    if (text.size() > text_bytes_max) return fail(ErrorKind::malformed, "limit table is too long");
    LimitTable table;
    for (std::uint32_t line = 1; !text.empty(); ++line) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view content = text.substr(0, std::min(text.find('#'), end));
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto words = words_of(content);
        if (!words) return fail(ErrorKind::malformed, "limit row has too many columns", line);
        if (words->count == 0) continue;
        if (table.version_ == 0) {
            const auto version = number(words->word[1]);
            const bool header = words->count == 2 && words->word[0] == "limits" && version;
            if (!header || *version == 0 || *version > 1'000'000'000) {
                return fail(ErrorKind::malformed, "limit table has no version", line);
            }
            table.version_ = static_cast<std::uint32_t>(*version);
            continue;
        }
        const auto row = row_of(*words);
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
