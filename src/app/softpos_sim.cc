// softpos-sim: a card network with issuers behind it, over TCP in cup-pos, and a control API to
// break it on purpose.
#include "base/log.h"
#include "host/data_files.h"
#include "host/signals.h"
#include "world/sim/sim_service.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>

namespace {

using namespace softpos;  // NOLINT(google-build-using-namespace): a main() file.

int report(const Error& error) {
    std::fprintf(stderr, "softpos-sim: %s (%u)\n", error.what.c_str(), error.detail);
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "A card network and its issuers, for tests: checks MACs and cryptograms, keeps "
        "balances, fails on demand.\nThe control API is on the second port: GET "
        "/v1/state, POST /v1/terminals, /v1/accounts, /v1/faults, /v1/cut-over."};
    sim::SimConfig config;
    config.dialect_path = host::data_path("dialects/cup-pos.dialect");
    config.fees_path = host::data_path("fees/card.fees");
    config.cards_folder = host::data_path("cards");
    bool plain_codes = false;
    app.add_option("--address", config.address)->capture_default_str();
    app.add_option("--port", config.network_port, "for cup-pos; 0: any free port");
    app.add_option("--control-port", config.control_port, "for the control API; 0: any free port");
    app.add_option("--date", config.network.business_date, "business date, YYYYMMDD");
    app.add_flag("--no-sandbox-codes", plain_codes,
                 "do not let the fen part of an amount select the response code");
    CLI11_PARSE(app, argc, argv);

    set_log_program("softpos-sim");
    auto stop = host::StopSignal::make();
    if (!stop) return report(stop.error());
    SystemClock clock;
    SystemRandom random;
    config.network.sandbox_codes = !plain_codes;
    if (config.network.business_date == 0) {
        config.network.business_date = china_time(clock.now()).yyyymmdd();
    }
    const auto service = sim::SimService::start(config, clock, random);
    if (!service) return report(service.error());
    std::printf("{\"network_port\":%u,\"control_port\":%u}\n", unsigned{(*service)->network_port()},
                unsigned{(*service)->control_port()});
    std::fflush(stdout);
    const auto stopped = stop->wait();
    return stopped ? 0 : report(stopped.error());
}
