// Who may call through a door, and what: read by the vault itself, once, when it starts. A door is
// believed which certificate it saw, and nothing else.
#pragma once

#include "protocol/vault_call.h"

#include <string>
#include <string_view>
#include <vector>

namespace softpos::keys {

// The file:
//
//     {"callers":[{"common_name":"server-1","rights":"look pay terminals"},
//                 {"common_name":"anna","rights":"look approve operate","operator":"anna"}]}
//
// A right is the name of a call as the journal writes it ("translate_pin"), or of a group:
//
//     look        status, key_info, public_key
//     pay         what a payment needs of the vault
//     terminals   keys of phones and terminals: made, sent to them, revoked
//     found       base keys, zone keys and signing keys: made or brought in
//     host        the calls of an acquirer's host
//     approve     request_approval, approve, begin_ceremony, add_component
//     operate     states and ends of keys, key blocks, operators, and what was approved
//     audit       the journal
//
// Whoever approves or brings a component speaks for the operator of his row, and for no other; an
// operator has one row. So two operators are two certificates, as they are two keys.
class RemoteCallers {
public:
    static constexpr std::size_t file_bytes_max = 32UL * 1024;
    static constexpr std::size_t callers_max = 64;

    // malformed: no JSON of this form, an unknown right, a name or an operator that comes twice.
    static Result<RemoteCallers> parse(std::string_view text);

    // denied (caller) unless the row of that name has the right. Whoever applies what was
    // approved needs the right to it besides.
    Result<void> allow(std::string_view common_name, const protocol::VaultRequest& request) const;

private:
    struct Row {
        std::string common_name;
        std::uint64_t calls = 0;  // One bit a call, by its place in VaultRequest.
        std::string operator_name;
    };
    Result<void> add(Row row);

    std::vector<Row> rows_;
};

}  // namespace softpos::keys
