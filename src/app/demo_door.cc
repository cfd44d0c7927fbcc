// Two authorities, so that nobody who may call the vault can pass for it.
#include "app/demo_door.h"

#include "crypto/p256.h"
#include "crypto/x509.h"
#include "host/durable_file.h"
#include "host/gate.h"

#include <sys/stat.h>
#include <unistd.h>

namespace softpos::app {
namespace {

constexpr unsigned days = 30;
constexpr uid_t own_uid = host::vault_uid_default + 10;
constexpr const char* callers =
    R"({"callers":[{"common_name":"server-1","rights":"look pay terminals found"}]})";

Result<void> write(const std::string& path, std::string_view text, mode_t mode = 0644) {
    return host::write_durably(path, bytes_of(text), mode);
}

}  // namespace

Result<DemoDoor> DemoDoor::make(const std::string& folder, Instant now) {
    DemoDoor door(folder);
    TRY(host::Directory::make(folder));
    const auto doors = TRY(crypto::make_ca("Demo vault doors", now, days));
    const auto people = TRY(crypto::make_ca("Demo vault callers", now, days));
    const auto own = TRY(crypto::issue_server(
        doors, {.common_name = "softpos-vault-door", .dns = {}, .ip = {"127.0.0.1"}}, now, days));
    const std::string key = TRY(crypto::P256Key::generate()).private_pem();
    const std::string csr = TRY(crypto::make_csr(key, "server-1"));
    const std::string server =
        TRY(crypto::sign_csr(people, csr, {.common_name = "server-1", .now = now, .days = days}));
    door.server_fingerprint_ = TRY(crypto::certificate_fingerprint(server));
    TRY_VOID(write(door.file("door-ca.pem"), doors.cert_pem));
    TRY_VOID(write(door.file("callers-ca.pem"), people.cert_pem));
    TRY_VOID(write(door.file("door.pem"), own.cert_pem));
    TRY_VOID(write(door.file("door.key"), own.key_pem, 0600));
    const bool given = ::chmod(folder.c_str(), 0755) == 0 &&
                       ::chown(door.file("door.key").c_str(), uid(), static_cast<gid_t>(-1)) == 0;
    if (!given) return fail(ErrorKind::unavailable, "demo: the door's files");
    TRY_VOID(write(door.file("server.pem"), server));
    TRY_VOID(write(door.file("server.key"), key, 0600));
    TRY_VOID(write(door.file("callers.json"), callers));
    TRY_VOID(door.set_server(Standing::good));
    return door;
}

uid_t DemoDoor::uid() {
    return ::geteuid() == 0 ? own_uid : ::getuid();
}

std::vector<std::string> DemoDoor::vault_arguments() const {
    return {"--door-uid", std::to_string(uid()), "--callers", file("callers.json")};
}

std::vector<std::string> DemoDoor::door_arguments(const std::string& vault_socket) const {
    return {"--port",    std::to_string(port_), "--cert",      file("door.pem"),
            "--key",     file("door.key"),      "--client-ca", file("callers-ca.pem"),
            "--revoked", file("revoked"),       "--socket",    vault_socket};
}

void DemoDoor::lead_there(server::ServerConfig& config) const {
    config.vault_socket = "https://127.0.0.1:" + std::to_string(port_);
    config.vault_cert = file("server.pem");
    config.vault_key = file("server.key");
    config.vault_ca = file("door-ca.pem");
}

Result<void> DemoDoor::set_server(Standing standing) const {
    const std::string line = standing == Standing::revoked ? server_fingerprint_ + "\n" : "";
    return write(file("revoked"), "# let in no more\n" + line);
}

}  // namespace softpos::app
