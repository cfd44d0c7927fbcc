// Distances that a map gives as well.
#include "base/geo.h"

#include <gtest/gtest.h>

namespace softpos {
namespace {

constexpr GeoPoint shanghai{31'230'400, 121'473'700};
constexpr GeoPoint beijing{39'904'200, 116'407'400};

TEST(Geo, DistancesAreThoseOfTheMap) {
    EXPECT_NEAR(static_cast<double>(metres_between(shanghai, beijing)), 1'067'000, 5'000);
    EXPECT_EQ(metres_between(shanghai, beijing), metres_between(beijing, shanghai));
    EXPECT_EQ(metres_between(shanghai, shanghai), 0);
    // One ten-thousandth of a degree of latitude is eleven metres.
    EXPECT_EQ(metres_between(shanghai, {31'230'500, 121'473'700}), 11);
}

TEST(Geo, GoesTheShortWayRound) {
    // Across the date line, and from pole to pole.
    EXPECT_NEAR(static_cast<double>(metres_between({0, 179'000'000}, {0, -179'000'000})), 222'390,
                100);
    EXPECT_NEAR(static_cast<double>(metres_between({90'000'000, 0}, {-90'000'000, 0})), 20'015'087,
                100);
}

}  // namespace
}  // namespace softpos
