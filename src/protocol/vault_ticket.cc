// Fixed order, a size in front of the name.
#include "protocol/vault_ticket.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::protocol {
namespace {

constexpr std::string_view ticket_magic = "softpos-vault-approval/1";
constexpr std::string_view component_magic = "softpos-vault-component/1";
constexpr std::size_t number_bytes = 8;

}  // namespace

bool is_operator_name(std::string_view text) {
    return is_key_alias(text) && text.size() <= operator_name_bytes_max;
}

Buffer write_ticket(const TicketContent& content) {
    CHECK(content.subject.empty() || is_key_alias(content.subject));
    Buffer out(ticket_magic.begin(), ticket_magic.end());
    out.push_back(content.call);
    out.push_back(static_cast<std::uint8_t>(content.subject.size()));
    append(out, bytes_of(content.subject));
    append(out, content.request_digest);
    const auto expires = static_cast<std::uint64_t>(content.expires.unix_ms);
    for (unsigned i = 0; i < number_bytes; ++i) {
        out.push_back(static_cast<std::uint8_t>(expires >> (56 - 8 * i) & 0xFF));
    }
    append(out, content.nonce);
    return out;
}

Result<TicketContent> read_ticket(Bytes ticket) {
    const auto bad = [] { return fail(ErrorKind::malformed, "vault ticket"); };
    ByteReader in(ticket);
    TicketContent content;
    const auto magic = in.take(ticket_magic.size());
    if (!magic || text_of(*magic) != ticket_magic) return bad();
    const auto call = in.take_byte();
    const auto size = in.take_byte();
    const auto subject = size ? in.take(*size) : std::nullopt;
    const auto digest = subject ? in.take(content.request_digest.size()) : std::nullopt;
    const auto expires = digest ? in.take(number_bytes) : std::nullopt;
    const auto nonce = expires ? in.take(content.nonce.size()) : std::nullopt;
    if (!nonce || !in.empty()) return bad();
    content.call = *call;
    content.subject = std::string(text_of(*subject));
    if (!content.subject.empty() && !is_key_alias(content.subject)) return bad();
    std::ranges::copy(*digest, content.request_digest.begin());
    std::uint64_t number = 0;
    for (const std::uint8_t byte : *expires) number = number << 8 | byte;
    content.expires.unix_ms = static_cast<std::int64_t>(number);
    std::ranges::copy(*nonce, content.nonce.begin());
    return content;
}

Buffer component_statement(std::string_view alias, const std::array<std::uint8_t, 32>& digest) {
    CHECK(is_key_alias(alias));
    Buffer out(component_magic.begin(), component_magic.end());
    out.push_back(static_cast<std::uint8_t>(alias.size()));
    append(out, bytes_of(alias));
    append(out, digest);
    return out;
}

}  // namespace softpos::protocol
