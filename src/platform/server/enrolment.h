// Makes a phone a terminal: a challenge for an activation code, then evidence for the challenge,
// then everything that its trusted core needs, sealed to it.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "crypto/x509.h"
#include "platform/attest/evidence.h"
#include "platform/keys/key_vault.h"
#include "platform/merchant/terminal.h"
#include "platform/server/device_desk.h"
#include "platform/server/platform_signer.h"
#include "platform/server/policy_shelf.h"
#include "platform/server/terminal_directory.h"
#include "platform/server/trial_desk.h"
#include "platform/store/store.h"
#include "protocol/spa.h"

#include <string>
#include <string_view>

namespace softpos::server {

// Everything here waits for store and vault: on a worker.
class Enrolment {
public:
    struct Parts {
        store::Store& store;
        keys::KeyVault& vault;
        DeviceDesk& devices;
        TerminalDirectory& terminals;
        const PolicyShelf& policies;
        TrialDesk& trials;
        const attest::EvidenceTrust& evidence;
        const PlatformSigner& signer;
        const Clock& clock;
        Random& random;
        const crypto::CertAndKey& ca;
        const std::string& emv_parameters;  // Text handed to each phone's trusted core.
        std::string acquirer_code;
    };
    explicit Enrolment(Parts parts) : parts_(std::move(parts)) {}

    struct Answer {
        protocol::SpaAnswer answer;
        bool wrong_code = false;  // Whoever guesses codes is slowed down.
    };
    Answer begin(const protocol::EnrolBegin& request);
    Answer finish(const protocol::EnrolEvidence& request, std::string_view peer_address);

private:
    struct Work;
    Result<void> look_at_evidence(const protocol::EnrolEvidence& request, Work& work);
    Result<void> ask_for_activation(const protocol::EnrolEvidence& request, Work& work);
    Result<void> judge(const protocol::EnrolEvidence& request, std::string_view peer_address,
                       Work& work);
    Result<void> make_keys(const protocol::EnrolEvidence& request, Work& work);
    Result<protocol::CoreGrant> make_grant(const Work& work);
    Result<void> keep(Work& work);
    void revoke_old(const Work& work);

    Parts parts_;
};

}  // namespace softpos::server
