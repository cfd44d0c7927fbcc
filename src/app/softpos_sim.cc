// softpos-sim: a card network with issuers behind it, over TCP in cup-pos, and a control API to
// break it on purpose.
#include "app/sim_pos.h"
#include "base/log.h"
#include "host/data_files.h"
#include "host/signals.h"
#include "world/sim/sim_service.h"
#include "world/soak/soak.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace softpos;  // NOLINT(google-build-using-namespace): a main() file.

int report(const Error& error) {
    std::fprintf(stderr, "softpos-sim: %s (%u)\n", error.what.c_str(), error.detail);
    return 1;
}

struct SoakCommand {
    soak::SoakOptions options;
    std::vector<std::string> without;
};

void add_soak(CLI::App& app, SoakCommand& wanted) {
    CLI::App* const command = app.add_subcommand(
        "soak",
        "live days of a whole acquirer on one thread, in an order that a seed decides, with "
        "everything going wrong that can; the books must be right at the end of each");
    command->add_option("--seed", wanted.options.seed, "the same seed is the same world")
        ->capture_default_str();
    command->add_option("--days", wanted.options.days)
        ->capture_default_str()
        ->check(CLI::Range(1U, 100'000U));
    command->add_option("--phones", wanted.options.phones)
        ->capture_default_str()
        ->check(CLI::Range(1U, 50U));
    std::vector<std::string> names;
    for (const auto& [name, member] : soak::fault_names) names.emplace_back(name);
    command->add_option("--without", wanted.without, "leave out a kind of trouble")
        ->check(CLI::IsMember(names));
}

std::string command_line(const soak::SoakOptions& options) {
    std::string line = "softpos sim soak --seed " + std::to_string(options.seed) + " --days " +
                       std::to_string(options.days) + " --phones " + std::to_string(options.phones);
    for (const auto& [name, member] : soak::fault_names) {
        if (!(options.faults.*member)) line += " --without " + std::string(name);
    }
    return line;
}

// The least trouble with which it still does not hold, and what happened then.
int tell_failure(soak::SoakOptions options, soak::SoakReport report) {
    options.on_day = {};
    options.days = report.days + 1;
    std::printf("day %u does not hold: %s\nlooking for the least trouble that does it\n",
                options.days, report.failure.c_str());
    for (const auto& [name, member] : soak::fault_names) {
        soak::SoakOptions less = options;
        if (!(less.faults.*member)) continue;
        less.faults.*member = false;
        auto again = soak::run_soak(less);
        if (!again || again->failure.empty()) continue;
        options = less;
        options.days = again->days + 1;
        report = *std::move(again);
    }
    for (const std::string& note : report.last_notes) std::printf("  %s\n", note.c_str());
    std::printf("%s\nagain by: %s\n", report.failure.c_str(), command_line(options).c_str());
    return 1;
}

int run_soak(const SoakCommand& wanted) {
    set_log_level(LogLevel::none);  // What goes wrong here goes wrong on purpose.
    soak::SoakOptions options = wanted.options;
    for (const auto& [name, member] : soak::fault_names) {
        for (const std::string& left_out : wanted.without) {
            if (left_out == name) options.faults.*member = false;
        }
    }
    const bool terminal = isatty(STDOUT_FILENO) == 1;
    const unsigned step = options.days < 20 ? 1 : options.days / 20;
    options.on_day = [&](unsigned day) {
        if (terminal) {
            std::printf("\rday %u of %u", day + 1, options.days);
        } else if ((day + 1) % step == 0) {
            std::printf("day %u of %u\n", day + 1, options.days);
        }
        std::fflush(stdout);
    };
    const SystemClock clock;
    const Ticks start = clock.ticks();
    const auto report = soak::run_soak(options);
    if (terminal) std::printf("\r");
    if (!report) return ::report(report.error());
    if (!report->failure.empty()) return tell_failure(options, *report);
    const auto seconds = (clock.ticks().us - start.us) / 1'000'000;
    const auto yuan = [](std::int64_t fen) {
        return std::to_string(fen / 100) + "." + std::to_string(fen / 10 % 10) +
               std::to_string(fen % 10);
    };
    std::printf(
        "seed %llu: %u days, every one reconciled to zero\n"
        "  %llu card and %llu wallet payments and refunds, %llu approvals as phones were told\n"
        "  sold for %s yuan, paid out %s yuan\n"
        "  service killed %llu times; %llu events, digest %016llx, %lld s\n",
        static_cast<unsigned long long>(options.seed), report->days,
        static_cast<unsigned long long>(report->payments),
        static_cast<unsigned long long>(report->wallet_payments),
        static_cast<unsigned long long>(report->approved), yuan(report->turnover_minor).c_str(),
        yuan(report->paid_out_minor).c_str(), static_cast<unsigned long long>(report->crashes),
        static_cast<unsigned long long>(report->events),
        static_cast<unsigned long long>(report->digest), static_cast<long long>(seconds));
    return 0;
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
    SoakCommand soaked;
    add_soak(app, soaked);
    std::function<int()> run_pos;
    softpos::app::add_sim_pos(app, run_pos);
    CLI11_PARSE(app, argc, argv);
    if (run_pos) return run_pos();

    set_log_program("softpos-sim");
    if (app.got_subcommand("soak")) return run_soak(soaked);
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
