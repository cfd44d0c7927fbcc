// The calls into the trusted core of a phone, one TLV message there and one back. The same bytes
// travel over a socket to a process, and later in a shared buffer to an application in a TEE.
#pragma once

#include "base/bytes.h"
#include "base/refusal.h"
#include "base/result.h"
#include "protocol/sealed_card.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace softpos::protocol {

// Version 1 has no permits: the field is there and must be empty. Version 2 will demand one, signed
// by the platform for the nonce of this tap, so that a core refuses cards on a phone that is not
// attested. A core of version 2 refuses version 1.
constexpr std::uint8_t trusted_call_version = 1;

constexpr std::size_t emv_parameters_bytes_max = 48 * 1024;
constexpr std::size_t merchant_name_bytes_max = 120;
constexpr std::size_t apdu_bytes_max = 261;   // Short commands: 5 + 255 + 1.
constexpr std::size_t rapdu_bytes_max = 258;  // 256 and the status word.
constexpr std::size_t key_envelope_bytes_max = 256;

// ---- Requests -------------------------------------------------------------------------------

struct StatusRequest {
    friend bool operator==(const StatusRequest&, const StatusRequest&) = default;
};

// Makes a new key pair; the answer's public point goes to the platform. The old enrolment stays
// good until enrol_finish.
struct EnrolBeginRequest {
    friend bool operator==(const EnrolBeginRequest&, const EnrolBeginRequest&) = default;
};

struct EnrolFinishRequest {
    std::array<std::uint8_t, 8> initial_key_id{};
    Buffer key_envelope;        // To the point of enrol_begin.
    std::string terminal_id;    // 8 characters.
    std::string merchant_id;    // 15 characters.
    std::string merchant_name;  // UTF-8.
    std::string emv_parameters;

    friend bool operator==(const EnrolFinishRequest&, const EnrolFinishRequest&) = default;
};

// A card is in the field. Ends a tap that still runs.
struct TapBeginRequest {
    std::int64_t amount_minor = 0;  // 0 to amount_minor_max.
    std::uint16_t currency = 156;
    std::uint8_t transaction_type = 0;  // Tag 9C.
    std::string date;                   // yymmdd
    std::string time;                   // hhmmss
    std::uint32_t trace = 0;            // Up to 99999999: four bytes of tag 9F41.
    Buffer permit;                      // Empty in version 1.

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

using TrustedRequest = std::variant<StatusRequest, EnrolBeginRequest, EnrolFinishRequest,
                                    TapBeginRequest, TapContinueRequest, TapAbortRequest>;

// ---- Answers --------------------------------------------------------------------------------

struct StatusAnswer {
    std::uint32_t core_version = 0;
    bool enrolled = false;
    std::string terminal_id;  // Empty where not enrolled.
    std::array<std::uint8_t, 8> initial_key_id{};
    std::uint32_t next_counter = 0;  // Of DUKPT. What it skipped is gone for good.

    friend bool operator==(const StatusAnswer&, const StatusAnswer&) = default;
};

struct EnrolBeginAnswer {
    std::array<std::uint8_t, 65> public_point{};
    std::array<std::uint8_t, 32> measurement{};  // SHA-256 of the program that answers.

    friend bool operator==(const EnrolBeginAnswer&, const EnrolBeginAnswer&) = default;
};

struct EnrolFinishAnswer {
    friend bool operator==(const EnrolFinishAnswer&, const EnrolFinishAnswer&) = default;
};

struct TapAbortAnswer {
    friend bool operator==(const TapAbortAnswer&, const TapAbortAnswer&) = default;
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
    std::optional<SealedCard> card;  // With online_request, and with nothing else.

    friend bool operator==(const TapOutcome&, const TapOutcome&) = default;
};

// Exactly one thing to be done next; `ui` is to be shown first.
struct TapStep {
    std::variant<SendApdu, TapOutcome> next;
    std::optional<TapUi> ui;

    friend bool operator==(const TapStep&, const TapStep&) = default;
};

enum class TrustedFault : std::uint8_t {
    malformed_request,
    version_unsupported,
    not_enrolled,
    no_enrolment_begun,  // enrol_finish without enrol_begin, or after a restart.
    envelope_refused,    // Not for this core, or changed on its way.
    parameters_refused,  // `detail` is the line.
    storage_failed,
    no_tap,             // tap_continue where none runs.
    counter_exhausted,  // The terminal must be enrolled again.
    permit_required,    // Not in version 1.
    state_rolled_back,  // The stored state is older than the counter: enrol again.
    internal,
};
constexpr unsigned trusted_faults = 12;
std::string_view name_of(TrustedFault fault);
Refusal refusal_of(TrustedFault fault);

// Instead of the answer. Nothing was changed, but that a tap which ran is over.
struct TrustedFailure {
    TrustedFault fault = TrustedFault::internal;
    std::uint32_t detail = 0;

    friend bool operator==(const TrustedFailure&, const TrustedFailure&) = default;
};

using TrustedAnswer = std::variant<StatusAnswer, EnrolBeginAnswer, EnrolFinishAnswer, TapStep,
                                   TapAbortAnswer, TrustedFailure>;

// Encoding CHECKs what decoding refuses. decode(encode(x)) == x, and what is accepted encodes to
// the bytes it came from.
Buffer encode(const TrustedRequest& request);
Result<TrustedRequest> decode_trusted_request(Bytes message);
Buffer encode(const TrustedAnswer& answer);
Result<TrustedAnswer> decode_trusted_answer(Bytes message);

}  // namespace softpos::protocol
