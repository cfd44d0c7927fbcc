// Calls back later: many timers on one thread of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace softpos::net {

enum class TimerId : std::uint64_t { none = 0 };

// Whoever calls back when a time has passed.
class Timers {
public:
    using Callback = std::function<void()>;
    virtual ~Timers() = default;

    // From any thread, also from a callback. Equal times run in the order of the calls.
    virtual TimerId after(std::uint32_t delay_ms, Callback callback) = 0;

    // True where the callback will now never run; false where it has run, runs, or is unknown.
    virtual bool cancel(TimerId id) = 0;
};

//     TimerQueue timers;
//     const TimerId id = timers.after(60'000, [&] { on_timeout(trace); });
//     timers.cancel(id);
class TimerQueue final : public Timers {
public:
    // Runs a due callback somewhere else, such as on a worker's queue.
    using Post = std::function<void(Callback)>;

    TimerQueue() : TimerQueue(Post()) {}
    explicit TimerQueue(Post post);  // Empty: callbacks run on the timer thread, and must be short.
    ~TimerQueue() override;          // Joins; what is not due yet is dropped.
    TimerQueue(const TimerQueue&) = delete;
    TimerQueue& operator=(const TimerQueue&) = delete;

    TimerId after(std::uint32_t delay_ms, Callback callback) override;
    bool cancel(TimerId id) override;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::net
