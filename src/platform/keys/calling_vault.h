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
    Result<MasterKeyExport> create_classic_key(std::string_view alias,
                                               std::string_view zone_key) final;
    Result<protocol::WorkingKeysAnswer> give_working_keys(std::string_view terminal_key) final;
    Result<Buffer> translate_classic_pin(const ClassicPinJob& job) final;
    Result<protocol::KeepCardAnswer> keep_card(Bytes card_tlv) final;
    Result<EcPoint> create_signing_key(std::string_view alias) final;
    Result<EcPoint> public_key(std::string_view alias) final;
    Result<Buffer> sign(std::string_view alias, Bytes message) final;
    Result<KeyCheck> create_serial_key(std::string_view alias) final;
    Result<Buffer> export_serial_key(std::string_view alias, std::string_view terminal_id,
                                     Bytes recipient_point) final;
    Result<void> check_serial_cipher(std::string_view alias, const SerialProof& proof) final;
    Result<void> set_key_state(std::string_view alias, KeyState state) final;
    Result<void> destroy_key(std::string_view alias) final;
    Result<KeyDetails> key_info(std::string_view alias) final;
    Result<VaultStatus> status() final;

    // ---- For operators and auditors, beside what the platform calls -------------------------

    Result<void> set_operators(std::uint8_t quorum,
                               std::span<const protocol::VaultOperator> operators);
    Result<protocol::TicketAnswer> request_approval(Bytes request);
    Result<protocol::ApprovalAnswer> approve(const protocol::ApproveRequest& approval);
    // What the request itself would have answered.
    Result<protocol::VaultAnswer> apply(const protocol::TicketNonce& nonce, Bytes request);

    Result<void> begin_ceremony(const protocol::BeginCeremonyRequest& request);
    struct Component {
        std::string_view alias;
        const SecretBytes& bytes;
        std::string_view operator_name = {};  // Both empty where there are no operators.
        Bytes signature = {};
    };
    Result<KeyCheck> add_component(const Component& component);
    Result<KeyCheck> finish_ceremony(std::string_view alias, const KeyCheck& check_value);

    // ---- For an acquirer's host: see protocol/vault_requests.h ------------------------------

    Result<KeyCheck> create_key(const protocol::CreateKeyRequest& request);
    Result<KeyCheck> import_key_block(const protocol::ImportKeyBlockRequest& request);
    Result<protocol::KeyBlockAnswer> export_key_block(
        const protocol::ExportKeyBlockRequest& request);
    Result<Buffer> generate_mac(const protocol::GenerateMacRequest& request);
    Result<void> check_mac(const protocol::CheckMacRequest& request);
    // The issuer's answer where a response code is given. denied (cryptogram) where it is wrong.
    Result<std::optional<std::array<std::uint8_t, 8>>> check_cryptogram(
        protocol::CheckCryptogramRequest request);
    Result<Buffer> translate_terminal_pin(const protocol::TranslateTerminalPinRequest& request);
    Result<void> check_terminal_mac(const protocol::CheckTerminalMacRequest& request);
    Result<Buffer> answer_terminal_mac(const protocol::AnswerTerminalMacRequest& request);
    Result<void> revoke_field_terminal(const InitialKeyId& terminal);
    Result<void> unlock_field_terminal(const InitialKeyId& terminal);

    struct JournalPart {
        std::vector<protocol::JournalLine> lines;
        std::uint64_t last;  // Sequence number of the newest line there is.
    };
    Result<JournalPart> read_journal(std::uint64_t from);
    Result<protocol::JournalHeadAnswer> verify_journal();

private:
    // unavailable where there was no answer. A VaultFailure is an answer.
    virtual Result<protocol::VaultAnswer> exchange(const protocol::VaultRequest& request) = 0;

    template <typename Answer>
    Result<Answer> ask(const protocol::VaultRequest& request);
    Result<void> ask_done(const protocol::VaultRequest& request);
};

template <typename Answer>
Result<Answer> CallingVault::ask(const protocol::VaultRequest& request) {
    protocol::VaultAnswer answer = TRY(exchange(request));
    if (const auto* failure = std::get_if<protocol::VaultFailure>(&answer)) {
        return std::unexpected(protocol::error_of(failure->kind, failure->fault));
    }
    auto* expected = std::get_if<Answer>(&answer);
    if (expected == nullptr) {
        return std::unexpected(protocol::error_of(ErrorKind::unavailable, VaultFault::other));
    }
    return std::move(*expected);
}

}  // namespace softpos::keys
