// The vault's directory: a master key, a snapshot of everything, and a log of what came after it.
// All of it sealed; one more record per change, however many keys there are.
#pragma once

#include "base/random.h"
#include "host/durable_file.h"
#include "platform/keys/master_keeper.h"
#include "platform/keys/vault_records.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace softpos::keys {

// Files: `master.key` (32 bytes, mode 0600) or what the keeper makes of it, `keys.snapshot`,
// `keys.log.N` with N the number of the snapshot. Each record is AES-256-GCM under a key derived
// from the master key and bound to its kind, snapshot number and place, so that none can be
// changed, moved, repeated or taken out of the middle.
//
// What this is worth: without a token the master key lies beside what it seals. Who can read the
// directory as this user has the keys; it protects a copy of the snapshot or log alone, and it
// detects damage. With a token the directory is worth nothing without it. Nothing detects that the
// whole directory was put back to an older state.
class VaultStore {
public:
    static constexpr std::size_t snapshot_bytes_max = 512UL * 1024 * 1024;
    static constexpr std::uint64_t log_bytes_before_snapshot_default = 4UL * 1024 * 1024;

    using OnEntry = std::function<Result<void>(Entry)>;
    // Gives every entry of the present state to `put`.
    using ForEachEntry = std::function<void(const std::function<void(const Entry&)>& put)>;

    // Makes the directory and its master key where there is none. on_entry gets what was stored, in
    // order. malformed or denied where a file was changed, not_found where one is missing: nothing
    // is repaired by itself, but for a last record that a crash tore.
    struct Place {
        std::string directory;
        Random& random;
        MasterKeeper& keeper;  // For the length of open().
    };
    static Result<std::unique_ptr<VaultStore>> open(const Place& place, const OnEntry& on_entry);

    // On disk when it returns. After an error nothing was stored.
    Result<void> append(Bytes entries);

    // Writes everything anew and starts an empty log. After an error the old files are in force.
    Result<void> write_snapshot(const ForEachEntry& state);

    // Whether the log has outgrown the snapshot, or can no longer be written.
    bool wants_snapshot() const;
    void set_log_bytes_before_snapshot(std::uint64_t bytes) { log_bytes_wanted_ = bytes; }
    std::uint64_t log_bytes() const { return log_->size(); }

    // For a purpose of its own, such as "softpos-vault-card/1".
    Result<SecretBytes> derive_key(std::string_view purpose) const;

    // Directory and log: what a process that closes everything else must leave open.
    std::vector<int> descriptors() const { return {directory_.fd(), log_->fd()}; }

private:
    VaultStore(std::string path, host::Directory directory, SecretBytes master, Random& random)
        : path_(std::move(path)),
          directory_(std::move(directory)),
          master_(std::move(master)),
          random_(random) {}

    struct Spot {
        char kind;  // 'S'napshot or 'L'og.
        std::uint64_t generation;
        std::uint64_t index;
    };
    Result<void> start(bool fresh, const OnEntry& on_entry);
    Result<void> read_snapshot(const OnEntry& on_entry);
    Result<void> open_log(const OnEntry& on_entry);
    Buffer seal(const Spot& spot, Bytes plain) const;
    Result<SecretBytes> unseal(const Spot& spot, Bytes sealed) const;
    std::string log_name(std::uint64_t generation) const;

    std::string path_;
    host::Directory directory_;
    SecretBytes master_;
    Random& random_;
    SecretBytes record_key_;
    std::uint64_t generation_ = 0;
    std::uint64_t snapshot_bytes_ = 0;
    std::uint64_t next_log_index_ = 0;
    std::optional<host::AppendLog> log_;
    bool log_failed_ = false;
    std::uint64_t log_bytes_wanted_ = log_bytes_before_snapshot_default;
};

}  // namespace softpos::keys
