// The key vault of another process of this machine.
#pragma once

#include "host/seqpacket.h"
#include "platform/keys/key_vault.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace softpos::keys {

// A pool of connections, so that several threads call at once; one that finds none free waits for
// one. No connection, a break, or no answer in time: ErrorKind::unavailable, and the payment is
// declined. What was sent is never sent again: the vault may have acted on it.
//
//     auto vault = TRY(RemoteVault::connect({.path = "/run/softpos/vault.sock"}));
class RemoteVault final : public KeyVault {
public:
    struct Options {
        std::string path{};
        unsigned connections_max = 4;
        unsigned timeout_ms = 5000;         // For a call, once it has a connection.
        std::optional<uid_t> server_uid{};  // The vault must run as this one.
    };

    // Asks the vault for its status once, so that a wrong path is seen at start.
    static Result<std::unique_ptr<RemoteVault>> connect(const Options& options);

    Result<KeyCheck> create_bdk(std::string_view alias) override;
    Result<KeyCheck> import_zmk_components(std::string_view alias,
                                           std::span<const SecretBytes> components) override;
    Result<MasterKeyExport> create_terminal_master_key(std::string_view alias,
                                                       std::string_view zone_key) override;
    Result<Buffer> export_dukpt_initial_key(std::string_view base_key, Bytes initial_key_id8,
                                            Bytes recipient_point) override;
    Result<void> load_working_keys(std::string_view terminal_key,
                                   const codec::WorkingKeys& keys) override;
    Result<OpenedCard> open_card(std::string_view base_key, const protocol::SealedCard& card,
                                 Bytes aad) override;
    Result<SecretBytes> open_stored(Bytes stored_form) override;
    Result<std::array<std::uint8_t, 8>> mac(std::string_view terminal_key, Bytes data) override;
    Result<void> verify_mac(std::string_view terminal_key, Bytes data, Bytes mac8) override;
    Result<void> set_key_state(std::string_view alias, KeyState state) override;
    Result<KeySummary> key_info(std::string_view alias) override;
    Result<VaultStatus> status() override;

private:
    explicit RemoteVault(const Options& options);
    Result<protocol::VaultAnswer> call(const protocol::VaultRequest& request);
    template <typename Answer>
    Result<Answer> ask(const protocol::VaultRequest& request);

    std::vector<std::unique_ptr<host::SeqpacketClient>> connections_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<host::SeqpacketClient*> free_;
};

}  // namespace softpos::keys
