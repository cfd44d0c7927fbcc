// The trusted core of a phone or a Linux terminal as a process of its own, behind the gate.
#include "base/log.h"
#include "crypto/secret_memory.h"
#include "host/durable_file.h"
#include "host/secret_arena.h"
#include "phone/anchor/tpm_anchor.h"
#include "phone/trust/host_platform.h"
#include "phone/trust/trusted_service.h"

#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

// One JSON line to stdout. With write(2): behind the gate a stream may not look at its file.
void print_report(const softpos::host::GateReport& report,
                  softpos::host::SecretArenaState secret_memory,
                  softpos::protocol::Protection protection) {
    const std::string line = "{\"event\":\"trusted_ready\",\"protection\":\"" +
                             std::string(name_of(protection)) + "\",\"secret_memory\":\"" +
                             name_of(secret_memory) + "\",\"gate\":" + report.json() + "}\n";
    [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, line.data(), line.size());
}

constexpr std::size_t pem_bytes_max = 64UL * 1024;

softpos::Result<std::unique_ptr<softpos::trust::HardwareAnchor>> open_tpm(
    softpos::anchor::TpmOptions options, const std::vector<unsigned>& boot_pcrs,
    const std::string& authorities_file) {
    for (const unsigned pcr : boot_pcrs) options.boot_pcrs |= 1U << pcr;
    if (!authorities_file.empty()) {
        const softpos::Buffer pem = TRY(softpos::host::read_file(authorities_file, pem_bytes_max));
        options.authorities_pem = softpos::text_of(pem);
    }
    return TRY(softpos::anchor::TpmAnchor::open(options));
}

}  // namespace

int main(int argc, char** argv) {
    // First of all: what was allocated before lies elsewhere.
    const auto secret_memory =
        softpos::host::open_secret_arena(softpos::host::secret_arena_bytes_default);
    if (!softpos::crypto::keep_in_secret_memory()) return 1;
    softpos::set_log_program("softpos-trusted");
    softpos::trust::TrustedOptions options;
    softpos::anchor::TpmOptions tpm;
    std::vector<unsigned> boot_pcrs;
    std::string authorities_file;
    uid_t allowed = ::getuid();
    CLI::App app("Holds the keys and the EMV kernel of one terminal");
    app.add_option("--socket", options.socket_path, "Unix socket to serve")->required();
    app.add_option("--state", options.state_dir, "Directory for the sealed state")->required();
    app.add_option("--platform-key", options.platform_key_file,
                   "File with the point of the platform's signing key, in hex");
    app.add_option("--pin-screen", options.pin_screen,
                   "Terminal device that shows the PIN pad to the customer; taken for --uid alone");
    app.add_option("--tpm", tpm.tcti,
                   "TPM that keeps the storage key and vouches for this core, as the TSS names it: "
                   "device:/dev/tpmrm0; unix:SOCKET for a software TPM");
    app.add_option("--tpm-pcr", boot_pcrs,
                   "PCR of what booted, quoted and sealed to besides 23 (this program)")
        ->check(CLI::Range(0U, softpos::hw::tpm_pcr_count - 1));
    app.add_option("--tpm-authorities", authorities_file,
                   "PEM file with what its maker's certificate needs below the root");
    app.add_option("--uid", options.uid, "Own numeric user and group, where started as root");
    app.add_option("--allow-uid", allowed, "The only user that may call");
    CLI11_PARSE(app, argc, argv);
    options.gid = options.uid;
    options.allowed_peer_uid = allowed;
    const bool with_tpm = !tpm.tcti.empty();
    if (with_tpm) {
        options.open_anchor = [&] { return open_tpm(tpm, boot_pcrs, authorities_file); };
    }
    const auto protection =
        with_tpm ? softpos::protocol::Protection::tpm : softpos::protocol::Protection::software;
    int exit_code = 0;
    softpos::host::run_on_secret_stack([&] {
        const auto served =
            softpos::trust::run_trusted(options, [&](const softpos::host::GateReport& report) {
                print_report(report, secret_memory, protection);
            });
        if (served) return;
        softpos::log(softpos::LogLevel::error, "trusted_ended", served.error());
        exit_code = 1;
    });
    return exit_code;
}
