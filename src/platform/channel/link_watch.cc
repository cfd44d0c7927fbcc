// What each event does to the health of a line.
#include "platform/channel/link_watch.h"

namespace softpos::channel {
namespace {

constexpr std::int64_t us_of_ms = 1000;

bool over(Ticks since, Ticks now, std::uint32_t ms) {
    return now.us - since.us >= std::int64_t{ms} * us_of_ms;
}

}  // namespace

std::string_view name_of(LinkHealth health) {
    switch (health) {
        case LinkHealth::down:
            return "down";
        case LinkHealth::well:
            return "well";
        case LinkHealth::doubtful:
            break;
    }
    return "doubtful";
}

void LinkWatch::connected(Ticks now) {
    health_ = silent_ ? LinkHealth::doubtful : LinkHealth::well;
    quiet_since_ = now;
    waiting_ = false;
    misses_ = 0;
}

void LinkWatch::disconnected() {
    health_ = LinkHealth::down;
    waiting_ = false;
    misses_ = 0;
}

void LinkWatch::heard(Ticks now) {
    if (health_ == LinkHealth::down) return;
    silent_ = false;
    connected(now);
}

bool LinkWatch::wants_echo(Ticks now) const {
    if (health_ == LinkHealth::down || waiting_) return false;
    // A line in doubt is asked again at once.
    return health_ == LinkHealth::doubtful || over(quiet_since_, now, limits_.idle_ms);
}

void LinkWatch::echo_sent(Ticks now) {
    if (health_ == LinkHealth::down || waiting_) return;
    waiting_ = true;
    echo_at_ = now;
}

void LinkWatch::cannot_ask(Ticks now) {
    quiet_since_ = now;
}

bool LinkWatch::tick(Ticks now) {
    if (health_ == LinkHealth::down || !waiting_ || !over(echo_at_, now, limits_.answer_ms)) {
        return false;
    }
    waiting_ = false;
    health_ = LinkHealth::doubtful;
    ++misses_;
    if (misses_ < limits_.misses_max) return false;
    disconnected();
    silent_ = true;
    return true;
}

}  // namespace softpos::channel
