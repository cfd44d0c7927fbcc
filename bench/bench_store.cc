// How many purchases a second the store makes durable, by how many share a commit; and what one
// sync of the same disk costs, so that numbers of different machines can be compared.
// links: pay merchant store benchmark
#include "base/check.h"
#include "base/random.h"
#include "platform/store/sqlite_store.h"

#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace {

using namespace softpos;

// BENCH_DIR chooses the disk; the folder for temporary files otherwise.
std::string new_folder() {
    const char* const chosen = std::getenv("BENCH_DIR");
    const auto base =
        chosen != nullptr ? std::filesystem::path(chosen) : std::filesystem::temp_directory_path();
    std::string pattern = (base / "bench_storeXXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    return pattern;
}

pay::Payment new_sale(SeededRandom& random, std::uint32_t number) {
    pay::Payment sale;
    sale.merchant = "89831005812" + std::to_string(1000 + number % 500);
    sale.id = pay::new_id(sale.merchant, {1'763'000'000'000 + number / 10}, random);
    sale.terminal = std::to_string(10'000'000 + number % 500);
    sale.amount_minor = 10'000;
    sale.reference = "table 4";
    sale.idempotency_key = Id128::make(random);
    sale.state = pay::PaymentState::sent;
    sale.version = 1;
    sale.batch = 1;
    sale.stan = 1 + number / 500;
    sale.masked_pan = "621094******0001";
    sale.card_method = "none";
    sale.stored_card = Buffer(120, 7);
    sale.fee = {.merchant_minor = 60, .issuer_minor = 45, .network_minor = 3};
    return sale;
}

pay::Payment approved(pay::Payment sale) {
    sale.state = pay::PaymentState::approved;
    sale.version = 2;
    sale.rrn = "232612000001";
    sale.auth_code = "A1B2C3";
    sale.response_code = "00";
    sale.settlement_date = {20261122};
    return sale;
}

Result<void> begin_sale(store::Tx& tx, const pay::Payment& sale) {
    TRY_VOID(tx.next_trace(sale.terminal));
    TRY_VOID(tx.insert(sale));
    return tx.append(store::PaymentEventRow{sale.id, 1, pay::EventKind::submit,
                                            pay::PaymentState::received, pay::PaymentState::sent,
                                            "", sale.created_at});
}

Result<void> end_sale(store::Tx& tx, const pay::Payment& sale) {
    const pay::Payment done = approved(sale);
    TRY_VOID(tx.update(done));
    const auto transfers = pay::post_sale(done);
    TRY_VOID(tx.post(transfers));
    return tx.append(store::PaymentEventRow{sale.id, 2, pay::EventKind::answer,
                                            pay::PaymentState::sent, pay::PaymentState::approved,
                                            "00", sale.created_at});
}

// A purchase is two works in two commits, the second submitted when the first is durable, as the
// server does it: sent, then approved with three transfers. So many purchases are under way.
void durable_purchases(benchmark::State& state) {
    const std::string folder = new_folder();
    auto opened = store::open_sqlite({.path = folder + "/store.db"});
    CHECK(opened.has_value());
    store::Store& store = **opened;
    SeededRandom random(1);
    std::atomic<std::int64_t> under_way{0}, failed{0};
    std::uint32_t number = 0;
    const auto finish = [&](Result<void> durable) {
        if (!durable) ++failed;
        --under_way;
        under_way.notify_one();
    };
    for (auto _ : state) {
        while (under_way.load() >= state.range(0)) under_way.wait(state.range(0));
        const pay::Payment sale = new_sale(random, number++);
        ++under_way;
        store.submit([sale](store::Tx& tx) { return begin_sale(tx, sale); },
                     [&store, sale, &finish](Result<void> durable) {
                         if (!durable) return finish(std::move(durable));
                         store.submit([sale](store::Tx& tx) { return end_sale(tx, sale); }, finish);
                     });
    }
    for (std::int64_t left = under_way; left > 0; left = under_way) under_way.wait(left);
    CHECK(failed == 0);
    state.SetItemsProcessed(state.iterations());
    state.counters["commits"] = static_cast<double>((*opened)->counts().commits);
    opened->reset();
    std::filesystem::remove_all(folder);
}
BENCHMARK(durable_purchases)->Arg(1)->Arg(32)->Arg(256)->Arg(1024)->UseRealTime();

// Postings alone: the three transfers of a sale in a work, so many works under way.
void durable_postings(benchmark::State& state) {
    const std::string folder = new_folder();
    auto opened = store::open_sqlite({.path = folder + "/store.db"});
    CHECK(opened.has_value());
    store::Store& store = **opened;
    SeededRandom random(1);
    std::atomic<std::int64_t> under_way{0}, failed{0}, posted{0};
    std::uint32_t number = 0;
    for (auto _ : state) {
        while (under_way.load() >= state.range(0)) under_way.wait(state.range(0));
        const auto transfers = pay::post_sale(approved(new_sale(random, number++)));
        posted += static_cast<std::int64_t>(transfers.size());
        ++under_way;
        store.submit([transfers](store::Tx& tx) { return tx.post(transfers); },
                     [&](const Result<void>& durable) {
                         if (!durable) ++failed;
                         --under_way;
                         under_way.notify_one();
                     });
    }
    for (std::int64_t left = under_way; left > 0; left = under_way) under_way.wait(left);
    CHECK(failed == 0);
    state.SetItemsProcessed(posted);
    opened->reset();
    std::filesystem::remove_all(folder);
}
BENCHMARK(durable_postings)->Arg(256)->UseRealTime();

void sync_of_the_disk(benchmark::State& state) {
    const std::string folder = new_folder();
    const int file = open((folder + "/sync").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK(file >= 0);
    const std::string block(8192, 'x');
    for (auto _ : state) {
        CHECK(write(file, block.data(), block.size()) == static_cast<ssize_t>(block.size()));
        CHECK(fdatasync(file) == 0);
    }
    close(file);
    std::filesystem::remove_all(folder);
}
BENCHMARK(sync_of_the_disk)->UseRealTime();

}  // namespace
