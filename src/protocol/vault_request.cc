// One write and one read function for each request, in the same order.
#include "protocol/vault_fields.h"

namespace softpos::protocol {
namespace {

enum class Call : std::uint8_t {
    status = 1,
    key_info,
    set_key_state,
    create_bdk,
    import_zmk,
    create_tmk,
    export_initial_key,
    load_working_keys,
    open_card,
    open_stored,
    mac,
    verify_mac,
};

constexpr std::size_t component_bytes = 16;
constexpr std::size_t working_key_bytes_min = 8;
constexpr std::size_t working_key_bytes_max = 16;

CallWriter request_of(Call call, std::size_t reserve_bytes = 0) {
    return CallWriter({vault_call_version, static_cast<std::uint8_t>(call)}, reserve_bytes);
}

Buffer named(Call call, std::string_view alias) {
    CallWriter out = request_of(call);
    put_alias(out, alias);
    return out.take();
}

bool is_working_key_size(std::size_t size) {
    return size == working_key_bytes_min || size == working_key_bytes_max;
}

// ---- Writing --------------------------------------------------------------------------------

Buffer write(const VaultStatusRequest&) {
    return request_of(Call::status).take();
}
Buffer write(const KeyInfoRequest& request) {
    return named(Call::key_info, request.alias);
}
Buffer write(const CreateBdkRequest& request) {
    return named(Call::create_bdk, request.alias);
}

Buffer write(const SetKeyStateRequest& request) {
    CallWriter out = request_of(Call::set_key_state);
    put_alias(out, request.alias);
    out.put_number(static_cast<std::uint8_t>(request.state), 1);
    return out.take();
}

Buffer write(const ImportZmkRequest& request) {
    CHECK(request.components.size() >= key_components_min &&
          request.components.size() <= key_components_max);
    CallWriter out = request_of(Call::import_zmk, secret_reserve_bytes);
    put_alias(out, request.alias);
    out.put_number(request.components.size(), 1);
    for (const SecretBytes& component : request.components) {
        put_sized(out, component.bytes(), {component_bytes, component_bytes});
    }
    return out.take();
}

Buffer write(const CreateTmkRequest& request) {
    CallWriter out = request_of(Call::create_tmk);
    put_alias(out, request.alias);
    put_alias(out, request.zone_key);
    return out.take();
}

Buffer write(const ExportInitialKeyRequest& request) {
    CallWriter out = request_of(Call::export_initial_key);
    put_alias(out, request.base_key);
    out.put(request.initial_key_id);
    out.put(request.recipient_point);
    return out.take();
}

void put_working_key(CallWriter& out, const WorkingKeyCryptogram& key) {
    CHECK(is_working_key_size(key.cryptogram.size()));
    out.put(key.cryptogram);
    out.put(key.check_value);
}

Buffer write(const LoadWorkingKeysRequest& request) {
    CallWriter out = request_of(Call::load_working_keys);
    put_alias(out, request.terminal_key);
    put_working_key(out, request.pin_key);
    put_working_key(out, request.mac_key);
    if (request.data_key) put_working_key(out, *request.data_key);
    return out.take();
}

Buffer write(const OpenCardRequest& request) {
    CallWriter out = request_of(Call::open_card);
    put_alias(out, request.base_key);
    out.put(request.card.ksn);
    put_sized(out, request.card.ciphertext, {1, sealed_card_bytes_max});
    put_sized(out, request.aad, {0, card_aad_bytes_max});
    return out.take();
}

Buffer write(const OpenStoredRequest& request) {
    CallWriter out = request_of(Call::open_stored);
    put_sized(out, request.stored_form, {1, stored_form_bytes_max});
    return out.take();
}

Buffer write(const MacRequest& request) {
    CallWriter out = request_of(Call::mac);
    put_alias(out, request.terminal_key);
    put_sized(out, request.data, {0, mac_data_bytes_max});
    return out.take();
}

Buffer write(const VerifyMacRequest& request) {
    CallWriter out = request_of(Call::verify_mac);
    put_alias(out, request.terminal_key);
    put_sized(out, request.data, {0, mac_data_bytes_max});
    out.put(request.mac);
    return out.take();
}

// ---- Reading --------------------------------------------------------------------------------

Result<VaultRequest> read_set_key_state(CallReader& in) {
    SetKeyStateRequest request;
    request.alias = TRY(take_alias(in));
    request.state = static_cast<KeyState>(TRY(in.take_enum(1)));
    return request;
}

Result<VaultRequest> read_import_zmk(CallReader& in) {
    ImportZmkRequest request;
    request.alias = TRY(take_alias(in));
    const std::uint8_t count = TRY(in.take_enum(key_components_max));
    if (count < key_components_min) {
        return fail(ErrorKind::malformed, "vault call: number of components", count);
    }
    for (unsigned i = 0; i < count; ++i) {
        request.components.push_back(
            SecretBytes::copy_of(TRY(in.take({component_bytes, component_bytes}))));
    }
    return request;
}

Result<VaultRequest> read_create_tmk(CallReader& in) {
    CreateTmkRequest request;
    request.alias = TRY(take_alias(in));
    request.zone_key = TRY(take_alias(in));
    return request;
}

Result<VaultRequest> read_export_initial_key(CallReader& in) {
    ExportInitialKeyRequest request;
    request.base_key = TRY(take_alias(in));
    request.initial_key_id = TRY(in.take_array<8>());
    request.recipient_point = TRY(in.take_array<65>());
    return request;
}

Result<WorkingKeyCryptogram> take_working_key(CallReader& in) {
    WorkingKeyCryptogram key;
    key.cryptogram = TRY(take_buffer(in, {working_key_bytes_min, working_key_bytes_max}));
    if (!is_working_key_size(key.cryptogram.size())) {
        return fail(ErrorKind::malformed, "vault call: working key size");
    }
    key.check_value = TRY(in.take_array<4>());
    return key;
}

Result<VaultRequest> read_load_working_keys(CallReader& in) {
    LoadWorkingKeysRequest request;
    request.terminal_key = TRY(take_alias(in));
    request.pin_key = TRY(take_working_key(in));
    request.mac_key = TRY(take_working_key(in));
    if (in.next_is_present()) request.data_key = TRY(take_working_key(in));
    return request;
}

Result<VaultRequest> read_open_card(CallReader& in) {
    OpenCardRequest request;
    request.base_key = TRY(take_alias(in));
    request.card.ksn = TRY(in.take_array<12>());
    request.card.ciphertext = TRY(take_buffer(in, {1, sealed_card_bytes_max}));
    request.aad = TRY(take_buffer(in, {0, card_aad_bytes_max}));
    return request;
}

Result<VaultRequest> read_mac(CallReader& in) {
    MacRequest request;
    request.terminal_key = TRY(take_alias(in));
    request.data = TRY(take_buffer(in, {0, mac_data_bytes_max}));
    return request;
}

Result<VaultRequest> read_verify_mac(CallReader& in) {
    VerifyMacRequest request;
    request.terminal_key = TRY(take_alias(in));
    request.data = TRY(take_buffer(in, {0, mac_data_bytes_max}));
    request.mac = TRY(in.take_array<8>());
    return request;
}

Result<VaultRequest> read_body(CallReader& in) {
    switch (static_cast<Call>(in.head().call)) {
        case Call::status:
            return VaultStatusRequest{};
        case Call::key_info:
            return KeyInfoRequest{TRY(take_alias(in))};
        case Call::set_key_state:
            return read_set_key_state(in);
        case Call::create_bdk:
            return CreateBdkRequest{TRY(take_alias(in))};
        case Call::import_zmk:
            return read_import_zmk(in);
        case Call::create_tmk:
            return read_create_tmk(in);
        case Call::export_initial_key:
            return read_export_initial_key(in);
        case Call::load_working_keys:
            return read_load_working_keys(in);
        case Call::open_card:
            return read_open_card(in);
        case Call::open_stored:
            return OpenStoredRequest{TRY(take_buffer(in, {1, stored_form_bytes_max}))};
        case Call::mac:
            return read_mac(in);
        case Call::verify_mac:
            return read_verify_mac(in);
    }
    return fail(ErrorKind::unsupported, "vault call: no such call", in.head().call);
}

}  // namespace

Buffer encode(const VaultRequest& request) {
    return std::visit([](const auto& one) { return write(one); }, request);
}

Result<VaultRequest> decode_vault_request(Bytes message) {
    CallReader in = TRY(CallReader::open(message));
    if (in.head().version != vault_call_version) {
        return fail(ErrorKind::unsupported, "vault call: version", in.head().version);
    }
    VaultRequest request = TRY(read_body(in));
    TRY_VOID(in.end());
    return request;
}

}  // namespace softpos::protocol
