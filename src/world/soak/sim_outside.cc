// Each takes a little time, and how much the seed says.
#include "world/soak/sim_outside.h"

#include <future>
#include <utility>
#include <vector>

namespace softpos::soak {

bool SimWorkers::post(Job job) {
    post_always(std::move(job));
    return true;
}

void SimWorkers::post_always(Job job) {
    constexpr std::uint64_t us_max = 400;
    life_.after_us(static_cast<std::int64_t>(life_.scheduler().below(us_max)), std::move(job));
}

net::TimerId SimTimers::after(std::uint32_t delay_ms, Callback callback) {
    const auto id = static_cast<net::TimerId>(++last_);
    waiting_.emplace(id, std::move(callback));
    life_.after_us(std::int64_t{delay_ms} * 1000, [this, id] {
        const auto found = waiting_.find(id);
        if (found == waiting_.end()) return;
        const Callback due = std::move(found->second);
        waiting_.erase(found);
        due();
    });
    return id;
}

bool SimTimers::cancel(net::TimerId id) {
    return waiting_.erase(id) != 0;
}

void SimStore::submit(Work work, Done done) {
    queue_.push_back({std::move(work), std::move(done)});
    if (planned_) return;
    planned_ = true;
    constexpr std::uint64_t us_max = 4'000, slow_us_max = 8'000'000, slow_per_mille = 4;
    Scheduler& scheduler = life_.scheduler();
    const bool slow = faults_.slow_disk && scheduler.chance(slow_per_mille);
    const auto us = static_cast<std::int64_t>(scheduler.below(slow ? slow_us_max : us_max));
    life_.after_us(us, [this] { commit(); });
}

// What is durable is told a moment later: who is killed in between finds it there.
void SimStore::commit() {
    planned_ = false;
    if (queue_.empty()) return;
    constexpr std::uint64_t full_per_mille = 2, told_us_max = 300;
    Scheduler& scheduler = life_.scheduler();
    const bool full = faults_.disk && scheduler.chance(full_per_mille);
    auto batch = std::make_shared<std::deque<Submitted>>(std::exchange(queue_, {}));
    auto results = std::make_shared<std::vector<Result<void>>>();
    if (full) scheduler.note("store: disk full, " + std::to_string(batch->size()) + " works");
    std::promise<void> all;
    for (std::size_t i = 0; i < batch->size(); ++i) {
        if (full) {
            results->push_back(fail(ErrorKind::unavailable, "soak: disk full"));
            continue;
        }
        const bool last = i + 1 == batch->size();
        real_->submit(std::move((*batch)[i].work), [&all, results, last](Result<void> result) {
            results->push_back(std::move(result));
            if (last) all.set_value();
        });
    }
    if (!full) all.get_future().wait();
    life_.after_us(static_cast<std::int64_t>(scheduler.below(told_us_max)), [batch, results] {
        for (std::size_t i = 0; i < batch->size(); ++i) (*batch)[i].done((*results)[i]);
    });
}

Result<void> SimStore::run(Work work) {
    commit();
    return real_->run(std::move(work));
}

}  // namespace softpos::soak
