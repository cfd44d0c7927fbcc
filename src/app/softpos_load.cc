// softpos-load: how many purchases a second the platform takes, end to end, on this machine.
#include "app/console.h"
#include "app/demo_world.h"
#include "base/log.h"
#include "host/data_files.h"
#include "world/sim/load_run.h"

#include <CLI/CLI.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/stat.h>

namespace {

using namespace softpos;       // NOLINT(google-build-using-namespace): a main() file.
using namespace softpos::app;  // NOLINT(google-build-using-namespace)

constexpr std::int64_t answer_ms = 45'000;

struct LoadOptions {
    std::size_t phones = 32;
    std::size_t taps = 400;
    std::size_t warm_up = 10;
    std::string vault_keys = "software";
    bool slow_sync = false;
    bool json = false;
};

struct Measured {
    sim::LoadResult purchases;
    std::int64_t permits_per_second = 0, permit_p50_us = 0, permit_p99_us = 0;
};

Result<Measured> measure(DemoWorld& world, const LoadOptions& options) {
    SystemRandom random;
    SystemClock clock;
    std::fprintf(stderr, "preparing %zu phones with %zu taps each\n", options.phones, options.taps);
    sim::Fleet fleet = TRY(world.make_fleet(options.phones, random));
    // Signs every terminal in and opens every connection.
    auto warm = TRY(sim::prepare_taps(fleet, options.warm_up, random, clock));
    TRY(sim::run_load(fleet, std::move(warm.taps), clock));
    auto prepared = TRY(sim::prepare_taps(fleet, options.taps, random, clock));
    Measured out;
    out.permits_per_second = prepared.permits_per_second();
    out.permit_p50_us = prepared.permit_percentile_us(50);
    out.permit_p99_us = prepared.permit_percentile_us(99);
    out.purchases = TRY(sim::run_load(fleet, std::move(prepared.taps), clock));
    return out;
}

int run(const LoadOptions& options) {
    const std::string library = program_folder() + "/slow_sync.so";
    // The loader would go on without it, and the figures would be those of a quick disk.
    if (options.slow_sync && !std::filesystem::exists(library)) {
        return report("slow_sync.so is not beside this program: build the benchmarks");
    }
    std::array<char, 32> name{"/tmp/softpos-load-XXXXXX"};
    if (::mkdtemp(name.data()) == nullptr) return report("no folder below /tmp");
    ::chmod(name.data(), 0711);  // The jailed processes find their own folders below it.
    auto world = DemoWorld::start(name.data(), {.answer_ms = answer_ms,
                                                .cast = DemoWorld::Cast::no_phone,
                                                .preload = options.slow_sync ? library : "",
                                                .vault_keys = options.vault_keys});
    if (!world) return report(world.error());
    const auto measured = measure(**world, options);
    world->reset();
    std::filesystem::remove_all(name.data());
    if (!measured) return report(measured.error());
    const sim::LoadResult* const result = &measured->purchases;
    const auto approved = result->count("approved");
    if (options.json) {
        std::printf(
            "{\"approved\":%llu,\"sent\":%zu,\"approved_per_second\":%lld,\"p50_us\":%lld,"
            "\"p99_us\":%lld,\"permits_per_second\":%lld,\"permit_p50_us\":%lld,"
            "\"permit_p99_us\":%lld}\n",
            static_cast<unsigned long long>(approved), result->answers.size(),
            static_cast<long long>(result->per_second()),
            static_cast<long long>(result->percentile_us(50)),
            static_cast<long long>(result->percentile_us(99)),
            static_cast<long long>(measured->permits_per_second),
            static_cast<long long>(measured->permit_p50_us),
            static_cast<long long>(measured->permit_p99_us));
    } else {
        std::printf("permits: %lld a second, p50 %lld us, p99 %lld us\n",
                    static_cast<long long>(measured->permits_per_second),
                    static_cast<long long>(measured->permit_p50_us),
                    static_cast<long long>(measured->permit_p99_us));
        std::printf("%llu of %zu approved, %lld a second, p50 %lld us, p99 %lld us\n",
                    static_cast<unsigned long long>(approved), result->answers.size(),
                    static_cast<long long>(result->per_second()),
                    static_cast<long long>(result->percentile_us(50)),
                    static_cast<long long>(result->percentile_us(99)));
    }
    return approved == result->answers.size() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Starts network, vault and server on this machine and drives purchases from many "
        "phones through them, each with its own trusted core, card and certificate."};
    LoadOptions options;
    app.add_option("--phones", options.phones, "each waits for its answer before the next tap")
        ->capture_default_str()
        ->check(CLI::Range(1, 512));
    app.add_option("--taps", options.taps, "for each phone")->capture_default_str();
    app.add_flag("--slow-sync", options.slow_sync,
                 "vault and server find that each fsync takes 3 ms longer, as on a slower disk; "
                 "needs the library slow_sync of the benchmarks");
    app.add_option("--vault-keys", options.vault_keys, "software or softhsm")
        ->capture_default_str()
        ->check(CLI::IsMember({"software", "softhsm"}));
    app.add_flag("--json", options.json, "one line of JSON");
    CLI11_PARSE(app, argc, argv);
    set_log_program("softpos-load");
    return run(options);
}
