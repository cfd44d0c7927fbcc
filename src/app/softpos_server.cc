// softpos-server: the control service of one acquirer. `init` makes its folder, keys and first API
// key; without it the service runs until it is told to stop.
#include "base/log.h"
#include "host/signals.h"
#include "platform/server/control_service.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace softpos;  // NOLINT(google-build-using-namespace): a main() file.

int report(const Error& error) {
    std::fprintf(stderr, "softpos-server: %s (%u)\n", error.what.c_str(), error.detail);
    return 1;
}

int initialise(const server::SetupOptions& options) {
    SystemClock clock;
    SystemRandom random;
    const auto made = server::set_up(options, clock, random);
    if (!made) return report(made.error());
    std::printf(
        "{\"api_key\":\"%s\",\"zone_key_check_value\":\"%s\",\"classic_key_check_value\":\"%s\"}\n",
        made->api_key.c_str(), made->zone_key_check.c_str(), made->classic_key_check.c_str());
    std::fprintf(stderr,
                 "The API key is shown this once. Compare the check values with the network's and "
                 "the key loader's.\n");
    return 0;
}

int serve(const std::string& folder) {
    set_log_program("softpos-server");
    auto stop = host::StopSignal::make();
    if (!stop) return report(stop.error());
    const auto config = server::read_config(folder);
    if (!config) return report(config.error());
    SystemClock clock;
    SystemRandom random;
    const auto service = server::ControlService::start(*config, clock, random);
    if (!service) return report(service.error());
    log(LogLevel::info, "server: ready",
        {{"phone_port", std::int64_t{(*service)->phone_port()}},
         {"acquirer_port", std::int64_t{(*service)->acquirer_port()}},
         {"classic_port", std::int64_t{(*service)->classic_port()}}});
    std::printf("{\"phone_port\":%u,\"acquirer_port\":%u,\"classic_port\":%u}\n",
                unsigned{(*service)->phone_port()}, unsigned{(*service)->acquirer_port()},
                unsigned{(*service)->classic_port()});
    std::fflush(stdout);
    const auto stopped = stop->wait();
    return stopped ? 0 : report(stopped.error());
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "The control service that an acquirer runs: merchants, terminals, payments, "
        "settlement."};
    std::string folder = "/var/lib/softpos";
    app.add_option("--dir", folder, "folder with the service's configuration and data")
        ->capture_default_str();

    server::SetupOptions options;
    std::string network = "127.0.0.1:9100";
    CLI::App* init = app.add_subcommand("init", "make the folder of a new acquirer");
    init->add_option("--name", options.acquirer_name, "the acquirer's name")->required();
    init->add_option("--vault", options.config.vault_socket,
                     "socket of the running softpos-vault, or https://HOST:PORT of its door")
        ->required();
    init->add_option("--vault-cert", options.config.vault_cert,
                     "file: our certificate for the vault's door");
    init->add_option("--vault-key", options.config.vault_key, "file: its private key");
    init->add_option("--vault-ca", options.config.vault_ca,
                     "file: the authority of the door's certificate");
    init->add_option("--network", network, "card network as HOST:PORT")->capture_default_str();
    init->add_option("--address", options.config.address, "IP address to listen on")
        ->capture_default_str();
    init->add_option("--phone-port", options.config.phone_port, "for phones; 0: any free port");
    init->add_option("--acquirer-port", options.config.acquirer_port,
                     "for the acquirer's systems; 0: any free port");
    init->add_option("--classic-port", options.config.classic_port,
                     "for classic terminals, in cup-pos under TLS; 0: any free port; left out: no "
                     "such door");
    bool plain = false;
    init->add_flag("--classic-plain", plain,
                   "no TLS at that door, where the line is closed to strangers otherwise");
    init->add_option("--classic-component-1", options.classic_component_1,
                     "first component of the key that classic terminals' keys are loaded under");
    init->add_option("--classic-component-2", options.classic_component_2, "the second component")
        ->needs("--classic-component-1");
    init->add_option("--answer-ms", options.config.answer_ms,
                     "how long the network may take before a payment is reversed");
    init->add_option("--close-at", options.config.close_at,
                     "HHMM in China: when days are closed by themselves; none: by calls only");
    init->add_option("--acquirer-code", options.config.acquirer_code,
                     "first three characters of merchant numbers");
    init->add_option("--zone-component-1", options.zone_component_1,
                     "first component of the zone master key, 32 hex digits")
        ->required();
    init->add_option("--zone-component-2", options.zone_component_2, "the second component")
        ->required();
    CLI11_PARSE(app, argc, argv);

    if (!init->parsed()) return serve(folder);
    options.config.classic_tls = !plain;
    if (options.classic_component_1.empty() != options.classic_component_2.empty()) {
        std::fprintf(stderr, "softpos-server: a key has two components\n");
        return 2;
    }
    options.config.folder = folder;
    const std::size_t colon = network.rfind(':');
    if (colon == std::string::npos) {
        std::fprintf(stderr, "softpos-server: --network takes HOST:PORT\n");
        return 2;
    }
    options.config.network_host = network.substr(0, colon);
    if (!CLI::detail::lexical_cast(network.substr(colon + 1), options.config.network_port)) {
        std::fprintf(stderr, "softpos-server: --network takes HOST:PORT\n");
        return 2;
    }
    return initialise(options);
}
