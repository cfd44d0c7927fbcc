// What the amount and the limits mean for each combination, before any card is there.
//
// Spec: [EMV-B] 3.1.1.
#pragma once

#include "phone/emv/kernel.h"
#include "phone/emv/parameters.h"

#include <span>

namespace softpos::emv {

// Indicators as Start A makes them.
Indicators preprocess(const Combination& combination, const TransactionData& transaction);

// As Start B without pre-processing makes them: all reset, the TTQ as configured.
Indicators without_preprocessing(const Combination& combination);

// The card must not be told of a PIN entry that is not there now.
void take_online_pin_out(Indicators& indicators);

}  // namespace softpos::emv
