// Which certificate stands where in a chain of Android key attestation, and why none may stand
// anywhere else.
//
//     factory     leaf, attestation key, maker's intermediate, root
//     remote      leaf, attestation key, two of Google's "Droid CA", root (or without the root)
//
// With an attested key of its own an app can sign a certificate that says anything, and put it in
// front. So only the first certificate may carry the statement, the number above it is fixed, and
// whoever signs another than the leaf must be an authority. The one exception: a key made for
// nothing but attesting (purpose ATTEST_KEY) may stand between leaf and attestation key, where the
// policy allows it; the secure world itself lets such a key sign nothing else.
#pragma once

#include "base/clock.h"
#include "platform/attest/android_key.h"
#include "platform/attest/chain.h"

#include <cstdint>
#include <optional>
#include <string>

namespace softpos::attest {

constexpr std::string_view provisioning_info_oid = "1.3.6.1.4.1.11129.2.1.30";

enum class Provisioning : std::uint8_t { factory, remote };
std::string_view name_of(Provisioning provisioning);

struct AndroidChain : Chain {
    Provisioning provisioning = Provisioning::factory;
    std::size_t attestation_at = 1;  // Where the attestation key's certificate stands: 2 behind an
                                     // ATTEST_KEY.
    bool attestation_key_is_authority = true;          // Not so on some phones made before 2022.
    std::optional<std::uint64_t> certificates_issued;  // To this phone lately; remote only.

    bool has_attest_key() const { return attestation_at == 2; }
    const crypto::Certificate& attestation() const { return certificates[attestation_at]; }
};

// Finds out the positions and checks them: "CHAIN_EXTENDED", "CHAIN_BROKEN" where something is
// missing, "EXTENSION_MISSING" where the leaf states nothing, "EXTENSION_MALFORMED". For a chain
// whose names are checked already.
std::optional<Fault> check_positions(AndroidChain& chain, bool attest_key_allowed);

// "EXPIRED" or "NOT_YET_VALID". Of remotely provisioned chains only, because a certificate that was
// burnt in at the factory cannot be replaced; never of the leaf, whose dates are the phone's own
// guess; never of the root, which is trusted as a key.
std::optional<Fault> check_validity(const AndroidChain& chain, Instant now);

// What the chain says about where the attestation key lives; nothing where it does not say.
std::optional<SecurityLevel> level_named_by(const AndroidChain& chain);

}  // namespace softpos::attest
