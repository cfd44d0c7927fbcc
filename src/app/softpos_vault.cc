// softpos-vault: the key vault in a process of its own, behind the gate. Nothing but this process
// ever holds a base key, a terminal key or a working key.
#include "base/log.h"
#include "crypto/drbg.h"
#include "crypto/known_answers.h"
#include "host/gate.h"
#include "host/seqpacket.h"
#include "host/signals.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace softpos;  // NOLINT(google-build-using-namespace): a main() file.

struct VaultOptions {
    std::string directory = "/var/lib/softpos-vault";
    std::string socket = "/run/softpos/vault.sock";
    uid_t uid = host::vault_uid_default;
    uid_t allowed = ::getuid();
};

// Started as root we hand the directory and what is in it to the uid that the gate takes.
Result<void> give_directory(const VaultOptions& options) {
    if (::geteuid() != 0) return {};
    const auto give = [&](const std::string& path) {
        return ::lchown(path.c_str(), options.uid, options.uid) == 0;
    };
    std::error_code error;
    bool given = ::chmod(options.directory.c_str(), 0700) == 0 && give(options.directory);
    for (const auto& entry : std::filesystem::directory_iterator(options.directory, error)) {
        given = given && give(entry.path().string());
    }
    if (!given || error) {
        return fail(ErrorKind::unavailable, "vault: directory cannot be given away");
    }
    return {};
}

Result<void> serve(const VaultOptions& options) {
    if (const auto wrong = crypto::first_wrong_answer()) {
        log(LogLevel::error, "vault: cryptography is broken",
            {{"algorithm", LogId(std::string(*wrong))}});
        return fail(ErrorKind::internal, "vault: a known-answer test failed");
    }
    const host::StopSignal stop = TRY(host::StopSignal::make());
    crypto::KeyRandom random;
    const auto vault = TRY(keys::SoftVault::open(options.directory, random));
    TRY_VOID(give_directory(options));
    const auto server = TRY(host::SeqpacketServer::listen({.path = options.socket,
                                                           .allowed_uids = {options.allowed},
                                                           .connections_max = 64,
                                                           .owner = options.allowed}));
    host::GateOptions gate;
    gate.uid = options.uid;
    gate.gid = options.uid;
    gate.keep_fds = server->descriptors();
    gate.keep_fds.push_back(stop.fd());
    for (const int fd : vault->core().descriptors()) gate.keep_fds.push_back(fd);
    gate.writable_dirs = {vault->core().descriptors().front()};
    const host::GateReport report = TRY(host::enter_gate(gate));
    const std::string line =
        "{\"event\":\"vault_ready\",\"protection\":\"software\",\"gate\":" + report.json() + "}\n";
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, line.data(), line.size());
    keys::VaultService service(vault->core());
    return server->serve(
        [&service](Bytes request, const host::PeerId& peer) {
            return service.handle(request, keys::Caller::of_uid(peer.uid));
        },
        stop.fd());
}

}  // namespace

int main(int argc, char** argv) {
    set_log_program("softpos-vault");
    VaultOptions options;
    CLI::App app{"Holds the acquirer's keys. Callers name keys; keys never come out."};
    app.add_option("--dir", options.directory, "folder of the sealed keys")->capture_default_str();
    app.add_option("--socket", options.socket, "Unix socket to serve")->capture_default_str();
    app.add_option("--uid", options.uid, "own numeric user, where started as root");
    app.add_option("--allow-uid", options.allowed, "the only user that may call");
    CLI11_PARSE(app, argc, argv);
    const auto served = serve(options);
    if (!served) {
        log(LogLevel::error, "vault ended", served.error());
        std::fprintf(stderr, "softpos-vault: %s (%u)\n", served.error().what.c_str(),
                     served.error().detail);
        return 1;
    }
    return 0;
}
