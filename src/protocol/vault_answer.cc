// The fields of each answer, in the order of the list.
#include "base/pan.h"
#include "protocol/vault_fields.h"

namespace softpos::protocol {

constexpr std::uint8_t first_answer = 0x80;
constexpr unsigned error_kinds = 7;
constexpr SizeRange masked_pan_size{Pan::digits_min, Pan::digits_max};

template <typename Io>
Result<void> fields(Io& io, Is<VaultFailure> auto& answer) {
    TRY_VOID(io.choice(answer.kind, error_kinds));
    return io.choice(answer.fault, vault_faults);
}

template <typename Io>
Result<void> summary_fields(Io& io, auto& key) {
    TRY_VOID(io.alias(key.alias));
    TRY_VOID(io.choice(key.usage, key_usages));
    TRY_VOID(io.choice(key.algorithm, key_algorithms));
    TRY_VOID(io.choice(key.state, key_states));
    return io.array(key.check_value);
}

template <typename Io>
Result<void> fields(Io& io, Is<KeyInfoAnswer> auto& answer) {
    auto& key = answer.key;
    TRY_VOID(summary_fields(io, key));
    TRY_VOID(io.letter(key.mode, key_modes));
    TRY_VOID(io.letter(key.exportability, exportabilities));
    TRY_VOID(io.number(key.version));
    TRY_VOID(io.choice(key.dual_control, 2));
    return io.choice(key.protection, protections);
}

template <typename Io>
Result<void> fields(Io&, Is<DoneAnswer> auto&) {
    return {};
}

template <typename Io>
Result<void> fields(Io& io, Is<KeyCheckAnswer> auto& answer) {
    return io.array(answer.check_value);
}

template <typename Io>
Result<void> fields(Io& io, Is<CreateTmkAnswer> auto& answer) {
    TRY_VOID(io.array(answer.cryptogram));
    return io.array(answer.check_value);
}

template <typename Io>
Result<void> fields(Io& io, Is<KeyEnvelopeAnswer> auto& answer) {
    return io.bytes(answer.envelope, {1, vault_envelope_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<OpenCardAnswer> auto& answer) {
    TRY_VOID(io.secret(answer.card_tlv, {1, card_tlv_bytes_max}));
    TRY_VOID(io.bytes(answer.stored_form, {1, stored_form_bytes_max}));
    TRY_VOID(io.text(answer.masked_pan, masked_pan_size));
    return io.choice(answer.repeated, 2);
}

template <typename Io>
Result<void> fields(Io& io, Is<OpenStoredAnswer> auto& answer) {
    return io.secret(answer.card_tlv, {1, card_tlv_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<MacAnswer> auto& answer) {
    return io.array(answer.mac);
}

template <typename Io>
Result<void> fields(Io& io, Is<SignatureAnswer> auto& answer) {
    return io.bytes(answer.signature, {1, signature_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<PublicKeyAnswer> auto& answer) {
    return io.array(answer.point);
}

template <typename Io>
Result<void> fields(Io& io, Is<PinBlockAnswer> auto& answer) {
    TRY_VOID(io.bytes(answer.block, {8, 16}));
    if (answer.block.size() == 8 || answer.block.size() == 16) return {};
    return fail(ErrorKind::malformed, "vault call: pin block size");
}

template <typename Io>
Result<void> fields(Io& io, Is<WorkingKeysAnswer> auto& answer) {
    TRY_VOID(fields(io, answer.pin_key));
    return fields(io, answer.mac_key);
}

template <typename Io>
Result<void> fields(Io& io, Is<KeepCardAnswer> auto& answer) {
    TRY_VOID(io.bytes(answer.stored_form, {1, stored_form_bytes_max}));
    return io.text(answer.masked_pan, masked_pan_size);
}

template <typename Io>
Result<void> fields(Io& io, Is<TicketAnswer> auto& answer) {
    TRY_VOID(io.array(answer.nonce));
    TRY_VOID(io.number(answer.expires.unix_ms));
    return io.bytes(answer.ticket, {1, ticket_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<ApprovalAnswer> auto& answer) {
    TRY_VOID(io.number(answer.approvals));
    return io.number(answer.quorum);
}

template <typename Io>
Result<void> fields(Io& io, Is<JournalAnswer> auto& answer) {
    TRY_VOID(io.bytes(answer.lines, {0, journal_answer_bytes_max}));
    TRY_VOID(io.number(answer.last));
    TRY_VOID(read_journal_lines(answer.lines));
    return {};
}

template <typename Io>
Result<void> fields(Io& io, Is<JournalHeadAnswer> auto& answer) {
    TRY_VOID(io.number(answer.lines));
    return io.array(answer.mac);
}

template <typename Io>
Result<void> fields(Io& io, Is<KeyBlockAnswer> auto& answer) {
    TRY_VOID(io.text(answer.block, {1, key_block_text_max}));
    return io.array(answer.check_value);
}

template <typename Io>
Result<void> fields(Io& io, Is<MacBytesAnswer> auto& answer) {
    return io.bytes(answer.mac, {mac_bytes_min, mac_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<CryptogramAnswer> auto& answer) {
    if (TRY(io.is_there(answer.response))) TRY_VOID(io.array(*answer.response));
    return {};
}

namespace {

// A call reader has 28 fields at most, which a list of keys would use up: one field each.
void put_key(Buffer& out, const KeySummary& key) {
    out.push_back(static_cast<std::uint8_t>(key.alias.size()));
    append(out, bytes_of(key.alias));
    out.push_back(static_cast<std::uint8_t>(key.usage));
    out.push_back(static_cast<std::uint8_t>(key.algorithm));
    out.push_back(static_cast<std::uint8_t>(key.state));
    append(out, key.check_value);
}

constexpr std::size_t key_tail_bytes = 6;
constexpr SizeRange packed_keys_size{
    0, base_keys_listed_max*(1 + key_alias_bytes_max + key_tail_bytes)};

Result<std::vector<KeySummary>> read_keys(Bytes packed) {
    const auto bad = [] { return fail(ErrorKind::malformed, "vault call: key summary"); };
    std::vector<KeySummary> keys;
    ByteReader in(packed);
    while (const auto size = in.take_byte()) {
        const auto alias = in.take(*size);
        const auto tail = alias ? in.take(key_tail_bytes) : std::nullopt;
        const bool good = tail && is_key_alias(text_of(*alias)) && (*tail)[0] < key_usages &&
                          (*tail)[1] < key_algorithms && (*tail)[2] < key_states &&
                          keys.size() < base_keys_listed_max;
        if (!good) return bad();
        keys.push_back({.alias = std::string(text_of(*alias)),
                        .usage = static_cast<KeyUsage>((*tail)[0]),
                        .algorithm = static_cast<KeyAlgorithm>((*tail)[1]),
                        .state = static_cast<KeyState>((*tail)[2]),
                        .check_value = {(*tail)[3], (*tail)[4], (*tail)[5]}});
    }
    return keys;
}

}  // namespace

template <typename Io>
Result<void> fields(Io& io, Is<VaultStatus> auto& answer) {
    for (auto* count :
         {&answer.base_keys, &answer.zone_keys, &answer.terminal_keys, &answer.signed_in_terminals,
          &answer.phones_seen, &answer.pin_locked_phones, &answer.operators, &answer.quorum}) {
        TRY_VOID(io.number(*count));
    }
    TRY_VOID(io.number(answer.refusals));
    TRY_VOID(io.number(answer.data_calls));
    TRY_VOID(io.number(answer.log_bytes));
    Buffer packed;
    if constexpr (Io::reads) {
        TRY_VOID(io.bytes(packed, packed_keys_size));
        answer.listed = TRY(read_keys(packed));
    } else {
        CHECK(answer.listed.size() <= base_keys_listed_max);
        for (const KeySummary& key : answer.listed) put_key(packed, key);
        TRY_VOID(io.bytes(packed, packed_keys_size));
    }
    return {};
}

Buffer encode(const VaultAnswer& answer) {
    return encode_message(answer, first_answer);
}

Result<VaultAnswer> decode_vault_answer(Bytes message) {
    return decode_message<VaultAnswer>(message, first_answer);
}

}  // namespace softpos::protocol
