// One lane a terminal; empty lanes are not kept.
#include "platform/channel/forward_queue.h"

#include <algorithm>

namespace softpos::channel {

void ForwardQueue::add(const std::string& terminal, std::uint64_t stamp, const Id128& id) {
    Lane& lane = lanes_[terminal];
    const bool there = std::ranges::any_of(
        lane.waiting, [&](const auto& entry) { return entry.first.second == id; });
    if (there) return;
    lane.waiting.emplace(std::pair(stamp, id), false);
    ++size_;
}

std::optional<Id128> ForwardQueue::next(const std::string& terminal) {
    const auto lane = lanes_.find(terminal);
    if (lane == lanes_.end() || lane->second.busy) return std::nullopt;
    auto& first = *lane->second.waiting.begin();
    first.second = true;
    lane->second.busy = true;
    return first.first.second;
}

bool ForwardQueue::done(const std::string& terminal, const Id128& id) {
    const auto lane = lanes_.find(terminal);
    if (lane == lanes_.end()) return false;
    auto& waiting = lane->second.waiting;
    const auto found =
        std::ranges::find_if(waiting, [&](const auto& entry) { return entry.first.second == id; });
    if (found == waiting.end()) return false;
    if (found->second) lane->second.busy = false;
    waiting.erase(found);
    --size_;
    if (waiting.empty()) lanes_.erase(lane);
    return true;
}

bool ForwardQueue::later(const std::string& terminal, const Id128& id) {
    const auto lane = lanes_.find(terminal);
    if (lane == lanes_.end()) return false;
    for (auto& [key, on_its_way] : lane->second.waiting) {
        if (key.second != id || !on_its_way) continue;
        on_its_way = false;
        lane->second.busy = false;
        return true;
    }
    return false;
}

bool ForwardQueue::is_first(const std::string& terminal, const Id128& id) const {
    const auto lane = lanes_.find(terminal);
    return lane != lanes_.end() && lane->second.waiting.begin()->first.second == id;
}

}  // namespace softpos::channel
