// The posture of a phone that is a Linux machine: real checks of the process that asks and of the
// machine below it. What each cannot see stands in machine_findings.h and host/self_watch.h.
#pragma once

#include "base/result.h"
#include "host/descriptor.h"
#include "host/self_watch.h"
#include "phone/posture/posture_source.h"

#include <string>

namespace softpos::posture {

class LinuxPosture final : public PostureSource {
public:
    // What was not looked at but set.
    struct Known {
        protocol::DeviceClaims claims;
        protocol::CapabilitySet hardware = 0;
        std::optional<protocol::Location> location{};  // Made coarse before it is told.
        // Looks at the machine, too, and at who else runs from this folder; empty: not.
        std::string state{};
        // What its maker signed about this program (release_note.h), and the maker's key. Empty:
        // nobody signed anything, and REPACKAGED is not looked for.
        std::string release_note{};
        Buffer maker_point{};
        std::string screen{};  // The terminal that the customer looks at, where there is one.
    };
    // When all libraries are loaded: a later one counts as foreign.
    static Result<LinuxPosture> open(Known known);

    protocol::Posture look() override;

private:
    LinuxPosture(Known known, host::SelfWatch watch)
        : known_(std::move(known)), watch_(std::move(watch)) {}
    bool is_second();
    std::vector<protocol::Finding> look_at_machine();

    Known known_;
    host::SelfWatch watch_;
    host::Descriptor lock_;
    bool locked_ = false;
    bool repackaged_ = false;
    std::int64_t clock_minus_boot_ms_ = 0;
};

}  // namespace softpos::posture
