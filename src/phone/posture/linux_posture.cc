// One look at the process, one at the machine, and what was set.
#include "phone/posture/linux_posture.h"

#include "base/clock.h"
#include "crypto/hash.h"
#include "host/durable_file.h"
#include "host/machine_facts.h"
#include "phone/posture/coarse_place.h"
#include "phone/posture/machine_findings.h"
#include "phone/posture/release_note.h"
#include "phone/posture/self_findings.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/file.h>
#include <utility>

namespace softpos::posture {

Result<LinuxPosture> LinuxPosture::open(Known known) {
    host::SelfWatch watch = TRY(host::SelfWatch::open({}));
    LinuxPosture posture(std::move(known), std::move(watch));
    if (!posture.known_.release_note.empty()) {
        const Buffer note =
            TRY(host::read_file(posture.known_.release_note, release_note_bytes_max));
        const Buffer program = TRY(host::read_running_program(program_bytes_max));
        posture.repackaged_ =
            !is_as_released(crypto::sha256(program), text_of(note), posture.known_.maker_point);
    }
    if (posture.known_.state.empty()) return posture;
    const std::string path = posture.known_.state + "/instance.lock";
    posture.lock_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!posture.lock_.valid()) {
        return fail(ErrorKind::unavailable, "posture: the lock of the folder cannot be opened");
    }
    posture.clock_minus_boot_ms_ = host::read_machine_facts({}).clock_minus_boot_ms;
    return posture;
}

// Whoever has the lock is the first, as long as it lives.
bool LinuxPosture::is_second() {
    if (!locked_) locked_ = ::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
    return !locked_;
}

std::vector<protocol::Finding> LinuxPosture::look_at_machine() {
    const host::MachineFacts facts = host::read_machine_facts(known_.screen);
    auto found = findings_of(Seen{.facts = facts,
                                  .clock_minus_boot_ms = clock_minus_boot_ms_,
                                  .second_instance = is_second(),
                                  .sanitizers = is_sanitizer_build()});
    // Each step is told once: from then on the platform compares the clock with its own.
    clock_minus_boot_ms_ = facts.clock_minus_boot_ms;
    return found;
}

protocol::Posture LinuxPosture::look() {
    protocol::Posture posture;
    posture.claims = known_.claims;
    posture.hardware = known_.hardware;
    if (known_.location) posture.location = coarse_place(*known_.location);
    posture.phone_time = Instant{std::max<std::int64_t>(SystemClock().now().unix_ms, 0)};
    posture.findings = findings_of(watch_.look(), protocol::TrustClass::app);
    if (repackaged_) {
        posture.findings.push_back(
            {protocol::FindingCode::repackaged, protocol::TrustClass::app, 0});
    }
    if (known_.state.empty()) return posture;
    for (const protocol::Finding& one : look_at_machine()) posture.findings.push_back(one);
    return posture;
}

}  // namespace softpos::posture
