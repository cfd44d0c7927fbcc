// Checks what encoding would CHECK, asks, and takes the answer apart.
#include "platform/keys/calling_vault.h"

#include <algorithm>

namespace softpos::keys {
namespace {

using protocol::error_of;
using protocol::VaultAnswer;
using protocol::VaultRequest;
using protocol::WorkingKeyCryptogram;

std::unexpected<Error> refuse(ErrorKind kind, VaultFault fault) {
    return std::unexpected(error_of(kind, fault));
}

std::unexpected<Error> bad_request() {
    return refuse(ErrorKind::malformed, VaultFault::malformed_request);
}

Result<std::string> checked_alias(std::string_view alias) {
    if (!protocol::is_key_alias(alias)) return bad_request();
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

Result<EcPoint> checked_point(Bytes point) {
    EcPoint out{};
    if (point.size() != out.size()) return refuse(ErrorKind::denied, VaultFault::recipient);
    std::ranges::copy(point, out.begin());
    return out;
}

Result<WorkingKeyCryptogram> owned(const codec::KeyCryptogram& key) {
    if (key.cryptogram.size() != 8 && key.cryptogram.size() != 16) return bad_request();
    return WorkingKeyCryptogram{Buffer(key.cryptogram.begin(), key.cryptogram.end()),
                                TRY(exactly<4>(key.check_value))};
}

}  // namespace

Result<void> CallingVault::ask_done(const VaultRequest& request) {
    TRY_VOID(ask<protocol::DoneAnswer>(request));
    return {};
}

// ---- Keys of phones and terminals -----------------------------------------------------------

Result<KeyCheck> CallingVault::create_bdk(std::string_view alias) {
    protocol::CreateBdkRequest request{TRY(checked_alias(alias))};
    return TRY(ask<protocol::KeyCheckAnswer>(std::move(request))).check_value;
}

Result<KeyCheck> CallingVault::create_pin_bdk(std::string_view alias) {
    protocol::CreatePinBdkRequest request{TRY(checked_alias(alias))};
    return TRY(ask<protocol::KeyCheckAnswer>(std::move(request))).check_value;
}

Result<KeyCheck> CallingVault::import_zmk_components(std::string_view alias,
                                                     std::span<const SecretBytes> components) {
    const bool count = components.size() >= protocol::key_components_min &&
                       components.size() <= protocol::key_components_max;
    const bool sizes =
        std::ranges::all_of(components, [](const SecretBytes& one) { return one.size() == 16; });
    if (!count || !sizes) return refuse(ErrorKind::malformed, VaultFault::components);
    protocol::ImportZmkRequest request{.alias = TRY(checked_alias(alias)), .components = {}};
    for (const SecretBytes& one : components) request.components.push_back(one.clone());
    return TRY(ask<protocol::KeyCheckAnswer>(std::move(request))).check_value;
}

Result<MasterKeyExport> CallingVault::create_terminal_master_key(std::string_view alias,
                                                                 std::string_view zone_key) {
    protocol::CreateTmkRequest request;
    request.alias = TRY(checked_alias(alias));
    request.zone_key = TRY(checked_alias(zone_key));
    const auto answer = TRY(ask<protocol::CreateTmkAnswer>(std::move(request)));
    return MasterKeyExport{answer.cryptogram, answer.check_value};
}

Result<Buffer> CallingVault::export_dukpt_initial_key(std::string_view base_key,
                                                      Bytes initial_key_id8,
                                                      Bytes recipient_point) {
    protocol::ExportInitialKeyRequest request;
    request.recipient_point = TRY(checked_point(recipient_point));
    request.base_key = TRY(checked_alias(base_key));
    request.initial_key_id = TRY(exactly<8>(initial_key_id8));
    return TRY(ask<protocol::KeyEnvelopeAnswer>(std::move(request))).envelope;
}

Result<void> CallingVault::revoke_terminal(Bytes initial_key_id8) {
    return ask_done(protocol::RevokeTerminalRequest{TRY(exactly<8>(initial_key_id8)),
                                                    protocol::DeviceKind::phone});
}

Result<void> CallingVault::load_working_keys(std::string_view terminal_key,
                                             const codec::WorkingKeys& keys) {
    protocol::LoadWorkingKeysRequest request;
    request.terminal_key = TRY(checked_alias(terminal_key));
    request.pin_key = TRY(owned(keys.pin_key));
    request.mac_key = TRY(owned(keys.mac_key));
    if (keys.track_key) request.data_key = TRY(owned(*keys.track_key));
    return ask_done(std::move(request));
}

// ---- Card data and messages -----------------------------------------------------------------

Result<OpenedCard> CallingVault::open_card(std::string_view base_key,
                                           const protocol::SealedCard& card, Bytes aad) {
    if (card.ciphertext.empty() || card.ciphertext.size() > protocol::sealed_card_bytes_max) {
        return bad_request();
    }
    protocol::OpenCardRequest request;
    request.base_key = TRY(checked_alias(base_key));
    request.card = card;
    request.aad = TRY(at_most(aad, protocol::card_aad_bytes_max));
    auto answer = TRY(ask<protocol::OpenCardAnswer>(std::move(request)));
    return OpenedCard{std::move(answer.card_tlv), std::move(answer.stored_form),
                      std::move(answer.masked_pan), answer.repeated};
}

Result<SecretBytes> CallingVault::open_stored(Bytes stored_form) {
    if (stored_form.empty() || stored_form.size() > protocol::stored_form_bytes_max) {
        return refuse(ErrorKind::malformed, VaultFault::stored_form);
    }
    protocol::OpenStoredRequest request{{stored_form.begin(), stored_form.end()}};
    return TRY(ask<protocol::OpenStoredAnswer>(std::move(request))).card_tlv;
}

Result<std::array<std::uint8_t, 8>> CallingVault::mac(std::string_view terminal_key, Bytes data) {
    protocol::MacRequest request;
    request.terminal_key = TRY(checked_alias(terminal_key));
    request.data = TRY(at_most(data, protocol::mac_data_bytes_max));
    return TRY(ask<protocol::MacAnswer>(std::move(request))).mac;
}

Result<void> CallingVault::verify_mac(std::string_view terminal_key, Bytes data, Bytes mac8) {
    if (mac8.size() != 8) return refuse(ErrorKind::denied, VaultFault::mac);
    protocol::VerifyMacRequest request;
    request.terminal_key = TRY(checked_alias(terminal_key));
    request.data = TRY(at_most(data, protocol::mac_data_bytes_max));
    std::ranges::copy(mac8, request.mac.begin());
    return ask_done(std::move(request));
}

Result<Buffer> CallingVault::translate_pin(const PinJob& job) {
    if (job.stored_form.empty() || job.stored_form.size() > protocol::stored_form_bytes_max) {
        return refuse(ErrorKind::malformed, VaultFault::stored_form);
    }
    protocol::TranslatePinRequest request;
    request.base_key = TRY(checked_alias(job.base_key));
    request.pin = job.pin;
    request.stored_form.assign(job.stored_form.begin(), job.stored_form.end());
    request.terminal_key = TRY(checked_alias(job.terminal_key));
    request.format = job.format;
    return TRY(ask<protocol::PinBlockAnswer>(std::move(request))).block;
}

// ---- Signatures and serial numbers ----------------------------------------------------------

Result<EcPoint> CallingVault::create_signing_key(std::string_view alias) {
    protocol::CreateSigningKeyRequest request{TRY(checked_alias(alias))};
    return TRY(ask<protocol::PublicKeyAnswer>(std::move(request))).point;
}

Result<EcPoint> CallingVault::public_key(std::string_view alias) {
    protocol::PublicKeyRequest request{TRY(checked_alias(alias))};
    return TRY(ask<protocol::PublicKeyAnswer>(std::move(request))).point;
}

Result<Buffer> CallingVault::sign(std::string_view alias, Bytes message) {
    if (message.empty()) return bad_request();
    protocol::SignRequest request;
    request.alias = TRY(checked_alias(alias));
    request.message = TRY(at_most(message, protocol::sign_message_bytes_max));
    return TRY(ask<protocol::SignatureAnswer>(std::move(request))).signature;
}

Result<KeyCheck> CallingVault::create_serial_key(std::string_view alias) {
    protocol::CreateSerialKeyRequest request{TRY(checked_alias(alias))};
    return TRY(ask<protocol::KeyCheckAnswer>(std::move(request))).check_value;
}

Result<Buffer> CallingVault::export_serial_key(std::string_view alias, std::string_view terminal_id,
                                               Bytes recipient_point) {
    protocol::ExportSerialKeyRequest request;
    request.recipient_point = TRY(checked_point(recipient_point));
    request.alias = TRY(checked_alias(alias));
    request.terminal_id = TRY(exactly<protocol::terminal_id_bytes>(bytes_of(terminal_id)));
    return TRY(ask<protocol::KeyEnvelopeAnswer>(std::move(request))).envelope;
}

Result<void> CallingVault::check_serial_cipher(std::string_view alias, const SerialProof& proof) {
    const auto printable = [](char c) { return c >= 0x20 && c <= 0x7E; };
    const bool serial = !proof.serial.empty() &&
                        proof.serial.size() <= protocol::terminal_serial_bytes_max &&
                        std::ranges::all_of(proof.serial, printable);
    if (!serial) return bad_request();
    protocol::CheckSerialCipherRequest request;
    request.alias = TRY(checked_alias(alias));
    request.serial = std::string(proof.serial);
    request.factor = TRY(exactly<6>(proof.factor6));
    request.cipher = TRY(exactly<8>(proof.cipher8));
    return ask_done(std::move(request));
}

// ---- What an operator asks ------------------------------------------------------------------

Result<void> CallingVault::set_key_state(std::string_view alias, KeyState state) {
    return ask_done(protocol::SetKeyStateRequest{TRY(checked_alias(alias)), state});
}

Result<void> CallingVault::destroy_key(std::string_view alias) {
    return ask_done(protocol::DestroyKeyRequest{TRY(checked_alias(alias))});
}

Result<KeyDetails> CallingVault::key_info(std::string_view alias) {
    protocol::KeyInfoRequest request{TRY(checked_alias(alias))};
    return TRY(ask<protocol::KeyInfoAnswer>(std::move(request))).key;
}

Result<VaultStatus> CallingVault::status() {
    return ask<VaultStatus>(protocol::VaultStatusRequest{});
}

}  // namespace softpos::keys
