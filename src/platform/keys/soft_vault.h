// The key vault in software: keys in this process's memory, sealed on disk. For the process that
// runs nothing else, behind the gate.
#pragma once

#include "crypto/cipher.h"
#include "platform/keys/key_vault.h"
#include "platform/keys/vault_store.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace softpos::keys {

// What it is worth as a store: see VaultStore. As a door: no call gives a key out, each use of a
// key passes authorise(), and what a caller may not know it is not told.
//
// Replay windows are written down in batches: after a crash the last few used serial numbers may be
// forgotten, so that a repeat of them counts as fresh. That helps nobody without the phone's keys,
// and whoever has those can as well take the next number; the ledger refuses the second payment by
// its own record. Everything else is on disk before the answer is given.
//
//     auto vault = TRY(SoftVault::open(directory, key_random));   // key_random outlives it
//     VaultService service(*vault);
class SoftVault final : public KeyVault {
public:
    static constexpr std::size_t keys_max = 4'000'000;
    static constexpr std::size_t phones_max = 1'000'000;
    static constexpr std::size_t unsaved_replays_max = 64;

    struct Options {
        // A log that grew beyond this and beyond the snapshot is replaced by a new snapshot.
        std::uint64_t log_bytes_before_snapshot = VaultStore::log_bytes_before_snapshot_default;
    };
    static Result<std::unique_ptr<SoftVault>> open(const std::string& directory, Random& random) {
        return open(directory, random, Options());
    }
    static Result<std::unique_ptr<SoftVault>> open(const std::string& directory, Random& random,
                                                   const Options& options);
    ~SoftVault() override;  // Writes what is not written yet, as far as it can.

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

    // The used serial numbers that are not on disk yet.
    Result<void> flush();

    // What the gate must leave open.
    std::vector<int> descriptors() const { return store_->descriptors(); }

private:
    // Names are looked up without making a string of them.
    struct NameHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const {
            return std::hash<std::string_view>()(name);
        }
    };
    struct IdHash {
        std::size_t operator()(const InitialKeyId& id) const {
            return std::hash<std::string_view>()(text_of(id));
        }
    };

    explicit SoftVault(Random& random) : random_(random) {}
    Result<void> take_entry(Entry entry);
    Result<const KeyEntry*> key_for(std::string_view name, Operation operation) const;
    Result<void> check_new(std::string_view alias) const;
    Result<void> add(KeyEntry key);
    Result<void> commit(std::span<const Entry> entries);
    Result<void> snapshot();
    Result<const crypto::BlockKey*> mac_key(std::string_view terminal_key, Operation operation);
    Result<SecretBytes> open_sealed(std::string_view base_key, const protocol::SealedCard& card,
                                    Bytes aad) const;
    Result<bool> note_use(const InitialKeyId& id, std::uint32_t counter, const CardDigest& digest);
    Result<Buffer> seal_stored(Bytes stored_tlv);

    Random& random_;
    mutable std::mutex mutex_;  // Around everything below: a call takes microseconds.
    std::unique_ptr<VaultStore> store_;
    SecretBytes card_key_;
    std::unordered_map<std::string, KeyEntry, NameHash, std::equal_to<>> keys_;
    std::unordered_map<InitialKeyId, ReplayWindow, IdHash> windows_;
    std::vector<ReplayEntry> unsaved_replays_;
    // One cipher that is given the key of the terminal at hand: cheaper than to keep one for each.
    std::optional<crypto::BlockKey> mac_cipher_;
    std::string mac_cipher_key_;  // Whose key is in it.
};

}  // namespace softpos::keys
