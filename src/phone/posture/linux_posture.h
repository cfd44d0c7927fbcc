// The posture of a phone that is a Linux machine: real checks of the process that asks.
#pragma once

#include "base/result.h"
#include "host/self_watch.h"
#include "phone/posture/posture_source.h"

#include <mutex>

namespace softpos::posture {

class LinuxPosture final : public PostureSource {
public:
    // What was not looked at but set.
    struct Known {
        protocol::DeviceClaims claims;
        protocol::CapabilitySet hardware = 0;
        std::optional<protocol::Location> location;
    };
    // When all libraries are loaded: a later one counts as foreign.
    static Result<LinuxPosture> open(Known known);

    protocol::Posture look() override;

private:
    LinuxPosture(Known known, host::SelfWatch watch)
        : known_(std::move(known)), watch_(std::move(watch)) {}

    Known known_;
    host::SelfWatch watch_;
};

}  // namespace softpos::posture
