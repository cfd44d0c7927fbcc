// Where a vault is, and the road there.
#pragma once

#include "platform/keys/calling_vault.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace softpos::door {

struct VaultPlace {
    std::string where;  // Path of its socket, or https://HOST:PORT of its door.
    // Files in PEM, for a door only: our certificate and key, and who vouches for the door.
    std::string cert_path = {};
    std::string key_path = {};
    std::string ca_path = {};
};

struct DoorAddress {
    std::string host;
    std::uint16_t port;
};
// malformed unless https://HOST:PORT, with nothing behind it.
Result<DoorAddress> parse_door_url(std::string_view url);

// Asks the vault for its status once, so that a wrong place or certificate is seen at start.
Result<std::unique_ptr<keys::CallingVault>> connect_vault(const VaultPlace& place,
                                                          unsigned connections_max);

}  // namespace softpos::door
