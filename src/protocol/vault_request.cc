// The fields of each request, in the order of the list.
#include "protocol/vault_fields.h"

namespace softpos::protocol {

constexpr std::uint8_t first_request = 0x01;
constexpr std::size_t component_bytes = 16;
constexpr std::size_t working_key_bytes_min = 8;
constexpr std::size_t working_key_bytes_max = 16;

template <typename Io>
Result<void> fields(Io&, Is<VaultStatusRequest> auto&) {
    return {};
}

template <typename Io, typename Request>
requires Is<Request, KeyInfoRequest> || Is<Request, CreateBdkRequest> ||
    Is<Request, CreatePinBdkRequest> || Is<Request, CreateSigningKeyRequest> ||
    Is<Request, PublicKeyRequest> || Is<Request, CreateSerialKeyRequest> ||
    Is<Request, DestroyKeyRequest>
        Result<void> fields(Io& io, Request& request) {
    return io.alias(request.alias);
}

template <typename Io>
Result<void> fields(Io& io, Is<SetKeyStateRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    return io.choice(request.state, key_states);
}

template <typename Io>
Result<void> fields(Io& io, Is<ImportZmkRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.count(request.components, {key_components_min, key_components_max}));
    for (auto& component : request.components) {
        TRY_VOID(io.secret(component, {component_bytes, component_bytes}));
    }
    return {};
}

template <typename Io>
Result<void> fields(Io& io, Is<CreateTmkRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    return io.alias(request.zone_key);
}

template <typename Io>
Result<void> fields(Io& io, Is<ExportInitialKeyRequest> auto& request) {
    TRY_VOID(io.alias(request.base_key));
    TRY_VOID(io.array(request.initial_key_id));
    return io.array(request.recipient_point);
}

template <typename Io>
Result<void> fields(Io& io, Is<WorkingKeyCryptogram> auto& key) {
    TRY_VOID(io.bytes(key.cryptogram, {working_key_bytes_min, working_key_bytes_max}));
    const std::size_t size = key.cryptogram.size();
    if (size != working_key_bytes_min && size != working_key_bytes_max) {
        return fail(ErrorKind::malformed, "vault call: working key size");
    }
    return io.array(key.check_value);
}

template <typename Io>
Result<void> fields(Io& io, Is<LoadWorkingKeysRequest> auto& request) {
    TRY_VOID(io.alias(request.terminal_key));
    TRY_VOID(fields(io, request.pin_key));
    TRY_VOID(fields(io, request.mac_key));
    if (TRY(io.is_there(request.data_key))) TRY_VOID(fields(io, *request.data_key));
    return {};
}

template <typename Io>
Result<void> fields(Io& io, Is<OpenCardRequest> auto& request) {
    TRY_VOID(io.alias(request.base_key));
    TRY_VOID(io.array(request.card.ksn));
    TRY_VOID(io.bytes(request.card.ciphertext, {1, sealed_card_bytes_max}));
    return io.bytes(request.aad, {0, card_aad_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<OpenStoredRequest> auto& request) {
    return io.bytes(request.stored_form, {1, stored_form_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<MacRequest> auto& request) {
    TRY_VOID(io.alias(request.terminal_key));
    return io.bytes(request.data, {0, mac_data_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<VerifyMacRequest> auto& request) {
    TRY_VOID(io.alias(request.terminal_key));
    TRY_VOID(io.bytes(request.data, {0, mac_data_bytes_max}));
    return io.array(request.mac);
}

template <typename Io>
Result<void> fields(Io& io, Is<SignRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    return io.bytes(request.message, {1, sign_message_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<ExportSerialKeyRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.array(request.terminal_id));
    return io.array(request.recipient_point);
}

template <typename Io>
Result<void> fields(Io& io, Is<CheckSerialCipherRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.text(request.serial, {1, terminal_serial_bytes_max}));
    TRY_VOID(io.array(request.factor));
    return io.array(request.cipher);
}

template <typename Io>
Result<void> fields(Io& io, Is<RevokeTerminalRequest> auto& request) {
    return io.array(request.initial_key_id);
}

template <typename Io>
Result<void> fields(Io& io, Is<TranslatePinRequest> auto& request) {
    TRY_VOID(io.alias(request.base_key));
    TRY_VOID(io.array(request.pin.ksn));
    TRY_VOID(io.array(request.pin.block));
    TRY_VOID(io.bytes(request.stored_form, {1, stored_form_bytes_max}));
    TRY_VOID(io.alias(request.terminal_key));
    return io.choice(request.format, pin_block_formats);
}

Buffer encode(const VaultRequest& request) {
    return encode_message(request, first_request);
}

Result<VaultRequest> decode_vault_request(Bytes message) {
    return decode_message<VaultRequest>(message, first_request);
}

}  // namespace softpos::protocol
