// One link that lives as long as one call.
#include "world/sim/pos_line.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace softpos::sim {

std::optional<Buffer> classic_call(net::FrameLinkConfig to, const Buffer& frame,
                                   std::uint32_t wait_ms) {
    std::mutex mutex;
    std::condition_variable told;
    bool up = false;
    std::optional<Buffer> answer;
    to.kind = net::LinkKind::lasting;
    const auto link = net::FrameLink::start(
        std::move(to),
        [&](Bytes bytes) {
            const std::lock_guard lock(mutex);
            if (!answer) answer.emplace(bytes.begin(), bytes.end());
            told.notify_one();
        },
        [&](net::LinkState state) {
            const std::lock_guard lock(mutex);
            up = state == net::LinkState::connected;
            told.notify_one();
        });
    if (!link) return std::nullopt;
    const auto wait = std::chrono::milliseconds(wait_ms);
    std::unique_lock lock(mutex);
    if (!told.wait_for(lock, wait, [&] { return up; })) return std::nullopt;
    lock.unlock();
    if (!(*link)->send(frame)) return std::nullopt;
    lock.lock();
    told.wait_for(lock, wait, [&] { return answer.has_value(); });
    return answer;
}

}  // namespace softpos::sim
