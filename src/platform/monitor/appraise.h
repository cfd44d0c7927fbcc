// Judges what a phone says and shows: at enrolment, before each step of a transaction, in reports,
// and when it says nothing. Pure: a policy, what is known of the phone and what came in; out comes
// a decision and the new record, which are stored together before the phone hears of either.
#pragma once

#include "platform/attest/verdict.h"
#include "platform/monitor/device.h"
#include "platform/monitor/policy.h"
#include "protocol/spa.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace softpos::monitor {

// What the platform itself saw when a message came in.
struct ServerView {
    Instant now;
    protocol::Digest32 address{};  // Digest of the peer's address.
    std::optional<protocol::Location> registered_place;
    bool revocation_stale = false;           // Our list of revoked keys is too old.
    std::vector<protocol::Finding> found{};  // What else the platform found: class server.
    protocol::Digest32 evidence_digest{};    // Of everything that came in, for the transition.
};

enum class PermitRefusal : std::uint8_t {
    none,
    suspended,   // Before, or by this very message.
    state,       // Degraded or under review, and this needs more.
    capability,  // The phone's hardware or grade does not have it.
    finding,     // A finding stands that refuses this capability.
    amount,      // Above what the capability or the state allows.
    evidence,    // Missing, too old, or it failed.
    repeated,    // The same message again, soon after: lost on its way, not replayed.
};
std::string_view name_of(PermitRefusal refusal);  // "evidence"

// What follows from any message. Store `next`, `transition`, the evidence and, where `incident`,
// the case, in one commit, and only then answer.
struct Decision {
    DeviceRecord next;
    std::vector<protocol::Finding> findings;  // All that stand now, those of the platform included.
    std::optional<Transition> transition;
    std::uint32_t score = 0;
    // The phone is suspended by this message: a case is opened, an open payment reversed, keys
    // revoked in the vault, and `commands` sent.
    bool incident = false;
    bool revoke_keys = false;
    std::vector<protocol::CommandAction> commands;
};

struct EnrolmentDecision {
    bool accepted = false;
    std::string reason;  // For the platform only: "evidence BOOTLOADER_UNLOCKED".
    std::uint8_t grade = 0;
    Decision decision;
};

struct PermitDecision {
    PermitRefusal refusal = PermitRefusal::none;  // none: granted.
    protocol::CapabilitySet allowed = 0;
    std::int64_t amount_minor_max = 0;
    std::uint32_t seconds = 0;
    Decision decision;
};

// `before` is the record of the terminal's last phone, where it had one: a latch in it must have
// been released by a person.
EnrolmentDecision appraise_enrolment(const Policy& policy, const std::string& terminal,
                                     const std::optional<DeviceRecord>& before,
                                     const protocol::EnrolStatement& statement,
                                     std::span<const attest::Verdict> verdicts,
                                     const ServerView& view);

// A signed request and its body as it was signed.
struct PermitCase {
    const protocol::PermitRequest& request;
    Bytes body;
    std::span<const attest::Verdict> verdicts;
};
PermitDecision appraise_permit(const Policy& policy, const DeviceRecord& device,
                               const PermitCase& asked, const ServerView& view);

struct ReportCase {
    const protocol::Report& report;
    Bytes body;
};
Decision appraise_report(const Policy& policy, const DeviceRecord& device, const ReportCase& told,
                         const ServerView& view);

// Something that only the platform sees, outside any message: SERIAL_CIPHER on a payment. It weighs
// like a finding in a message, beside all that stands.
Decision appraise_seen(const Policy& policy, const DeviceRecord& device,
                       const protocol::Finding& finding, Instant now);

// Nothing came. SILENCE where the phone is in use and was to be heard by now; decay of points.
Decision appraise_silence(const Policy& policy, const DeviceRecord& device, Instant now);

// The capability that a purpose needs.
protocol::Capability capability_of(protocol::PermitPurpose purpose);

// head_n = SHA-256(head_{n-1} || SHA-256(body_n)); a message names the head in front of itself.
protocol::Digest32 next_journal_head(const protocol::Digest32& head, Bytes body);

}  // namespace softpos::monitor
