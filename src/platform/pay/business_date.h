// The date on which the network settles: a calendar date, not an instant. Field 15 decides it,
// never our clock.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace softpos::pay {

// yyyymmdd as a number; 0 is "not known yet".
struct BusinessDate {
    std::uint32_t yyyymmdd = 0;

    bool known() const { return yyyymmdd != 0; }
    std::string mmdd() const;  // "1122"; "0000" where not known.
    friend auto operator<=>(const BusinessDate&, const BusinessDate&) = default;
};

// The date in China at an instant: what a terminal prints, and the fallback where an answer
// carries no field 15.
BusinessDate china_date(Instant now);

// Gives an "MMDD" of field 15 its year: the one that puts it nearest to today. malformed unless
// it names a day of that year.
Result<BusinessDate> resolve_settlement_date(std::string_view mmdd, BusinessDate today);

BusinessDate day_after(BusinessDate date);
BusinessDate day_before(BusinessDate date);
Result<BusinessDate> parse_date(std::string_view yyyymmdd);

}  // namespace softpos::pay
