// What may stand in a column, and the two forms of money in one.
#include "platform/channel/fixed_columns.h"

#include "base/check.h"

#include <charconv>

namespace softpos::channel {
namespace {

constexpr std::size_t fee_digits = 11;
constexpr std::int64_t fee_max = 99'999'999'999;

bool all_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool printable(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7F;
}

}  // namespace

bool fits_column(const Column& column, std::string_view padded) {
    const std::string_view value = padded.substr(0, padded.find_last_not_of(' ') + 1);
    switch (column.kind) {
        case ColumnKind::text:
            return std::ranges::all_of(padded, printable);
        case ColumnKind::digits:
            return value.empty() || all_digits(padded);
        case ColumnKind::digits_left:
            return all_digits(value);
        case ColumnKind::amount:
            return all_digits(padded);
        case ColumnKind::fee:
            break;
    }
    return (padded.front() == 'C' || padded.front() == 'D') && all_digits(padded.substr(1));
}

Result<void> write_column(const Column& column, std::string_view value, std::string& out) {
    const std::size_t at = out.size();
    if (value.size() > column.width) {
        return fail(ErrorKind::denied, "columns: value too long", 0, at);
    }
    std::string padded(value);
    padded.resize(column.width, ' ');
    if (!fits_column(column, padded)) return fail(ErrorKind::denied, "columns: value", 0, at);
    out += padded;
    out += ' ';
    return {};
}

Result<std::int64_t> parse_fee(std::string_view text) {
    const bool good = text.size() == fee_digits + 1 && (text[0] == 'C' || text[0] == 'D') &&
                      all_digits(text.substr(1));
    if (!good) return fail(ErrorKind::malformed, "columns: fee");
    const std::int64_t minor = parse_amount(text.substr(1));
    return text[0] == 'C' ? minor : -minor;
}

std::string format_fee(std::int64_t minor) {
    CHECK(minor >= -fee_max && minor <= fee_max);
    return (minor < 0 ? "D" : "C") + format_amount(minor < 0 ? -minor : minor, fee_digits);
}

std::string format_amount(std::int64_t minor, std::size_t width) {
    CHECK(minor >= 0);
    const std::string digits = std::to_string(minor);
    CHECK(digits.size() <= width);
    return std::string(width - digits.size(), '0') + digits;
}

std::int64_t parse_amount(std::string_view digits) {
    std::int64_t minor = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), minor);
    CHECK(error == std::errc() && end == digits.data() + digits.size());
    return minor;
}

}  // namespace softpos::channel
