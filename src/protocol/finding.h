// What can be wrong with a phone, and who says so. Phone and platform mean the same by these codes;
// what follows from one stands in the platform's policy.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace softpos::protocol {

// Numbers travel and are stored: never renumber.
enum class FindingCode : std::uint8_t {
    root = 1,          // Somebody else is root on the phone.
    boot_unlocked,     // The boot loader takes any system.
    boot_state,        // What booted is not what was verified.
    level,             // The keys are not where they must be.
    revoked,           // The maker took a key of the chain back.
    chain,             // The evidence does not lead to a root that we know.
    clone,             // One key speaks from two places.
    replay,            // A message, a nonce or a permit a second time.
    rollback,          // Journal or counter stand lower than they stood.
    hook,              // Functions of the app lead elsewhere.
    debugger,          // Somebody traces the process.
    text_diff,         // Code in memory is not the code on disk.
    injected_library,  // Code that does not belong to the app.
    emulator,          // No phone at all.
    repackaged,        // Another signer or another program than was registered.
    overlay,           // Another window lies over ours.
    screen_capture,
    accessibility,  // A service that reads screens or makes touches.
    adb,            // Debugging over the wire is on.
    dev_mode,
    proxy,           // TLS does not end where it should.
    multi_instance,  // A second copy of the app.
    time_skew,
    time_zone,   // The clock is set by hand.
    geo_jump,    // Farther away than one can travel.
    silence,     // Not heard of when it should have been.
    gap,         // Message numbers are missing.
    nfc_relay,   // The card answers too late to be here.
    core_panic,  // The trusted core ended by itself.
    core_missing,
    policy_old,
    patch_old,            // Security patches are older than the policy takes.
    version_old,          // Of app or SDK.
    writable_executable,  // Memory that may be written and executed.
    location_missing,
    moved,           // The terminal is not where it was registered.
    serial_cipher,   // The terminal's serial number was not said by its own key.
    binding,         // One of the five elements does not match.
    evidence_stale,  // Revocation list or evidence older than the policy takes.
    evidence_missing,
    software_key,     // Keys are protected by software only.
    permit_refused,   // By the platform, or by the core because it did not fit.
    location_mocked,  // The place is made up.
};
constexpr unsigned finding_codes = 43;

// Who says it. What the app says about its own phone can only lower trust.
enum class TrustClass : std::uint8_t {
    hardware = 1,  // Signed by the maker's root.
    core,          // Said by the trusted core, signed by its key.
    server,        // Seen by the platform itself.
    app,           // Said by the app or the device services.
};
constexpr unsigned trust_classes = 4;

struct Finding {
    FindingCode code{};
    TrustClass origin{};
    std::uint32_t detail = 0;  // Of the collector; for people who look at the case.

    friend bool operator==(const Finding&, const Finding&) = default;
};

std::string_view name_of(FindingCode code);   // "BOOT_UNLOCKED": stable, for policies and reports.
std::string_view name_of(TrustClass origin);  // "hardware"
std::optional<FindingCode> finding_code(std::uint64_t number);
std::optional<FindingCode> finding_code_named(std::string_view name);

}  // namespace softpos::protocol
