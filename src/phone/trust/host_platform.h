// The trusted platform that plain Linux gives: a directory that only our uid reads. It is software:
// whoever is root reads the key file, and whoever copies the whole directory rolls it back. The
// platform's server sees the second by the counters; nobody here sees the first.
#pragma once

#include "crypto/drbg.h"
#include "host/durable_file.h"
#include "host/self_watch.h"
#include "phone/trust/trusted_platform.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace softpos::trust {

// Files: storage.key (32 random bytes), state.sealed (nonce 12, then AES-256-GCM), and sealed the
// same way journal.sealed and epoch.sealed (8 bytes). All mode 0600.
class HostPlatform final : public TrustedPlatform {
public:
    // It compares all code with the files, some milliseconds; a tap asks several times.
    static constexpr std::int64_t look_every_us = 500'000;

    // In front of the gate: opens the directory, makes the storage key where there is none, and
    // measures the running program. Afterwards only openat, renameat and their like are used.
    static Result<HostPlatform> open(const std::string& state_dir);

    Random& random() override { return random_; }
    Ticks ticks() override { return clock_.ticks(); }
    Result<SecretBytes> load_state() override;
    Result<SecretBytes> load_journal() override;
    Result<void> save_state(Bytes state) override;
    Result<void> save_journal(Bytes journal) override;
    Result<std::uint64_t> epoch() override;
    Result<void> advance_epoch(std::uint64_t to) override;
    std::array<std::uint8_t, 32> measurement() override { return measurement_; }
    protocol::Protection protection() const override { return protocol::Protection::software; }
    // Of the process itself: whether it is traced each time, the rest at most once in
    // look_every_us.
    std::vector<protocol::Finding> findings() override;

    // In front of the gate, when all libraries are loaded.
    void watch_itself(host::SelfWatch watch) { watch_ = std::move(watch); }

    // In front of the gate: the customer's screen.
    void take_ui(std::unique_ptr<TrustedUi> ui) { ui_ = std::move(ui); }
    TrustedUi* ui() override { return ui_.get(); }

    int directory_fd() const { return directory_.fd(); }
    void set_faults(host::DurableFaults* faults) { faults_ = faults; }  // For tests; borrowed.

private:
    HostPlatform(host::Directory directory, SecretBytes key,
                 std::array<std::uint8_t, 32> measurement);
    Result<SecretBytes> load(const std::string& name, std::size_t bytes_max);
    Result<void> save(const std::string& name, Bytes content);

    host::Directory directory_;
    SecretBytes key_;
    std::array<std::uint8_t, 32> measurement_;
    crypto::KeyRandom random_;
    SystemClock clock_;
    host::DurableFaults* faults_ = nullptr;
    std::optional<host::SelfWatch> watch_;
    std::unique_ptr<TrustedUi> ui_;
    std::vector<protocol::Finding> seen_;  // By the last whole look.
    std::optional<Ticks> seen_at_;
};

}  // namespace softpos::trust
