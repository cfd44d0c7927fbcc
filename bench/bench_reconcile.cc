// The three-way comparison of a day: so many lines of the network's file, our books and the log of
// what was answered, all in SQLite; the job of the service, with its commit. BENCH_LINES is how
// many, one million where it is not set. Making the day is not measured.
// links: server benchmark
#include "base/check.h"
#include "base/random.h"
#include "crypto/drbg.h"
#include "host/data_files.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_vault.h"
#include "platform/pay/shard.h"
#include "platform/server/outside.h"
#include "platform/server/settlement_jobs.h"
#include "platform/store/sqlite_store.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

namespace {

using namespace softpos;
using namespace softpos::server;

constexpr pay::BusinessDate date{20261122};
constexpr std::uint32_t terminals = 1'000;
constexpr std::int64_t chunk = 5'000;
// Every so many lines one differs in each way.
constexpr std::int64_t planted_every = 100'000;

std::int64_t line_count() {
    const char* const wanted = std::getenv("BENCH_LINES");
    return wanted == nullptr ? 1'000'000 : std::atoll(wanted);
}

// A line that never comes up: nothing is said to a network here.
class NoLine final : public net::Link {
public:
    Result<void> send(Buffer) override { return fail(ErrorKind::unavailable, "bench: no line"); }
    void reconnect() override {}
};

std::string six(std::int64_t number, int size) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*lld", size, static_cast<long long>(number));
    return text;
}

// One movement: in the books, in the log and in the file, but for those that are planted.
Result<void> add_line(store::Tx& tx, std::int64_t number, SeededRandom& random) {
    const std::string merchant = "89831005812" + six(number % 500, 4);
    pay::Payment sale;
    sale.id = pay::new_id(merchant, {1'763'000'000'000 + number}, random);
    sale.merchant = merchant;
    sale.terminal = six(number % terminals, 8);
    sale.amount_minor = 1'000 + number % 90'000;
    sale.idempotency_key = Id128::make(random);
    sale.state = pay::PaymentState::approved;
    sale.version = 2;
    sale.batch = 1;
    sale.stan = static_cast<std::uint32_t>(1 + number / terminals);
    sale.rrn = six(number, 12);
    sale.auth_code = "A1B2C3";
    sale.response_code = "00";
    sale.settlement_date = date;
    sale.masked_pan = "621094******0001";
    sale.card_method = "none";
    sale.stored_card = Buffer(120, 7);
    const std::int64_t kind = number % planted_every;
    const bool in_books = kind != 1, in_file = kind != 2;
    if (in_books) {
        TRY_VOID(tx.insert(sale));
        TRY_VOID(tx.append(store::NetworkMessage{.id = Id128::make(random),
                                                 .payment = sale.id,
                                                 .direction = store::Direction::from_network,
                                                 .mti = "0210",
                                                 .merchant = merchant,
                                                 .terminal = sale.terminal,
                                                 .batch = 1,
                                                 .stan = sale.stan,
                                                 .rrn = sale.rrn,
                                                 .response_code = "00",
                                                 .amount_minor = sale.amount_minor,
                                                 .settlement_date = date}));
    }
    if (!in_file) return {};
    store::ClearingLine line{.file = "ACOMN", .line = static_cast<std::uint32_t>(number + 1)};
    line.masked_pan = sale.masked_pan;
    line.record.key = {date, sale.terminal, sale.stan, sale.rrn};
    line.record.merchant = merchant;
    line.record.amount_minor = sale.amount_minor + (kind == 3 ? 1 : 0);
    line.record.fee_minor = 5;
    return tx.add(line);
}

struct Day {
    Day() {
        auto opened = store::open_sqlite({.path = scratch.file("store.db")});
        CHECK(opened.has_value());
        store = std::move(*opened);
        SeededRandom seeded(1);
        for (std::int64_t begin = 0; begin < line_count(); begin += chunk) {
            CHECK(store
                      ->run([&](store::Tx& tx) -> Result<void> {
                          const auto end = std::min(begin + chunk, line_count());
                          for (std::int64_t i = begin; i < end; ++i) {
                              TRY_VOID(add_line(tx, i, seeded));
                          }
                          return {};
                      })
                      .has_value());
        }
        auto soft = keys::SoftVault::open(scratch.file("vault"), random);
        CHECK(soft.has_value());
        vault = std::move(*soft);
        workers = outside.workers(2, 64);
        timers = outside.timers(*workers);
        numbers = NumberBox::make(Buffer(32, 1)).value();
        UpstreamConfig network;
        network.open_line = [](const net::FrameLinkConfig&, net::Link::OnFrame,
                               net::Link::OnState) -> Result<std::unique_ptr<net::Link>> {
            return std::make_unique<NoLine>();
        };
        network.plan = channel::SwitchPlan::of_one_line("127.0.0.1", 1);
        network.dialect_text = host::read_data("dialects/cup-pos.dialect").value();
        network.response_codes_text = host::read_data("policy/response-codes.tsv").value();
        upstream = Upstream::start(
                       std::move(network), {*store, *vault, *workers, *timers, clock, random},
                       [](const Incoming&) {}, [] {})
                       .value();
        jobs = std::make_unique<SettlementJobs>(
            SettlementJobs::Parts{*store, *upstream, *numbers, clock, random, {}});
    }
    ~Day() {
        workers->stop();
        timers.reset();
        upstream.reset();
    }
    Day(const Day&) = delete;
    Day& operator=(const Day&) = delete;

    host::ScratchDirectory scratch;
    SystemClock clock;
    crypto::KeyRandom random;
    Outside outside = real_outside();
    std::unique_ptr<store::Store> store;
    std::unique_ptr<keys::SoftVault> vault;
    std::unique_ptr<Workers> workers;
    std::unique_ptr<net::Timers> timers;
    std::optional<NumberBox> numbers;
    std::unique_ptr<Upstream> upstream;
    std::unique_ptr<SettlementJobs> jobs;
};

// What this process has needed at most, in MB.
double peak_mb() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::atof(line.c_str() + 6) / 1024;
    }
    return 0;
}

void compare_day(benchmark::State& state) {
    static Day day;
    for (auto _ : state) {
        const auto outcome = day.jobs->reconcile({date});
        CHECK(outcome.has_value());
        const pay::ReconciliationReport& report = outcome->report;
        const std::int64_t planted = (line_count() + planted_every - 1) / planted_every;
        CHECK(report.long_count == planted && report.short_count == planted);
        CHECK(report.differing_count == planted && report.adds_up());
        CHECK(report.matched_count == line_count() - 3 * planted);
        CHECK(std::ssize(outcome->exceptions) == 3 * planted);
    }
    state.SetItemsProcessed(state.iterations() * line_count());
    state.counters["peak_mb"] = peak_mb();
}
BENCHMARK(compare_day)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
