// What a process sees when it looks at itself, in the words of platform and policy.
#pragma once

#include "host/self_watch.h"
#include "protocol/finding.h"

#include <span>
#include <vector>

namespace softpos::posture {

protocol::FindingCode code_of(host::SelfFault fault);

// One finding a code; the detail is that of the first fault of it.
std::vector<protocol::Finding> findings_of(std::span<const host::SelfFinding> faults,
                                           protocol::TrustClass origin);

}  // namespace softpos::posture
