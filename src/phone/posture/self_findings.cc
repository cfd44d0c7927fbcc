// A table.
#include "phone/posture/self_findings.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::posture {

using host::SelfFault;
using protocol::FindingCode;

FindingCode code_of(SelfFault fault) {
    switch (fault) {
        case SelfFault::traced:
            return FindingCode::debugger;
        case SelfFault::code_changed:
            return FindingCode::text_diff;
        case SelfFault::foreign_library:
        case SelfFault::foreign_code:
        case SelfFault::preload:
            return FindingCode::injected_library;
        case SelfFault::writable_code:
            return FindingCode::writable_executable;
        case SelfFault::table_changed:
        case SelfFault::blind:  // Somebody stands between us and the kernel.
            return FindingCode::hook;
    }
    CHECK(false);
}

std::vector<protocol::Finding> findings_of(std::span<const host::SelfFinding> faults,
                                           protocol::TrustClass origin) {
    std::vector<protocol::Finding> found;
    for (const host::SelfFinding& fault : faults) {
        const FindingCode code = code_of(fault.fault);
        if (std::ranges::find(found, code, &protocol::Finding::code) != found.end()) continue;
        found.push_back({code, origin, fault.detail});
    }
    return found;
}

}  // namespace softpos::posture
