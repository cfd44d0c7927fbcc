// Whether one line to the network is alive, as a pure step machine: a line that was quiet for a
// while is asked with an echo, and one that answers no echo several times in a row is given up, so
// that it is opened anew. That a connection could be made says nothing then: it stays in doubt
// until something is heard. Payments do not go over a line that owes an echo while another is well.
//
//     watch.connected(now);  …  watch.heard(now);         whatever arrives
//     if (watch.wants_echo(now)) { send 0820; watch.echo_sent(now); }
//     if (watch.tick(now)) link.reconnect();
#pragma once

#include "base/clock.h"

#include <cstdint>
#include <string_view>

namespace softpos::channel {

struct LinkWatchLimits {
    std::uint32_t idle_ms = 60'000;    // Quiet for so long: ask.
    std::uint32_t answer_ms = 10'000;  // For the answer to an echo.
    std::uint32_t misses_max = 3;      // In a row, then the line is dead.
};

enum class LinkHealth : std::uint8_t { down, well, doubtful };
std::string_view name_of(LinkHealth health);

class LinkWatch {
public:
    explicit LinkWatch(LinkWatchLimits limits = {}) : limits_(limits) {}

    LinkHealth health() const { return health_; }

    void connected(Ticks now);
    void disconnected();
    void heard(Ticks now);  // Nothing while it is down.

    bool wants_echo(Ticks now) const;
    void echo_sent(Ticks now);
    // Nobody could be asked for: there is no terminal yet that an echo could name.
    void cannot_ask(Ticks now);

    // True where the line must be opened anew; it counts as down from then on.
    bool tick(Ticks now);

private:
    LinkWatchLimits limits_;
    LinkHealth health_ = LinkHealth::down;
    Ticks quiet_since_{};
    Ticks echo_at_{};
    bool waiting_ = false;
    bool silent_ = false;  // Given up for its silence, and nothing heard since.
    std::uint32_t misses_ = 0;
};

}  // namespace softpos::channel
