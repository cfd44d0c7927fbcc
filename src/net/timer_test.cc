// Timers run in order, not early, once, and not at all when cancelled.
#include "net/timer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace softpos::net {
namespace {

constexpr std::uint32_t never_ms = 3'600'000;
constexpr auto patience = std::chrono::seconds(20);

bool came(std::future<void> future) {
    return future.wait_for(patience) == std::future_status::ready;
}

TEST(TimerQueue, RunsInOrderOfTime) {
    std::vector<int> order;
    std::promise<void> last;
    TimerQueue timers;
    timers.after(60, [&] {
        order.push_back(3);
        last.set_value();
    });
    timers.after(5, [&] { order.push_back(1); });
    timers.after(30, [&] { order.push_back(2); });
    ASSERT_TRUE(came(last.get_future()));
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(TimerQueue, EqualTimesRunInOrderOfTheCalls) {
    constexpr int count = 500;
    std::vector<int> order;
    std::promise<void> last;
    TimerQueue timers;
    for (int i = 0; i < count; ++i) timers.after(0, [&order, i] { order.push_back(i); });
    timers.after(0, [&] { last.set_value(); });
    ASSERT_TRUE(came(last.get_future()));
    ASSERT_EQ(order.size(), std::size_t{count});
    EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST(TimerQueue, DoesNotRunEarly) {
    std::promise<void> done;
    TimerQueue timers;
    const auto start = std::chrono::steady_clock::now();
    timers.after(40, [&] { done.set_value(); });
    ASSERT_TRUE(came(done.get_future()));
    EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(40));
}

TEST(TimerQueue, CancelledDoesNotRun) {
    std::atomic<bool> ran = false;
    std::promise<void> later;
    TimerQueue timers;
    const TimerId id = timers.after(5, [&] { ran = true; });
    const bool cancelled = timers.cancel(id);
    timers.after(20, [&] { later.set_value(); });
    ASSERT_TRUE(came(later.get_future()));
    EXPECT_NE(ran.load(), cancelled);
    EXPECT_FALSE(timers.cancel(id));
}

TEST(TimerQueue, CancelSaysWhetherItWasInTime) {
    TimerQueue timers;
    const TimerId waiting = timers.after(never_ms, [] {});
    EXPECT_TRUE(timers.cancel(waiting));
    EXPECT_FALSE(timers.cancel(waiting));
    EXPECT_FALSE(timers.cancel(TimerId::none));
    std::promise<void> done;
    const TimerId ran = timers.after(0, [&] { done.set_value(); });
    ASSERT_TRUE(came(done.get_future()));
    EXPECT_FALSE(timers.cancel(ran));
}

TEST(TimerQueue, CallbackMaySetAndCancel) {
    std::promise<bool> done;
    TimerQueue timers;
    const TimerId other = timers.after(never_ms, [] {});
    timers.after(0, [&] {
        const bool cancelled = timers.cancel(other);
        timers.after(1, [&done, cancelled] { done.set_value(cancelled); });
    });
    auto result = done.get_future();
    ASSERT_EQ(result.wait_for(patience), std::future_status::ready);
    EXPECT_TRUE(result.get());
}

TEST(TimerQueue, EarlierTimerWakesTheThread) {
    std::promise<void> done;
    TimerQueue timers;
    timers.after(never_ms, [] {});
    timers.after(1, [&] { done.set_value(); });
    EXPECT_TRUE(came(done.get_future()));
}

TEST(TimerQueue, EndDoesNotWaitForWhatIsNotDue) {
    std::atomic<bool> ran = false;
    {
        TimerQueue timers;
        timers.after(never_ms, [&] { ran = true; });
    }
    EXPECT_FALSE(ran);
}

TEST(TimerQueue, PostRunsCallbacksElsewhere) {
    std::promise<TimerQueue::Callback> handed_over;
    TimerQueue timers([&](TimerQueue::Callback due) { handed_over.set_value(std::move(due)); });
    std::thread::id ran_on;
    timers.after(1, [&] { ran_on = std::this_thread::get_id(); });
    auto due = handed_over.get_future();
    ASSERT_EQ(due.wait_for(patience), std::future_status::ready);
    due.get()();
    EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(TimerQueue, ThreadsMaySetAndCancelTogether) {
    std::atomic<int> ran = 0;
    std::atomic<int> cancelled = 0;
    {
        TimerQueue timers;
        std::vector<std::jthread> threads;
        threads.reserve(4);
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 500; ++i) {
                    const TimerId id = timers.after(i % 3 == 0 ? 0 : never_ms, [&] { ++ran; });
                    if (timers.cancel(id)) ++cancelled;
                }
            });
        }
        threads.clear();
        std::promise<void> last;
        timers.after(0, [&] { last.set_value(); });
        ASSERT_TRUE(came(last.get_future()));
    }
    EXPECT_EQ(ran + cancelled, 2'000);
}

}  // namespace
}  // namespace softpos::net
