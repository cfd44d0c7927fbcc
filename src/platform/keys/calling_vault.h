// A vault that is reached by messages, whatever carries them.
#pragma once

#include "platform/keys/key_vault.h"

namespace softpos::keys {

// Makes a request of each call and takes the answer apart. What no message can say is refused
// before anything is sent. As safe between threads as exchange() is.
class CallingVault : public KeyVault {
public:
    Result<KeyCheck> create_bdk(std::string_view alias) final;
    Result<KeyCheck> create_pin_bdk(std::string_view alias) final;
    Result<KeyCheck> import_zmk_components(std::string_view alias,
                                           std::span<const SecretBytes> components) final;
    Result<MasterKeyExport> create_terminal_master_key(std::string_view alias,
                                                       std::string_view zone_key) final;
    Result<Buffer> export_dukpt_initial_key(std::string_view base_key, Bytes initial_key_id8,
                                            Bytes recipient_point) final;
    Result<void> revoke_terminal(Bytes initial_key_id8) final;
    Result<void> load_working_keys(std::string_view terminal_key,
                                   const codec::WorkingKeys& keys) final;
    Result<OpenedCard> open_card(std::string_view base_key, const protocol::SealedCard& card,
                                 Bytes aad) final;
    Result<SecretBytes> open_stored(Bytes stored_form) final;
    Result<std::array<std::uint8_t, 8>> mac(std::string_view terminal_key, Bytes data) final;
    Result<void> verify_mac(std::string_view terminal_key, Bytes data, Bytes mac8) final;
    Result<Buffer> translate_pin(const PinJob& job) final;
    Result<EcPoint> create_signing_key(std::string_view alias) final;
    Result<EcPoint> public_key(std::string_view alias) final;
    Result<Buffer> sign(std::string_view alias, Bytes message) final;
    Result<KeyCheck> create_serial_key(std::string_view alias) final;
    Result<Buffer> export_serial_key(std::string_view alias, std::string_view terminal_id,
                                     Bytes recipient_point) final;
    Result<void> check_serial_cipher(std::string_view alias, const SerialProof& proof) final;
    Result<void> set_key_state(std::string_view alias, KeyState state) final;
    Result<void> destroy_key(std::string_view alias) final;
    Result<KeySummary> key_info(std::string_view alias) final;
    Result<VaultStatus> status() final;

private:
    // unavailable where there was no answer. A VaultFailure is an answer.
    virtual Result<protocol::VaultAnswer> exchange(const protocol::VaultRequest& request) = 0;

    template <typename Answer>
    Result<Answer> ask(const protocol::VaultRequest& request);
    Result<void> ask_done(const protocol::VaultRequest& request);
};

}  // namespace softpos::keys
