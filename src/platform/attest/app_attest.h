// What Apple's App Attest service gives an app: once for each key an attestation, signed by Apple,
// and with each request an assertion, signed by the key. Taken apart here and believed nowhere.
//
// Spec: [APPLE-AA] "Verify the attestation", "Verify the assertion".
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::attest {

constexpr std::string_view app_attest_nonce_oid = "1.2.840.113635.100.8.2";
constexpr std::size_t app_attest_certificates = 2;  // Of the key, and Apple's that signed it.
constexpr std::size_t app_attest_certificate_bytes_max = 4096;
constexpr std::size_t app_attest_receipt_bytes_max = 10UL * 1024;
constexpr std::size_t app_attest_signature_bytes_max = 80;  // ECDSA P-256 in DER has up to 72.
constexpr std::size_t app_attest_data_bytes_max = 512;

// Which of Apple's services made the key: the one for apps out of the store, or Xcode's.
enum class AppAttestEnvironment : std::uint8_t { production, development };

// What is made together with a key, and stands only in an attestation.
struct AppAttestCredential {
    std::optional<AppAttestEnvironment> environment;  // Nothing where the service is not known.
    Buffer id;                                        // 32 bytes.
    Buffer point;                                     // 04 || x || y on P-256.
};

// Behind "authData" and "authenticatorData".
struct AuthenticatorData {
    Buffer app_id_hash;         // SHA-256 of "TEAMID.bundle.id".
    std::uint32_t counter = 0;  // How often the key signed.
    std::optional<AppAttestCredential> credential;
};

struct AppAttestation {
    std::vector<Buffer> certificates;  // DER, app_attest_certificates of them, leaf first.
    Buffer receipt;                    // For Apple's own service of risk figures.
    Buffer signed_data;                // The bytes of `data`.
    AuthenticatorData data;            // With a credential.
};
// malformed, with the offset, where anything is missing, twice or left over; unsupported for
// another format than "apple-appattest".
Result<AppAttestation> parse_app_attestation(Bytes evidence);

struct AppAssertion {
    Buffer signature;        // DER.
    Buffer signed_data;      // The bytes of `data`.
    AuthenticatorData data;  // Without a credential.
};
Result<AppAssertion> parse_app_assertion(Bytes evidence);

// What the attested certificate's extension app_attest_nonce_oid holds: 32 bytes.
Result<Buffer> parse_app_attest_nonce(Bytes extension);

// What else Apple writes into that certificate and does not describe: for people, not for rules.
struct AppAttestHints {
    std::string app_id;          // "TEAMID.bundle.id"
    std::string system_version;  // "17.2.1"
    std::string system_build;    // "21C66"
};
AppAttestHints read_app_attest_hints(Bytes certificate_der);

}  // namespace softpos::attest
