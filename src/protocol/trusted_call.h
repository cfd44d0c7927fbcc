// The calls into the trusted core of a phone, one TLV message there and one back. The same bytes
// travel over a socket to a process, and in a shared buffer to an application in a TEE.
#pragma once

#include "base/bytes.h"
#include "base/refusal.h"
#include "base/result.h"
#include "protocol/sealed_card.h"
#include "protocol/spa.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace softpos::protocol {

// Version 2 takes no card without a permit that the platform signed for this core's own nonce, so
// that a phone which cannot prove itself is of no use. A core of version 2 refuses version 1.
constexpr std::uint8_t trusted_call_version = 2;

constexpr std::size_t apdu_bytes_max = 261;   // Short commands: 5 + 255 + 1.
constexpr std::size_t rapdu_bytes_max = 258;  // 256 and the status word.
constexpr std::size_t grant_bytes_max = 56UL * 1024;
constexpr std::size_t app_findings_max = 32;  // The rest of findings_max is the core's own.
constexpr std::size_t app_events_max = 16;

// ---- Requests -------------------------------------------------------------------------------

// What the app says about the phone. The core passes it on signed and under the origin `app`,
// whatever origin stands in it, and adds its own findings.
struct Posture {
    DeviceClaims claims;
    CapabilitySet hardware = 0;
    std::vector<Finding> findings;  // Up to app_findings_max.
    std::optional<Location> location;
    std::optional<Instant> phone_time{};  // By the phone's wall clock.

    friend bool operator==(const Posture&, const Posture&) = default;
};

struct StatusRequest {
    friend bool operator==(const StatusRequest&, const StatusRequest&) = default;
};

// Makes two new key pairs. The old enrolment stays good until enrol_finish.
struct EnrolBeginRequest {
    Id128 nonce_id;
    Digest32 nonce{};  // Of the platform's challenge.
    Posture posture;

    friend bool operator==(const EnrolBeginRequest&, const EnrolBeginRequest&) = default;
};

// Between the two: opens what the platform made for the hardware that keeps the core, and proves
// it. grant_refused where it was not made for that, or where there is no such hardware.
struct EnrolActivateRequest {
    EnrolCredential credential;

    friend bool operator==(const EnrolActivateRequest&, const EnrolActivateRequest&) = default;
};

struct EnrolFinishRequest {
    Buffer grant;  // A CoreGrant,
    Buffer grant_signature;

    friend bool operator==(const EnrolFinishRequest&, const EnrolFinishRequest&) = default;
};

// Makes the nonce that a permit must name. One is outstanding at a time: a new one replaces it.
struct PermitPrepareRequest {
    PermitPurpose purpose{};  // pin only while a tap ended with online_pin.
    std::int64_t amount_minor = 0;
    std::uint16_t currency = 156;
    Posture posture;

    friend bool operator==(const PermitPrepareRequest&, const PermitPrepareRequest&) = default;
};

// A card is in the field. Ends a tap that still runs, and uses the permit up.
struct TapBeginRequest {
    std::int64_t amount_minor = 0;  // 0 to amount_minor_max.
    std::uint16_t currency = 156;
    std::uint8_t transaction_type = 0;  // Tag 9C.
    std::string date;                   // yymmdd
    std::string time;                   // hhmmss
    std::uint32_t trace = 0;            // Up to 99999999: four bytes of tag 9F41.
    SignedBody permit;

    friend bool operator==(const TapBeginRequest&, const TapBeginRequest&) = default;
};

enum class TapRfError : std::uint8_t { timeout, transmission, protocol };

// What the command of the last step gave.
struct TapContinueRequest {
    std::variant<Buffer, TapRfError> result;  // R-APDU with its status word, or why there is none.

    friend bool operator==(const TapContinueRequest&, const TapContinueRequest&) = default;
};

struct TapAbortRequest {
    friend bool operator==(const TapAbortRequest&, const TapAbortRequest&) = default;
};

// The platform refused, or did not answer: forgets nonce, tap and PIN.
struct PermitRefusedRequest {
    friend bool operator==(const PermitRefusedRequest&, const PermitRefusedRequest&) = default;
};

// An event that the app saw. The core numbers it and signs it with its own.
struct AppEvent {
    FindingCode code{};
    Severity severity{};
    std::uint32_t detail = 0;

    friend bool operator==(const AppEvent&, const AppEvent&) = default;
};

struct ReportMakeRequest {
    std::vector<Finding> findings;  // Of the app, as it stands now. Up to app_findings_max.
    std::vector<AppEvent> events;   // New ones. Up to app_events_max.

    friend bool operator==(const ReportMakeRequest&, const ReportMakeRequest&) = default;
};

struct CommandObeyRequest {
    SignedBody command;

    friend bool operator==(const CommandObeyRequest&, const CommandObeyRequest&) = default;
};

// The customer enters the PIN into the core's own display, for the tap that ended with online_pin.
struct PinBeginRequest {
    SignedBody permit;

    friend bool operator==(const PinBeginRequest&, const PinBeginRequest&) = default;
};
struct PinPollRequest {
    friend bool operator==(const PinPollRequest&, const PinPollRequest&) = default;
};
struct PinAbortRequest {
    friend bool operator==(const PinAbortRequest&, const PinAbortRequest&) = default;
};

using TrustedRequest =
    std::variant<StatusRequest, EnrolBeginRequest, EnrolFinishRequest, PermitPrepareRequest,
                 TapBeginRequest, TapContinueRequest, TapAbortRequest, PermitRefusedRequest,
                 ReportMakeRequest, CommandObeyRequest, PinBeginRequest, PinPollRequest,
                 PinAbortRequest, EnrolActivateRequest>;

// ---- Answers --------------------------------------------------------------------------------

// fresh: never enrolled. suspended: nothing but status, enrolment, reports and commands. wiped: no
// key is left but the one that signs the report of it.
enum class CoreMode : std::uint8_t { fresh, ready, suspended, wiped };
enum class Protection : std::uint8_t { software, tpm, tee };
std::string_view name_of(CoreMode mode);
std::string_view name_of(Protection protection);

struct StatusAnswer {
    std::uint32_t core_version = 0;
    CoreMode mode = CoreMode::fresh;
    std::string terminal_id;    // Empty where fresh.
    std::string serial_number;  // TUSN; empty where the terminal has none.
    std::array<std::uint8_t, 8> card_key_id{};
    std::uint32_t next_counter = 0;  // Of DUKPT. What it skipped is gone for good.
    std::uint64_t sequence = 0;      // Of the last message that the core signed.
    std::uint64_t events = 0;        // Number of the last event in its journal.
    bool pin = false;                // Whether it can take a PIN.
    Protection protection = Protection::software;

    friend bool operator==(const StatusAnswer&, const StatusAnswer&) = default;
};

// Each signed by the core's key over core_signed_message(). `evidence` vouches for that key, where
// what keeps the core can: it covers SHA-256 of binding_message() or permit_evidence_message().
// What the phone's system has to say goes beside it, and is the device's to bring.
struct EnrolBeginAnswer {
    SignedBody statement;  // EnrolStatement.
    std::optional<Evidence> evidence;

    friend bool operator==(const EnrolBeginAnswer&, const EnrolBeginAnswer&) = default;
};
struct PermitPrepareAnswer {
    SignedBody request;  // PermitRequest.
    std::optional<Evidence> evidence;

    friend bool operator==(const PermitPrepareAnswer&, const PermitPrepareAnswer&) = default;
};
struct EnrolActivateAnswer {
    Evidence evidence;  // Over SHA-256 of activation_message().

    friend bool operator==(const EnrolActivateAnswer&, const EnrolActivateAnswer&) = default;
};
struct ReportMakeAnswer {
    SignedBody report;  // Report.

    friend bool operator==(const ReportMakeAnswer&, const ReportMakeAnswer&) = default;
};

struct EnrolFinishAnswer {
    friend bool operator==(const EnrolFinishAnswer&, const EnrolFinishAnswer&) = default;
};
struct TapAbortAnswer {
    friend bool operator==(const TapAbortAnswer&, const TapAbortAnswer&) = default;
};
struct PermitRefusedAnswer {
    friend bool operator==(const PermitRefusedAnswer&, const PermitRefusedAnswer&) = default;
};
struct PinAbortAnswer {
    friend bool operator==(const PinAbortAnswer&, const PinAbortAnswer&) = default;
};

// What is told in the next report as well.
struct CommandObeyAnswer {
    CommandDone done;

    friend bool operator==(const CommandObeyAnswer&, const CommandObeyAnswer&) = default;
};

// Numbers as the EMV contactless books give them.
struct TapUi {
    std::uint8_t message = 0;
    std::uint8_t status = 0;
    std::uint32_t hold_ms = 0;

    friend bool operator==(const TapUi&, const TapUi&) = default;
};

struct SendApdu {
    Buffer command;
    std::uint32_t timeout_ms = 0;

    friend bool operator==(const SendApdu&, const SendApdu&) = default;
};

enum class TapOutcomeKind : std::uint8_t {
    online_request,
    declined,
    try_again,
    select_next_exhausted,
    try_other_interface,
    end_application,
    approved,
};

enum class TapCvm : std::uint8_t { none, online_pin, confirmation_code, signature };

struct TapOutcome {
    TapOutcomeKind kind = TapOutcomeKind::end_application;
    Refusal refusal = Refusal::internal;  // none with online_request and approved only.
    TapCvm cvm = TapCvm::none;
    bool signature_too = false;
    std::string masked_pan;          // Empty where no card number was read.
    Buffer aid;                      // Empty where no application was selected.
    std::string detail;              // "kernel 7 state 2: missing 9F10". No card data.
    Id128 permit;                    // That the tap ran under.
    std::optional<SealedCard> card;  // With online_request, and with nothing else.

    friend bool operator==(const TapOutcome&, const TapOutcome&) = default;
};

// Exactly one thing to be done next; `ui` is to be shown first.
struct TapStep {
    std::variant<SendApdu, TapOutcome> next;
    std::optional<TapUi> ui;

    friend bool operator==(const TapStep&, const TapStep&) = default;
};

enum class PinProgress : std::uint8_t { waiting, entered, cancelled, timed_out };
struct PinState {
    PinProgress progress = PinProgress::waiting;
    std::optional<SealedPin> pin;  // With entered, and with nothing else.

    friend bool operator==(const PinState&, const PinState&) = default;
};

enum class TrustedFault : std::uint8_t {
    malformed_request,
    version_unsupported,
    not_enrolled,        // Also after the keys were wiped.
    no_enrolment_begun,  // enrol_finish without enrol_begin, or after a restart.
    grant_refused,       // Not signed by the platform, or not for this core and challenge.
    parameters_refused,  // `detail` is the line.
    storage_failed,
    no_tap,             // tap_continue where none runs.
    counter_exhausted,  // The terminal must be enrolled again.
    permit_refused,     // One for every reason for which a permit does not fit.
    state_rolled_back,  // Stored state, journal and counter are of different times: enrol again.
    suspended,
    platform_key,     // The core was given no platform key to check by.
    command_refused,  // Not signed by the platform, or not for this terminal.
    pin_unavailable,  // This core cannot take a PIN, or not now.
    internal,
};
constexpr unsigned trusted_faults = 16;
std::string_view name_of(TrustedFault fault);
Refusal refusal_of(TrustedFault fault);

// Instead of the answer. Nothing was changed, but that a tap which ran is over.
struct TrustedFailure {
    TrustedFault fault = TrustedFault::internal;
    std::uint32_t detail = 0;

    friend bool operator==(const TrustedFailure&, const TrustedFailure&) = default;
};

using TrustedAnswer =
    std::variant<StatusAnswer, EnrolBeginAnswer, EnrolFinishAnswer, PermitPrepareAnswer, TapStep,
                 TapAbortAnswer, PermitRefusedAnswer, ReportMakeAnswer, CommandObeyAnswer, PinState,
                 PinAbortAnswer, EnrolActivateAnswer, TrustedFailure>;

// Encoding CHECKs what decoding refuses. decode(encode(x)) == x, and what is accepted encodes to
// the bytes it came from.
Buffer encode(const TrustedRequest& request);
Result<TrustedRequest> decode_trusted_request(Bytes message);
Buffer encode(const TrustedAnswer& answer);
Result<TrustedAnswer> decode_trusted_answer(Bytes message);

}  // namespace softpos::protocol
