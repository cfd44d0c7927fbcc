// Track 2 equivalent data: PAN, separator D, expiry YYMM, and the rest, as packed digits.
//
// Spec: [EMV-B3] Annex A, tag 57.
#pragma once

#include "base/bytes.h"
#include "base/pan.h"
#include "base/result.h"

#include <cstdint>
#include <optional>

namespace softpos::emv {

// Whether it has 12 to 19 digits of PAN, the separator, and a plausible expiry. Allocates nothing.
bool track2_fits(Bytes track2);

// The parts. The PAN is built on the heap, in memory that wipes itself: not for the tap itself.
Result<Pan> track2_pan(Bytes track2);
std::optional<std::uint16_t> track2_expiry_yymm(Bytes track2);  // As a number: 2512.

}  // namespace softpos::emv
