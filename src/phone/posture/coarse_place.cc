// Whole squares, also west and south.
#include "phone/posture/coarse_place.h"

#include <algorithm>
#include <limits>

namespace softpos::posture {
namespace {

std::int32_t middle_of_square(std::int32_t degrees_e6) {
    const std::int32_t rest = degrees_e6 % grid_e6;
    const std::int32_t begin = degrees_e6 - (rest < 0 ? rest + grid_e6 : rest);
    return begin + grid_e6 / 2;
}

}  // namespace

protocol::Location coarse_place(protocol::Location place) {
    constexpr std::int32_t latitude_e6_max = 90'000'000;
    constexpr std::int32_t longitude_e6_max = 180'000'000;
    place.latitude_e6 =
        std::clamp(middle_of_square(place.latitude_e6), -latitude_e6_max, latitude_e6_max);
    place.longitude_e6 =
        std::clamp(middle_of_square(place.longitude_e6), -longitude_e6_max, longitude_e6_max);
    const std::uint32_t most = std::numeric_limits<std::uint32_t>::max() - coarse_accuracy_m;
    place.accuracy_m = std::min(place.accuracy_m, most) + coarse_accuracy_m;
    return place;
}

}  // namespace softpos::posture
