// A place as it leaves the phone: near enough to see that a terminal moved, and not which table it
// stands on.
#pragma once

#include "protocol/spa.h"

namespace softpos::posture {

// Sides of the grid that places are put on: 0.001 degrees, 111 m from north to south.
constexpr std::int32_t grid_e6 = 1'000;
constexpr std::uint32_t coarse_accuracy_m = 150;  // What putting them there costs at most.

// The middle of the square in which it lies, and an accuracy that says so.
protocol::Location coarse_place(protocol::Location place);

}  // namespace softpos::posture
