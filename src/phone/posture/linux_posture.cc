// One look at the process, and what was set.
#include "phone/posture/linux_posture.h"

#include "phone/posture/self_findings.h"

#include <utility>

namespace softpos::posture {

Result<LinuxPosture> LinuxPosture::open(Known known) {
    host::SelfWatch watch = TRY(host::SelfWatch::open({}));
    return LinuxPosture(std::move(known), std::move(watch));
}

protocol::Posture LinuxPosture::look() {
    protocol::Posture posture;
    posture.claims = known_.claims;
    posture.hardware = known_.hardware;
    posture.location = known_.location;
    posture.findings = findings_of(watch_.look(), protocol::TrustClass::app);
    return posture;
}

}  // namespace softpos::posture
