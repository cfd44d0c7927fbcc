// Operators, and what they agree to: nobody alone destroys a base key or brings one in.
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "platform/keys/vault_records.h"
#include "protocol/vault_call.h"
#include "protocol/vault_ticket.h"

#include <vector>

namespace softpos::keys {

// Tickets live in memory: a restart forgets them, and what was not applied is asked for again.
// Each is applied once at most.
class Approvals {
public:
    static constexpr std::size_t tickets_max = 16;
    static constexpr std::int64_t ticket_ms = 60LL * 60 * 1000;
    static constexpr std::uint8_t quorum_min = 2;

    // denied (operators) unless quorum_min <= quorum <= operators, with names and keys that differ.
    static Result<void> check(const OperatorsEntry& entry);
    void set(OperatorsEntry entry);  // Tickets of the old ones are void.
    const OperatorsEntry& who() const { return who_; }
    bool active() const { return who_.quorum > 0; }

    // What is asked for, as a ticket to be signed. full where too many are open.
    struct Wanted {
        std::uint8_t call;
        std::string subject;
        Bytes request;  // As encoded.
    };
    Result<protocol::TicketAnswer> ask(const Wanted& wanted, Instant now, Random& random);

    // denied (approval) for an unknown operator or ticket, a wrong signature, a second one of the
    // same operator, and too late.
    Result<protocol::ApprovalAnswer> approve(const protocol::ApproveRequest& request, Instant now);

    // Uses the ticket up. denied (approval) unless it is of exactly this request, enough have
    // approved, and it is not over.
    Result<void> spend(const protocol::ApplyRequest& request, Instant now);

    // Whether one of the operators signed it.
    Result<void> check_signature(std::string_view name, Bytes message, Bytes signature) const;

private:
    struct Ticket {
        protocol::TicketContent content;
        Buffer text;
        std::vector<std::string> approved_by{};
    };
    Ticket* find(const protocol::TicketNonce& nonce, Instant now);

    OperatorsEntry who_;
    std::vector<Ticket> tickets_;
};

}  // namespace softpos::keys
