// The tables that people write and keep: a row a line, words with blanks between them, '#' begins a
// comment. Fees, limits and dialects are such texts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace softpos {

// Goes from row to row; lines that say nothing are passed over. The text must outlive it.
//
//     for (TableText table(text); table.next();) {
//         if (table.words().size() != 4) return fail(…, table.line());
//     }
class TableText {
public:
    static constexpr std::size_t words_max = 16;  // Of one row that is whole.

    explicit TableText(std::string_view text) : rest_(text) {}

    bool next();
    std::uint32_t line() const { return line_; }  // Of the row, from 1.
    // At least one. A row of more than words_max words shows one more than that, and not the rest.
    std::span<const std::string_view> words() const { return std::span(words_).first(count_); }

private:
    std::string_view rest_;
    std::uint32_t line_ = 0;
    std::array<std::string_view, words_max + 1> words_{};
    std::size_t count_ = 0;
};

// A number in decimal digits alone, 0 to `max`.
std::optional<std::int64_t> decimal(std::string_view digits, std::int64_t max);

}  // namespace softpos
