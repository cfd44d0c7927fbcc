// Evidence of phones, each piece given to the verifier of its maker.
#pragma once

#include "base/clock.h"
#include "platform/attest/verdict.h"
#include "protocol/spa.h"

#include <span>
#include <vector>

namespace softpos::server {

// What the phone was asked, and what it must have known to answer.
struct EvidenceQuestion {
    protocol::Digest32 challenge{};  // SHA-256 of what the statement must cover.
    const protocol::Point65& core_sign_point;
    const protocol::Digest32& measurement;
    Instant now;
};

// One verdict a piece, in order. A kind that this platform cannot check fails: UNSUPPORTED.
std::vector<attest::Verdict> check_evidence(std::span<const protocol::Evidence> evidences,
                                            const EvidenceQuestion& question);

}  // namespace softpos::server
