// The calls of an acquirer's host: key blocks, MACs, cryptograms, terminals of the field.
#include "base/pan.h"
#include "platform/keys/calling_vault.h"

#include <algorithm>

namespace softpos::keys {
namespace {

// What encoding would CHECK.
Result<void> check(bool good) {
    if (good) return {};
    return std::unexpected(protocol::error_of(ErrorKind::malformed, VaultFault::malformed_request));
}

bool is_mac_data(const Buffer& data) {
    return data.size() <= protocol::mac_data_bytes_max;
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7E; });
}

bool is_size(std::size_t size, std::size_t min, std::size_t max) {
    return size >= min && size <= max;
}

}  // namespace

Result<KeyCheck> CallingVault::create_key(const protocol::CreateKeyRequest& request) {
    TRY_VOID(check(protocol::is_key_alias(request.alias)));
    return TRY(ask<protocol::KeyCheckAnswer>(request)).check_value;
}

Result<KeyCheck> CallingVault::import_key_block(const protocol::ImportKeyBlockRequest& request) {
    TRY_VOID(check(protocol::is_key_alias(request.alias) &&
                   protocol::is_key_alias(request.protection_key) &&
                   is_size(request.block.size(), 1, protocol::key_block_text_max) &&
                   is_printable(request.block)));
    return TRY(ask<protocol::KeyCheckAnswer>(request)).check_value;
}

Result<protocol::KeyBlockAnswer> CallingVault::export_key_block(
    const protocol::ExportKeyBlockRequest& request) {
    TRY_VOID(check(protocol::is_key_alias(request.alias) &&
                   protocol::is_key_alias(request.protection_key)));
    return ask<protocol::KeyBlockAnswer>(request);
}

Result<Buffer> CallingVault::generate_mac(const protocol::GenerateMacRequest& request) {
    TRY_VOID(check(protocol::is_key_alias(request.alias) && is_mac_data(request.data)));
    return TRY(ask<protocol::MacBytesAnswer>(request)).mac;
}

Result<void> CallingVault::check_mac(const protocol::CheckMacRequest& request) {
    TRY_VOID(check(protocol::is_key_alias(request.alias) && is_mac_data(request.data)));
    const bool size = is_size(request.mac.size(), protocol::mac_bytes_min, protocol::mac_bytes_max);
    if (!size) return std::unexpected(protocol::error_of(ErrorKind::denied, VaultFault::mac));
    return ask_done(request);
}

Result<std::optional<std::array<std::uint8_t, 8>>> CallingVault::check_cryptogram(
    protocol::CheckCryptogramRequest request) {
    TRY_VOID(check(protocol::is_key_alias(request.alias) &&
                   is_size(request.pan.size(), Pan::digits_min, Pan::digits_max) &&
                   is_size(request.data.size(), 1, protocol::cryptogram_data_bytes_max)));
    return TRY(ask<protocol::CryptogramAnswer>(std::move(request))).response;
}

Result<Buffer> CallingVault::translate_terminal_pin(
    const protocol::TranslateTerminalPinRequest& request) {
    TRY_VOID(check(protocol::is_key_alias(request.base_key) &&
                   protocol::is_key_alias(request.terminal_key) &&
                   is_size(request.stored_form.size(), 1, protocol::stored_form_bytes_max)));
    return TRY(ask<protocol::PinBlockAnswer>(request)).block;
}

Result<void> CallingVault::check_terminal_mac(const protocol::CheckTerminalMacRequest& request) {
    TRY_VOID(check(protocol::is_key_alias(request.base_key) && is_mac_data(request.data)));
    const bool size = is_size(request.mac.size(), protocol::mac_bytes_min, 8);
    if (!size) return std::unexpected(protocol::error_of(ErrorKind::denied, VaultFault::mac));
    return ask_done(request);
}

Result<Buffer> CallingVault::answer_terminal_mac(
    const protocol::AnswerTerminalMacRequest& request) {
    TRY_VOID(check(protocol::is_key_alias(request.base_key) && is_mac_data(request.data)));
    return TRY(ask<protocol::MacBytesAnswer>(request)).mac;
}

// ---- Classic terminals ----------------------------------------------------------------------

Result<MasterKeyExport> CallingVault::create_classic_key(std::string_view alias,
                                                         std::string_view zone_key) {
    TRY_VOID(check(protocol::is_key_alias(alias) && protocol::is_key_alias(zone_key)));
    const auto answer = TRY(ask<protocol::CreateTmkAnswer>(
        protocol::CreateClassicKeyRequest{std::string(alias), std::string(zone_key)}));
    return MasterKeyExport{answer.cryptogram, answer.check_value};
}

Result<protocol::WorkingKeysAnswer> CallingVault::give_working_keys(std::string_view terminal_key) {
    TRY_VOID(check(protocol::is_key_alias(terminal_key)));
    return ask<protocol::WorkingKeysAnswer>(
        protocol::GiveWorkingKeysRequest{std::string(terminal_key)});
}

Result<Buffer> CallingVault::translate_classic_pin(const ClassicPinJob& job) {
    protocol::TranslateClassicPinRequest request{
        .classic_key = std::string(job.classic_key),
        .stored_form = {job.stored_form.begin(), job.stored_form.end()},
        .terminal_key = std::string(job.terminal_key),
        .format = job.format};
    TRY_VOID(check(protocol::is_key_alias(request.classic_key) &&
                   protocol::is_key_alias(request.terminal_key) &&
                   job.block8.size() == request.block.size() &&
                   is_size(request.stored_form.size(), 1, protocol::stored_form_bytes_max)));
    std::ranges::copy(job.block8, request.block.begin());
    return TRY(ask<protocol::PinBlockAnswer>(request)).block;
}

Result<protocol::KeepCardAnswer> CallingVault::keep_card(Bytes card_tlv) {
    TRY_VOID(check(is_size(card_tlv.size(), 1, protocol::card_tlv_bytes_max)));
    return ask<protocol::KeepCardAnswer>(protocol::KeepCardRequest{SecretBytes::copy_of(card_tlv)});
}

Result<void> CallingVault::revoke_field_terminal(const InitialKeyId& terminal) {
    return ask_done(protocol::RevokeTerminalRequest{terminal, protocol::DeviceKind::terminal});
}

Result<void> CallingVault::unlock_field_terminal(const InitialKeyId& terminal) {
    return ask_done(protocol::UnlockTerminalRequest{terminal});
}

}  // namespace softpos::keys
