// The whole vault inside the process that calls it: for tests and tools. Its keys are in software
// where nobody brings another backend.
#pragma once

#include "platform/keys/calling_vault.h"
#include "platform/keys/vault_core.h"

namespace softpos::keys {

//     auto vault = TRY(SoftVault::open(directory, key_random));   // key_random outlives it
//     VaultService service(vault->core());
class SoftVault final : public CallingVault {
public:
    static constexpr std::size_t unsaved_replays_max = VaultCore::unsaved_replays_max;

    struct Options {
        std::uint64_t log_bytes_before_snapshot = VaultStore::log_bytes_before_snapshot_default;
        std::unique_ptr<KeyBackend> backend{};  // Empty: SoftBackend.
    };
    static Result<std::unique_ptr<SoftVault>> open(const std::string& directory, Random& random) {
        return open(directory, random, Options());
    }
    static Result<std::unique_ptr<SoftVault>> open(const std::string& directory, Random& random,
                                                   Options options);

    VaultCore& core() { return *core_; }
    Result<void> flush() { return core_->flush(); }

private:
    SoftVault();
    Result<protocol::VaultAnswer> exchange(const protocol::VaultRequest& request) override;

    Caller caller_;
    SystemClock clock_;
    std::unique_ptr<VaultCore> core_;
};

}  // namespace softpos::keys
