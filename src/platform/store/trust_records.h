// Rows about phones and how far they are trusted. What is decided from them is decided by the
// monitor; here enumerations are its stored numbers and bodies its bytes.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"

#include <array>
#include <cstdint>
#include <string>

namespace softpos::store {

using Digest = std::array<std::uint8_t, 32>;  // SHA-256.

// The phone of a terminal, as the last decision left it.
struct DeviceRow {
    std::string terminal = {};  // 8 characters.
    std::string merchant = {};
    std::uint8_t state = 0;  // monitor::DeviceState
    std::uint8_t grade = 0;
    std::uint32_t score = 0;  // As of `changed_at`.
    Instant last_seen = {};
    Instant changed_at = {};
    std::uint64_t version = 0;  // Rises with each update.
    Id128 last_permit = {};     // That was given; zero where none was.
    // The end of the phone's chain of evidence.
    std::uint64_t evidence_count = 0;
    Digest evidence_head{};
    Buffer record = {};  // All of monitor::DeviceRecord.

    friend bool operator==(const DeviceRow&, const DeviceRow&) = default;
};

// A challenge that was handed out. The nonce itself is not kept.
struct NonceRow {
    Id128 id = {};
    Digest digest{};
    Id128 terminal = {};
    Instant expires_at = {};
    Instant used_at = {};  // Zero: not used.
    // What must be proven before the challenge is used: SHA-256 of it, and of the message that it
    // was asked for. Both zero where nothing was asked.
    Digest proof{};
    Digest asked{};

    friend bool operator==(const NonceRow&, const NonceRow&) = default;
};

// One step of one payment that was permitted.
struct PermitRow {
    Id128 id = {};  // From pay::new_id(): names its shard.
    std::string terminal = {};
    std::uint8_t purpose = 0;  // protocol::PermitPurpose
    std::int64_t amount_minor_max = 0;
    std::uint16_t currency = 156;
    std::uint8_t allowed = 0;  // protocol::CapabilitySet
    Id128 parent = {};         // Of a PIN: the tap's permit.
    Instant issued_at = {};
    Instant expires_at = {};
    std::uint32_t policy_version = 0;
    Digest request_digest{};  // SHA-256 of the signed request.
    Id128 payment = {};       // Which spent it; zero: not spent.

    friend bool operator==(const PermitRow&, const PermitRow&) = default;
};

// What a phone showed and what followed. Append-only; each names the one before it.
struct EvidenceRow {
    std::string terminal = {};
    std::uint64_t sequence = 0;  // From 1, without a gap.
    Instant at = {};
    std::uint8_t kind = 0;  // Of what the phone sent; see server/evidence_log.h.
    std::string outcome = {};
    std::uint32_t policy_version = 0;
    Buffer body = {};
    Digest previous{};  // Zero in the first.
    Digest digest{};    // SHA-256 over the row and `previous`; the caller's to compute.

    friend bool operator==(const EvidenceRow&, const EvidenceRow&) = default;
};

// One change of a phone's state. Append-only.
struct TransitionRow {
    std::string terminal = {};
    std::uint64_t sequence = 0;  // Given by the store: from 1.
    Instant at = {};
    std::uint8_t from = 0, to = 0, cause = 0;
    std::uint8_t code = 0, origin = 0;  // Of the finding; zero where there is none.
    std::uint32_t detail = 0;
    std::uint32_t policy_version = 0;
    Digest evidence{};

    friend bool operator==(const TransitionRow&, const TransitionRow&) = default;
};

enum class IncidentState : std::uint8_t { open = 1, closed = 2 };
// What happens to the phone's keys in the vault: `due` until the vault has said that it is done.
enum class KeyEnd : std::uint8_t { none = 0, due = 1, done = 2 };

struct IncidentRow {
    Id128 id = {};
    std::string terminal = {};
    std::string merchant = {};
    IncidentState state = IncidentState::open;
    std::uint8_t code = 0, origin = 0;  // Of the finding.
    std::uint32_t detail = 0;
    Id128 payment = {};  // That was under way; zero where none was.
    Digest evidence{};
    Instant opened_at = {};
    Instant closed_at = {};
    KeyEnd keys = KeyEnd::none;
    std::string facts = {};  // JSON.

    friend bool operator==(const IncidentRow&, const IncidentRow&) = default;
};

enum class CommandState : std::uint8_t { issued = 1, obeyed = 2, refused = 3 };

struct CommandRow {
    std::string terminal = {};
    std::uint64_t number = 0;
    Id128 id = {};
    std::uint8_t action = 0;  // protocol::CommandAction
    CommandState state = CommandState::issued;
    Instant issued_at = {};
    Instant not_after = {};
    Instant done_at = {};

    friend bool operator==(const CommandRow&, const CommandRow&) = default;
};

struct PolicyRow {
    std::uint32_t version = 0;
    std::string text = {};
    Buffer signature = {};  // DER.
    Instant uploaded_at = {};
    Instant activated_at = {};  // Zero: never in force.

    friend bool operator==(const PolicyRow&, const PolicyRow&) = default;
};

// Numbers are stored: never renumber.
enum class TrialState : std::uint8_t { running = 1, rolled_back = 2, promoted = 3, ended = 4 };

// What one side of a trial did.
struct TrialCounts {
    std::uint64_t payments = 0, approved = 0;
    std::uint64_t attestations = 0, attestations_failed = 0;

    friend bool operator==(const TrialCounts&, const TrialCounts&) = default;
};

// Something new that a part of the phones has first: a policy, or a release of app or SDK.
struct TrialRow {
    Id128 id = {};
    TrialState state = TrialState::running;
    std::uint32_t policy_version = 0;                // 0: a release alone is looked at.
    std::uint32_t app_version = 0, sdk_version = 0;  // The phones that have it; 0: any.
    std::uint32_t share_per_mille = 1000;            // Of those.
    bool promotes = false;                           // By itself, once it is as good.
    Instant started_at = {};
    Instant ended_at = {};    // Zero: it runs.
    std::string reason = {};  // Why it ended: "attestations", "person".
    TrialCounts others = {}, canaries = {};

    friend bool operator==(const TrialRow&, const TrialRow&) = default;
};

// Where an acquirer is told what happened.
struct WebhookRow {
    Id128 id = {};
    std::string url = {};
    std::string topics = {};  // With blanks between; empty is all.
    Buffer secret = {};       // Sealed by the caller.
    Instant created_at = {};
    Instant disabled_at = {};  // Zero: in use.

    friend bool operator==(const WebhookRow&, const WebhookRow&) = default;
};

enum class DeliveryState : std::uint8_t { due = 1, done = 2, given_up = 3 };

// One outbox message on its way to one webhook.
struct DeliveryRow {
    Id128 webhook = {};
    std::int64_t sequence = 0;  // Of the outbox message.
    std::string topic = {};
    std::string body = {};
    Instant created_at = {};
    DeliveryState state = DeliveryState::due;
    std::uint32_t attempts = 0;
    Instant next_at = {};
    std::uint32_t last_status = 0;  // HTTP; 0: no answer.

    friend bool operator==(const DeliveryRow&, const DeliveryRow&) = default;
};

// Whether a registered terminal may be used. Numbers are filed: never renumber.
enum class FilingStatus : std::uint8_t { disabled = 0, enabled = 1, cancelled = 2 };

// The five elements that a terminal's serial number is bound to, and what else is filed.
// Spec: [PBOC-259] five elements.
struct RegistryRow {
    std::string terminal = {};  // 8 characters.
    std::string serial = {};    // TUSN: unique over all terminals there ever were.
    std::string acquirer = {};  // The five elements: institution,
    std::string merchant = {};  // merchant,
    Digest licence{};           // licence or identity number (keyed hash),
    Digest account{};           // settlement account (keyed hash),
    std::string address = {};   // and where it stands.
    bool placed = false;        // Whether the next two are known.
    std::int32_t latitude_e6 = 0, longitude_e6 = 0;
    std::string model = {};
    FilingStatus status = FilingStatus::enabled;
    std::uint32_t version = 1;
    Instant changed_at = {};

    friend bool operator==(const RegistryRow&, const RegistryRow&) = default;
};

// What the registry said of a terminal from one change to the next. Append-only.
struct RegistryChange {
    std::string reason = {};  // "created", "enrolled", "suspended", …
    RegistryRow row = {};

    friend bool operator==(const RegistryChange&, const RegistryChange&) = default;
};

}  // namespace softpos::store
