// softpos-vault: the key vault in a process of its own, behind the gate. Nothing but this process,
// and the token where there is one, ever holds a base key, a terminal key or a working key.
#include "base/log.h"
#include "crypto/drbg.h"
#include "crypto/known_answers.h"
#include "host/durable_file.h"
#include "host/gate.h"
#include "host/seqpacket.h"
#include "host/signals.h"
#include "platform/keys/vault_config.h"
#include "platform/keys/vault_core.h"
#include "platform/keys/vault_service.h"
#include "platform/token/token_files.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace softpos;  // NOLINT(google-build-using-namespace): a main() file.

struct VaultOptions {
    std::string directory = "/var/lib/softpos-vault";
    std::string socket = "/run/softpos/vault.sock";
    uid_t uid = host::vault_uid_default;
    uid_t allowed = ::getuid();
    std::optional<uid_t> door{};  // This user's processes are doors, and nothing else.
    std::string callers{};
};

// Started as root we hand the directory and what is in it to the uid that the gate takes.
Result<void> give_directory(const VaultOptions& options) {
    if (::geteuid() != 0) return {};
    const auto give = [&](const std::string& path) {
        return ::lchown(path.c_str(), options.uid, options.uid) == 0;
    };
    std::error_code error;
    bool given = ::chmod(options.directory.c_str(), 0700) == 0 && give(options.directory);
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(options.directory, error)) {
        given = given && give(entry.path().string());
    }
    if (!given || error) {
        return fail(ErrorKind::unavailable, "vault: directory cannot be given away");
    }
    return {};
}

host::GateOptions gate_for(const VaultOptions& options, const keys::VaultConfig& config) {
    host::GateOptions gate;
    gate.uid = options.uid;
    gate.gid = options.uid;
    if (config.home == keys::KeyHome::software) return gate;
    gate.extra_syscalls.assign(token::softhsm_calls.begin(), token::softhsm_calls.end());
    gate.failing_syscalls.assign(token::softhsm_calls_failing.begin(),
                                 token::softhsm_calls_failing.end());
    return gate;
}

Result<keys::RemoteCallers> read_callers(const VaultOptions& options) {
    if (options.door.has_value() == options.callers.empty()) {
        return fail(ErrorKind::malformed, "vault: --door-uid and --callers go together");
    }
    if (options.callers.empty()) return keys::RemoteCallers{};
    const Buffer text = TRY(host::read_file(options.callers, keys::RemoteCallers::file_bytes_max));
    return keys::RemoteCallers::parse(text_of(text));
}

std::vector<uid_t> callers_of(const VaultOptions& options) {
    std::vector<uid_t> uids{options.allowed};
    if (options.door) uids.push_back(*options.door);
    return uids;
}

Result<void> serve(const VaultOptions& options) {
    if (const auto wrong = crypto::first_wrong_answer()) {
        log(LogLevel::error, "vault: cryptography is broken",
            {{"algorithm", LogId(std::string(*wrong))}});
        return fail(ErrorKind::internal, "vault: a known-answer test failed");
    }
    const host::StopSignal stop = TRY(host::StopSignal::make());
    crypto::KeyRandom random;
    const SystemClock clock;
    keys::RemoteCallers callers = TRY(read_callers(options));
    const keys::VaultConfig config = TRY(keys::read_vault_config(options.directory));
    const auto vault = TRY(keys::VaultCore::open(
        {.directory = options.directory,
         .random = random,
         .clock = clock,
         .backend = TRY(keys::open_backend(config, random, clock, options.uid))}));
    TRY_VOID(give_directory(options));
    const auto server = TRY(host::SeqpacketServer::listen({.path = options.socket,
                                                           .allowed_uids = callers_of(options),
                                                           .connections_max = 64,
                                                           .owner = options.allowed}));
    host::GateOptions gate = gate_for(options, config);
    gate.keep_fds = server->descriptors();
    gate.keep_fds.push_back(stop.fd());
    for (const int fd : vault->descriptors()) gate.keep_fds.push_back(fd);
    gate.writable_dirs = {vault->descriptors().front()};
    const host::GateReport report = TRY(host::enter_gate(gate));
    const std::string line = "{\"event\":\"vault_ready\",\"keys\":\"" +
                             std::string(keys::name_of(config.home)) +
                             "\",\"gate\":" + report.json() + "}\n";
    [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, line.data(), line.size());
    keys::VaultService service(*vault, std::move(callers));
    return server->serve(
        [&service, door = options.door](Bytes request, const host::PeerId& peer) {
            if (peer.uid == door) return service.handle_from_door(request);
            return service.handle(request, keys::Caller::of_uid(peer.uid));
        },
        stop.fd());
}

Result<void> init(keys::VaultConfig config) {
    std::error_code error;
    config.folder = std::filesystem::absolute(config.folder, error).lexically_normal().string();
    crypto::KeyRandom random;
    TRY_VOID(keys::init_vault(config, random, SystemClock()));
    std::printf("{\"event\":\"vault_made\",\"keys\":\"%s\"}\n", keys::name_of(config.home));
    return {};
}

CLI::App* add_init(CLI::App& app, keys::VaultConfig& config) {
    CLI::App* init = app.add_subcommand("init", "make the vault's folder and set up its token");
    const std::map<std::string, keys::KeyHome> homes{{"software", keys::KeyHome::software},
                                                     {"softhsm", keys::KeyHome::softhsm},
                                                     {"pkcs11", keys::KeyHome::pkcs11}};
    init->add_option("--dir", config.folder, "folder of the sealed keys")->capture_default_str();
    init->add_option("--keys", config.home,
                     "softhsm: a token below the folder; pkcs11: one that is set up already; "
                     "software: none, the folder alone has the keys")
        ->required()
        ->transform(CLI::CheckedTransformer(homes).description("softhsm|pkcs11|software"));
    init->add_option("--module", config.module_path, "library of PKCS#11");
    init->add_option("--label", config.label, "of the token");
    init->add_option("--pin-file", config.pin_path, "PIN of the token's user, mode 0600; pkcs11");
    return init;
}

}  // namespace

int main(int argc, char** argv) {
    set_log_program("softpos-vault");
    VaultOptions options;
    keys::VaultConfig config{.folder = options.directory};
    CLI::App app{"Holds the acquirer's keys. Callers name keys; keys never come out."};
    app.add_option("--dir", options.directory, "folder of the sealed keys")->capture_default_str();
    app.add_option("--socket", options.socket, "Unix socket to serve")->capture_default_str();
    app.add_option("--uid", options.uid, "own numeric user, where started as root");
    app.add_option("--allow-uid", options.allowed, "the only user that may call");
    app.add_option("--door-uid", options.door,
                   "user of softpos-vault-door, whose callers --callers names");
    app.add_option("--callers", options.callers, "file: who may call through the door, and what");
    const CLI::App* making = add_init(app, config);
    CLI11_PARSE(app, argc, argv);
    if (making->count("--dir") == 0) config.folder = options.directory;  // Said in front of init.
    const auto ended = making->parsed() ? init(std::move(config)) : serve(options);
    if (!ended) {
        log(LogLevel::error, "vault ended", ended.error());
        std::fprintf(stderr, "softpos-vault: %s (%u)\n", ended.error().what.c_str(),
                     ended.error().detail);
        return 1;
    }
    return 0;
}
