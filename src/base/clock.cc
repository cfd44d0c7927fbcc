// The system's clocks, and the calendar by std::chrono.
#include "base/clock.h"

#include <cstdio>
#include <ctime>

namespace softpos {
namespace {

constexpr std::int64_t china_offset_ms = std::int64_t{8} * 3600 * 1000;

template <typename... Numbers>
std::string printed(const char* format, Numbers... numbers) {
    char text[40];
    const int size = std::snprintf(text, sizeof text, format, numbers...);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

std::uint32_t LocalTime::yyyymmdd() const {
    return static_cast<std::uint32_t>(year * 10000 + month * 100 + day);
}
std::string LocalTime::mmdd() const {
    return printed("%02d%02d", month, day);
}
std::string LocalTime::yymmdd() const {
    return printed("%02d%02d%02d", year % 100, month, day);
}
std::string LocalTime::hhmmss() const {
    return printed("%02d%02d%02d", hour, minute, second);
}
std::string LocalTime::iso() const {
    return printed("%04d-%02d-%02dT%02d:%02d:%02d+08:00", year, month, day, hour, minute, second);
}

LocalTime china_time(Instant instant) {
    using std::chrono::floor;
    const std::chrono::sys_time<std::chrono::milliseconds> shifted{
        std::chrono::milliseconds(instant.unix_ms + china_offset_ms)};
    const auto midnight = floor<std::chrono::days>(shifted);
    const std::chrono::year_month_day date(midnight);
    const std::chrono::hh_mm_ss time(floor<std::chrono::seconds>(shifted - midnight));
    return {int{date.year()},
            static_cast<int>(unsigned{date.month()}),
            static_cast<int>(unsigned{date.day()}),
            static_cast<int>(time.hours().count()),
            static_cast<int>(time.minutes().count()),
            static_cast<int>(time.seconds().count())};
}

Instant SystemClock::now() const {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

Ticks SystemClock::ticks() const {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

}  // namespace softpos
