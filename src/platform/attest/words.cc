// Cut where long, replaced where odd.
#include "platform/attest/words.h"

#include "base/hex.h"

#include <algorithm>
#include <chrono>

namespace softpos::attest {
namespace {

constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t year_9999_ms = 253'402'300'799'999;

// Floor, so that dates before 1970 come out right.
std::int64_t days_of(Instant instant) {
    const std::int64_t days = instant.unix_ms / day_ms;
    return instant.unix_ms % day_ms < 0 ? days - 1 : days;
}

}  // namespace

std::string printable_text(std::string_view text) {
    std::string shown(text.substr(0, shown_bytes_max));
    std::ranges::replace_if(
        shown, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text.size() > shown_bytes_max ? shown + "..." : shown;
}

std::string hex_text(Bytes bytes) {
    if (bytes.empty()) return "(empty)";
    const bool zero = std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
    if (zero && bytes.size() > 1) return std::to_string(bytes.size()) + " zero bytes";
    std::string text = to_hex(bytes.first(std::min(bytes.size(), shown_bytes_max)));
    for (char& c : text) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    return bytes.size() > shown_bytes_max ? text + "..." : text;
}

std::string two_digits(std::uint64_t number) {
    return (number < 10 ? "0" : "") + std::to_string(number);
}

std::string date_text(std::optional<Instant> instant) {
    if (!instant) return "(no date)";
    const std::chrono::year_month_day date{
        std::chrono::sys_days(std::chrono::days(static_cast<int>(days_of(*instant))))};
    return std::to_string(static_cast<int>(date.year())) + "-" +
           two_digits(static_cast<unsigned>(date.month())) + "-" +
           two_digits(static_cast<unsigned>(date.day()));
}

std::string instant_text(Instant instant) {
    if (instant.unix_ms > year_9999_ms || instant.unix_ms < -year_9999_ms) {
        return std::to_string(instant.unix_ms);
    }
    const auto seconds =
        static_cast<std::uint64_t>((instant.unix_ms - days_of(instant) * day_ms) / 1000);
    return date_text(instant) + " " + two_digits(seconds / 3600) + ":" +
           two_digits(seconds / 60 % 60) + ":" + two_digits(seconds % 60) + " UTC";
}

std::optional<Instant> read_instant(std::string_view text) {
    constexpr std::string_view day_form = "0000-00-00";
    constexpr std::string_view form = "0000-00-00T00:00:00Z";
    std::string whole(text);
    if (text.size() == day_form.size()) whole += form.substr(day_form.size());
    if (whole.size() != form.size()) return std::nullopt;
    for (std::size_t i = 0; i < form.size(); ++i) {
        const bool digit = whole[i] >= '0' && whole[i] <= '9';
        if (form[i] == '0' ? !digit : whole[i] != form[i]) return std::nullopt;
    }
    const auto part = [&whole](std::size_t at, std::size_t size) {
        unsigned value = 0;
        for (const char c : whole.substr(at, size))
            value = value * 10 + static_cast<unsigned>(c - '0');
        return value;
    };
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(part(0, 4))),
                                           std::chrono::month(part(5, 2)),
                                           std::chrono::day(part(8, 2))};
    if (!date.ok() || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 59) return std::nullopt;
    const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
    const std::int64_t seconds = std::int64_t{part(11, 2)} * 3600 + part(14, 2) * 60 + part(17, 2);
    return Instant{days * day_ms + seconds * 1000};
}

}  // namespace softpos::attest
