// The key vault itself: names, states, replay windows and records around a backend that has the
// keys. For the process that runs nothing else, behind the gate.
#pragma once

#include "base/clock.h"
#include "crypto/cipher.h"
#include "crypto/xaes_gcm.h"
#include "platform/keys/approvals.h"
#include "platform/keys/ceremony.h"
#include "platform/keys/key_backend.h"
#include "platform/keys/vault_store.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace softpos::keys {

// Who asks, for the journal: "uid:1000", or the name in a certificate. Printable, without blanks.
struct Caller {
    std::string name;

    static Caller of_uid(std::uint32_t uid) { return {"uid:" + std::to_string(uid)}; }
    // Whoever a door speaks for: no certificate's name is ever a local caller's.
    static Caller of_certificate(std::string_view common_name) {
        return {"tls:" + std::string(common_name)};
    }
};

// What it is worth as a store: see VaultStore. As a door: no call gives a key out, each use of a
// key passes authorise(), and what a caller may not know it is not told.
//
// Replay windows are written down in batches: after a crash the last few used serial numbers may be
// forgotten, so that a repeat of them counts as fresh. That helps nobody without the phone's keys,
// and whoever has those can as well take the next number; the ledger refuses the second payment by
// its own record. Everything else is on disk before the answer is given.
//
//     auto core = TRY(VaultCore::open({.directory = path, .random = random, .backend = ...}));
//     const VaultAnswer answer = core->handle(request, Caller::of_uid(peer.uid));
class VaultCore {
public:
    static constexpr std::size_t keys_max = 4'000'000;
    static constexpr std::size_t devices_max = 1'000'000;
    static constexpr std::size_t unsaved_replays_max = 256;
    // Refusals wait in memory for a while, as used serial numbers do.
    static constexpr std::size_t unwritten_lines_max = 64;
    static constexpr std::size_t ceremonies_max = 4;
    // Sealed PINs under one initial key that were none, until it is replaced. A phone makes no such
    // mistake; whoever tries blocks out gets this many answers.
    static constexpr std::uint8_t pin_failures_max = 8;

    struct Parts {
        std::string directory;
        Random& random;
        const Clock& clock;
        std::unique_ptr<KeyBackend> backend;
        // A log that grew beyond this and beyond the snapshot is replaced by a new snapshot.
        std::uint64_t log_bytes_before_snapshot = VaultStore::log_bytes_before_snapshot_default;
    };
    static Result<std::unique_ptr<VaultCore>> open(Parts parts);
    ~VaultCore();  // Writes what is not written yet, as far as it can.

    // From any thread, one at a time. Never without an answer.
    protocol::VaultAnswer handle(const protocol::VaultRequest& request, const Caller& caller);

    // A request that was refused before it came here.
    void note_refused(const protocol::VaultRequest& request, const Caller& caller,
                      VaultFault fault);

    // Something came that was no request.
    void note_unreadable(const Caller& caller, VaultFault fault);

    // The used serial numbers and journal lines that are not on disk yet.
    Result<void> flush();

    // What the gate must leave open, the directory first.
    std::vector<int> descriptors() const;

private:
    using Answered = Result<protocol::VaultAnswer>;

    // Names are looked up without making a string of them.
    struct NameHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const {
            return std::hash<std::string_view>()(name);
        }
    };
    struct DeviceHash {
        std::size_t operator()(const DeviceId& device) const {
            return std::hash<std::string_view>()(text_of(device.id)) +
                   static_cast<std::size_t>(device.kind);
        }
    };
    struct Device {
        std::array<ReplayWindow, 2> windows{};
        bool revoked = false;
        std::uint8_t pin_failures = 0;

        ReplayWindow& window(ReplayOf of) { return windows[place(of)]; }
        const ReplayWindow& window(ReplayOf of) const { return windows[place(of)]; }
        // A device has the two of its kind.
        static std::size_t place(ReplayOf of) { return static_cast<std::size_t>(of) % 2; }
    };
    struct KeyUse {
        Operation operation;
        const KeyEntry& key;
    };
    // What one serial number is used for.
    struct SerialUse {
        InitialKeyId id;
        ReplayOf of;
        std::uint32_t counter;
        CardDigest digest;

        DeviceId device() const { return {id, kind_of(of)}; }
    };
    struct PinUse;

    // What of the store is the journal's.
    struct Replayed {
        std::vector<JournalLine> lines{};
        JournalHead head{};
    };

    explicit VaultCore(Parts& parts)
        : random_(parts.random), clock_(parts.clock), backend_(std::move(parts.backend)) {}
    Result<void> take_entry(Entry entry);
    JournalLine line_of(const protocol::VaultRequest& request, const Caller& caller) const;
    Result<void> commit(std::span<const Entry> entries);
    Result<void> commit_after_lines(std::span<const Entry> entries, const JournalHead& before);
    Result<void> snapshot();

    // Operators, ceremonies, journal: vault_core_control.cc.
    bool needs_approval(const protocol::VaultRequest& request) const;
    Result<protocol::VaultRequest> approvable(Bytes encoded) const;
    std::vector<Ceremony>::iterator ceremony_of(std::string_view alias);
    Result<void> write_journal();
    Answered on(const protocol::SetOperatorsRequest& request);
    Answered on(const protocol::RequestApprovalRequest& request);
    Answered on(const protocol::ApproveRequest& request);
    Answered on(const protocol::ApplyRequest& request);
    Answered on(const protocol::BeginCeremonyRequest& request);
    Answered on(const protocol::AddComponentRequest& request);
    Answered on(const protocol::FinishCeremonyRequest& request);
    Answered on(const protocol::ReadJournalRequest& request);
    Answered on(const protocol::VerifyJournalRequest&);

    // Keys: vault_core_keys.cc.
    KeyAttributes marked(KeyAttributes attributes) const;
    Result<const KeyEntry*> find(std::string_view name) const;
    Result<void> check_new(std::string_view alias) const;
    Result<void> add(KeyEntry key);
    Result<KeyCheck> create(std::string_view alias, KeyUsage usage, KeyAlgorithm algorithm);
    Result<KeySummary> summary_of(const KeyEntry& key);
    Answered on(const protocol::VaultStatusRequest&);
    Answered on(const protocol::KeyInfoRequest& request);
    Answered on(const protocol::SetKeyStateRequest& request);
    Answered on(const protocol::DestroyKeyRequest& request);
    Answered on(const protocol::CreateBdkRequest& request);
    Answered on(const protocol::CreatePinBdkRequest& request);
    Answered on(const protocol::ImportZmkRequest& request);
    Answered on(const protocol::CreateSigningKeyRequest& request);
    Answered on(const protocol::CreateSerialKeyRequest& request);
    Answered on(const protocol::PublicKeyRequest& request);

    // Terminals: vault_core_terminals.cc.
    Answered on(const protocol::CreateTmkRequest& request);
    Answered on(const protocol::LoadWorkingKeysRequest& request);
    Answered on(const protocol::MacRequest& request);
    Answered on(const protocol::VerifyMacRequest& request);
    Answered on(const protocol::SignRequest& request);
    Answered on(const protocol::CheckSerialCipherRequest& request);
    Answered on(const protocol::CreateClassicKeyRequest& request);
    Answered on(const protocol::GiveWorkingKeysRequest& request);
    struct LeavingKey;
    Answered make_leaving(const LeavingKey& what);
    Result<const KeyEntry*> working_key(std::string_view terminal_key,
                                        std::string_view suffix) const;
    Result<const crypto::BlockKey*> cipher_for(const KeyUse& use);

    // Phones: vault_core_phones.cc.
    Answered on(const protocol::ExportInitialKeyRequest& request);
    Answered on(const protocol::ExportSerialKeyRequest& request);
    Answered on(const protocol::RevokeTerminalRequest& request);
    Answered on(const protocol::OpenCardRequest& request);
    Answered on(const protocol::OpenStoredRequest& request);
    Answered on(const protocol::KeepCardRequest& request);
    Result<void> check_device(const DeviceId& device) const;
    Result<void> put_device(const DeviceEntry& changed);
    Result<bool> note_use(const SerialUse& use);
    Result<Buffer> seal_stored(Bytes stored_tlv);
    Result<SecretBytes> open_stored(Bytes stored_form);

    // PINs: vault_core_pins.cc.
    Answered on(const protocol::TranslatePinRequest& request);
    Answered on(const protocol::TranslateTerminalPinRequest& request);
    Answered on(const protocol::TranslateClassicPinRequest& request);
    Answered on(const protocol::UnlockTerminalRequest& request);
    Result<const KeyEntry*> pin_key(std::string_view name) const;
    Result<void> check_pin_use(const SerialUse& use) const;
    Result<const crypto::BlockKey*> sender_cipher(const PinUse& use);
    Result<Buffer> translate(const PinUse& use);
    Answered translate_and_note(const PinUse& use);
    Result<void> count_pin_failure(const DeviceId& device);

    // Key blocks: vault_core_blocks.cc.
    Answered on(const protocol::CreateKeyRequest& request);
    Answered on(const protocol::ImportKeyBlockRequest& request);
    Answered on(const protocol::ExportKeyBlockRequest& request);

    // MACs and cryptograms: vault_core_macs.cc.
    Answered on(const protocol::GenerateMacRequest& request);
    Answered on(const protocol::CheckMacRequest& request);
    Answered on(const protocol::CheckCryptogramRequest& request);
    Answered on(const protocol::CheckTerminalMacRequest& request);
    Answered on(const protocol::AnswerTerminalMacRequest& request);
    struct MacJob;
    Result<Buffer> mac_of(const MacJob& job);

    Random& random_;
    const Clock& clock_;
    std::unique_ptr<KeyBackend> backend_;
    std::mutex mutex_;  // Around everything below: a call takes microseconds.
    std::unique_ptr<VaultStore> store_;
    std::optional<crypto::XaesGcm> card_key_;  // Seals the stored forms. There once open.
    std::optional<Journal> journal_;
    std::uint64_t saved_line_ = 0;  // Up to here the lines are in the store or their file.
    std::optional<JournalLine> prospective_;  // What will be true once the call at hand is done.
    std::array<std::uint64_t, std::variant_size_v<protocol::VaultRequest>> counts_{};
    std::uint64_t refusals_ = 0;
    std::uint64_t data_calls_ = 0;
    Approvals approvals_;
    std::vector<Ceremony> ceremonies_;
    std::unordered_map<std::string, KeyEntry, NameHash, std::equal_to<>> keys_;
    std::unordered_map<DeviceId, Device, DeviceHash> devices_;
    std::vector<ReplayEntry> unsaved_replays_;
    bool snapshot_owed_ = false;  // A key was destroyed that may be on disk still.
    // One cipher that is given the key of the terminal at hand: cheaper than to keep one for each.
    std::optional<crypto::BlockKey> cipher_;
    std::string cipher_key_;                      // Whose key is in it.
    std::optional<crypto::BlockKey> pin_cipher_;  // For the key of the one PIN at hand.
};

}  // namespace softpos::keys
