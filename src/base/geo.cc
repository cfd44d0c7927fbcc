// Haversine on a sphere of the mean radius of the WGS 84 ellipsoid.
#include "base/geo.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace softpos {
namespace {

constexpr double earth_radius_m = 6'371'008.8;

double radians(std::int64_t e6) {
    return static_cast<double>(e6) / 1e6 * std::numbers::pi / 180.0;
}

}  // namespace

std::int64_t metres_between(const GeoPoint& a, const GeoPoint& b) {
    const double half_lat = radians(std::int64_t{b.latitude_e6} - a.latitude_e6) / 2;
    const double half_lon = radians(std::int64_t{b.longitude_e6} - a.longitude_e6) / 2;
    const double h = std::pow(std::sin(half_lat), 2) + std::cos(radians(a.latitude_e6)) *
                                                           std::cos(radians(b.latitude_e6)) *
                                                           std::pow(std::sin(half_lon), 2);
    return static_cast<std::int64_t>(2 * earth_radius_m * std::asin(std::min(1.0, std::sqrt(h))));
}

}  // namespace softpos
