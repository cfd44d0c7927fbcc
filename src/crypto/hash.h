// Message digests of a whole message.
#pragma once

#include "base/bytes.h"

#include <array>

namespace softpos::crypto {

using Md5Digest = std::array<std::uint8_t, 16>;
using Sha1Digest = std::array<std::uint8_t, 20>;
using Sha256Digest = std::array<std::uint8_t, 32>;

// Broken: anybody makes two messages of one digest. Only where a partner's interface demands it.
Md5Digest md5(Bytes message);
Sha1Digest sha1(Bytes message);  // Only where EMV demands it.
Sha256Digest sha256(Bytes message);
using Sm3Digest = std::array<std::uint8_t, 32>;
Sm3Digest sm3(Bytes message);  // Spec: [GMT-0004].

}  // namespace softpos::crypto
