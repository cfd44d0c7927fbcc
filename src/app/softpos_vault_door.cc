// softpos-vault-door: lets other machines call the vault of this one, over mutual TLS. Has no key
// but that of its own certificate.
#include "base/log.h"
#include "host/durable_file.h"
#include "host/signals.h"
#include "platform/door/door.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace {

using namespace softpos;  // NOLINT(google-build-using-namespace): a main() file.

constexpr std::size_t pem_bytes_max = 64UL * 1024;

struct Files {
    std::string cert = "/etc/softpos/door.pem";
    std::string key = "/etc/softpos/door.key";
    std::string client_ca = "/etc/softpos/vault-callers-ca.pem";
};

Result<std::string> read_text(const std::string& path) {
    const Buffer text = TRY(host::read_file(path, pem_bytes_max));
    return std::string(text_of(text));
}

// Card data passes through this memory: none of it into a core file or a debugger.
Result<void> keep_memory_private() {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    if (::setrlimit(RLIMIT_CORE, &none) == 0 && ::prctl(PR_SET_DUMPABLE, 0) == 0) return {};
    return fail(ErrorKind::unavailable, "door: memory cannot be kept private");
}

Result<void> serve(door::Door::Options options, const Files& files) {
    TRY_VOID(keep_memory_private());
    host::StopSignal stop = TRY(host::StopSignal::make());
    options.cert_pem = TRY(read_text(files.cert));
    const SecretBytes key = TRY(host::read_secret_file(files.key, pem_bytes_max));
    options.key_pem = text_of(key.bytes());
    options.client_ca_pem = TRY(read_text(files.client_ca));
    const auto door = TRY(door::Door::start(std::move(options)));
    log(LogLevel::info, "door: ready", {{"port", std::int64_t{door->port()}}});
    std::printf("{\"event\":\"door_ready\",\"port\":%u}\n", unsigned{door->port()});
    std::fflush(stdout);
    return stop.wait();
}

}  // namespace

int main(int argc, char** argv) {
    set_log_program("softpos-vault-door");
    door::Door::Options options{.port = 8470, .vault_socket = "/run/softpos/vault.sock"};
    Files files;
    CLI::App app{"The vault's door for other machines. Callers are known by their certificates."};
    app.add_option("--address", options.address, "IP address to listen on")->capture_default_str();
    app.add_option("--port", options.port, "0: any free one")->capture_default_str();
    app.add_option("--cert", files.cert, "own certificate and its chain")->capture_default_str();
    app.add_option("--key", files.key, "its private key, mode 0600")->capture_default_str();
    app.add_option("--client-ca", files.client_ca, "authority of the callers' certificates alone")
        ->capture_default_str();
    app.add_option("--revoked", options.revoked_path,
                   "fingerprints that are let in no more; looked at for each call");
    app.add_option("--socket", options.vault_socket, "socket of the vault")->capture_default_str();
    app.add_option("--vault-uid", options.vault_uid, "the user that must have started the vault");
    CLI11_PARSE(app, argc, argv);
    if (const auto ended = serve(std::move(options), files); !ended) {
        log(LogLevel::error, "door ended", ended.error());
        std::fprintf(stderr, "softpos-vault-door: %s (%u)\n", ended.error().what.c_str(),
                     ended.error().detail);
        return 1;
    }
    return 0;
}
