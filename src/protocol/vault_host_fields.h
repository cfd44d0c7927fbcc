// The fields of the calls for an acquirer's host: key blocks, MACs, cryptograms, terminals of the
// field. Included where all requests are encoded.
#pragma once

#include "protocol/vault_fields.h"

namespace softpos::protocol {

constexpr std::size_t pan_digits_min = 12;
constexpr std::size_t pan_digits_max = 19;

template <typename Io>
Result<void> fields(Io& io, Is<CreateKeyRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.choice(request.usage, key_usages));
    TRY_VOID(io.choice(request.algorithm, key_algorithms));
    return io.letter(request.exportability, exportabilities);
}

template <typename Io>
Result<void> fields(Io& io, Is<ImportKeyBlockRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.alias(request.protection_key));
    TRY_VOID(io.choice(request.usage, key_usages));
    TRY_VOID(io.choice(request.legacy, 2));
    return io.text(request.block, {1, key_block_text_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<ExportKeyBlockRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.alias(request.protection_key));
    return io.letter(request.kind, key_block_kinds);
}

template <typename Io>
Result<void> fields(Io& io, Is<GenerateMacRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.choice(request.padding, mac_paddings));
    return io.bytes(request.data, {0, mac_data_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<CheckMacRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.choice(request.padding, mac_paddings));
    TRY_VOID(io.bytes(request.data, {0, mac_data_bytes_max}));
    return io.bytes(request.mac, {mac_bytes_min, mac_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<CheckCryptogramRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.choice(request.method, card_key_methods));
    TRY_VOID(io.secret(request.pan, {pan_digits_min, pan_digits_max}));
    TRY_VOID(io.array(request.pan_sequence));
    TRY_VOID(io.number(request.counter));
    TRY_VOID(io.bytes(request.data, {1, cryptogram_data_bytes_max}));
    TRY_VOID(io.array(request.cryptogram));
    if (TRY(io.is_there(request.response_code))) TRY_VOID(io.array(*request.response_code));
    return {};
}

template <typename Io>
Result<void> fields(Io& io, Is<TranslateTerminalPinRequest> auto& request) {
    TRY_VOID(io.alias(request.base_key));
    TRY_VOID(io.array(request.ksn));
    TRY_VOID(io.array(request.block));
    TRY_VOID(io.choice(request.from, pin_block_formats));
    TRY_VOID(io.bytes(request.stored_form, {1, stored_form_bytes_max}));
    TRY_VOID(io.alias(request.terminal_key));
    return io.choice(request.format, pin_block_formats);
}

template <typename Io>
Result<void> fields(Io& io, Is<CheckTerminalMacRequest> auto& request) {
    TRY_VOID(io.alias(request.base_key));
    TRY_VOID(io.array(request.ksn));
    TRY_VOID(io.bytes(request.data, {0, mac_data_bytes_max}));
    return io.bytes(request.mac, {mac_bytes_min, 8});
}

template <typename Io>
Result<void> fields(Io& io, Is<AnswerTerminalMacRequest> auto& request) {
    TRY_VOID(io.alias(request.base_key));
    TRY_VOID(io.array(request.ksn));
    return io.bytes(request.data, {0, mac_data_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<GiveWorkingKeysRequest> auto& request) {
    return io.alias(request.terminal_key);
}

template <typename Io>
Result<void> fields(Io& io, Is<TranslateClassicPinRequest> auto& request) {
    TRY_VOID(io.alias(request.classic_key));
    TRY_VOID(io.array(request.block));
    TRY_VOID(io.bytes(request.stored_form, {1, stored_form_bytes_max}));
    TRY_VOID(io.alias(request.terminal_key));
    return io.choice(request.format, pin_block_formats);
}

template <typename Io>
Result<void> fields(Io& io, Is<KeepCardRequest> auto& request) {
    return io.secret(request.card_tlv, {1, card_tlv_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<UnlockTerminalRequest> auto& request) {
    return io.array(request.terminal);
}

}  // namespace softpos::protocol
