// What Huawei's key store (HUKS) states about a key, as the extension of its certificate says it.
// Everything that stands there is kept, known or not; what follows from it is the verifier's.
//
// Spec: [HUKS] the extension and its common claims. What purposes a key has, and how well it is
// protected, no published claim tells: the level that stands with each claim is reserved.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::attest {

constexpr std::string_view huks_key_oid = "1.3.6.1.4.1.2011.2.376.1.3";

enum class HuksKeySource : std::uint8_t { imported = 1, generated };

// Who asked for the key: an app with the identity that its signer gives it, or a service of the
// system.
struct HuksOwner {
    bool app = false;
    std::string bundle;  // "cn.example.spos"; of a service its process name.
    std::string app_id;  // Bundle name, '_' and the signer's key in Base64; empty with a service.
};

struct HuksClaim {
    std::string oid;          // "1.3.6.1.4.1.2011.2.376.2.1.4"
    std::uint64_t level = 0;  // Reserved.
    std::size_t at = 0;       // Byte offset in the extension.
    Buffer value;             // DER, with tag and length.
};

struct HuksStatement {
    static constexpr std::size_t claims_max = 64;
    static constexpr std::size_t owner_bytes_max = 4096;

    std::uint64_t version = 0;
    std::vector<HuksClaim> claims;  // In the order in which they stand.
    std::optional<Buffer> challenge;
    std::optional<HuksKeySource> source;
    std::optional<HuksOwner> owner;
    std::optional<std::string> model;  // As stated: not checked to be text.

    // malformed, with the byte, where the extension does not follow its form or a claim stands
    // twice; denied over a limit. Claims that we do not know are told, not refused.
    static Result<HuksStatement> parse(Bytes extension);
};

// "challenge"; empty where we do not know the claim.
std::string_view huks_claim_name(std::string_view oid);

}  // namespace softpos::attest
