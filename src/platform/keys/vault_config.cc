// vault.json, and what it stands for.
#include "platform/keys/vault_config.h"

#include "base/check.h"
#include "codec/strict_json.h"
#include "host/durable_file.h"
#include "platform/keys/soft_backend.h"
#include "platform/keys/token_backend.h"
#include "platform/token/token_files.h"

#include <algorithm>
#include <array>

namespace softpos::keys {
namespace {

constexpr const char* config_file = "/vault.json";
constexpr std::size_t config_bytes_max = 4096;
constexpr std::size_t path_bytes_max = 1024;
constexpr std::size_t label_bytes_max = 32;
constexpr mode_t readable = 0644;

constexpr std::array<const char*, key_homes> home_names{"software", "softhsm", "pkcs11"};

std::unexpected<Error> bad_config() {
    return fail(ErrorKind::malformed, "vault.json: not what it should be");
}

// What JSON takes between quotes as it is.
bool is_plain(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; });
}

std::string member(std::string_view name, std::string_view value) {
    std::string text = "\"";
    return text.append(name).append("\":\"").append(value).append("\"");
}

token::SoftHsm softhsm_of(const VaultConfig& config) {
    return {.folder = config.folder, .module_path = config.module_path, .label = config.label};
}

Result<void> write_config(const VaultConfig& config) {
    std::string text = "{" + member("keys", name_of(config.home));
    if (config.home != KeyHome::software) {
        text += "," + member("module", config.module_path) + "," + member("label", config.label) +
                "," + member("pin_file", config.pin_path);
    }
    text += "}\n";
    return host::write_durably(config.folder + config_file, bytes_of(text), readable);
}

Result<std::unique_ptr<token::Token>> open_token(const VaultConfig& config, const Clock& clock,
                                                 std::optional<uid_t> becoming) {
    if (config.home == KeyHome::softhsm) softhsm_of(config).use();
    return token::Token::open({.module_path = config.module_path,
                               .label = config.label,
                               .pin = TRY(token::read_pin_file(config.pin_path, becoming))},
                              clock);
}

}  // namespace

const char* name_of(KeyHome home) {
    return home_names.at(static_cast<std::size_t>(home));
}

Result<void> init_vault(VaultConfig config, Random& random, const Clock& clock) {
    if (config.home == KeyHome::softhsm) {
        if (config.module_path.empty()) config.module_path = token::softhsm_module_default;
        if (config.label.empty()) config.label = token_label_default;
        config.pin_path = softhsm_of(config).pin_path();
    }
    const bool token = config.home != KeyHome::software;
    const bool whole = !config.module_path.empty() && !config.label.empty() &&
                       config.label.size() <= label_bytes_max && !config.pin_path.empty();
    const bool plain =
        is_plain(config.module_path) && is_plain(config.label) && is_plain(config.pin_path);
    if (!config.folder.starts_with('/') || (token && !whole) || !plain) return bad_config();
    TRY(host::Directory::make(config.folder));
    const auto old = host::read_file(config.folder + config_file, config_bytes_max);
    if (old || old.error().kind != ErrorKind::not_found) {
        return fail(ErrorKind::conflict, "vault: there is one in this folder already");
    }
    if (config.home == KeyHome::softhsm) TRY_VOID(softhsm_of(config).make(random));
    if (token) {
        const auto opened = TRY(open_token(config, clock, {}));
        TRY_VOID(TokenBackend::prepare(*opened));
    }
    return write_config(config);
}

Result<VaultConfig> read_vault_config(const std::string& folder) {
    const Buffer text = TRY(host::read_file(folder + config_file, config_bytes_max));
    codec::StrictJson json(text_of(text));
    VaultConfig config{.folder = folder};
    const std::string home = json.text("keys", 16);
    const auto* const found = std::ranges::find(home_names, home);
    if (found == home_names.end()) return bad_config();
    config.home = static_cast<KeyHome>(found - home_names.begin());
    if (config.home != KeyHome::software) {
        config.module_path = json.text("module", path_bytes_max);
        config.label = json.text("label", label_bytes_max);
        config.pin_path = json.text("pin_file", path_bytes_max);
    }
    if (json.finish()) return bad_config();
    return config;
}

Result<std::unique_ptr<KeyBackend>> open_backend(const VaultConfig& config, Random& random,
                                                 const Clock& clock,
                                                 std::optional<uid_t> becoming) {
    if (config.home == KeyHome::software) return std::make_unique<SoftBackend>(random);
    return std::make_unique<TokenBackend>(TRY(open_token(config, clock, becoming)), random);
}

}  // namespace softpos::keys
