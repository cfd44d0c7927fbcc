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
    auto& framebuffer = options.pin_framebuffer;
    app.add_option("--pin-framebuffer", framebuffer.screen,
                   "Framebuffer that shows the PIN pad instead; taken for --uid alone")
        ->excludes("--pin-screen");
    app.add_option("--pin-touch", framebuffer.touch, "Its touch device; taken for --uid alone")
        ->needs("--pin-framebuffer");
    app.add_option("--pin-dpi", framebuffer.panel.dpi, "Its points an inch, where no driver says")
        ->needs("--pin-framebuffer");
    app.add_option("--pin-width", framebuffer.panel.width, "Its size, where it is a plain file");
    app.add_option("--pin-height", framebuffer.panel.height, "Its size, where it is a plain file");
    app.add_option("--pin-glyphs", framebuffer.glyphs,
                   "Bitmap font in lines of CODE:ROWS, for Chinese on the framebuffer");
    app.add_option("--pin-speaker", options.pin_speaker,
                   "Pipe to a program that speaks what the screen shows, never a digit of the PIN");
    bool english = false;
    app.add_flag("--pin-speech-english", english, "Speak English instead of Chinese");
    app.add_option("--uid", options.uid, "Own numeric user and group, where started as root");
    app.add_option("--allow-uid", allowed, "The only user that may call");
    CLI11_PARSE(app, argc, argv);
    options.gid = options.uid;
    if (english) options.pin_speech = softpos::trust::SpeechLanguage::english;
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
