// softpos-device: the services on the phone. Reads flags, joins the parts, waits for SIGTERM.
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "host/durable_file.h"
#include "host/signals.h"
#include "phone/device/device_config.h"
#include "phone/device/phone_api.h"
#include "phone/device/stoppable_pauses.h"
#include "phone/hw/pcsc_reader.h"
#include "phone/posture/app_posture.h"
#include "phone/posture/linux_posture.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <sys/utsname.h>

namespace softpos {
namespace {

constexpr std::uint32_t app_version = 100;  // 0.1.0
constexpr std::uint32_t sdk_version = 100;
constexpr char app_package[] = "org.opensoftpos.device";

struct Flags {
    std::string state;
    device::DeviceConfig config;  // Empty texts: as in device.json.
    int trusted_uid = -1;
    std::string model = "Linux";
    unsigned socket_mode = 0660;
    std::uint32_t report_ms = 15'000;
    std::string screen, release_note, release_key;
    std::optional<std::int32_t> latitude_e6, longitude_e6;
};

// What this machine is and could do. Text of the kernel, cut to what a claim may be.
posture::LinuxPosture::Known known_of(const Flags& flags) {
    posture::LinuxPosture::Known known;
    utsname name{};
    known.claims.platform = "linux";
    known.claims.model = flags.model;
    known.claims.os_version = ::uname(&name) == 0 ? name.release : "unknown";
    known.claims.os_version.resize(
        std::min(known.claims.os_version.size(), protocol::claim_bytes_max));
    known.claims.app_package = app_package;
    known.claims.app_version = app_version;
    known.claims.sdk_version = sdk_version;
    // It has a reader, and an app with a camera and a screen in front of it.
    known.hardware =
        static_cast<protocol::CapabilitySet>(protocol::bit_of(protocol::Capability::card_no_pin) |
                                             protocol::bit_of(protocol::Capability::qr_show) |
                                             protocol::bit_of(protocol::Capability::qr_scan));
    known.state = flags.state;
    known.screen = flags.screen;
    if (flags.latitude_e6 && flags.longitude_e6) {
        known.location = protocol::Location{.latitude_e6 = *flags.latitude_e6,
                                            .longitude_e6 = *flags.longitude_e6,
                                            .source = protocol::LocationSource::fixed};
    }
    return known;
}

// Flags win over the file, the file over what is usual.
Result<device::DeviceConfig> join_config(const Flags& flags, const host::Directory& state) {
    device::DeviceConfig config = TRY(device::load_device_config(state));
    const auto win = [](std::string& to, const std::string& flag) {
        if (!flag.empty()) to = flag;
    };
    win(config.reader, flags.config.reader);
    win(config.trusted, flags.config.trusted);
    win(config.server, flags.config.server);
    win(config.socket, flags.config.socket);
    if (config.trusted.empty()) config.trusted = flags.state + "/trusted.sock";
    if (config.socket.empty()) config.socket = flags.state + "/device.sock";
    return config;
}

// Nothing is looked for where nobody signed anything.
Result<void> take_release(const Flags& flags, posture::LinuxPosture::Known& known) {
    constexpr std::size_t key_text_bytes_max = 256;
    if (flags.release_note.empty()) return {};
    const Buffer text = TRY(host::read_file(flags.release_key, key_text_bytes_max));
    std::string_view digits = text_of(text);
    while (digits.ends_with('\n')) digits.remove_suffix(1);
    known.maker_point = TRY(from_hex(digits));
    known.release_note = flags.release_note;
    return {};
}

Result<void> run(const Flags& flags) {
    auto stop = TRY(host::StopSignal::make());
    const auto state = TRY(host::Directory::make(flags.state));
    const device::DeviceConfig config = TRY(join_config(flags, state));
    const device::ReaderSpec reader = TRY(device::parse_reader_spec(config.reader));

    const SystemClock clock;
    SystemRandom random;
    host::SeqpacketClient::Options core_options{
        .path = config.trusted, .server_uid = {}, .spin_us = host::usual_spin_us()};
    if (flags.trusted_uid >= 0) core_options.server_uid = static_cast<uid_t>(flags.trusted_uid);
    device::TrustedClient core(std::move(core_options));
    device::EventFeed feed;
    device::StoppablePauses pauses;
    device::ServiceConfig service_config;
    service_config.state_dir = flags.state;
    posture::LinuxPosture::Known known = known_of(flags);
    TRY_VOID(take_release(flags, known));
    auto machine = TRY(posture::LinuxPosture::open(std::move(known)));
    posture::AppPosture posture(machine, clock);
    const auto service = TRY(device::PhoneService::open(
        service_config, {.clock = clock,
                         .random = random,
                         .core = core,
                         .posture = posture,
                         .feed = feed,
                         .pauses = pauses,
                         .open_reader = [&reader] { return device::open_reader(reader); }}));
    const auto api = TRY(device::PhoneApi::listen({.socket_path = config.socket,
                                                   .socket_mode = flags.socket_mode,
                                                   .server_default = config.server},
                                                  *service, feed, hw::list_pcsc_readers, &posture));
    log(LogLevel::info, "ready");
    std::printf("{\"event\":\"phone_ready\"}\n");  // For whoever started us and waits.
    std::fflush(stdout);
    for (;;) {
        // Outcomes that were unknown when the connection or the last process ended.
        service->resolve_open();
        if (const auto told = service->report(); !told) {
            log(LogLevel::warning, "report not sent", told.error());
        }
        if (TRY(stop.wait_for(flags.report_ms))) break;
    }
    log(LogLevel::info, "stopping");
    pauses.stop();
    service->cancel();
    return {};
}

}  // namespace
}  // namespace softpos

int main(int argc, char** argv) {
    softpos::set_log_program("softpos-device");
    CLI::App app("Services of OpenSoftPOS on the phone");
    softpos::Flags flags;
    flags.config.reader.clear();
    app.add_option("--state", flags.state, "Folder for journal, keys and settings")->required();
    app.add_option("--socket", flags.config.socket, "Socket of the local API");
    app.add_option("--socket-mode", flags.socket_mode, "Mode of that socket, such as 0600");
    app.add_option("--trusted", flags.config.trusted, "Socket of softpos-trusted");
    app.add_option("--trusted-uid", flags.trusted_uid,
                   "The user who must have started softpos-trusted");
    app.add_option("--report-ms", flags.report_ms, "How often to report and to resolve payments")
        ->check(CLI::Range(100, 600'000));
    app.add_option("--model", flags.model, "What this device is called");
    app.add_option("--screen", flags.screen,
                   "Terminal that the customer looks at; told where somebody else has it");
    CLI::Option* const latitude =
        app.add_option("--latitude-e6", flags.latitude_e6, "Where this device stands, as set up")
            ->check(CLI::Range(-90'000'000, 90'000'000));
    CLI::Option* const longitude =
        app.add_option("--longitude-e6", flags.longitude_e6, "In millionths of a degree")
            ->check(CLI::Range(-180'000'000, 180'000'000));
    latitude->needs(longitude);
    longitude->needs(latitude);
    CLI::Option* const note = app.add_option("--release-note", flags.release_note,
                                             "What the maker signed about this program");
    CLI::Option* const key = app.add_option("--release-key", flags.release_key,
                                            "The maker's public point, 130 hex digits");
    note->needs(key);
    key->needs(note);
    app.add_option("--reader", flags.config.reader, "pcsc: | pcsc:NAME | socket:/path");
    app.add_option("--server", flags.config.server, "https URL of the platform, for enrolments");
    CLI11_PARSE(app, argc, argv);
    const auto ran = softpos::run(flags);
    if (!ran) {
        softpos::log(softpos::LogLevel::error, "cannot run", ran.error());
        std::fprintf(stderr, "softpos-device: %s\n", ran.error().what.c_str());
        return 1;
    }
    return 0;
}
