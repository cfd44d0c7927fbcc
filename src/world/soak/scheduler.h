// Simulated time: events in the order of their time, equal times in the order in which they were
// planned. Whoever plans draws from one seeded source, so that the same seed gives the same run.
#pragma once

#include "base/clock.h"
#include "base/random.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace softpos::soak {

class Scheduler final : public Clock {
public:
    using Event = std::function<void()>;
    using Handle = std::pair<std::int64_t, std::uint64_t>;

    Scheduler(std::uint64_t seed, Instant start) : random_(seed), start_(start) {}

    Instant now() const override { return {start_.unix_ms + now_us_ / 1000 + wall_jump_ms_}; }
    Ticks ticks() const override { return {now_us_}; }
    // The wall clock alone; nothing is late or early by it.
    void jump_wall_clock(std::int64_t ms) { wall_jump_ms_ += ms; }
    void set_wall_clock_right() { wall_jump_ms_ = 0; }

    Handle after_us(std::int64_t us, Event event);
    Handle after_ms(std::int64_t ms, Event event) { return after_us(ms * 1000, std::move(event)); }
    bool drop(const Handle& handle) { return events_.erase(handle) != 0; }

    // The next event; false where there is none.
    bool step();
    // Until it holds, or so long has passed: whether it holds. May be called from within an event.
    bool run_until(const std::function<bool()>& holds, std::int64_t ms_max);
    void run_for(std::int64_t ms);

    std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
    bool chance(std::uint64_t per_mille) { return random_.below(1000) < per_mille; }
    SeededRandom& random() { return random_; }

    // What happened, for people, and in a digest over all of it.
    void note(std::string_view what);
    std::uint64_t digest() const { return digest_; }
    std::uint64_t events() const { return count_; }
    const std::deque<std::string>& last_notes() const { return notes_; }

private:
    static constexpr std::size_t notes_max = 400;

    SeededRandom random_;
    Instant start_;
    std::int64_t now_us_ = 0, wall_jump_ms_ = 0;
    std::uint64_t planned_ = 0, count_ = 0;
    std::uint64_t digest_ = 0xcbf29ce484222325;
    std::map<Handle, Event> events_;
    std::deque<std::string> notes_;
};

// What a part of the world has planned ends with that part.
class Life {
public:
    explicit Life(Scheduler& scheduler) : scheduler_(scheduler) {}
    ~Life() { end(); }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    void after_us(std::int64_t us, Scheduler::Event event) {
        scheduler_.after_us(us, [alive = alive_, event = std::move(event)] {
            if (*alive) event();
        });
    }
    void end() { *alive_ = false; }
    Scheduler& scheduler() { return scheduler_; }

private:
    Scheduler& scheduler_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace softpos::soak
