// Becoming a terminal: keys that are made here and never leave, and a grant that is believed for
// the platform's signature alone.
#include "base/check.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "phone/trust/core_parts.h"
#include "protocol/evidence_forms.h"

#include <algorithm>

namespace softpos::trust {
namespace {

using protocol::Evidence;
using protocol::TrustedAnswer;
using protocol::TrustedFailure;
using protocol::TrustedFault;

protocol::Point65 point_of(const crypto::P256Key& key) {
    const Buffer bytes = key.public_point();
    protocol::Point65 point{};
    CHECK(bytes.size() == point.size());
    std::ranges::copy(bytes, point.begin());
    return point;
}

// For want of hardware the core's own key says what it is: good for trying things out only.
Evidence dev_process_evidence(const crypto::P256Key& sign_key,
                              const protocol::DevProcessStatement& statement) {
    protocol::DevProcessForm form;
    form.statement = protocol::encode(statement);
    form.signature = sign_key.sign(protocol::dev_process_signed_message(form.statement));
    return {protocol::EvidenceKind::dev_process, protocol::encode(form)};
}

// What is stored as ASCII, and goes to cards and networks so.
bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7E; });
}

Result<CoreState> state_of(const protocol::CoreGrant& grant, const crypto::P256Key& sign_key,
                           const crypto::P256Key& seal_key) {
    const bool serial_key = !grant.serial_key_envelope.empty();
    const bool plain =
        is_ascii(grant.terminal_id) && is_ascii(grant.merchant_id) && is_ascii(grant.serial_number);
    if (!plain || (serial_key && grant.serial_number.empty())) {
        return fail(ErrorKind::malformed, "trust: the grant cannot be so");
    }
    CoreState state;
    state.terminal_id = grant.terminal_id;
    state.merchant_id = grant.merchant_id;
    state.merchant_name = grant.merchant_name;
    state.serial_number = grant.serial_number;
    state.sign_key = sign_key.private_der();
    state.seal_key = seal_key.private_der();
    state.card_key_id = grant.card_key_id;
    state.pin_key_id = grant.pin_key_id;
    state.emv_parameters = grant.emv_parameters;
    if (serial_key) {
        const Buffer info = protocol::serial_key_envelope_info(grant.terminal_id);
        state.serial_key = TRY(crypto::open_envelope(seal_key, info, grant.serial_key_envelope));
        if (state.serial_key.size() != serial_key_bytes) {
            return fail(ErrorKind::malformed, "trust: size of the serial key");
        }
    }
    return state;
}

}  // namespace

// Hardware that fails to speak is missed by whoever judges the evidence.
std::optional<Evidence> TrustedCore::evidence_of(EvidenceUse use, const crypto::P256Key& sign_key,
                                                 std::uint32_t app_version, Bytes message) {
    if (platform_.protection() == protocol::Protection::software) {
        return dev_process_evidence(sign_key, {.challenge = crypto::sha256(message),
                                               .measurement = platform_.measurement(),
                                               .core_sign_point = point_of(sign_key),
                                               .app_version = app_version});
    }
    auto evidence = use == EvidenceUse::enrolment ? platform_.enrolment_evidence(message)
                                                  : platform_.evidence(message);
    return evidence ? std::move(*evidence) : std::nullopt;
}

TrustedAnswer TrustedCore::on(const protocol::EnrolBeginRequest& request) {
    auto sign_key = crypto::P256Key::generate();
    auto seal_key = crypto::P256Key::generate();
    if (!sign_key || !seal_key) return TrustedFailure{TrustedFault::internal, 0};
    protocol::EnrolStatement statement;
    statement.nonce_id = request.nonce_id;
    statement.nonce = request.nonce;
    statement.core_sign_point = point_of(*sign_key);
    statement.core_seal_point = point_of(*seal_key);
    statement.measurement = platform_.measurement();
    statement.claims = request.posture.claims;
    statement.hardware = request.posture.hardware;
    statement.findings = all_findings(request.posture.findings);
    statement.location = request.posture.location;
    statement.phone_time = request.posture.phone_time;
    protocol::SignedBody told;
    told.body = protocol::encode(protocol::SpaBody(statement));
    told.signature = sign_key->sign(protocol::core_signed_message(told.body));
    Buffer binding = protocol::binding_message({.nonce = statement.nonce,
                                                .core_sign_point = statement.core_sign_point,
                                                .core_seal_point = statement.core_seal_point,
                                                .measurement = statement.measurement,
                                                .app_version = statement.claims.app_version});
    auto evidence =
        evidence_of(EvidenceUse::enrolment, *sign_key, statement.claims.app_version, binding);
    new_keys_ = std::make_unique<NewKeys>(
        NewKeys{std::move(*sign_key), std::move(*seal_key), request.nonce, std::move(binding)});
    return protocol::EnrolBeginAnswer{std::move(told), std::move(evidence)};
}

TrustedAnswer TrustedCore::on(const protocol::EnrolActivateRequest& request) {
    if (!new_keys_) return TrustedFailure{TrustedFault::no_enrolment_begun, 0};
    auto evidence = platform_.activate(request.credential, new_keys_->binding);
    if (!evidence) return TrustedFailure{TrustedFault::grant_refused, 0};
    return protocol::EnrolActivateAnswer{*std::move(evidence)};
}

// One initial key of the grant. The same one again goes on where its counter stands.
Result<TransactionKeys> TrustedCore::take_keys(const protocol::CoreGrant& grant,
                                               crypto::DukptUsage usage,
                                               TrustedFailure& failure) const {
    const bool pin = usage == crypto::DukptUsage::pin_encryption;
    const auto& id = pin ? grant.pin_key_id : grant.card_key_id;
    const Buffer& envelope = pin ? grant.pin_key_envelope : grant.card_key_envelope;
    std::uint32_t first = 1;
    if (terminal_) {
        const CoreState& old = terminal_->state;
        const std::uint32_t counter = pin ? old.pin_counter : old.card_counter;
        if ((pin ? old.pin_key_id : old.card_key_id) == id && counter != 0) first = counter;
    }
    if (first > crypto::dukpt_counter_last) {
        failure.fault = TrustedFault::counter_exhausted;
        return fail(ErrorKind::denied, "trust: this initial key is used up");
    }
    const Buffer info = protocol::initial_key_envelope_info(id);
    const SecretBytes key = TRY(crypto::open_envelope(new_keys_->seal_key, info, envelope));
    return TransactionKeys::load(key.bytes(), id, first, usage);
}

Result<std::unique_ptr<TrustedCore::Terminal>> TrustedCore::make_terminal(
    const protocol::CoreGrant& grant, TrustedFailure& failure) {
    failure = {TrustedFault::grant_refused, 0};
    if (grant.nonce != new_keys_->nonce || grant.core_sign_point != point_of(new_keys_->sign_key)) {
        return fail(ErrorKind::denied, "trust: the grant is for another core or challenge");
    }
    CoreState state = TRY(state_of(grant, new_keys_->sign_key, new_keys_->seal_key));
    auto card_keys = TRY(take_keys(grant, crypto::DukptUsage::data_encrypt, failure));
    std::optional<TransactionKeys> pin_keys;
    if (!grant.pin_key_envelope.empty()) {
        pin_keys = TRY(take_keys(grant, crypto::DukptUsage::pin_encryption, failure));
    }
    auto parameters = parse_parameters(state);
    if (!parameters) {
        failure = {TrustedFault::parameters_refused, parameters.error().detail};
        return std::unexpected(parameters.error());
    }
    // Numbers of commands are of the terminal, not of its keys: an old one stays old.
    if (terminal_ && terminal_->state.terminal_id == state.terminal_id) {
        state.last_command = terminal_->state.last_command;
    }
    auto sign_key = TRY(crypto::P256Key::from_private_der(state.sign_key.bytes()));
    return std::make_unique<Terminal>(Terminal{
        std::move(state), std::move(sign_key),
        Terminal::Working{std::move(*parameters), std::move(card_keys), std::move(pin_keys)}});
}

TrustedAnswer TrustedCore::on(const protocol::EnrolFinishRequest& request) {
    tap_.reset();
    if (!options_.platform_key) return TrustedFailure{TrustedFault::platform_key, 0};
    if (!new_keys_) return TrustedFailure{TrustedFault::no_enrolment_begun, 0};
    const auto grant = read_grant(request.grant, request.grant_signature, *options_.platform_key);
    if (!grant) return TrustedFailure{TrustedFault::grant_refused, 0};
    TrustedFailure failure;
    auto terminal = make_terminal(*grant, failure);
    if (!terminal) return failure;
    note_server_time(grant->issued_at);
    if (load_fault_ == TrustedFault::state_rolled_back) {
        journal_.add(protocol::FindingCode::rollback, protocol::Severity::critical, 0);
    }
    // The journal first: a state without one counts as rolled back.
    auto saved = journal_.save(platform_);
    if (saved) saved = save(**terminal);
    if (!saved) return TrustedFailure{fault_of(saved.error()), 0};
    terminal_ = std::move(*terminal);
    new_keys_.reset();
    open_.reset();
    awaited_pin_.reset();
    load_fault_.reset();
    return protocol::EnrolFinishAnswer{};
}

}  // namespace softpos::trust
