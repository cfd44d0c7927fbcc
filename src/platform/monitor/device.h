// What the platform knows of one phone: what was pinned when it enrolled, what moves, and in which
// state it is. One function changes the state.
//
//     new_device -> enrolled -> active <-> degraded <-> review -> suspended -> (enrol again)
//     any -> retired
#pragma once

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "platform/attest/verdict.h"
#include "platform/monitor/hardware_keys.h"
#include "platform/monitor/policy.h"
#include "platform/monitor/score.h"
#include "protocol/finding.h"
#include "protocol/spa.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::monitor {

// Numbers are stored: never renumber.
enum class DeviceState : std::uint8_t {
    new_device = 1,  // Nothing shown yet.
    enrolled,        // Evidence was good; no permit yet.
    active,
    degraded,   // Little, and small amounts: the policy's `degraded`.
    review,     // The policy's `review`; somebody should look.
    suspended,  // Nothing.
    retired,    // Nothing, for ever.
};
constexpr unsigned device_states = 7;
std::string_view name_of(DeviceState state);  // "SUSPENDED"
std::optional<DeviceState> device_state(std::uint64_t stored);

// Of the enrolment: a phone that shows other ones is not the phone that enrolled.
struct Pins {
    protocol::Point65 core_sign_point{};
    protocol::Point65 core_seal_point{};
    protocol::Digest32 measurement{};
    protocol::EvidenceKind kind{};
    attest::KeyHome home = attest::KeyHome::software;
    Buffer device_key;        // SubjectPublicKeyInfo.
    Buffer device_id;         // 32 bytes.
    Buffer boot_key;          // Empty where the maker tells none.
    std::string root_serial;  // Of the chain's last certificate; empty where there is no chain.
    std::string model;
    std::string app_package;
    Instant at;

    friend bool operator==(const Pins&, const Pins&) = default;
};

// What may rise and never fall.
struct Marks {
    std::uint32_t os_version = 0;
    std::uint32_t os_patch = 0;  // yyyymm
    std::uint32_t app_version = 0;
    std::uint32_t sdk_version = 0;

    friend bool operator==(const Marks&, const Marks&) = default;
};

// A hard finding. It holds until somebody released the phone and it enrolled again after that.
struct Latch {
    protocol::Finding finding;
    Instant at;
    bool released = false;

    friend bool operator==(const Latch&, const Latch&) = default;
};

// The last permit that was given: what may be under way when something is found.
struct OpenPermit {
    protocol::PermitPurpose purpose{};
    std::int64_t amount_minor = 0;
    std::uint16_t currency = 156;
    Instant at;

    friend bool operator==(const OpenPermit&, const OpenPermit&) = default;
};

struct DeviceRecord {
    std::string terminal;  // 8 characters.
    DeviceState state = DeviceState::new_device;
    Pins pins;
    Marks marks;
    HardwareKeys keys;
    protocol::CapabilitySet hardware = 0;
    std::uint8_t grade = 0;

    // Sorted by code and class.
    std::vector<ScoreItem> score;
    std::vector<protocol::Finding> standing;  // Of the last message, and what the platform saw.
    std::optional<Latch> latch;
    bool operator_hold = false;  // Suspended by a person: only a person resumes it.

    std::uint64_t last_sequence = 0;
    std::uint64_t last_event = 0;    // Of the core's journal, that was looked at.
    protocol::Digest32 last_body{};  // SHA-256 of the last signed body.
    // What the next message must name; all zeroes: not known.
    protocol::Digest32 journal_head{};
    Instant last_seen;
    Instant last_permit;
    Instant last_evidence;              // Of the last evidence that passed.
    protocol::Digest32 last_address{};  // Digest of the peer's address; all zeroes: not known.
    std::optional<protocol::Location> last_location;
    Instant last_location_at;
    bool silent = false;  // SILENCE was found and nothing heard since.
    std::optional<OpenPermit> open;

    std::uint64_t command_number = 0;      // Of the last command for this terminal.
    std::uint32_t policy_version = 0;      // Of the last decision.
    std::uint32_t phone_policy = 0;        // That the phone was last told.
    protocol::Digest32 evidence_digest{};  // Of what the last decision looked at.

    friend bool operator==(const DeviceRecord&, const DeviceRecord&) = default;
};

enum class DeviceEventKind : std::uint8_t {
    enrol = 1,  // Good evidence, new pins.
    permit,     // A permit was given.
    appraise,   // `target` follows from points and standing findings.
    hard,       // `finding` suspends and latches.
    suspend,    // By a person.
    resume,     // By a person; not out of a latch.
    release,    // By a person: the latch may go with the next enrolment.
    retire,     // By a person.
};
std::string_view name_of(DeviceEventKind kind);  // "hard"

struct DeviceEvent {
    DeviceEventKind kind{};
    DeviceState target = DeviceState::active;  // appraise: active, degraded, review, suspended.
    std::optional<protocol::Finding> finding;  // hard; appraise: what weighs most.
    std::uint32_t policy_version = 0;
    protocol::Digest32 evidence_digest{};
};

// Stored with the record in one commit.
struct Transition {
    DeviceState from{}, to{};
    DeviceEventKind cause{};
    std::optional<protocol::Finding> finding;
    std::uint32_t policy_version = 0;
    protocol::Digest32 evidence_digest{};
    Instant at;

    friend bool operator==(const Transition&, const Transition&) = default;
};

struct DeviceStep {
    DeviceRecord next;
    std::optional<Transition> transition;  // Where the state changed, or a latch was set or freed.
};

// The only place where `state`, `latch` and `operator_hold` change. conflict where there is no such
// step: permits of a suspended phone, enrolment into a latch, anything of a retired one.
Result<DeviceStep> step(const DeviceRecord& device, const DeviceEvent& event, Instant now);

}  // namespace softpos::monitor
