// Judges the word of a process without hardware: it knows its own key, and nothing else is proven.
// For development and for the sandbox; no verdict here is ever better than review.
#pragma once

#include "base/bytes.h"
#include "platform/attest/verdict.h"
#include "protocol/spa.h"

namespace softpos::attest {

// What the process was asked, and what it said of itself elsewhere. Borrowed.
struct DevProcessQuestion {
    const protocol::Digest32& challenge;
    const protocol::Point65& core_sign_point;
    const protocol::Digest32& measurement;
};

// `evidence` is a protocol::DevProcessForm. FAIL: FORM, CHALLENGE, KEY_MISMATCH, MEASUREMENT,
// SIGNATURE. REVIEW: SOFTWARE_KEY. The only finding, in each case, is SOFTWARE_KEY: whoever carries
// such evidence can write it, so that a failure of it proves nothing against anybody.
Verdict verify_dev_process(Bytes evidence, const DevProcessQuestion& question);

}  // namespace softpos::attest
