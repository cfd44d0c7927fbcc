// Gives permits to phones that are as they should be, and takes their reports.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "platform/attest/evidence.h"
#include "platform/server/device_desk.h"
#include "platform/server/platform_signer.h"
#include "platform/server/policy_shelf.h"
#include "platform/server/trial_desk.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"
#include "protocol/spa.h"

#include <functional>
#include <memory>
#include <string>

namespace softpos::server {

// Signatures and evidence are checked on the calling worker, the decision is made and written by
// the store's writer, the answer is signed on a worker again.
class PermitDesk {
public:
    struct Parts {
        store::Store& store;
        Workers& workers;
        DeviceDesk& devices;
        const PolicyShelf& policies;
        TrialDesk& trials;
        const attest::EvidenceTrust& evidence;
        const PlatformSigner& signer;
        const Clock& clock;
        Random& random;
        std::string acquirer_code;
    };
    explicit PermitDesk(Parts parts) : parts_(std::move(parts)) {}

    using Answer = std::function<void(protocol::SpaAnswer)>;
    void ask(protocol::PermitAsk asked, Caller caller, Answer answer);
    void report(protocol::ReportSent sent, Caller caller, Answer answer);

private:
    struct Case;
    Result<void> look_at_evidence(Case& one);
    Result<void> decide(store::Tx& tx, Case& one);
    Result<void> take_report(store::Tx& tx, Case& one);
    Result<void> repeat(store::Tx& tx, Case& one, const Id128& last_permit);
    void answer_permit(const Case& one, const Answer& answer);
    std::vector<protocol::SignedBody> sign_all(const std::vector<protocol::Command>& commands);

    Parts parts_;
};

}  // namespace softpos::server
