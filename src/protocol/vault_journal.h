// Lines of the vault's journal: who asked for what, when, and what came of it. Never data.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "protocol/vault_keys.h"

#include <optional>
#include <span>
#include <vector>

namespace softpos::protocol {

using JournalMac = std::array<std::uint8_t, 32>;

constexpr std::size_t journal_caller_bytes_max = 64;
constexpr std::size_t journal_subject_bytes_max = key_alias_bytes_max + 1 + 16;

enum class JournalOutcome : std::uint8_t {
    done,
    refused,
    counted,  // Not one call: so many of this kind went well since the last such line.
};
constexpr unsigned journal_outcomes = 3;

struct JournalLine {
    std::uint64_t sequence = 0;  // From 1, without gaps.
    Instant at{};
    std::uint8_t call = 0;  // The place in VaultRequest, or journal_call_unreadable.
    JournalOutcome outcome = JournalOutcome::done;
    VaultFault fault = VaultFault::other;  // Of a refusal.
    std::uint64_t count = 1;
    std::string caller{};   // "uid:1000", or what its certificate says.
    std::string subject{};  // A key's name, and the initial key id of a phone where there is one.
    JournalMac mac{};       // HMAC over the line before it and everything above.

    friend bool operator==(const JournalLine&, const JournalLine&) = default;
};
constexpr std::uint8_t journal_call_unreadable = 0xFF;

constexpr std::size_t journal_line_bytes_max =
    8 + 8 + 3 + 8 + 2 + journal_caller_bytes_max + journal_subject_bytes_max + 32;

// Everything but the MAC: what the MAC is over.
Buffer journal_body(const JournalLine& line);
void put_journal_line(Buffer& out, const JournalLine& line);
// As many lines as there are, and nothing else. What is accepted is written the same.
Result<std::vector<JournalLine>> read_journal_lines(Bytes bytes);

// "destroy_key"; "unreadable".
std::string_view name_of_call(std::uint8_t call);

}  // namespace softpos::protocol
