// One thread sleeps until the first deadline. No Asio: a condition variable is all it takes.
#include "net/timer.h"

#include "base/check.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

namespace softpos::net {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

struct TimerQueue::Impl {
    using Key = std::pair<SteadyClock::time_point, std::uint64_t>;  // The number keeps the order.

    explicit Impl(Post post_in) : post(std::move(post_in)), thread([this] { run(); }) {}
    ~Impl() {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        changed.notify_one();
        thread.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    void run() {
        std::unique_lock lock(mutex);
        while (!stopping) {
            if (due.empty()) {
                changed.wait(lock);
                continue;
            }
            const auto first = due.begin();
            const auto when = first->first.first;
            if (SteadyClock::now() < when) {
                changed.wait_until(lock, when);
                continue;
            }
            Callback callback = std::move(first->second);
            deadlines.erase(first->first.second);
            due.erase(first);
            lock.unlock();
            call(std::move(callback));
            lock.lock();
        }
    }

    void call(Callback callback) const {
        if (post) {
            post(std::move(callback));
        } else {
            callback();
        }
    }

    Post post;
    std::mutex mutex;
    std::condition_variable changed;
    std::map<Key, Callback> due;
    std::unordered_map<std::uint64_t, SteadyClock::time_point> deadlines;
    std::uint64_t last_id = 0;
    bool stopping = false;
    std::thread thread;  // Last: it uses all of the above.
};

TimerQueue::TimerQueue(Post post) : impl_(std::make_unique<Impl>(std::move(post))) {}
TimerQueue::~TimerQueue() = default;

TimerId TimerQueue::after(std::uint32_t delay_ms, Callback callback) {
    CHECK(callback);
    bool first = false;
    std::uint64_t id = 0;
    {
        const std::lock_guard lock(impl_->mutex);
        // Taken under the lock: calls in a row must not overtake each other.
        const auto when = SteadyClock::now() + std::chrono::milliseconds(delay_ms);
        id = ++impl_->last_id;
        const auto place = impl_->due.emplace(Impl::Key(when, id), std::move(callback)).first;
        impl_->deadlines.emplace(id, when);
        first = place == impl_->due.begin();
    }
    if (first) impl_->changed.notify_one();
    return TimerId{id};
}

bool TimerQueue::cancel(TimerId id) {
    Callback dropped;  // Destroyed after the lock: what it holds may call back into us.
    const std::lock_guard lock(impl_->mutex);
    const auto number = static_cast<std::uint64_t>(id);
    const auto found = impl_->deadlines.find(number);
    if (found == impl_->deadlines.end()) return false;
    const auto entry = impl_->due.find(Impl::Key(found->second, number));
    dropped = std::move(entry->second);
    impl_->due.erase(entry);
    impl_->deadlines.erase(found);
    return true;
}

}  // namespace softpos::net
