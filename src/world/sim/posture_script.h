// Makes a simulated phone stand as a real one would with that finding, so that each can be carried
// through the whole road.
#pragma once

#include "world/sim/fleet_phone.h"

namespace softpos::sim {

// Whoever says it: `app` tells it, `core` sees it, `server` finds it in what the phone tells of
// place, time and version. False where a phone cannot stand so by itself: hardware speaks through
// FleetPosture::system, and CLONE, REPLAY, GAP and SILENCE are things that it does.
//
//     CHECK(show(phone.posture(), {FindingCode::overlay, TrustClass::app}));
bool show(FleetPosture& posture, const protocol::Finding& finding);

}  // namespace softpos::sim
