// Checks what encoding would CHECK, sends, and takes the answer apart; messages are wiped.
#include "platform/keys/remote_vault.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::keys {
namespace {

using protocol::card_aad_bytes_max;
using protocol::CreateBdkRequest;
using protocol::CreateTmkAnswer;
using protocol::CreateTmkRequest;
using protocol::decode_vault_answer;
using protocol::DoneAnswer;
using protocol::encode;
using protocol::error_of;
using protocol::ExportInitialKeyAnswer;
using protocol::ExportInitialKeyRequest;
using protocol::ImportZmkRequest;
using protocol::is_key_alias;
using protocol::key_components_max;
using protocol::key_components_min;
using protocol::KeyCheckAnswer;
using protocol::KeyInfoAnswer;
using protocol::KeyInfoRequest;
using protocol::LoadWorkingKeysRequest;
using protocol::mac_data_bytes_max;
using protocol::MacAnswer;
using protocol::MacRequest;
using protocol::OpenCardAnswer;
using protocol::OpenCardRequest;
using protocol::OpenStoredAnswer;
using protocol::OpenStoredRequest;
using protocol::sealed_card_bytes_max;
using protocol::SealedCard;
using protocol::SetKeyStateRequest;
using protocol::stored_form_bytes_max;
using protocol::VaultAnswer;
using protocol::VaultFailure;
using protocol::VaultRequest;
using protocol::VaultStatusRequest;
using protocol::VerifyMacRequest;
using protocol::WorkingKeyCryptogram;

std::unexpected<Error> refuse(ErrorKind kind, VaultFault fault) {
    return std::unexpected(error_of(kind, fault));
}

std::unexpected<Error> bad_request() {
    return refuse(ErrorKind::malformed, VaultFault::malformed_request);
}

Result<std::string> checked_alias(std::string_view alias) {
    if (!is_key_alias(alias)) return bad_request();
    return std::string(alias);
}

template <std::size_t size>
Result<std::array<std::uint8_t, size>> exactly(Bytes bytes) {
    if (bytes.size() != size) return bad_request();
    std::array<std::uint8_t, size> out{};
    std::ranges::copy(bytes, out.begin());
    return out;
}

Result<Buffer> at_most(Bytes bytes, std::size_t max) {
    if (bytes.size() > max) return bad_request();
    return Buffer(bytes.begin(), bytes.end());
}

Result<WorkingKeyCryptogram> owned(const codec::KeyCryptogram& key) {
    if (key.cryptogram.size() != 8 && key.cryptogram.size() != 16) return bad_request();
    return WorkingKeyCryptogram{Buffer(key.cryptogram.begin(), key.cryptogram.end()),
                                TRY(exactly<4>(key.check_value))};
}

}  // namespace

RemoteVault::RemoteVault(const Options& options) {
    for (unsigned i = 0; i < std::max(1U, options.connections_max); ++i) {
        connections_.push_back(std::make_unique<host::SeqpacketClient>(
            host::SeqpacketClient::Options{.path = options.path,
                                           .timeout_ms = options.timeout_ms,
                                           .server_uid = options.server_uid}));
        free_.push_back(connections_.back().get());
    }
}

Result<std::unique_ptr<RemoteVault>> RemoteVault::connect(const Options& options) {
    std::unique_ptr<RemoteVault> vault(new RemoteVault(options));
    TRY_VOID(vault->status());
    return vault;
}

Result<VaultAnswer> RemoteVault::call(const VaultRequest& request) {
    Buffer message = encode(request);
    host::SeqpacketClient* connection = nullptr;
    {
        std::unique_lock lock(mutex_);
        freed_.wait(lock, [this] { return !free_.empty(); });
        connection = free_.back();
        free_.pop_back();
    }
    auto answer = connection->call(message);
    {
        const std::lock_guard lock(mutex_);
        free_.push_back(connection);
    }
    freed_.notify_one();
    wipe(message);
    // Whatever went wrong on the way: the vault did not answer.
    if (!answer) return refuse(ErrorKind::unavailable, VaultFault::other);
    auto decoded = decode_vault_answer(*answer);
    wipe(*answer);
    if (!decoded) return refuse(ErrorKind::unavailable, VaultFault::other);
    return decoded;
}

template <typename Answer>
Result<Answer> RemoteVault::ask(const VaultRequest& request) {
    VaultAnswer answer = TRY(call(request));
    if (const auto* failure = std::get_if<VaultFailure>(&answer)) {
        return refuse(failure->kind, failure->fault);
    }
    auto* expected = std::get_if<Answer>(&answer);
    if (expected == nullptr) return refuse(ErrorKind::unavailable, VaultFault::other);
    return std::move(*expected);
}

Result<KeyCheck> RemoteVault::create_bdk(std::string_view alias) {
    CreateBdkRequest request{TRY(checked_alias(alias))};
    return TRY(ask<KeyCheckAnswer>(std::move(request))).check_value;
}

Result<KeyCheck> RemoteVault::import_zmk_components(std::string_view alias,
                                                    std::span<const SecretBytes> components) {
    const bool count =
        components.size() >= key_components_min && components.size() <= key_components_max;
    const bool sizes =
        std::ranges::all_of(components, [](const SecretBytes& one) { return one.size() == 16; });
    if (!count || !sizes) return refuse(ErrorKind::malformed, VaultFault::components);
    ImportZmkRequest request{.alias = TRY(checked_alias(alias)), .components = {}};
    for (const SecretBytes& one : components) request.components.push_back(one.clone());
    return TRY(ask<KeyCheckAnswer>(std::move(request))).check_value;
}

Result<MasterKeyExport> RemoteVault::create_terminal_master_key(std::string_view alias,
                                                                std::string_view zone_key) {
    CreateTmkRequest request;
    request.alias = TRY(checked_alias(alias));
    request.zone_key = TRY(checked_alias(zone_key));
    const auto answer = TRY(ask<CreateTmkAnswer>(std::move(request)));
    return MasterKeyExport{answer.cryptogram, answer.check_value};
}

Result<Buffer> RemoteVault::export_dukpt_initial_key(std::string_view base_key,
                                                     Bytes initial_key_id8, Bytes recipient_point) {
    if (recipient_point.size() != 65) return refuse(ErrorKind::denied, VaultFault::recipient);
    ExportInitialKeyRequest request;
    request.base_key = TRY(checked_alias(base_key));
    request.initial_key_id = TRY(exactly<8>(initial_key_id8));
    request.recipient_point = TRY(exactly<65>(recipient_point));
    return TRY(ask<ExportInitialKeyAnswer>(std::move(request))).envelope;
}

Result<void> RemoteVault::load_working_keys(std::string_view terminal_key,
                                            const codec::WorkingKeys& keys) {
    LoadWorkingKeysRequest request;
    request.terminal_key = TRY(checked_alias(terminal_key));
    request.pin_key = TRY(owned(keys.pin_key));
    request.mac_key = TRY(owned(keys.mac_key));
    if (keys.track_key) request.data_key = TRY(owned(*keys.track_key));
    TRY_VOID(ask<DoneAnswer>(std::move(request)));
    return {};
}

Result<OpenedCard> RemoteVault::open_card(std::string_view base_key, const SealedCard& card,
                                          Bytes aad) {
    if (card.ciphertext.empty() || card.ciphertext.size() > sealed_card_bytes_max) {
        return bad_request();
    }
    OpenCardRequest request;
    request.base_key = TRY(checked_alias(base_key));
    request.card = card;
    request.aad = TRY(at_most(aad, card_aad_bytes_max));
    auto answer = TRY(ask<OpenCardAnswer>(std::move(request)));
    return OpenedCard{std::move(answer.card_tlv), std::move(answer.stored_form),
                      std::move(answer.masked_pan), answer.repeated};
}

Result<SecretBytes> RemoteVault::open_stored(Bytes stored_form) {
    if (stored_form.empty() || stored_form.size() > stored_form_bytes_max) {
        return refuse(ErrorKind::malformed, VaultFault::stored_form);
    }
    OpenStoredRequest request{{stored_form.begin(), stored_form.end()}};
    return TRY(ask<OpenStoredAnswer>(std::move(request))).card_tlv;
}

Result<std::array<std::uint8_t, 8>> RemoteVault::mac(std::string_view terminal_key, Bytes data) {
    MacRequest request;
    request.terminal_key = TRY(checked_alias(terminal_key));
    request.data = TRY(at_most(data, mac_data_bytes_max));
    return TRY(ask<MacAnswer>(std::move(request))).mac;
}

Result<void> RemoteVault::verify_mac(std::string_view terminal_key, Bytes data, Bytes mac8) {
    if (mac8.size() != 8) return refuse(ErrorKind::denied, VaultFault::mac);
    VerifyMacRequest request;
    request.terminal_key = TRY(checked_alias(terminal_key));
    request.data = TRY(at_most(data, mac_data_bytes_max));
    std::ranges::copy(mac8, request.mac.begin());
    TRY_VOID(ask<DoneAnswer>(std::move(request)));
    return {};
}

Result<void> RemoteVault::set_key_state(std::string_view alias, KeyState state) {
    SetKeyStateRequest request{TRY(checked_alias(alias)), state};
    TRY_VOID(ask<DoneAnswer>(std::move(request)));
    return {};
}

Result<KeySummary> RemoteVault::key_info(std::string_view alias) {
    KeyInfoRequest request{TRY(checked_alias(alias))};
    return TRY(ask<KeyInfoAnswer>(std::move(request))).key;
}

Result<VaultStatus> RemoteVault::status() {
    return ask<VaultStatus>(VaultStatusRequest{});
}

}  // namespace softpos::keys
