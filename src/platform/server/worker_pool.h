// A few threads that do what may wait: calls to the key vault, mostly. What an I/O thread may not
// do, it posts here.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace softpos::server {

class Workers {
public:
    using Job = std::function<void()>;
    virtual ~Workers() = default;

    // False where the queue is full: the caller refuses the request instead of letting it age.
    virtual bool post(Job job) = 0;

    // For a step of something that has begun and must be finished: never refused.
    virtual void post_always(Job job) = 0;

    // Finishes what is queued. What is posted from then on is never run.
    virtual void stop() = 0;
};

class WorkerPool final : public Workers {
public:
    WorkerPool(unsigned threads, std::size_t queue_max);
    ~WorkerPool() override;
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    bool post(Job job) override;
    void stop() override;  // Joins, too.
    void post_always(Job job) override;

private:
    void run();

    const std::size_t queue_max_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace softpos::server
