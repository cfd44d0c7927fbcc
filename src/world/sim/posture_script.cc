// What is a statement is added to the statements; what shows is made to show.
#include "world/sim/posture_script.h"

namespace softpos::sim {
namespace {

using protocol::FindingCode;
using protocol::TrustClass;

constexpr protocol::Location people_square{31'230'000, 121'473'000, 100};
constexpr std::int32_t far_e6 = 5'000'000;  // 555 km.
constexpr std::int64_t hour_ms = 3'600'000;

protocol::Location place_of(const FleetPosture& posture) {
    return posture.app.location.value_or(people_square);
}

bool show_to_server(FleetPosture& posture, FindingCode code) {
    switch (code) {
        case FindingCode::location_missing:
            posture.app.location.reset();
            return true;
        case FindingCode::moved:
            posture.app.location = place_of(posture);
            posture.app.location->latitude_e6 += far_e6;
            return true;
        case FindingCode::time_skew:
            posture.clock_off_ms = -hour_ms;
            return true;
        case FindingCode::version_old:
            posture.app.claims.app_version = 1;
            return true;
        case FindingCode::repackaged:
            posture.app.claims.app_package += ".copy";
            return true;
        default:
            return false;
    }
}

}  // namespace

bool show(FleetPosture& posture, const protocol::Finding& finding) {
    switch (finding.origin) {
        case TrustClass::core:
            posture.core.push_back(finding);
            return true;
        case TrustClass::server:
            return show_to_server(posture, finding.code);
        case TrustClass::app:
            if (finding.code == FindingCode::location_mocked) {
                posture.app.location = place_of(posture);
                posture.app.location->source = protocol::LocationSource::mocked;
            } else {
                posture.app.findings.push_back(finding);
            }
            return true;
        case TrustClass::hardware:
            break;
    }
    return false;
}

}  // namespace softpos::sim
