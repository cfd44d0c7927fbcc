// How much a merchant may take: data/policy/merchant.limits, versioned and checked when loaded.
#pragma once

#include "base/refusal.h"
#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::merchant {

// 0 is no limit.
struct LimitRow {
    std::string limit_class = {};
    std::int64_t payment_minor = 0;
    std::int64_t day_minor = 0;
    std::int64_t month_minor = 0;
};

// What the merchant took already, with what is in flight.
struct Usage {
    std::int64_t day_minor = 0;
    std::int64_t month_minor = 0;
};

class LimitTable {
public:
    static constexpr std::size_t rows_max = 256;
    static constexpr std::size_t text_bytes_max = 64 * 1024;

    static Result<LimitTable> parse(std::string_view text);  // Error.detail is the line.
    const LimitRow* find(std::string_view limit_class) const;
    // amount_over_limit, or none. A class that the table does not know may take nothing.
    Refusal check(std::string_view limit_class, const Usage& usage,
                  std::int64_t amount_minor) const;
    std::uint32_t version() const { return version_; }

private:
    std::uint32_t version_ = 0;
    std::vector<LimitRow> rows_;
};

}  // namespace softpos::merchant
