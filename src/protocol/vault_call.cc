// What both directions share, and the answers. The requests are in vault_request.cc.
#include "protocol/vault_call.h"

#include "base/check.h"
#include "base/pan.h"
#include "protocol/call_fields.h"
#include "protocol/vault_fields.h"

#include <algorithm>

namespace softpos::protocol {
namespace {

enum class Answer : std::uint8_t {
    status = 0x41,
    key_info,
    done,
    key_check,
    create_tmk,
    export_initial_key,
    open_card,
    open_stored,
    mac,
    failure = 0x7F,
};

constexpr SizeRange masked_pan_size{Pan::digits_min, Pan::digits_max};

CallWriter answer_of(Answer answer, std::size_t reserve_bytes = 0) {
    return CallWriter({vault_call_version, static_cast<std::uint8_t>(answer)}, reserve_bytes);
}

void put_key(CallWriter& out, const KeySummary& key) {
    CHECK(is_key_alias(key.alias));
    Buffer packed{static_cast<std::uint8_t>(key.usage), static_cast<std::uint8_t>(key.algorithm),
                  static_cast<std::uint8_t>(key.state)};
    append(packed, key.check_value);
    append(packed, bytes_of(key.alias));
    out.put(packed);
}

Result<KeySummary> take_key(CallReader& in) {
    constexpr std::size_t head = 6;
    const Bytes packed = TRY(in.take({head + 1, head + key_alias_bytes_max}));
    const std::string_view alias = text_of(packed.subspan(head));
    if (packed[0] >= key_usages || packed[1] >= key_algorithms || packed[2] > 1 ||
        !is_key_alias(alias)) {
        return fail(ErrorKind::malformed, "vault call: key summary");
    }
    return KeySummary{.alias = std::string(alias),
                      .usage = static_cast<KeyUsage>(packed[0]),
                      .algorithm = static_cast<KeyAlgorithm>(packed[1]),
                      .state = static_cast<KeyState>(packed[2]),
                      .check_value = {packed[3], packed[4], packed[5]}};
}

// ---- Writing --------------------------------------------------------------------------------

Buffer write(const VaultStatus& answer) {
    CHECK(answer.listed.size() <= base_keys_listed_max);
    CallWriter out = answer_of(Answer::status);
    for (const std::uint32_t count : {answer.base_keys, answer.zone_keys, answer.terminal_keys,
                                      answer.signed_in_terminals, answer.phones_seen}) {
        out.put_number(count, 4);
    }
    out.put_number(answer.log_bytes, 8);
    out.put_number(answer.listed.size(), 1);
    for (const KeySummary& key : answer.listed) put_key(out, key);
    return out.take();
}

Buffer write(const KeyInfoAnswer& answer) {
    CallWriter out = answer_of(Answer::key_info);
    put_key(out, answer.key);
    return out.take();
}

Buffer write(const DoneAnswer&) {
    return answer_of(Answer::done).take();
}

Buffer write(const KeyCheckAnswer& answer) {
    CallWriter out = answer_of(Answer::key_check);
    out.put(answer.check_value);
    return out.take();
}

Buffer write(const CreateTmkAnswer& answer) {
    CallWriter out = answer_of(Answer::create_tmk);
    out.put(answer.cryptogram);
    out.put(answer.check_value);
    return out.take();
}

Buffer write(const ExportInitialKeyAnswer& answer) {
    CallWriter out = answer_of(Answer::export_initial_key);
    put_sized(out, answer.envelope, {1, initial_key_envelope_bytes_max});
    return out.take();
}

Buffer write(const OpenCardAnswer& answer) {
    CallWriter out = answer_of(Answer::open_card, secret_reserve_bytes);
    put_sized(out, answer.card_tlv.bytes(), {1, card_tlv_bytes_max});
    put_sized(out, answer.stored_form, {1, stored_form_bytes_max});
    put_sized(out, bytes_of(answer.masked_pan), masked_pan_size);
    out.put_number(answer.repeated ? 1 : 0, 1);
    return out.take();
}

Buffer write(const OpenStoredAnswer& answer) {
    CallWriter out = answer_of(Answer::open_stored, secret_reserve_bytes);
    put_sized(out, answer.card_tlv.bytes(), {1, card_tlv_bytes_max});
    return out.take();
}

Buffer write(const MacAnswer& answer) {
    CallWriter out = answer_of(Answer::mac);
    out.put(answer.mac);
    return out.take();
}

Buffer write(const VaultFailure& answer) {
    CallWriter out = answer_of(Answer::failure);
    out.put_number(static_cast<std::uint8_t>(answer.kind), 1);
    out.put_number(static_cast<std::uint8_t>(answer.fault), 1);
    return out.take();
}

// ---- Reading --------------------------------------------------------------------------------

Result<VaultAnswer> read_status(CallReader& in) {
    VaultStatus answer;
    for (std::uint32_t* count : {&answer.base_keys, &answer.zone_keys, &answer.terminal_keys,
                                 &answer.signed_in_terminals, &answer.phones_seen}) {
        *count = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    }
    answer.log_bytes = TRY(in.take_number(8));
    const std::uint8_t listed = TRY(in.take_enum(base_keys_listed_max));
    for (unsigned i = 0; i < listed; ++i) answer.listed.push_back(TRY(take_key(in)));
    return answer;
}

Result<VaultAnswer> read_create_tmk(CallReader& in) {
    CreateTmkAnswer answer;
    answer.cryptogram = TRY(in.take_array<16>());
    answer.check_value = TRY(in.take_array<3>());
    return answer;
}

Result<VaultAnswer> read_open_card(CallReader& in) {
    OpenCardAnswer answer;
    answer.card_tlv = SecretBytes::copy_of(TRY(in.take({1, card_tlv_bytes_max})));
    answer.stored_form = TRY(take_buffer(in, {1, stored_form_bytes_max}));
    answer.masked_pan = TRY(in.take_text(masked_pan_size));
    answer.repeated = TRY(in.take_enum(1)) == 1;
    return answer;
}

Result<VaultAnswer> read_failure(CallReader& in) {
    VaultFailure answer;
    answer.kind = static_cast<ErrorKind>(TRY(in.take_enum(6)));
    answer.fault = static_cast<VaultFault>(TRY(in.take_enum(vault_faults - 1)));
    return answer;
}

Result<VaultAnswer> read_body(CallReader& in) {
    switch (static_cast<Answer>(in.head().call)) {
        case Answer::status:
            return read_status(in);
        case Answer::key_info:
            return KeyInfoAnswer{TRY(take_key(in))};
        case Answer::done:
            return DoneAnswer{};
        case Answer::key_check:
            return KeyCheckAnswer{TRY(in.take_array<3>())};
        case Answer::create_tmk:
            return read_create_tmk(in);
        case Answer::export_initial_key:
            return ExportInitialKeyAnswer{
                TRY(take_buffer(in, {1, initial_key_envelope_bytes_max}))};
        case Answer::open_card:
            return read_open_card(in);
        case Answer::open_stored:
            return OpenStoredAnswer{SecretBytes::copy_of(TRY(in.take({1, card_tlv_bytes_max})))};
        case Answer::mac:
            return MacAnswer{TRY(in.take_array<8>())};
        case Answer::failure:
            return read_failure(in);
    }
    return fail(ErrorKind::malformed, "vault call: no such answer", in.head().call);
}

struct FaultText {
    Literal what;
    std::string_view name;
};

constexpr FaultText fault_texts[vault_faults] = {
    {"vault: failed", "OTHER"},
    {"vault: request is malformed", "MALFORMED_REQUEST"},
    {"vault: version of the call", "VERSION_UNSUPPORTED"},
    {"vault: a key has this name already", "ALIAS_TAKEN"},
    {"vault: no key of this name", "UNKNOWN_KEY"},
    {"vault: the key is not for this", "NOT_PERMITTED"},
    {"vault: key components", "COMPONENTS"},
    {"vault: recipient is no point", "RECIPIENT"},
    {"vault: check value differs", "CHECK_VALUE"},
    {"vault: terminal has no working keys", "NO_WORKING_KEYS"},
    {"vault: card data does not open", "CARD_REFUSED"},
    {"vault: key serial number was used", "SERIAL_REUSED"},
    {"vault: key serial number is too old", "SERIAL_TOO_OLD"},
    {"vault: no card data", "CARD_CONTENT"},
    {"vault: stored card does not open", "STORED_FORM"},
    {"vault: mac differs", "MAC"},
    {"vault: full", "FULL"},
    {"vault: storage", "STORAGE"},
};

const FaultText& text_of_fault(VaultFault fault) {
    const auto index = static_cast<std::size_t>(fault);
    CHECK(index < vault_faults);
    return fault_texts[index];
}

}  // namespace

bool is_key_alias(std::string_view text) {
    return !text.empty() && text.size() <= key_alias_bytes_max &&
           std::ranges::all_of(text, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == ':' || c == '-';
           });
}

std::string_view name_of(VaultFault fault) {
    return text_of_fault(fault).name;
}

Error error_of(ErrorKind kind, VaultFault fault) {
    return {kind, text_of_fault(fault).what, detail_of(fault)};
}

Buffer encode(const VaultAnswer& answer) {
    return std::visit([](const auto& one) { return write(one); }, answer);
}

Result<VaultAnswer> decode_vault_answer(Bytes message) {
    CallReader in = TRY(CallReader::open(message));
    if (in.head().version != vault_call_version) {
        return fail(ErrorKind::unsupported, "vault call: version", in.head().version);
    }
    VaultAnswer answer = TRY(read_body(in));
    TRY_VOID(in.end());
    return answer;
}

}  // namespace softpos::protocol
