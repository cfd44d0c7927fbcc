// A ticket is found by its nonce, which the vault made, and holds for one encoded request.
#include "platform/keys/approvals.h"

#include "crypto/hash.h"
#include "crypto/p256.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {
namespace {

std::unexpected<Error> not_approved() {
    return refuse(ErrorKind::denied, VaultFault::approval);
}

}  // namespace

Result<void> Approvals::check(const OperatorsEntry& entry) {
    const auto& all = entry.operators;
    const crypto::P256Key probe = TRY(crypto::P256Key::generate());
    bool good = entry.quorum >= quorum_min && entry.quorum <= all.size() &&
                all.size() <= protocol::operators_max;
    for (std::size_t i = 0; good && i < all.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            good = good && all[i].name != all[k].name && all[i].point != all[k].point;
        }
        // A point that no signature can be checked with would lower the quorum by itself.
        good = good && probe.ecdh(all[i].point).has_value();
    }
    if (good) return {};
    return refuse(ErrorKind::denied, VaultFault::operators);
}

void Approvals::set(OperatorsEntry entry) {
    who_ = std::move(entry);
    tickets_.clear();
}

Result<protocol::TicketAnswer> Approvals::ask(const Wanted& wanted, Instant now, Random& random) {
    std::erase_if(tickets_, [now](const Ticket& one) { return one.content.expires <= now; });
    if (tickets_.size() >= tickets_max) return refuse(ErrorKind::denied, VaultFault::full);
    Ticket ticket{.content = {.call = wanted.call,
                              .subject = wanted.subject,
                              .request_digest = crypto::sha256(wanted.request),
                              .expires = {now.unix_ms + ticket_ms},
                              .nonce = random.take<protocol::ticket_nonce_bytes>()},
                  .text = {}};
    ticket.text = protocol::write_ticket(ticket.content);
    protocol::TicketAnswer answer{ticket.content.nonce, ticket.content.expires, ticket.text};
    tickets_.push_back(std::move(ticket));
    return answer;
}

Approvals::Ticket* Approvals::find(const protocol::TicketNonce& nonce, Instant now) {
    const auto found = std::ranges::find_if(
        tickets_, [&](const Ticket& one) { return one.content.nonce == nonce; });
    if (found == tickets_.end() || found->content.expires <= now) return nullptr;
    return &*found;
}

Result<void> Approvals::check_signature(std::string_view name, Bytes message,
                                        Bytes signature) const {
    const auto who = std::ranges::find(who_.operators, name, &protocol::VaultOperator::name);
    if (who == who_.operators.end()) return not_approved();
    if (!crypto::p256_verify(who->point, message, signature)) return not_approved();
    return {};
}

Result<protocol::ApprovalAnswer> Approvals::approve(const protocol::ApproveRequest& request,
                                                    Instant now) {
    Ticket* ticket = find(request.nonce, now);
    if (ticket == nullptr) return not_approved();
    TRY_VOID(check_signature(request.operator_name, ticket->text, request.signature));
    auto& by = ticket->approved_by;
    if (std::ranges::find(by, request.operator_name) != by.end()) return not_approved();
    by.push_back(request.operator_name);
    return protocol::ApprovalAnswer{static_cast<std::uint8_t>(by.size()), who_.quorum};
}

Result<void> Approvals::spend(const protocol::ApplyRequest& request, Instant now) {
    Ticket* ticket = find(request.nonce, now);
    if (ticket == nullptr || ticket->approved_by.size() < who_.quorum) return not_approved();
    const auto digest = crypto::sha256(request.request);
    if (!equal_constant_time(digest, ticket->content.request_digest)) return not_approved();
    tickets_.erase(tickets_.begin() + (ticket - tickets_.data()));
    return {};
}

}  // namespace softpos::keys
