// One map is the whole future.
#include "world/soak/scheduler.h"

#include <algorithm>
#include <utility>

namespace softpos::soak {

Scheduler::Handle Scheduler::after_us(std::int64_t us, Event event) {
    const Handle handle{now_us_ + us, planned_++};
    events_.emplace(handle, std::move(event));
    return handle;
}

bool Scheduler::step() {
    if (events_.empty()) return false;
    auto next = events_.extract(events_.begin());
    now_us_ = std::max(now_us_, next.key().first);
    ++count_;
    next.mapped()();
    return true;
}

bool Scheduler::run_until(const std::function<bool()>& holds, std::int64_t ms_max) {
    const std::int64_t until = now_us_ + ms_max * 1000;
    while (!holds()) {
        if (events_.empty() || events_.begin()->first.first > until) {
            now_us_ = std::max(now_us_, until);
            return holds();
        }
        step();
    }
    return true;
}

void Scheduler::run_for(std::int64_t ms) {
    (void)run_until([] { return false; }, ms);
}

// FNV-1a.
void Scheduler::note(std::string_view what) {
    constexpr std::uint64_t prime = 0x100000001b3;
    const LocalTime at = china_time(now());
    std::string line = at.iso().substr(0, 19) + "." + std::to_string(now_us_ % 1'000'000) + "  ";
    line += what;
    for (const char c : line) digest_ = (digest_ ^ static_cast<std::uint8_t>(c)) * prime;
    notes_.push_back(std::move(line));
    if (notes_.size() > notes_max) notes_.pop_front();
}

}  // namespace softpos::soak
