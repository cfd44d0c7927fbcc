// What operators put their signatures under.
#pragma once

#include "base/clock.h"
#include "protocol/vault_requests.h"

namespace softpos::protocol {

// One form for each content: "softpos-vault-approval/1", the number of the call, the name of the
// key (a size, then its characters), SHA-256 of the encoded request (every attribute is in it), the
// end in milliseconds since 1970, the vault's nonce.
struct TicketContent {
    std::uint8_t call = 0;
    std::string subject{};
    std::array<std::uint8_t, 32> request_digest{};
    Instant expires{};
    TicketNonce nonce{};

    friend bool operator==(const TicketContent&, const TicketContent&) = default;
};
Buffer write_ticket(const TicketContent& content);
Result<TicketContent> read_ticket(Bytes ticket);

// What the custodian of a component signs: "softpos-vault-component/1", the ceremony's key name (a
// size, then its characters) and the SHA-256 of the component.
Buffer component_statement(std::string_view alias, const std::array<std::uint8_t, 32>& digest);

}  // namespace softpos::protocol
