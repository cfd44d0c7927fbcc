// Pauses that end at once when the program stops.
#pragma once

#include "phone/device/platform_client.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace softpos::device {

class StoppablePauses final : public Pauses {
public:
    bool pause(std::uint32_t ms) override {
        std::unique_lock lock(mutex_);
        return !wake_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return stopping_; });
    }
    void stop() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
};

}  // namespace softpos::device
