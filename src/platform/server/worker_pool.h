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

class WorkerPool {
public:
    using Job = std::function<void()>;

    WorkerPool(unsigned threads, std::size_t queue_max);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // False where the queue is full: the caller refuses the request instead of letting it age.
    bool post(Job job);

    // Finishes what is queued, then joins. What is posted from then on is never run.
    void stop();

    // For a step of something that has begun and must be finished: never refused.
    void post_always(Job job);

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
