// Distances on the Earth.
#pragma once

#include <cstdint>

namespace softpos {

// Millionths of a degree, WGS 84.
struct GeoPoint {
    std::int32_t latitude_e6 = 0;
    std::int32_t longitude_e6 = 0;
};

// Along the surface, rounded down: good to half a percent, and stable for small distances.
std::int64_t metres_between(const GeoPoint& a, const GeoPoint& b);

}  // namespace softpos
