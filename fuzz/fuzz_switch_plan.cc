// Whatever stands in a switch table: one that loads has lines, and only ever picks one that is up.
// links: base channel
#include "base/check.h"
#include "platform/channel/switch_plan.h"

using softpos::channel::SwitchPlan;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto plan = SwitchPlan::parse({reinterpret_cast<const char*>(data), size});
    if (!plan) return 0;
    CHECK(!plan->lines().empty() && plan->lines().size() <= SwitchPlan::lines_max);
    CHECK(plan->echo_idle_ms > 0 && plan->echo_answer_ms > 0 && plan->echo_misses_max > 0);
    const std::size_t only = size % plan->lines().size();
    const auto picked =
        plan->pick({.pan_digits = "6225880000000001",
                    .amount_minor = static_cast<std::int64_t>(size),
                    .at = {1'795'320'000'000 + static_cast<std::int64_t>(size) * 60'000}},
                   [&](std::size_t line) {
                       CHECK(line < plan->lines().size());
                       return line == only;
                   });
    CHECK(!picked || *picked == only);
    CHECK(!plan->pick({}, [](std::size_t) { return false; }));
    return 0;
}
