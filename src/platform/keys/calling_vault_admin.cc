// The calls of operators and auditors.
#include "platform/keys/calling_vault.h"

#include <algorithm>

namespace softpos::keys {
namespace {

std::unexpected<Error> bad_request() {
    return std::unexpected(protocol::error_of(ErrorKind::malformed, VaultFault::malformed_request));
}

Result<Buffer> checked_request(Bytes request) {
    if (request.empty() || request.size() > protocol::approved_request_bytes_max) {
        return bad_request();
    }
    return Buffer(request.begin(), request.end());
}

Result<std::string> checked_alias(std::string_view alias) {
    if (!protocol::is_key_alias(alias)) return bad_request();
    return std::string(alias);
}

}  // namespace

Result<void> CallingVault::set_operators(std::uint8_t quorum,
                                         std::span<const protocol::VaultOperator> operators) {
    const auto named = [](const auto& one) { return protocol::is_operator_name(one.name); };
    if (operators.size() > protocol::operators_max || !std::ranges::all_of(operators, named)) {
        return bad_request();
    }
    return ask_done(protocol::SetOperatorsRequest{quorum, {operators.begin(), operators.end()}});
}

Result<protocol::TicketAnswer> CallingVault::request_approval(Bytes request) {
    return ask<protocol::TicketAnswer>(
        protocol::RequestApprovalRequest{TRY(checked_request(request))});
}

Result<protocol::ApprovalAnswer> CallingVault::approve(const protocol::ApproveRequest& approval) {
    const bool signature =
        !approval.signature.empty() && approval.signature.size() <= protocol::signature_bytes_max;
    if (!signature || !protocol::is_operator_name(approval.operator_name)) return bad_request();
    return ask<protocol::ApprovalAnswer>(approval);
}

Result<protocol::VaultAnswer> CallingVault::apply(const protocol::TicketNonce& nonce,
                                                  Bytes request) {
    protocol::VaultAnswer answer =
        TRY(exchange(protocol::ApplyRequest{nonce, TRY(checked_request(request))}));
    if (const auto* failure = std::get_if<protocol::VaultFailure>(&answer)) {
        return std::unexpected(protocol::error_of(failure->kind, failure->fault));
    }
    return answer;
}

Result<void> CallingVault::begin_ceremony(const protocol::BeginCeremonyRequest& request) {
    if (!protocol::is_key_alias(request.alias)) return bad_request();
    return ask_done(request);
}

Result<KeyCheck> CallingVault::add_component(const Component& component) {
    const std::size_t size = component.bytes.size();
    if (size != 16 && size != 32) {
        return std::unexpected(protocol::error_of(ErrorKind::malformed, VaultFault::components));
    }
    const bool fits = component.operator_name.size() <= protocol::operator_name_bytes_max &&
                      component.signature.size() <= protocol::signature_bytes_max;
    if (!fits) return bad_request();
    protocol::AddComponentRequest request;
    request.alias = TRY(checked_alias(component.alias));
    request.component = component.bytes.clone();
    request.operator_name = std::string(component.operator_name);
    request.signature.assign(component.signature.begin(), component.signature.end());
    return TRY(ask<protocol::KeyCheckAnswer>(std::move(request))).check_value;
}

Result<KeyCheck> CallingVault::finish_ceremony(std::string_view alias,
                                               const KeyCheck& check_value) {
    protocol::FinishCeremonyRequest request{TRY(checked_alias(alias)), check_value};
    return TRY(ask<protocol::KeyCheckAnswer>(std::move(request))).check_value;
}

Result<CallingVault::JournalPart> CallingVault::read_journal(std::uint64_t from) {
    const auto answer = TRY(ask<protocol::JournalAnswer>(protocol::ReadJournalRequest{from}));
    return JournalPart{TRY(protocol::read_journal_lines(answer.lines)), answer.last};
}

Result<protocol::JournalHeadAnswer> CallingVault::verify_journal() {
    return ask<protocol::JournalHeadAnswer>(protocol::VerifyJournalRequest{});
}

}  // namespace softpos::keys
