// Calendar arithmetic of settlement dates.
#include "platform/pay/business_date.h"

#include <charconv>
#include <chrono>
#include <optional>

namespace softpos::pay {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::uint32_t per_year = 10'000;
constexpr std::uint32_t per_month = 100;

year_month_day calendar(std::uint32_t yyyymmdd) {
    return {year{static_cast<int>(yyyymmdd / per_year)}, month{yyyymmdd / per_month % per_month},
            day{yyyymmdd % per_month}};
}

std::uint32_t number(const year_month_day& date) {
    return static_cast<std::uint32_t>(static_cast<int>(date.year())) * per_year +
           static_cast<unsigned>(date.month()) * per_month + static_cast<unsigned>(date.day());
}

Result<std::uint32_t> digits(std::string_view text, std::size_t size) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.size() != size || error != std::errc() || end != text.data() + text.size()) {
        return fail(ErrorKind::malformed, "date is not digits");
    }
    return value;
}

}  // namespace

std::string BusinessDate::mmdd() const {
    std::string text(4, '0');
    std::uint32_t rest = yyyymmdd % per_year;
    for (std::size_t i = text.size(); i > 0; --i, rest /= 10) {
        text[i - 1] = static_cast<char>('0' + rest % 10);
    }
    return text;
}

BusinessDate china_date(Instant now) {
    return {china_time(now).yyyymmdd()};
}

Result<BusinessDate> resolve_settlement_date(std::string_view mmdd, BusinessDate today) {
    const std::uint32_t month_and_day = TRY(digits(mmdd, 4));
    const year_month_day now = calendar(today.yyyymmdd);
    if (!now.ok()) return fail(ErrorKind::malformed, "today is no date");
    std::optional<year_month_day> nearest;
    auto distance = std::chrono::days::max();
    for (const int shift : {0, -1, 1}) {
        year_month_day candidate = calendar(month_and_day);
        candidate = (now.year() + std::chrono::years{shift}) / candidate.month() / candidate.day();
        if (!candidate.ok()) continue;
        const auto apart = std::chrono::abs(sys_days{candidate} - sys_days{now});
        if (apart < distance) distance = apart, nearest = candidate;
    }
    if (!nearest) return fail(ErrorKind::malformed, "settlement date is no day");
    return BusinessDate{number(*nearest)};
}

BusinessDate day_after(BusinessDate date) {
    const sys_days next = sys_days{calendar(date.yyyymmdd)} + std::chrono::days{1};
    return {number(year_month_day{next})};
}

BusinessDate day_before(BusinessDate date) {
    const sys_days last = sys_days{calendar(date.yyyymmdd)} - std::chrono::days{1};
    return {number(year_month_day{last})};
}

Result<BusinessDate> parse_date(std::string_view yyyymmdd) {
    const std::uint32_t value = TRY(digits(yyyymmdd, 8));
    if (!calendar(value).ok()) return fail(ErrorKind::malformed, "no such day");
    return BusinessDate{value};
}

}  // namespace softpos::pay
