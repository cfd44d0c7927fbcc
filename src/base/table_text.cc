// One line after the other, one word after the other.
#include "base/table_text.h"

#include <algorithm>
#include <charconv>

namespace softpos {

bool TableText::next() {
    constexpr std::string_view blanks = " \t\r";
    count_ = 0;
    while (count_ == 0 && !rest_.empty()) {
        ++line_;
        const std::size_t end = std::min(rest_.find('\n'), rest_.size());
        std::string_view row = rest_.substr(0, std::min(rest_.find('#'), end));
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        while (count_ < words_.size()) {
            row.remove_prefix(std::min(row.find_first_not_of(blanks), row.size()));
            if (row.empty()) break;
            const std::size_t size = std::min(row.find_first_of(blanks), row.size());
            words_[count_++] = row.substr(0, size);
            row.remove_prefix(size);
        }
    }
    return count_ != 0;
}

std::optional<std::int64_t> decimal(std::string_view digits, std::int64_t max) {
    if (digits.empty() || digits.front() == '-') return std::nullopt;
    std::int64_t value = 0;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value);
    if (error != std::errc() || stop != end || value > max) return std::nullopt;
    return value;
}

}  // namespace softpos
