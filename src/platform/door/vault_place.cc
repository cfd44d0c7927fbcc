// A path is a vault on this machine; a URL is a door to one.
#include "platform/door/vault_place.h"

#include "host/durable_file.h"
#include "platform/door/https_vault.h"
#include "platform/keys/remote_vault.h"

#include <algorithm>
#include <charconv>

namespace softpos::door {
namespace {

constexpr std::string_view scheme = "https://";
constexpr std::size_t host_bytes_max = 253;  // Of a DNS name.
constexpr std::size_t pem_bytes_max = 64UL * 1024;

bool is_host_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-';
}

Result<std::string> read_pem(const std::string& path) {
    if (path.empty()) {
        return fail(ErrorKind::malformed, "vault: a door takes a certificate, a key and a CA");
    }
    const Buffer text = TRY(host::read_file(path, pem_bytes_max));
    return std::string(text_of(text));
}

// Its file is the caller's own: whoever else can read it can call the vault.
Result<std::string> read_key(const std::string& path) {
    if (path.empty()) return read_pem(path);
    const SecretBytes text = TRY(host::read_secret_file(path, pem_bytes_max));
    return std::string(text_of(text.bytes()));
}

}  // namespace

Result<DoorAddress> parse_door_url(std::string_view url) {
    const auto bad = fail(ErrorKind::malformed, "vault: a door is https://HOST:PORT");
    if (!url.starts_with(scheme)) return bad;
    url.remove_prefix(scheme.size());
    const std::size_t colon = url.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon > host_bytes_max) return bad;
    const std::string_view host = url.substr(0, colon);
    const std::string_view digits = url.substr(colon + 1);
    DoorAddress address{.host = std::string(host), .port = 0};
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
    const bool good = std::ranges::all_of(host, is_host_character) && error == std::errc() &&
                      end == digits.data() + digits.size() && address.port != 0;
    if (!good) return bad;
    return address;
}

Result<std::unique_ptr<keys::CallingVault>> connect_vault(const VaultPlace& place,
                                                          unsigned connections_max) {
    if (!place.where.starts_with(scheme)) {
        return TRY(
            keys::RemoteVault::connect({.path = place.where, .connections_max = connections_max}));
    }
    DoorAddress address = TRY(parse_door_url(place.where));
    HttpsVault::Options options;
    options.host = std::move(address.host);
    options.port = address.port;
    options.cert_pem = TRY(read_pem(place.cert_path));
    options.key_pem = TRY(read_key(place.key_path));
    options.ca_pem = TRY(read_pem(place.ca_path));
    options.connections_max = connections_max;
    return TRY(HttpsVault::connect(std::move(options)));
}

}  // namespace softpos::door
