// What the checkers of Android key attestation share: chains beside their descriptions, the anchors
// that we come with, and a policy that asks what a statement says of itself.
#pragma once

#include "base/clock.h"
#include "crypto/certificate.h"
#include "platform/attest/android_verify.h"
#include "world/conformance/rows.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::conformance {

struct PemChain {
    std::vector<Buffer> der;
    std::vector<crypto::Certificate> certificates;

    std::vector<Bytes> bytes() const { return {der.begin(), der.end()}; }
    // Of the leaf; nothing where it has no statement, or one that cannot be read.
    std::optional<attest::KeyDescription> description() const;
    // When the last one of the issuers came into force: then all of them were.
    Instant issuers_valid() const;
};

// A fault of the row where the file is missing, or no chain.
std::optional<PemChain> read_chain(Row& row, const std::string& folder, const std::string& file);

// Google's, out of data/attest/android.anchors; a fault of the row where they cannot be read.
std::vector<attest::TrustAnchor> google_anchors(Row& row);

// Challenge, package and signers as the statement itself has them: so that the rest is judged.
attest::AndroidPolicy policy_of(const attest::KeyDescription& description);

// No entries, served at that instant.
attest::RevocationList empty_revocation_list(Instant served);

// "FAIL CHAIN_BROKEN"; "PASS".
std::string text_of(const attest::Verdict& verdict);

}  // namespace softpos::conformance
