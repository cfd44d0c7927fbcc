// Fixed order, sizes in front of texts.
#include "protocol/vault_journal.h"

#include "base/check.h"
#include "protocol/vault_call.h"

#include <algorithm>

namespace softpos::protocol {
namespace {

constexpr std::string_view call_names[] = {
    "status",
    "key_info",
    "set_key_state",
    "create_bdk",
    "import_zmk",
    "create_tmk",
    "export_initial_key",
    "load_working_keys",
    "open_card",
    "open_stored",
    "mac",
    "verify_mac",
    "create_pin_bdk",
    "create_signing_key",
    "sign",
    "public_key",
    "create_serial_key",
    "export_serial_key",
    "check_serial_cipher",
    "destroy_key",
    "revoke_terminal",
    "translate_pin",
    "set_operators",
    "request_approval",
    "approve",
    "apply",
    "begin_ceremony",
    "add_component",
    "finish_ceremony",
    "read_journal",
    "verify_journal",
    "create_key",
    "import_key_block",
    "export_key_block",
    "generate_mac",
    "check_mac",
    "check_cryptogram",
    "translate_terminal_pin",
    "check_terminal_mac",
    "answer_terminal_mac",
    "unlock_terminal",
    "create_classic_key",
    "give_working_keys",
    "translate_classic_pin",
    "keep_card",
};
static_assert(std::size(call_names) == std::variant_size_v<VaultRequest>);

void put_number(Buffer& out, std::uint64_t number) {
    for (unsigned i = 0; i < 8; ++i) {
        out.push_back(static_cast<std::uint8_t>(number >> (56 - 8 * i) & 0xFF));
    }
}

void put_text(Buffer& out, std::string_view text) {
    out.push_back(static_cast<std::uint8_t>(text.size()));
    append(out, bytes_of(text));
}

std::optional<std::uint64_t> take_number(ByteReader& in) {
    const auto bytes = in.take(8);
    if (!bytes) return std::nullopt;
    std::uint64_t number = 0;
    for (const std::uint8_t byte : *bytes) number = number << 8 | byte;
    return number;
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > 0x20 && c <= 0x7E; });
}

std::optional<std::string> take_text(ByteReader& in, std::size_t size_max) {
    const auto size = in.take_byte();
    if (!size || *size > size_max) return std::nullopt;
    const auto bytes = in.take(*size);
    if (!bytes || !is_printable(text_of(*bytes))) return std::nullopt;
    return std::string(text_of(*bytes));
}

std::optional<JournalLine> take_line(ByteReader& in) {
    JournalLine line;
    const auto sequence = take_number(in);
    const auto at = take_number(in);
    const auto kind = in.take(3);
    const auto count = take_number(in);
    if (!sequence || !at || !kind || !count) return std::nullopt;
    auto caller = take_text(in, journal_caller_bytes_max);
    auto subject = caller ? take_text(in, journal_subject_bytes_max) : std::nullopt;
    const auto mac = in.take(line.mac.size());
    const bool known =
        subject && mac && (*kind)[1] < journal_outcomes && (*kind)[2] < vault_faults &&
        ((*kind)[0] < std::size(call_names) || (*kind)[0] == journal_call_unreadable);
    if (!known) return std::nullopt;
    line.sequence = *sequence;
    line.at.unix_ms = static_cast<std::int64_t>(*at);
    line.call = (*kind)[0];
    line.outcome = static_cast<JournalOutcome>((*kind)[1]);
    line.fault = static_cast<VaultFault>((*kind)[2]);
    line.count = *count;
    line.caller = std::move(*caller);
    line.subject = std::move(*subject);
    std::ranges::copy(*mac, line.mac.begin());
    return line;
}

}  // namespace

Buffer journal_body(const JournalLine& line) {
    CHECK(line.caller.size() <= journal_caller_bytes_max && is_printable(line.caller) &&
          line.subject.size() <= journal_subject_bytes_max && is_printable(line.subject));
    Buffer out;
    out.reserve(journal_line_bytes_max);
    put_number(out, line.sequence);
    put_number(out, static_cast<std::uint64_t>(line.at.unix_ms));
    out.push_back(line.call);
    out.push_back(static_cast<std::uint8_t>(line.outcome));
    out.push_back(static_cast<std::uint8_t>(line.fault));
    put_number(out, line.count);
    put_text(out, line.caller);
    put_text(out, line.subject);
    return out;
}

void put_journal_line(Buffer& out, const JournalLine& line) {
    append(out, journal_body(line));
    append(out, line.mac);
}

Result<std::vector<JournalLine>> read_journal_lines(Bytes bytes) {
    std::vector<JournalLine> lines;
    ByteReader in(bytes);
    while (!in.empty()) {
        const std::size_t start = in.position();
        auto line = take_line(in);
        if (!line) return fail(ErrorKind::malformed, "vault journal: line", 0, start);
        lines.push_back(std::move(*line));
    }
    return lines;
}

std::string_view name_of_call(std::uint8_t call) {
    return call < std::size(call_names) ? call_names[call] : "unreadable";
}

}  // namespace softpos::protocol
