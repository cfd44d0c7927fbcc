// CPU of a whole online tap, entry point and kernel 7, with the answers of a made-up card ready at
// hand. A heap allocation within a tap fails the run.
// links: emv benchmark
#include "base/check.h"
#include "phone/emv/made_up_card.h"

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <new>
#include <sstream>

namespace {

std::size_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    return std::malloc(size);
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace softpos::emv {
namespace {

void online_tap(benchmark::State& state) {
    const auto parameters = testing::made_up_parameters();
    const auto transcript = testing::MadeUpCard().transcript();
    const auto request = testing::made_up_request();
    Tap tap(parameters);
    std::size_t allocated = 0;
    for (auto _ : state) {
        const auto before = allocations;
        Step step = tap.start(request);
        for (const auto& exchange : transcript) step = tap.handle(Event::rapdu(exchange.answer));
        CHECK(step.outcome.kind == OutcomeKind::online_request);
        const auto record = tap.take_record();
        CHECK(record.has_value());
        benchmark::DoNotOptimize(record->field55().data());
        allocated += allocations - before;
    }
    CHECK(allocated == 0);
    state.counters["allocations"] = static_cast<double>(allocated);
}
BENCHMARK(online_tap);

void shipped_parameters(benchmark::State& state) {
    std::ifstream file("data/emv/unionpay.params");
    std::stringstream text;
    text << file.rdbuf();
    const auto content = text.str();
    for (auto _ : state) {
        const auto set = ParameterSet::parse(content);
        CHECK(set.has_value());
        benchmark::DoNotOptimize(set->combinations().data());
    }
}
BENCHMARK(shipped_parameters);

}  // namespace
}  // namespace softpos::emv
