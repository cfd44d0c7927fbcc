// Judges tokens in which a service says what it thinks of a phone and an app: Google's Play
// Integrity and Huawei's SysIntegrity. The service is believed, no key in the phone is proven; and
// neither may be asked for each payment.
//
//     const Verdict verdict = verify_play_integrity(token, policy, keys, now);
//
// Spec: [PLAY-INTEGRITY], [HMS-SYSINTEGRITY].
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/secret.h"
#include "crypto/public_key.h"
#include "platform/attest/anchors.h"
#include "platform/attest/verdict.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::attest {

constexpr std::string_view sys_integrity_signer = "sysintegrity.platform.hicloud.com";

// What is not given is not compared, and the verdict is then never better than review.
struct TokenPolicy {
    std::optional<Buffer> challenge;  // The nonce, or the request's hash, that the app gave.
    std::optional<std::string> package;
    std::vector<Buffer> signers;        // SHA-256 of signing certificates; needed with a package.
    std::uint64_t app_version_min = 0;  // Of Play Integrity, which tells one.
    std::int64_t age_ms_max = 10 * 60'000;
    std::int64_t ahead_ms_max = 60'000;  // The service's clock before ours.
    bool store_required = true;          // Of Play Integrity: the app as the store has it.
};

// Of the app's own response encryption at Google.
struct PlayIntegrityKeys {
    const SecretBytes* decryption = nullptr;        // 32 bytes; null where there is none.
    std::optional<crypto::PublicKey> verification;  // P-256.
};

// The token encrypted, or decrypted already. Reasons in the order in which they are looked for.
// FAIL: DECRYPTION, FORM, ALGORITHM, KEY_UNKNOWN, SIGNATURE, CHALLENGE, TIME, EMULATOR,
// DEVICE_INTEGRITY, APP_PACKAGE, APP_RECOGNITION, APP_SIGNER, APP_VERSION. REVIEW: NOT_COMPARED.
Verdict verify_play_integrity(std::string_view token, const TokenPolicy& policy,
                              const PlayIntegrityKeys& keys, Instant now);

// FAIL: FORM, ALGORITHM, those of chain.h, SIGNER (the certificate names another service),
// SIGNATURE, CHALLENGE, TIME, DEVICE_INTEGRITY (with a finding for each detail that has one),
// APP_PACKAGE, APP_SIGNER. REVIEW: NOT_COMPARED.
Verdict verify_sys_integrity(std::string_view token, const TokenPolicy& policy,
                             std::span<const TrustAnchor> anchors, Instant now,
                             std::string_view signer = sys_integrity_signer);

}  // namespace softpos::attest
