// Two commits. The first takes the challenge and writes the verdict, whatever it is; the vault is
// asked between them, so that it is never waited for inside one; the second uses the code up.
#include "platform/server/enrolment.h"

#include "base/log.h"
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "platform/attest/evidence.h"
#include "platform/attest/tpm_credential.h"
#include "platform/merchant/activation.h"
#include "platform/server/device_codec.h"
#include "platform/server/terminal_identity.h"
#include "platform/server/upstream.h"

#include <algorithm>
#include <array>

namespace softpos::server {
namespace {

using protocol::EnrolStatement;

constexpr unsigned phone_certificate_days = 90;
constexpr std::size_t credential_secret_bytes = 32;
// The first half of an initial key id names the base key, the second the enrolment.
// Spec: [X9.24-3] 6.1.
constexpr std::array<std::uint8_t, 4> base_key_id = {0x53, 0x50, 0x4F, 0x53};

// What a code opens.
struct CodeOwner {
    Refusal refused = Refusal::none;
    merchant::ActivationCode code;
    merchant::Terminal terminal;
    merchant::Merchant merchant;
};

Result<CodeOwner> owner_of(store::Reader& reader, std::string_view typed, Instant now) {
    CodeOwner owner;
    owner.refused = Refusal::activation_code_invalid;
    const auto normal = merchant::normal_activation_code(typed);
    if (!normal) return owner;
    auto code = TRY(reader.activation_code(crypto::sha256(bytes_of(*normal))));
    if (!code) return owner;
    owner.code = *code;
    owner.refused = redeem(owner.code, now);
    if (owner.refused != Refusal::none) return owner;
    auto terminal = TRY(reader.terminal(code->terminal));
    auto merchant = TRY(reader.merchant(code->merchant));
    if (!terminal || !merchant || merchant->state != merchant::MerchantState::active) {
        owner.refused = Refusal::merchant_not_active;
        return owner;
    }
    owner.terminal = *std::move(terminal);
    owner.merchant = *std::move(merchant);
    return owner;
}

protocol::SpaRefused refused(std::string_view reference, bool try_again = false) {
    return {.reference = std::string(reference), .try_again = try_again, .commands = {}};
}

// Every kind that some capability takes, the ones that carry most first.
std::vector<protocol::EvidenceKind> accepted_kinds(const monitor::Policy& policy) {
    std::vector<std::pair<unsigned, protocol::EvidenceKind>> kinds;
    for (unsigned i = 1; i <= protocol::evidence_kinds; ++i) {
        const auto kind = static_cast<protocol::EvidenceKind>(i);
        unsigned carries = 0;
        for (unsigned c = 0; c < protocol::capabilities; ++c) {
            carries += policy.accepts(static_cast<protocol::Capability>(c), kind) ? 1U : 0U;
        }
        if (carries > 0) kinds.emplace_back(carries, kind);
    }
    std::ranges::sort(kinds, [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::vector<protocol::EvidenceKind> out;
    for (const auto& [carries, kind] : kinds) out.push_back(kind);
    return out;
}

std::array<std::uint8_t, 8> initial_key_id(std::int64_t number) {
    std::array<std::uint8_t, 8> id{};
    std::ranges::copy(base_key_id, id.begin());
    for (unsigned i = 0; i < 4; ++i) {
        id[4 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    }
    return id;
}

Buffer binding_of(const EnrolStatement& statement) {
    return protocol::binding_message({.nonce = statement.nonce,
                                      .core_sign_point = statement.core_sign_point,
                                      .core_seal_point = statement.core_seal_point,
                                      .measurement = statement.measurement,
                                      .app_version = statement.claims.app_version});
}

// All of a request but the answer to a credential: that is for this request and no other, so that
// neither key nor certificate is exchanged in between.
store::Digest asked_of(protocol::EnrolEvidence request) {
    request.activation.clear();
    return crypto::sha256(protocol::encode(protocol::SpaRequest(std::move(request))));
}

// The TPM whose quote is good but for this: nobody knows yet that the key lives in it.
const protocol::Evidence* find_not_activated(std::span<const protocol::Evidence> evidences,
                                             std::span<const attest::Verdict> verdicts) {
    for (std::size_t i = 0; i < std::min(evidences.size(), verdicts.size()); ++i) {
        const attest::Verdict& one = verdicts[i];
        const bool waits = one.outcome == attest::Outcome::review && one.reason == "NOT_ACTIVATED";
        if (waits && one.kind == protocol::EvidenceKind::tpm_quote) return &evidences[i];
    }
    return nullptr;
}

// The statement, where its own key has signed it.
Result<EnrolStatement> read_statement(const protocol::EnrolEvidence& request) {
    auto body = TRY(protocol::decode_spa_body(request.body));
    const auto* statement = std::get_if<EnrolStatement>(&body);
    if (statement == nullptr) return fail(ErrorKind::malformed, "enrol: not a statement");
    TRY_VOID(crypto::p256_verify(statement->core_sign_point,
                                 protocol::core_signed_message(request.body),
                                 request.core_signature));
    return *statement;
}

// What the phone before was told, the one that enrolled now must not obey: to enrol again is done,
// and the rest was never for it.
Result<void> close_commands(store::Tx& tx, std::string_view terminal, Instant now) {
    for (store::CommandRow& row : TRY(tx.open_commands(terminal, now))) {
        const bool done =
            row.action == static_cast<std::uint8_t>(protocol::CommandAction::re_enrol);
        row.state = done ? store::CommandState::obeyed : store::CommandState::refused;
        row.done_at = now;
        TRY_VOID(tx.update(row));
    }
    return {};
}

}  // namespace

struct Enrolment::Work {
    EnrolStatement statement;
    CodeOwner owner;
    std::array<std::uint8_t, 8> old_key_id{};             // Of the phone before this one.
    bool fresh = false;                                   // The challenge was good.
    std::optional<protocol::EnrolCredential> credential;  // To be opened before anything else.
    bool accepted = false;
    std::string reference;
    DeviceCase device;
    monitor::EnrolmentDecision decision;
    std::vector<attest::Verdict> verdicts;
    std::string certificate;
    protocol::SignedBody grant;
};

Enrolment::Answer Enrolment::begin(const protocol::EnrolBegin& request) {
    const Instant now = parts_.clock.now();
    const auto policy = parts_.policies.in_force();
    protocol::EnrolChallenge challenge;
    challenge.nonce_id = Id128::make(parts_.random);
    challenge.nonce = parts_.random.take<32>();
    challenge.seconds = protocol::challenge_seconds;
    challenge.policy_version = policy->version;
    challenge.accepted = accepted_kinds(*policy);
    CodeOwner owner;
    const auto done = parts_.store.run([&](store::Tx& tx) -> Result<void> {
        owner = TRY(owner_of(tx, request.activation_code, now));
        if (owner.refused != Refusal::none) return {};
        return tx.insert(store::NonceRow{
            .id = challenge.nonce_id,
            .digest = crypto::sha256(challenge.nonce),
            .terminal = owner.terminal.id,
            .expires_at = {now.unix_ms + std::int64_t{protocol::challenge_seconds} * 1000},
            .used_at = {}});
    });
    if (!done) {
        log(LogLevel::warning, "enrol: no challenge", done.error());
        return {refused("busy", true)};
    }
    if (owner.refused != Refusal::none) {
        return {refused(row_of(owner.refused).code),
                owner.refused == Refusal::activation_code_invalid};
    }
    return {std::move(challenge)};
}

Enrolment::Answer Enrolment::finish(const protocol::EnrolEvidence& request,
                                    std::string_view peer_address) {
    Work work;
    auto statement = read_statement(request);
    if (!statement) {
        log(LogLevel::warning, "enrol: statement refused", statement.error());
        return {refused("statement")};
    }
    work.statement = *std::move(statement);
    auto done = look_at_evidence(request, work);
    if (done) done = ask_for_activation(request, work);
    if (done && !work.credential) done = judge(request, peer_address, work);
    if (done && work.accepted) done = make_keys(request, work);
    if (done && work.accepted) done = keep(work);
    if (!done) {
        log(LogLevel::warning, "enrol: failed", done.error());
        return {refused("busy", done.error().kind == ErrorKind::unavailable)};
    }
    if (work.owner.refused != Refusal::none) {
        return {refused(row_of(work.owner.refused).code),
                work.owner.refused == Refusal::activation_code_invalid};
    }
    if (work.credential && work.fresh) return {*std::move(work.credential)};
    if (!work.fresh) return {refused("challenge", true)};
    if (!work.accepted) return {refused(work.reference)};
    parts_.terminals.forget(work.owner.terminal.id);
    revoke_old(work);
    log(LogLevel::info, "phone: enrolled",
        {{"terminal", LogId(work.owner.terminal.number)},
         {"merchant", LogId(work.owner.terminal.merchant)},
         {"grade", std::int64_t{work.decision.grade}}});
    return {protocol::Enrolled{.certificate_pem = work.certificate,
                               .ca_pem = parts_.ca.cert_pem,
                               .policy_version = parts_.policies.in_force()->version,
                               .grade = work.decision.grade,
                               .grant = std::move(work.grant.body),
                               .grant_signature = std::move(work.grant.signature)}};
}

Result<void> Enrolment::look_at_evidence(const protocol::EnrolEvidence& request, Work& work) {
    const EnrolStatement& statement = work.statement;
    attest::EvidenceQuestion question{
        .challenge = crypto::sha256(binding_of(statement)),
        .core_sign_point = statement.core_sign_point,
        .measurement = statement.measurement,
        .revocation_s_max = parts_.policies.in_force()->revocation_s_max,
        .now = parts_.clock.now()};
    if (!request.activation.empty()) {
        // Of a challenge for which nothing was asked, or something for another request, the proof
        // is over nothing that anybody can quote.
        attest::TpmProof proof{.evidence = request.activation, .challenge = {}};
        TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
            const auto nonce = TRY(reader.nonce(statement.nonce_id));
            if (nonce && nonce->proof != store::Digest{} && nonce->asked == asked_of(request)) {
                proof.challenge.assign(nonce->proof.begin(), nonce->proof.end());
            }
            return {};
        }));
        question.tpm_proof = std::move(proof);
    }
    work.verdicts = attest::check_evidence(request.evidences, question, parts_.evidence);
    return {};
}

// No verdict yet, and the challenge stays good: the phone is asked to open a credential first.
Result<void> Enrolment::ask_for_activation(const protocol::EnrolEvidence& request, Work& work) {
    const auto* waiting = find_not_activated(request.evidences, work.verdicts);
    if (waiting == nullptr || !request.activation.empty()) return {};
    const SecretBytes secret = crypto::random_secret(parts_.random, credential_secret_bytes);
    const auto made = attest::credential_for_quote(waiting->bytes, secret.bytes(), parts_.random);
    // A TPM that cannot be asked stays as it was judged.
    if (!made) return {};
    const store::Digest proof =
        crypto::sha256(protocol::activation_message(binding_of(work.statement), secret.bytes()));
    const store::Digest asked = asked_of(request);
    const Instant now = parts_.clock.now();
    work.credential = protocol::EnrolCredential{made->id_object, made->encrypted_secret};
    return parts_.store.run([&](store::Tx& tx) -> Result<void> {
        work.owner = TRY(owner_of(tx, request.activation_code, now));
        if (work.owner.refused != Refusal::none) return {};
        const auto nonce_digest = crypto::sha256(work.statement.nonce);
        work.fresh = TRY(tx.ask_proof(
            {work.statement.nonce_id, nonce_digest, work.owner.terminal.id, now}, {proof, asked}));
        return {};
    });
}

// A challenge serves one verdict, in the commit that writes the verdict.
Result<void> Enrolment::judge(const protocol::EnrolEvidence& request, std::string_view peer_address,
                              Work& work) {
    const Instant now = parts_.clock.now();
    const auto policy = parts_.policies.in_force();
    const EnrolStatement& statement = work.statement;
    return parts_.store.run([&](store::Tx& tx) -> Result<void> {
        work.owner = TRY(owner_of(tx, request.activation_code, now));
        if (work.owner.refused != Refusal::none) return {};
        const merchant::Terminal& terminal = work.owner.terminal;
        const auto nonce_digest = crypto::sha256(statement.nonce);
        work.fresh = TRY(tx.consume({statement.nonce_id, nonce_digest, terminal.id, now}));
        if (!work.fresh) return {};
        work.device = TRY(DeviceDesk::read(tx, terminal));
        const auto identity = TRY(look_up_identity(tx, terminal, parts_.acquirer_code));
        monitor::ServerView view;
        view.now = now;
        view.address = crypto::sha256(bytes_of(peer_address));
        view.registered_place = identity.place;
        view.revocation_stale = std::ranges::any_of(request.evidences, [&](const auto& one) {
            return attest::is_revocation_stale(parts_.evidence, one.kind, policy->revocation_s_max,
                                               now);
        });
        if (identity.finding) view.found.push_back(*identity.finding);
        view.evidence_digest = crypto::sha256(request.body);
        work.decision = monitor::appraise_enrolment(*policy, terminal.number, work.device.record,
                                                    statement, work.verdicts, view);
        const protocol::DeviceClaims& claims = statement.claims;
        if (parts_.trials.is_back(claims.app_version, claims.sdk_version)) {
            work.decision.reason = "release went back";
        } else {
            work.accepted = work.decision.accepted;
        }
        // What an accepted phone is now is written once its keys are made.
        monitor::Decision decision = work.decision.decision;
        if (work.decision.accepted) {
            monitor::DeviceRecord before = work.device.record.value_or(monitor::DeviceRecord{});
            before.terminal = terminal.number;
            decision = monitor::Decision{};
            decision.next = std::move(before);
        }
        const Caller caller{.terminal = terminal, .peer_address = std::string(peer_address)};
        const Judged judged{
            .entry = EvidenceEntry::enrolment,
            .at = now,
            .outcome = work.accepted ? "accepted" : "refused: " + work.decision.reason,
            .policy_version = policy->version,
            .body = request.body,
            .signature = request.core_signature,
            .evidences = request.evidences,
            .verdicts = work.verdicts,
            .findings = work.decision.decision.findings};
        const Written written =
            TRY(parts_.devices.write(tx, work.device, {caller, decision, judged}));
        work.reference = written.reference;
        return {};
    });
}

Result<void> Enrolment::make_keys(const protocol::EnrolEvidence& request, Work& work) {
    merchant::Terminal& terminal = work.owner.terminal;
    work.old_key_id = terminal.initial_key_id;
    TRY_VOID(parts_.store.run([&](store::Tx& tx) -> Result<void> {
        terminal.initial_key_id = initial_key_id(TRY(tx.next_number("initial_key")));
        return {};
    }));
    work.certificate = TRY(crypto::sign_csr(parts_.ca, request.csr_pem,
                                            {.common_name = terminal.id.text(),
                                             .now = parts_.clock.now(),
                                             .days = phone_certificate_days}));
    terminal.certificate_fingerprint = TRY(crypto::certificate_fingerprint(work.certificate));
    work.grant = TRY(parts_.signer.sign(TRY(make_grant(work))));
    return {};
}

Result<protocol::CoreGrant> Enrolment::make_grant(const Work& work) {
    const merchant::Terminal& terminal = work.owner.terminal;
    const auto& seal_point = work.statement.core_seal_point;
    protocol::CoreGrant grant;
    grant.core_sign_point = work.statement.core_sign_point;
    grant.nonce = work.statement.nonce;
    grant.issued_at = parts_.clock.now();
    grant.terminal_id = terminal.number;
    grant.merchant_id = terminal.merchant;
    grant.merchant_name = work.owner.merchant.name;
    grant.serial_number = terminal.serial;
    grant.card_key_id = terminal.initial_key_id;
    grant.card_key_envelope = TRY(parts_.vault.export_dukpt_initial_key(
        phone_bdk_alias, terminal.initial_key_id, seal_point));
    // A phone that may never ask for a PIN gets no key for one.
    const auto pins = protocol::bit_of(protocol::Capability::card_pin);
    const auto policy = parts_.policies.in_force();
    const bool takes_pins =
        (work.statement.hardware & pins) != 0 && (policy->grade[work.decision.grade] & pins) != 0;
    if (takes_pins) {
        grant.pin_key_id = terminal.initial_key_id;
        grant.pin_key_envelope = TRY(parts_.vault.export_dukpt_initial_key(
            pin_bdk_alias, terminal.initial_key_id, seal_point));
    }
    if (!terminal.serial.empty()) {
        grant.serial_key_envelope = TRY(parts_.vault.export_serial_key(
            serial_key_alias(terminal.number), terminal.number, seal_point));
    }
    grant.emv_parameters = parts_.emv_parameters;
    return grant;
}

// Uses the code up, and writes what terminal and phone are now.
Result<void> Enrolment::keep(Work& work) {
    const Instant now = parts_.clock.now();
    return parts_.store.run([&](store::Tx& tx) -> Result<void> {
        auto code = TRY(tx.activation_code(work.owner.code.digest));
        work.owner.refused = code ? redeem(*code, now) : Refusal::activation_code_invalid;
        if (work.owner.refused != Refusal::none) return {};
        merchant::Terminal& terminal = work.owner.terminal;
        const auto stored = TRY(tx.terminal(terminal.id));
        if (!stored) return fail(ErrorKind::not_found, "enrol: the terminal is gone");
        terminal.state = TRY(next_state(stored->state, merchant::TerminalAction::enrol));
        const protocol::DeviceClaims& claims = work.statement.claims;
        terminal.device_model = claims.model;
        terminal.device_os = claims.platform + " " + claims.os_version;
        terminal.device_os.resize(
            std::min(terminal.device_os.size(), merchant::device_text_bytes_max));
        terminal.app_version = std::to_string(claims.app_version);
        const auto& point = work.statement.core_sign_point;
        terminal.trusted_point.assign(point.begin(), point.end());
        terminal.measurement.assign(work.statement.measurement.begin(),
                                    work.statement.measurement.end());
        terminal.enrolled_at = now;
        TRY_VOID(tx.update(*code));
        TRY_VOID(tx.update(terminal));
        TRY_VOID(close_commands(tx, terminal.number, now));
        if (auto registered = TRY(tx.registered(terminal.number))) {
            registered->model = claims.model;
            registered->status = store::FilingStatus::enabled;
            registered->changed_at = now;
            ++registered->version;
            TRY_VOID(tx.update(store::RegistryChange{.reason = "enrolled", .row = *registered}));
        }
        const Caller caller{.terminal = terminal, .peer_address = {}};
        const Judged judged{.entry = EvidenceEntry::enrolment,
                            .at = now,
                            .outcome = "enrolled",
                            .policy_version = work.decision.decision.next.policy_version};
        // A row that changed since the verdict was written is another enrolment: conflict.
        TRY(parts_.devices.write(tx, work.device, {caller, work.decision.decision, judged}));
        return {};
    });
}

// Nothing of the phone before this one opens any more. Where the vault is away it is only late:
// that phone's certificate is refused already.
void Enrolment::revoke_old(const Work& work) {
    if (work.old_key_id == std::array<std::uint8_t, 8>{}) return;
    const auto revoked = parts_.vault.revoke_terminal(work.old_key_id);
    if (!revoked) log(LogLevel::warning, "enrol: old keys not revoked", revoked.error());
}

}  // namespace softpos::server
