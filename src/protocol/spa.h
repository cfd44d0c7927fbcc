// SPA/1: how a phone proves to the platform what it is, before it enrols and before each
// transaction, and what the platform answers. Each message is one CBOR array in the one form that
// codec/cbor accepts: version, type, then the fields in the order in which they stand here. The
// transport is HTTPS; what must be believed is signed inside: by the trusted core's key (K_ta, made
// in the core) towards the platform, by the platform's key (pinned in the core) towards the phone.
//
// One permit serves one step of one transaction: it names the core's own nonce, so that it can be
// neither kept nor lent, and the platform lets it be spent once.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "protocol/finding.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace softpos::protocol {

constexpr std::uint8_t spa_version = 1;
constexpr std::size_t spa_message_bytes_max = 16 * 1024;
constexpr std::size_t spa_enrolled_bytes_max = 96 * 1024;  // The EMV parameters are in it.
constexpr std::size_t evidence_bytes_max = 12 * 1024;
constexpr std::size_t evidences_max = 4;
constexpr std::size_t credential_part_bytes_max = 640;  // For RSA of 4096 bits.
constexpr std::size_t findings_max = 48;
constexpr std::size_t core_events_max = 64;
constexpr std::size_t commands_max = 8;
constexpr std::size_t claim_bytes_max = 64;
constexpr std::uint32_t permit_seconds_max = 60;
constexpr std::uint32_t challenge_seconds = 120;

using Digest32 = std::array<std::uint8_t, 32>;
using Point65 = std::array<std::uint8_t, 65>;

// What a phone may be able to do, as bits. What it may do is the platform's word in a permit.
enum class Capability : std::uint8_t { qr_show, qr_scan, card_no_pin, card_pin, identity };
constexpr unsigned capabilities = 5;
using CapabilitySet = std::uint8_t;
constexpr CapabilitySet bit_of(Capability capability) {
    return static_cast<CapabilitySet>(1U << static_cast<unsigned>(capability));
}
std::string_view name_of(Capability capability);  // "card_no_pin"

enum class EvidenceKind : std::uint8_t {
    android_key = 1,  // X.509 chain of a key made in KeyMint: DER certificates, leaf first.
    huks,             // The same, of Huawei's key store.
    sys_integrity,    // JWS of HMS.
    play_integrity,   // JWS, or JWE around it, of Google.
    app_attest,       // CBOR of Apple's service.
    tpm_quote,        // TpmQuoteForm of evidence_forms.h.
    optee_pta,        // OpteeForm of evidence_forms.h.
    dev_process,      // DevProcessForm: a process without hardware, which never gets far.
};
constexpr unsigned evidence_kinds = 8;
std::string_view name_of(EvidenceKind kind);  // "android-key"
std::optional<EvidenceKind> evidence_kind_named(std::string_view name);

struct Evidence {
    EvidenceKind kind{};
    Buffer bytes;

    friend bool operator==(const Evidence&, const Evidence&) = default;
};

// What the app says about itself and the phone; believed where evidence says the same.
struct DeviceClaims {
    std::string platform;  // "linux", "android", "ios", "harmony"
    std::string model;
    std::string os_version;
    std::string app_package;
    std::uint32_t app_version = 0;
    std::uint32_t sdk_version = 0;

    friend bool operator==(const DeviceClaims&, const DeviceClaims&) = default;
};

// Who told the phone where it is. Numbers travel: never renumber.
enum class LocationSource : std::uint8_t {
    satellite = 1,  // The phone's own receiver.
    network,        // Masts and wireless networks around it.
    fused,          // The system's mixture of these, or one that does not say.
    fixed,          // Nobody measured: whoever set the phone up wrote it down.
    mocked,         // A provider of made-up places, as developers and cheats use one.
};
constexpr unsigned location_sources = 5;
std::string_view name_of(LocationSource source);  // "satellite"

// Where the phone says it is, in millionths of a degree (WGS 84). Rounded before it leaves the
// phone: see phone/posture/coarse_place.h.
struct Location {
    std::int32_t latitude_e6 = 0;
    std::int32_t longitude_e6 = 0;
    std::uint32_t accuracy_m = 0;
    std::uint32_t age_s = 0;  // Since it was measured.
    LocationSource source = LocationSource::satellite;

    friend bool operator==(const Location&, const Location&) = default;
};

// ---- Enrolment ------------------------------------------------------------------------------

struct EnrolBegin {
    std::string activation_code;
    DeviceClaims claims;

    friend bool operator==(const EnrolBegin&, const EnrolBegin&) = default;
};

// The nonce is good for one EnrolEvidence within challenge_seconds.
struct EnrolChallenge {
    Id128 nonce_id;
    Digest32 nonce{};
    std::uint32_t seconds = 0;
    std::uint32_t policy_version = 0;
    std::vector<EvidenceKind> accepted;  // In the order in which they are liked.

    friend bool operator==(const EnrolChallenge&, const EnrolChallenge&) = default;
};

// What one statement of the phone's maker must cover, so that it covers the core's keys: SHA-256 of
// "spos-bind/1", nonce, both points, measurement and app version (four bytes).
struct BindingParts {
    const Digest32& nonce;
    const Point65& core_sign_point;
    const Point65& core_seal_point;
    const Digest32& measurement;
    std::uint32_t app_version;
};
Buffer binding_message(const BindingParts& parts);  // Its SHA-256 is the challenge.

// The core signs `body`, which is an EnrolStatement; evidence and request stand beside it. Where
// the platform answers with an EnrolCredential, the same message goes once more, with `activation`.
struct EnrolEvidence {
    std::string activation_code;
    std::string csr_pem;  // For the phone's TLS certificate.
    Buffer body;
    Buffer core_signature;  // DER, ECDSA P-256 with SHA-256.
    std::vector<Evidence> evidences;
    Buffer activation = {};  // A TpmQuoteForm over activation_message(); empty the first time.

    friend bool operator==(const EnrolEvidence&, const EnrolEvidence&) = default;
};

// A secret for one TPM: only the one with the endorsement key of the certificate opens it, and only
// while it holds the key that signed the quote. The platform keeps no more of the secret than what
// must be quoted next.
struct EnrolCredential {
    Buffer id_object;         // TPM2B_ID_OBJECT
    Buffer encrypted_secret;  // TPM2B_ENCRYPTED_SECRET

    friend bool operator==(const EnrolCredential&, const EnrolCredential&) = default;
};
// "spos-activate/1", the binding message and the secret. Its SHA-256 is what the second quote is
// over: it shows the secret and who it was opened for, and tells it to nobody on the way.
Buffer activation_message(Bytes binding, Bytes secret);

struct EnrolStatement {
    Id128 nonce_id;
    Digest32 nonce{};
    Point65 core_sign_point{};
    Point65 core_seal_point{};  // Keys for the core are sealed to it.
    Digest32 measurement{};     // SHA-256 of the core's program.
    DeviceClaims claims;
    CapabilitySet hardware = 0;  // What the phone could do.
    std::vector<Finding> findings;
    std::optional<Location> location;
    std::optional<Instant> phone_time{};  // See PermitRequest.

    friend bool operator==(const EnrolStatement&, const EnrolStatement&) = default;
};

// `grant` is a signed CoreGrant for the core; the rest is for the phone's services.
struct Enrolled {
    std::string certificate_pem;
    std::string ca_pem;
    std::uint32_t policy_version = 0;
    std::uint8_t grade = 0;  // 0 to 5; see docs/trust.md.
    Buffer grant;
    Buffer grant_signature;

    friend bool operator==(const Enrolled&, const Enrolled&) = default;
};

// Everything that makes the core a terminal. Signed by the platform and bound to the core's keys of
// this enrolment: a core takes no other.
struct CoreGrant {
    Point65 core_sign_point{};  // For whom.
    Digest32 nonce{};           // Of the challenge.
    Instant issued_at;
    std::string terminal_id;  // 8 characters.
    std::string merchant_id;  // 15 characters.
    std::string merchant_name;
    std::string serial_number;  // TUSN, for field 59; empty where the terminal has none.
    std::array<std::uint8_t, 8> card_key_id{};
    Buffer card_key_envelope;  // DUKPT initial key of account data, to core_seal_point.
    std::array<std::uint8_t, 8> pin_key_id{};
    Buffer pin_key_envelope;     // DUKPT initial key of PINs. Empty: no PIN on this phone.
    Buffer serial_key_envelope;  // SM4 key of the serial cipher; empty with an empty number.
    std::string emv_parameters;

    friend bool operator==(const CoreGrant&, const CoreGrant&) = default;
};

// ---- Permits --------------------------------------------------------------------------------

enum class PermitPurpose : std::uint8_t { tap = 1, pin, qr_show, qr_scan, identity };
constexpr unsigned permit_purposes = 5;

// Signed by the core, nonce included, so that what lies between cannot take a finding out.
struct PermitRequest {
    std::string terminal_id;
    Digest32 nonce{};
    std::uint64_t sequence = 0;  // Of everything that this core ever signed; never twice.
    Digest32 journal_head{};     // In front of this message.
    PermitPurpose purpose{};
    std::int64_t amount_minor = 0;
    std::uint16_t currency = 156;
    std::optional<Id128> parent;  // The tap's permit, with purpose pin.
    DeviceClaims claims;
    CapabilitySet hardware = 0;
    std::vector<Finding> findings;  // Of the core and of the app, each with its origin.
    std::optional<Location> location;
    // What the phone's wall clock said when it asked. Told by the app: the core reads no wall
    // clock.
    std::optional<Instant> phone_time{};

    friend bool operator==(const PermitRequest&, const PermitRequest&) = default;
};

struct Permit {
    Id128 id;
    std::string terminal_id;
    Digest32 nonce{};
    PermitPurpose purpose{};
    std::int64_t amount_minor_max = 0;
    std::uint16_t currency = 156;
    CapabilitySet allowed = 0;
    Instant issued_at;
    std::uint32_t seconds = 0;  // 1 to permit_seconds_max, from the request by the core's clock.
    std::uint32_t policy_version = 0;

    friend bool operator==(const Permit&, const Permit&) = default;
};

enum class CommandAction : std::uint8_t {
    suspend = 1,
    resume,
    wipe_keys,
    re_enrol,
    update_policy,
    collect,
};
constexpr unsigned command_actions = 6;
std::string_view name_of(CommandAction action);  // "wipe_keys"

// Signed by the platform. `number` rises with each command for a terminal: a core obeys only what
// is above the last that it obeyed, so that an old one can be replayed by nobody.
struct Command {
    Id128 id;
    std::string terminal_id;
    std::uint64_t number = 0;
    CommandAction action{};
    Instant not_after;

    friend bool operator==(const Command&, const Command&) = default;
};

// A body with its signature: by the core in what a phone sends, by the platform in answers.
struct SignedBody {
    Buffer body;
    Buffer signature;

    friend bool operator==(const SignedBody&, const SignedBody&) = default;
};

// `request` holds a PermitRequest. Evidence is of the maker's key and covers the SHA-256 of
// "spos-permit/1" and the request's body.
struct PermitAsk {
    SignedBody request;
    std::vector<Evidence> evidences;

    friend bool operator==(const PermitAsk&, const PermitAsk&) = default;
};
Buffer permit_evidence_message(Bytes request_body);

struct PermitGiven {
    SignedBody permit;
    std::vector<SignedBody> commands;

    friend bool operator==(const PermitGiven&, const PermitGiven&) = default;
};

// ---- Reports --------------------------------------------------------------------------------

enum class Severity : std::uint8_t { info = 1, warning, critical };

// One line of the core's journal.
struct CoreEvent {
    std::uint64_t sequence = 0;
    FindingCode code{};
    Severity severity{};
    std::uint32_t detail = 0;

    friend bool operator==(const CoreEvent&, const CoreEvent&) = default;
};

struct CommandDone {
    Id128 id;
    bool obeyed = false;

    friend bool operator==(const CommandDone&, const CommandDone&) = default;
};

// Events and heartbeat in one: sent when something was found, and now and then while in use.
struct Report {
    std::string terminal_id;
    std::uint64_t sequence = 0;
    Digest32 journal_head{};
    std::vector<CoreEvent> events;
    std::vector<Finding> findings;  // As it stands now.
    std::vector<CommandDone> done;

    friend bool operator==(const Report&, const Report&) = default;
};

struct ReportSent {
    SignedBody report;

    friend bool operator==(const ReportSent&, const ReportSent&) = default;
};
struct ReportTaken {
    std::vector<SignedBody> commands;

    friend bool operator==(const ReportTaken&, const ReportTaken&) = default;
};

// Instead of any answer. Why stays on the platform: it would teach whoever attacks.
struct SpaRefused {
    std::string reference;   // Finds the case again.
    bool try_again = false;  // Nothing is wrong with the phone; the platform was busy.
    std::vector<SignedBody> commands;

    friend bool operator==(const SpaRefused&, const SpaRefused&) = default;
};

// ---- Bytes ----------------------------------------------------------------------------------

using SpaRequest = std::variant<EnrolBegin, EnrolEvidence, PermitAsk, ReportSent>;
using SpaAnswer =
    std::variant<EnrolChallenge, EnrolCredential, Enrolled, PermitGiven, ReportTaken, SpaRefused>;
// What stands inside a SignedBody, and in EnrolEvidence and Enrolled.
using SpaBody = std::variant<EnrolStatement, CoreGrant, PermitRequest, Permit, Command, Report>;

// Encoding CHECKs what decoding refuses; what is accepted encodes to the bytes it came from.
// unsupported for another version, denied over a limit, malformed for the rest, with the offset.
Buffer encode(const SpaRequest& request);
Result<SpaRequest> decode_spa_request(Bytes message);
Buffer encode(const SpaAnswer& answer);
Result<SpaAnswer> decode_spa_answer(Bytes message);
Buffer encode(const SpaBody& body);
Result<SpaBody> decode_spa_body(Bytes body);

// What is signed for a body: a text that names who signs, in front of it, so that no signature of
// one side can be shown as the other's.
Buffer core_signed_message(Bytes body);      // "spos-core/1" and the body.
Buffer platform_signed_message(Bytes body);  // "spos-platform/1" and the body.

}  // namespace softpos::protocol
