// A short sorted list: sixteen entries are searched faster than any index of them.
#include "platform/keys/replay_window.h"

#include <algorithm>

namespace softpos::keys {

ReplayVerdict ReplayWindow::judge(std::uint32_t counter, const CardDigest& digest) const {
    if (counter <= floor_) return ReplayVerdict::too_old;
    const auto entry = std::ranges::find(entries_, counter, &Entry::counter);
    if (entry != entries_.end()) {
        return entry->digest == digest ? ReplayVerdict::repeated : ReplayVerdict::reused;
    }
    return ReplayVerdict::fresh;
}

void ReplayWindow::remember(std::uint32_t counter, const CardDigest& digest) {
    if (judge(counter, digest) != ReplayVerdict::fresh) return;
    entries_.insert(std::ranges::lower_bound(entries_, counter, {}, &Entry::counter),
                    {counter, digest});
    if (entries_.size() > entries_max) raise_floor(entries_.front().counter);
}

void ReplayWindow::raise_floor(std::uint32_t floor) {
    floor_ = std::max(floor_, floor);
    std::erase_if(entries_, [this](const Entry& entry) { return entry.counter <= floor_; });
}

}  // namespace softpos::keys
