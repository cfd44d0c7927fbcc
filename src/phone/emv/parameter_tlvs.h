// The application parameters as acquirers' download messages carry them: a list of objects, turned
// into one combination. Their limits are BCD amounts in minor units.
//
// Spec: [JRT-0025] parameter download.
#pragma once

#include "base/result.h"
#include "phone/emv/parameters.h"

#include <array>
#include <cstdint>
#include <optional>

namespace softpos::emv {

struct AidParameters {
    Combination combination;    // Kernel 7; types and TTQ are not downloaded: set by the caller.
    bool partial_match = true;  // DF01 = 00.
    bool online_pin = false;    // DF18
    std::optional<std::int64_t> electronic_cash_limit_minor;                // 9F7B
    std::array<std::uint8_t, 5> tac_default{}, tac_online{}, tac_denial{};  // DF11 DF12 DF13
    FixedBytes<32> default_ddol;                                            // DF14
};

// Unknown objects are passed over; a known one in a wrong size, twice, or no 9F06 is malformed, and
// Error::detail is its tag.
Result<AidParameters> parse_aid_parameters(Bytes tlvs);

}  // namespace softpos::emv
