// Where a vault's keys are: written once, when the vault is made, and read at each start. There is
// no default: a vault whose token is missing does not start with keys in software.
#pragma once

#include "base/clock.h"
#include "platform/keys/key_backend.h"

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace softpos::keys {

enum class KeyHome : std::uint8_t {
    software,  // In the vault's folder, beside the key that seals them.
    softhsm,   // A token of SoftHSM below that folder.
    pkcs11,    // A token that its maker's tools have set up.
};
constexpr unsigned key_homes = 3;
const char* name_of(KeyHome home);

struct VaultConfig {
    std::string folder{};  // Absolute; vault.json is in it.
    KeyHome home = KeyHome::software;
    // Not for software: module of PKCS#11, label of the token, file with its user's PIN.
    std::string module_path{};
    std::string label{};
    std::string pin_path{};
};

constexpr const char* token_label_default = "softpos-vault";

// Makes the folder, with SoftHSM the token, and the token's wrapping key. conflict where the folder
// has a vault already. What is empty takes its default; with pkcs11 nothing has one.
Result<void> init_vault(VaultConfig config, Random& random, const Clock& clock);

// not_found where there is no vault.
Result<VaultConfig> read_vault_config(const std::string& folder);

// Logs in to the token where there is one. Before any thread is started, and before the gate.
// `becoming` is the user that this process will be: the PIN file may be its own.
Result<std::unique_ptr<KeyBackend>> open_backend(const VaultConfig& config, Random& random,
                                                 const Clock& clock,
                                                 std::optional<uid_t> becoming = {});

}  // namespace softpos::keys
