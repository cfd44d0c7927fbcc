// What follows from findings, whatever message they came in. For the monitor's own source files.
#pragma once

#include "platform/monitor/appraise.h"
#include "platform/monitor/view.h"

namespace softpos::monitor {

struct Weighing {
    const Policy& policy;
    const ServerView& view;
    bool in_pin = false;  // A PIN is asked for: some findings are hard then.
};

// Takes the findings into `decision.next`: score, standing findings, and the state that follows,
// with its commands. `decision.next` holds the record as it is otherwise.
void weigh(const Weighing& with, const Findings& findings, Decision& decision);

// Number, body, chain and time of a message that came in its turn.
void note_arrival(DeviceRecord& device, const Arrival& arrival, Bytes body);

// What a phone may do that is not well; nullptr where it is.
const ReducedRule* reduced_rule(const Policy& policy, DeviceState state);

// Whether evidence that passed at `last` is young enough for the capability.
bool is_young_enough(const CapabilityRule& rule, Instant last, Instant now);

}  // namespace softpos::monitor
