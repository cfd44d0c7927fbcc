// The trusted platform that plain Linux gives: a directory that only our uid reads. Without a chip
// it is software: whoever is root reads the key file, and whoever copies the whole directory rolls
// it back. The platform's server sees the second by the counters; nobody here sees the first. With
// a TPM the key comes out of it only for the program that was launched, and who copies the disk
// gets nothing; root on the running terminal still does.
#pragma once

#include "crypto/drbg.h"
#include "host/durable_file.h"
#include "host/self_watch.h"
#include "phone/trust/hardware_anchor.h"
#include "phone/trust/trusted_platform.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace softpos::trust {

// Files: storage.key (32 random bytes; with a chip storage.tpm, sealed to it), state.sealed (nonce
// 12, then AES-256-GCM), and sealed the same way journal.sealed and epoch.sealed (8 bytes). All
// mode 0600.
class HostPlatform final : public TrustedPlatform {
public:
    // It compares all code with the files, some milliseconds; a tap asks several times.
    static constexpr std::int64_t look_every_us = 500'000;

    // In front of the gate: opens the directory, measures the running program, and makes the
    // storage key where there is none. Afterwards only openat, renameat and their like are used.
    // denied for a state that was made with a chip and is opened without, or the other way round,
    // and where the chip keeps the key because another program runs.
    static Result<HostPlatform> open(const std::string& state_dir,
                                     std::unique_ptr<HardwareAnchor> anchor = nullptr);

    Random& random() override { return random_; }
    Ticks ticks() override { return clock_.ticks(); }
    Result<SecretBytes> load_state() override;
    Result<SecretBytes> load_journal() override;
    Result<void> save_state(Bytes state) override;
    Result<void> save_journal(Bytes journal) override;
    Result<std::uint64_t> epoch() override;
    Result<void> advance_epoch(std::uint64_t to) override;
    std::array<std::uint8_t, 32> measurement() override { return measurement_; }
    protocol::Protection protection() const override {
        return anchor_ ? anchor_->kind() : protocol::Protection::software;
    }
    Result<std::optional<protocol::Evidence>> evidence(Bytes message) override;
    Result<std::optional<protocol::Evidence>> enrolment_evidence(Bytes message) override;
    Result<protocol::Evidence> activate(const protocol::EnrolCredential& credential,
                                        Bytes binding) override;
    // Of the process itself: whether it is traced each time, the rest at most once in
    // look_every_us.
    std::vector<protocol::Finding> findings() override;

    // In front of the gate, when all libraries are loaded.
    void watch_itself(host::SelfWatch watch) { watch_ = std::move(watch); }

    // In front of the gate: the customer's screen.
    void take_ui(std::unique_ptr<TrustedUi> ui) { ui_ = std::move(ui); }
    TrustedUi* ui() override { return ui_.get(); }

    int directory_fd() const { return directory_.fd(); }
    std::vector<int> anchor_descriptors() const;
    void set_faults(host::DurableFaults* faults) { faults_ = faults; }  // For tests; borrowed.

private:
    HostPlatform(host::Directory directory, SecretBytes key,
                 std::array<std::uint8_t, 32> measurement, std::unique_ptr<HardwareAnchor> anchor);
    Result<SecretBytes> load(const std::string& name, std::size_t bytes_max);
    Result<void> save(const std::string& name, Bytes content);

    host::Directory directory_;
    SecretBytes key_;
    std::array<std::uint8_t, 32> measurement_;
    std::unique_ptr<HardwareAnchor> anchor_;  // Null: software alone.
    crypto::KeyRandom random_;
    SystemClock clock_;
    host::DurableFaults* faults_ = nullptr;
    std::optional<host::SelfWatch> watch_;
    std::unique_ptr<TrustedUi> ui_;
    std::vector<protocol::Finding> seen_;  // By the last whole look.
    std::optional<Ticks> seen_at_;
};

}  // namespace softpos::trust
