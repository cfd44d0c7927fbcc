// The vault's door in the demo's world: authorities, certificates, and who may what.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "platform/server/control_service.h"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace softpos::app {

class DemoDoor {
public:
    // Writes it all below `folder`.
    static Result<DemoDoor> make(const std::string& folder, Instant now);

    // Where we are root the door has a user of its own.
    static uid_t uid();
    std::vector<std::string> vault_arguments() const;
    // For softpos-vault-door; with port 0 it takes any.
    std::vector<std::string> door_arguments(const std::string& vault_socket) const;
    void listens_at(std::uint16_t port) { port_ = port; }
    void lead_there(server::ServerConfig& config) const;

    // Lets the server's certificate in no more, or again.
    enum class Standing : std::uint8_t { good, revoked };
    Result<void> set_server(Standing standing) const;

private:
    explicit DemoDoor(std::string folder) : folder_(std::move(folder)) {}
    std::string file(const char* name) const { return folder_ + "/" + name; }

    std::string folder_;
    std::string server_fingerprint_{};
    std::uint16_t port_ = 0;
};

}  // namespace softpos::app
