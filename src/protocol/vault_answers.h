// What the vault answers.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"
#include "protocol/vault_journal.h"
#include "protocol/vault_requests.h"

#include <optional>

namespace softpos::protocol {

constexpr std::size_t card_tlv_bytes_max = sealed_card_bytes_max;
constexpr std::size_t vault_envelope_bytes_max = 256;
constexpr std::size_t base_keys_listed_max = 16;
constexpr std::size_t ticket_bytes_max = 256;
constexpr std::size_t journal_answer_bytes_max = 32UL * 1024;

struct VaultStatus {
    std::uint32_t base_keys = 0;
    std::uint32_t zone_keys = 0;
    std::uint32_t terminal_keys = 0;
    std::uint32_t signed_in_terminals = 0;  // Those with working keys.
    std::uint32_t phones_seen = 0;          // Initial keys with a replay window.
    std::uint32_t pin_locked_phones = 0;    // And terminals: too many PINs that were none.
    std::uint32_t operators = 0;
    std::uint32_t quorum = 0;          // 0: nothing needs approval.
    std::uint64_t refusals = 0;        // Since the start.
    std::uint64_t data_calls = 0;      // That went well, since the start.
    std::uint64_t log_bytes = 0;       // Of changes since the last snapshot.
    std::vector<KeySummary> listed{};  // Base and zone keys, up to base_keys_listed_max.

    friend bool operator==(const VaultStatus&, const VaultStatus&) = default;
};

struct KeyInfoAnswer {
    KeyDetails key{};
};

// To the calls that give back nothing but that it was done.
struct DoneAnswer {};

struct KeyCheckAnswer {
    KeyCheck check_value{};
};

struct CreateTmkAnswer {
    std::array<std::uint8_t, 16> cryptogram{};  // Under the zone key, TDES ECB.
    KeyCheck check_value{};
};

// A key for the holder of the recipient's key: an initial key or a serial key.
struct KeyEnvelopeAnswer {
    Buffer envelope{};
};

struct OpenCardAnswer {
    SecretBytes card_tlv{};
    Buffer stored_form{};
    std::string masked_pan{};  // 12 to 19 characters.
    bool repeated = false;     // The same sealed card was opened before.
};

struct OpenStoredAnswer {
    SecretBytes card_tlv{};
};

struct MacAnswer {
    std::array<std::uint8_t, 8> mac{};
};

struct SignatureAnswer {
    Buffer signature{};
};

struct PublicKeyAnswer {
    EcPoint point{};
};

// Under the terminal's PIN key: 8 or 16 bytes, for field 52 or field 59.
struct PinBlockAnswer {
    Buffer block{};
};

// What operators sign: see ticket_text(). It is over at `expires`.
struct TicketAnswer {
    TicketNonce nonce{};
    Instant expires{};
    Buffer ticket{};
};

struct ApprovalAnswer {
    std::uint8_t approvals = 0;
    std::uint8_t quorum = 0;
};

struct JournalAnswer {
    Buffer lines{};          // read_journal_lines()
    std::uint64_t last = 0;  // Sequence number of the last line there is.
};

// What holds together: so many lines, and the MAC of the last.
struct JournalHeadAnswer {
    std::uint64_t lines = 0;
    JournalMac mac{};
};

struct KeyBlockAnswer {
    std::string block{};
    KeyCheck check_value{};
};

// The whole MAC; the caller takes as much of it as its message has room for.
struct MacBytesAnswer {
    Buffer mac{};
};

struct CryptogramAnswer {
    std::optional<std::array<std::uint8_t, 8>> response{};  // ARPC, where a code was given.
};

// What field 62 of a sign-in answer is made of.
struct WorkingKeysAnswer {
    WorkingKeyCryptogram pin_key{};
    WorkingKeyCryptogram mac_key{};
};

struct KeepCardAnswer {
    Buffer stored_form{};
    std::string masked_pan{};
};

struct VaultFailure {
    ErrorKind kind = ErrorKind::internal;
    VaultFault fault = VaultFault::other;
};

}  // namespace softpos::protocol
