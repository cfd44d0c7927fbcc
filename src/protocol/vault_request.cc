// The fields of each request, in the order of the list.
#include "protocol/vault_fields.h"
#include "protocol/vault_host_fields.h"

#include <algorithm>

namespace softpos::protocol {

constexpr std::uint8_t first_request = 0x01;
constexpr std::size_t component_bytes = 16;
constexpr std::size_t component_bytes_max = 32;

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

template <typename Io, typename Request>
requires Is<Request, CreateTmkRequest> || Is<Request, CreateClassicKeyRequest> Result<void> fields(
    Io& io, Request& request) {
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
    TRY_VOID(io.array(request.initial_key_id));
    return io.choice(request.kind, device_kinds);
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

// All operators in one field: a call has not room for one each.
inline Buffer packed_operators(const std::vector<VaultOperator>& operators) {
    CHECK(operators.size() <= operators_max);
    Buffer out;
    for (const VaultOperator& one : operators) {
        CHECK(is_operator_name(one.name));
        out.push_back(static_cast<std::uint8_t>(one.name.size()));
        append(out, bytes_of(one.name));
        append(out, one.point);
    }
    return out;
}

inline Result<std::vector<VaultOperator>> read_operators(Bytes packed) {
    std::vector<VaultOperator> operators;
    ByteReader in(packed);
    while (const auto size = in.take_byte()) {
        VaultOperator one;
        const auto name = in.take(*size);
        const auto point = name ? in.take(one.point.size()) : std::nullopt;
        if (!point || !is_operator_name(text_of(*name)) || operators.size() >= operators_max) {
            return fail(ErrorKind::malformed, "vault call: operator");
        }
        one.name = std::string(text_of(*name));
        std::ranges::copy(*point, one.point.begin());
        operators.push_back(std::move(one));
    }
    return operators;
}

template <typename Io>
Result<void> fields(Io& io, Is<SetOperatorsRequest> auto& request) {
    constexpr SizeRange size{0, operators_max * (1 + operator_name_bytes_max + sizeof(EcPoint))};
    TRY_VOID(io.number(request.quorum));
    if constexpr (Io::reads) {
        Buffer packed;
        TRY_VOID(io.bytes(packed, size));
        request.operators = TRY(read_operators(packed));
        return {};
    } else {
        return io.bytes(packed_operators(request.operators), size);
    }
}

template <typename Io>
Result<void> fields(Io& io, Is<RequestApprovalRequest> auto& request) {
    return io.bytes(request.request, {1, approved_request_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<ApproveRequest> auto& request) {
    TRY_VOID(io.array(request.nonce));
    TRY_VOID(io.alias(request.operator_name));
    return io.bytes(request.signature, {1, signature_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<ApplyRequest> auto& request) {
    TRY_VOID(io.array(request.nonce));
    return io.bytes(request.request, {1, approved_request_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<BeginCeremonyRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.choice(request.usage, key_usages));
    TRY_VOID(io.choice(request.algorithm, key_algorithms));
    return io.number(request.components);
}

template <typename Io>
Result<void> fields(Io& io, Is<AddComponentRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    TRY_VOID(io.secret(request.component, {component_bytes, component_bytes_max}));
    TRY_VOID(io.text(request.operator_name, {0, operator_name_bytes_max}));
    return io.bytes(request.signature, {0, signature_bytes_max});
}

template <typename Io>
Result<void> fields(Io& io, Is<FinishCeremonyRequest> auto& request) {
    TRY_VOID(io.alias(request.alias));
    return io.array(request.check_value);
}

template <typename Io>
Result<void> fields(Io& io, Is<ReadJournalRequest> auto& request) {
    return io.number(request.from);
}

template <typename Io>
Result<void> fields(Io&, Is<VerifyJournalRequest> auto&) {
    return {};
}

Buffer encode(const VaultRequest& request) {
    return encode_message(request, first_request);
}

Result<VaultRequest> decode_vault_request(Bytes message) {
    return decode_message<VaultRequest>(message, first_request);
}

}  // namespace softpos::protocol
