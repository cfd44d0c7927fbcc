// Operators, tickets, ceremonies, and the journal: what an auditor asks about.
#include "crypto/hash.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {

using protocol::DoneAnswer;
using protocol::VaultRequest;

// ---- Operators ------------------------------------------------------------------------------

VaultCore::Answered VaultCore::on(const protocol::SetOperatorsRequest& request) {
    OperatorsEntry entry{.quorum = request.quorum, .operators = request.operators};
    TRY_VOID(Approvals::check(entry));
    const Entry written(entry);
    TRY_VOID(commit({&written, 1}));
    approvals_.set(std::move(entry));
    return DoneAnswer{};
}

// Everything by which a key comes in, goes out or ends that others hang on, and who decides that.
bool VaultCore::needs_approval(const VaultRequest& request) const {
    if (!approvals_.active()) return false;
    if (const auto* destroy = std::get_if<protocol::DestroyKeyRequest>(&request)) {
        const auto found = keys_.find(destroy->alias);
        return found != keys_.end() && found->second.attributes.dual_control;
    }
    return std::holds_alternative<protocol::ImportZmkRequest>(request) ||
           std::holds_alternative<protocol::FinishCeremonyRequest>(request) ||
           std::holds_alternative<protocol::ImportKeyBlockRequest>(request) ||
           std::holds_alternative<protocol::ExportKeyBlockRequest>(request) ||
           std::holds_alternative<protocol::UnlockTerminalRequest>(request) ||
           std::holds_alternative<protocol::SetOperatorsRequest>(request);
}

// What has a secret in it, or is no decision of its own, is no matter for a ticket: components go
// through a ceremony.
Result<VaultRequest> VaultCore::approvable(Bytes encoded) const {
    auto request = protocol::decode_vault_request(encoded);
    const bool good = request && needs_approval(*request) &&
                      !std::holds_alternative<protocol::ImportZmkRequest>(*request);
    if (!good) return refuse(ErrorKind::denied, VaultFault::approval);
    return std::move(*request);
}

VaultCore::Answered VaultCore::on(const protocol::RequestApprovalRequest& request) {
    const VaultRequest wanted = TRY(approvable(request.request));
    return TRY(approvals_.ask({.call = static_cast<std::uint8_t>(wanted.index()),
                               .subject = key_of(wanted),
                               .request = request.request},
                              clock_.now(), random_));
}

VaultCore::Answered VaultCore::on(const protocol::ApproveRequest& request) {
    return TRY(approvals_.approve(request, clock_.now()));
}

// The ticket is gone whatever comes of the request: a second try is another decision.
VaultCore::Answered VaultCore::on(const protocol::ApplyRequest& request) {
    const VaultRequest wanted = TRY(approvable(request.request));
    TRY_VOID(approvals_.spend(request, clock_.now()));
    if (prospective_) prospective_->call = static_cast<std::uint8_t>(wanted.index());
    return std::visit([this](const auto& one) { return on(one); }, wanted);
}

// ---- Ceremonies -----------------------------------------------------------------------------

std::vector<Ceremony>::iterator VaultCore::ceremony_of(std::string_view alias) {
    return std::ranges::find(ceremonies_, alias, &Ceremony::alias);
}

VaultCore::Answered VaultCore::on(const protocol::BeginCeremonyRequest& request) {
    TRY_VOID(check_new(request.alias));
    const auto attributes = attributes_for(request.usage, request.algorithm);
    if (!attributes) return refuse(ErrorKind::malformed, VaultFault::components);
    Ceremony ceremony =
        TRY(Ceremony::begin(request.alias, marked(*attributes), request.components));
    if (const auto old = ceremony_of(request.alias); old != ceremonies_.end()) {
        ceremonies_.erase(old);
    }
    if (ceremonies_.size() >= ceremonies_max) return refuse(ErrorKind::denied, VaultFault::full);
    ceremonies_.push_back(std::move(ceremony));
    return DoneAnswer{};
}

VaultCore::Answered VaultCore::on(const protocol::AddComponentRequest& request) {
    const auto ceremony = ceremony_of(request.alias);
    if (ceremony == ceremonies_.end()) return refuse(ErrorKind::not_found, VaultFault::ceremony);
    if (approvals_.active()) {
        const Buffer statement =
            protocol::component_statement(request.alias, crypto::sha256(request.component.bytes()));
        TRY_VOID(approvals_.check_signature(request.operator_name, statement, request.signature));
    } else if (!request.operator_name.empty()) {
        return refuse(ErrorKind::denied, VaultFault::operators);
    }
    return protocol::KeyCheckAnswer{
        TRY(ceremony->add(request.component.bytes(), request.operator_name))};
}

VaultCore::Answered VaultCore::on(const protocol::FinishCeremonyRequest& request) {
    const auto ceremony = ceremony_of(request.alias);
    if (ceremony == ceremonies_.end()) return refuse(ErrorKind::not_found, VaultFault::ceremony);
    TRY_VOID(check_new(request.alias));
    const SecretBytes sum = TRY(ceremony->finish());
    const KeyAttributes attributes = ceremony->attributes();
    // Right or wrong, the components are not kept for another guess.
    ceremonies_.erase(ceremony);
    const KeyCheck check = TRY(check_value_of(attributes.algorithm, sum.bytes()));
    if (!equal_constant_time(check, request.check_value)) {
        return refuse(ErrorKind::denied, VaultFault::check_value);
    }
    TRY_VOID(add(TRY(backend_->import(request.alias, attributes, sum.bytes()))));
    return protocol::KeyCheckAnswer{check};
}

// ---- Journal --------------------------------------------------------------------------------

VaultCore::Answered VaultCore::on(const protocol::ReadJournalRequest& request) {
    TRY_VOID(write_journal());
    protocol::JournalAnswer answer;
    for (const JournalLine& line : TRY(journal_->read(request.from))) {
        if (answer.lines.size() + protocol::journal_line_bytes_max >
            protocol::journal_answer_bytes_max) {
            break;
        }
        protocol::put_journal_line(answer.lines, line);
    }
    answer.last = journal_->head().sequence;
    return answer;
}

VaultCore::Answered VaultCore::on(const protocol::VerifyJournalRequest&) {
    TRY_VOID(write_journal());
    const JournalHead head = TRY(journal_->verify());
    return protocol::JournalHeadAnswer{head.sequence, head.mac};
}

// With a line for each kind of call that went well since the last time.
Result<void> VaultCore::write_journal() {
    for (std::size_t call = 0; call < counts_.size(); ++call) {
        if (counts_[call] == 0) continue;
        journal_->chain({.at = clock_.now(),
                         .call = static_cast<std::uint8_t>(call),
                         .outcome = protocol::JournalOutcome::counted,
                         .count = counts_[call],
                         .caller = "vault"});
        counts_[call] = 0;
    }
    return journal_->write();
}

}  // namespace softpos::keys
