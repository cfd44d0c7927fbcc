// What a service stands on when time is simulated: jobs, timers and commits are events.
#pragma once

#include "net/timer.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"
#include "world/soak/faults.h"
#include "world/soak/scheduler.h"

#include <deque>
#include <map>
#include <memory>

namespace softpos::soak {

class SimWorkers final : public server::Workers {
public:
    explicit SimWorkers(Scheduler& scheduler) : life_(scheduler) {}
    bool post(Job job) override;
    void post_always(Job job) override;
    void stop() override { life_.end(); }

private:
    Life life_;
};

class SimTimers final : public net::Timers {
public:
    explicit SimTimers(Scheduler& scheduler) : life_(scheduler) {}
    net::TimerId after(std::uint32_t delay_ms, Callback callback) override;
    bool cancel(net::TimerId id) override;

private:
    std::uint64_t last_ = 0;
    std::map<net::TimerId, Callback> waiting_;
    Life life_;
};

// The real store behind it makes what is durable durable; when that is, and whether, is an event.
// What was submitted and not committed is gone with this.
class SimStore final : public store::Store {
public:
    SimStore(Scheduler& scheduler, const Faults& faults, std::unique_ptr<store::Store> real)
        : faults_(faults), real_(std::move(real)), life_(scheduler) {}

    void submit(Work work, Done done) override;
    Result<void> run(Work work) override;
    Result<void> read(const Question& question) override { return real_->read(question); }

private:
    struct Submitted {
        Work work;
        Done done;
    };
    void commit();

    const Faults& faults_;
    std::unique_ptr<store::Store> real_;
    std::deque<Submitted> queue_;
    bool planned_ = false;
    Life life_;
};

}  // namespace softpos::soak
