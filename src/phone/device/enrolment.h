// Makes this phone a terminal: a key of its own, a certificate for it, and the keys and parameters
// of the trusted core, which pass through here sealed.
#pragma once

#include "host/durable_file.h"
#include "phone/device/platform_client.h"
#include "phone/device/trusted_client.h"

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

namespace softpos::device {

constexpr std::size_t activation_code_bytes_max = 64;
constexpr std::size_t server_url_bytes_max = 300;
constexpr std::size_t ca_pem_bytes_max = 16 * 1024;
constexpr std::size_t device_name_bytes_max = 64;

struct Enrolment {
    std::string server;         // "https://pay.example:8443"
    std::string server_ca_pem;  // What the platform must prove itself by.
    std::string certificate_pem;
    std::string key_pem;
    std::string terminal_id;
    std::string merchant_id;
    std::string merchant_name;
    std::uint8_t grade = 0;                 // 0 to 5, as the platform said.
    protocol::EnrolFinishRequest for_core;  // Only until the core has it.
    bool core_has_it = false;
};

struct EnrolOrder {
    std::string activation_code;
    std::string server;
    std::string ca_pem;
    std::string device_model;  // Instead of the model that posture tells; empty: that one.
};

// One file, mode 0600, replaced as a whole. Empty where this phone was never enrolled.
Result<std::optional<Enrolment>> load_enrolment(const host::Directory& state);
Result<void> store_enrolment(const host::Directory& state, const Enrolment& enrolment);

Result<PlatformIdentity> identity_of(const Enrolment& enrolment);

// What the platform answered is on disk before the core gets it: an activation code works once.
// The phone says what it is and how it stands, the core adds what it sees and signs, and the
// platform judges; what it found it keeps for itself.
struct EnrolParts {
    const host::Directory& state;
    TrustedClient& core;
    protocol::Posture posture;
    const PlatformLimits& limits;
};
std::expected<Enrolment, RefusalText> enrol(EnrolParts parts, const EnrolOrder& order);

// The rest of an enrolment that was cut off behind the platform's answer. Nothing to do where the
// core has it already.
std::expected<void, RefusalText> finish_enrolment(const host::Directory& state, TrustedClient& core,
                                                  Enrolment& enrolment);

}  // namespace softpos::device
