// The public keys that chains of evidence may end under, kept as data, and the ones that no
// configuration may add.
//
//     [Google hardware attestation root, RSA-4096]
//     sha256 = feb2ea75...                            over the whole key
//     spki = 30820222300d...                          hex, on as many lines as wanted
#pragma once

#include "base/result.h"
#include "crypto/public_key.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::attest {

struct TrustAnchor {
    std::string name;
    crypto::PublicKey key;
};

constexpr std::size_t anchors_max = 64;

// malformed with the line in `detail`; denied where a key is one that must never be an anchor.
Result<std::vector<TrustAnchor>> parse_anchors(std::string_view text);

// Null where none of them is this key, and always where is_software_root() is.
const TrustAnchor* find_anchor(std::span<const TrustAnchor> anchors, const crypto::PublicKey& key);

// The roots of Android's own source tree: their private keys are published, so that what ends under
// them says nothing.
bool is_software_root(const crypto::PublicKey& key);

}  // namespace softpos::attest
