// One overload a request.
#include "platform/keys/vault_service.h"

namespace softpos::keys {
namespace {

using protocol::CreateBdkRequest;
using protocol::CreateTmkAnswer;
using protocol::CreateTmkRequest;
using protocol::decode_vault_request;
using protocol::DoneAnswer;
using protocol::encode;
using protocol::ExportInitialKeyAnswer;
using protocol::ExportInitialKeyRequest;
using protocol::ImportZmkRequest;
using protocol::KeyCheckAnswer;
using protocol::KeyInfoAnswer;
using protocol::KeyInfoRequest;
using protocol::LoadWorkingKeysRequest;
using protocol::MacAnswer;
using protocol::MacRequest;
using protocol::OpenCardAnswer;
using protocol::OpenCardRequest;
using protocol::OpenStoredAnswer;
using protocol::OpenStoredRequest;
using protocol::SetKeyStateRequest;
using protocol::vault_faults;
using protocol::VaultAnswer;
using protocol::VaultFailure;
using protocol::VaultStatusRequest;
using protocol::VerifyMacRequest;
using protocol::WorkingKeyCryptogram;

codec::KeyCryptogram borrowed(const WorkingKeyCryptogram& key) {
    return {.cryptogram = key.cryptogram, .check_value = key.check_value};
}

// What is not in the table of faults came from further below: only its kind goes out.
VaultAnswer failure(const Error& error) {
    const bool known = error.detail < vault_faults;
    return VaultFailure{error.kind,
                        known ? static_cast<VaultFault>(error.detail) : VaultFault::other};
}

struct Caller {
    KeyVault& vault;

    Result<VaultAnswer> operator()(const VaultStatusRequest&) { return TRY(vault.status()); }
    Result<VaultAnswer> operator()(const KeyInfoRequest& request) {
        return KeyInfoAnswer{TRY(vault.key_info(request.alias))};
    }
    Result<VaultAnswer> operator()(const SetKeyStateRequest& request) {
        TRY_VOID(vault.set_key_state(request.alias, request.state));
        return DoneAnswer{};
    }
    Result<VaultAnswer> operator()(const CreateBdkRequest& request) {
        return KeyCheckAnswer{TRY(vault.create_bdk(request.alias))};
    }
    Result<VaultAnswer> operator()(const ImportZmkRequest& request) {
        return KeyCheckAnswer{TRY(vault.import_zmk_components(request.alias, request.components))};
    }
    Result<VaultAnswer> operator()(const CreateTmkRequest& request) {
        const auto made = TRY(vault.create_terminal_master_key(request.alias, request.zone_key));
        return CreateTmkAnswer{made.cryptogram, made.check_value};
    }
    Result<VaultAnswer> operator()(const ExportInitialKeyRequest& request) {
        return ExportInitialKeyAnswer{TRY(vault.export_dukpt_initial_key(
            request.base_key, request.initial_key_id, request.recipient_point))};
    }
    Result<VaultAnswer> operator()(const LoadWorkingKeysRequest& request) {
        codec::WorkingKeys keys{.pin_key = borrowed(request.pin_key),
                                .mac_key = borrowed(request.mac_key),
                                .track_key = {}};
        if (request.data_key) keys.track_key = borrowed(*request.data_key);
        TRY_VOID(vault.load_working_keys(request.terminal_key, keys));
        return DoneAnswer{};
    }
    Result<VaultAnswer> operator()(const OpenCardRequest& request) {
        OpenedCard card = TRY(vault.open_card(request.base_key, request.card, request.aad));
        return OpenCardAnswer{std::move(card.card_tlv), std::move(card.stored_form),
                              std::move(card.masked_pan), card.repeated};
    }
    Result<VaultAnswer> operator()(const OpenStoredRequest& request) {
        return OpenStoredAnswer{TRY(vault.open_stored(request.stored_form))};
    }
    Result<VaultAnswer> operator()(const MacRequest& request) {
        return MacAnswer{TRY(vault.mac(request.terminal_key, request.data))};
    }
    Result<VaultAnswer> operator()(const VerifyMacRequest& request) {
        TRY_VOID(vault.verify_mac(request.terminal_key, request.data, request.mac));
        return DoneAnswer{};
    }
};

}  // namespace

Buffer VaultService::handle(Bytes request) {
    const auto decoded = decode_vault_request(request);
    if (!decoded) {
        const bool version = decoded.error().kind == ErrorKind::unsupported;
        return encode(VaultAnswer(
            VaultFailure{decoded.error().kind, version ? VaultFault::version_unsupported
                                                       : VaultFault::malformed_request}));
    }
    const auto answer = std::visit(Caller{vault_}, *decoded);
    return answer ? encode(*answer) : encode(failure(answer.error()));
}

}  // namespace softpos::keys
