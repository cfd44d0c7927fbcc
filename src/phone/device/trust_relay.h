// Carries between trusted core and platform what makes the platform trust this phone: requests for
// permits one way, permits and commands the other, reports now and then. Nothing of it is believed
// here: the core signs, the platform signs, and each checks the other.
#pragma once

#include "base/clock.h"
#include "phone/device/platform_client.h"
#include "phone/device/trusted_client.h"
#include "phone/posture/posture_source.h"

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace softpos::device {

// Why there is no permit. `reference` is the platform's: it finds the case, and says nothing else.
struct PermitRefusal {
    Refusal refusal = Refusal::device_not_trusted;
    std::string reference;

    friend bool operator==(const PermitRefusal&, const PermitRefusal&) = default;
};

struct PermitInHand {
    protocol::SignedBody permit;
    Id128 id;
    unsigned good_ms = 0;  // From now, with time left for the call that uses it.
};

struct PermitWish {
    protocol::PermitPurpose purpose = protocol::PermitPurpose::tap;
    std::int64_t amount_minor = 0;
    std::uint16_t currency = 156;
};

// Any thread may call; what the core is asked and what the platform answers belong together, so
// calls wait for each other.
class TrustRelay {
public:
    struct Parts {
        TrustedClient& core;
        posture::PostureSource& posture;
        const Clock& clock;
    };
    explicit TrustRelay(Parts parts) : parts_(parts) {}

    std::expected<PermitInHand, PermitRefusal> permit(PlatformClient& platform,
                                                      const PermitWish& wish);

    // What the core saw and did since the last one, and how the phone stands now. What cannot be
    // sent stays in the core's journal.
    Result<void> report(PlatformClient& platform);

    protocol::Posture posture();

private:
    PermitRefusal let_go(PermitRefusal refusal);
    protocol::Posture look();
    bool obey(const std::vector<protocol::SignedBody>& commands);
    Result<void> report_locked(PlatformClient& platform);

    Parts parts_;
    std::mutex mutex_;
};

}  // namespace softpos::device
