// Health is what the watches say; the links themselves connect again by themselves.
#include "platform/server/line_set.h"

#include "base/log.h"

#include <algorithm>
#include <utility>

namespace softpos::server {

using channel::LinkHealth;

LineSet::LineSet(channel::SwitchPlan plan, const Clock& clock, Callbacks callbacks)
    : plan_(std::move(plan)), clock_(clock), callbacks_(std::move(callbacks)) {}

LineSet::~LineSet() {
    for (OpenLine& line : lines_) line.link.reset();
}

Result<std::unique_ptr<LineSet>> LineSet::start(channel::SwitchPlan plan, const Clock& clock,
                                                Callbacks callbacks, const Open& open) {
    std::unique_ptr<LineSet> set(new LineSet(std::move(plan), clock, std::move(callbacks)));
    LineSet* const self = set.get();
    const channel::LinkWatchLimits limits{.idle_ms = self->plan_.echo_idle_ms,
                                          .answer_ms = self->plan_.echo_answer_ms,
                                          .misses_max = self->plan_.echo_misses_max};
    // All places first: a link that is up at once finds its own.
    for (std::size_t i = 0; i < self->plan_.lines().size(); ++i) {
        self->lines_.push_back({.link = nullptr, .watch = channel::LinkWatch(limits)});
    }
    for (std::size_t i = 0; i < self->lines_.size(); ++i) {
        const channel::Line& line = self->plan_.lines()[i];
        net::FrameLinkConfig config;
        config.host = line.host;
        config.port = line.port;
        if (line.per_exchange) config.kind = net::LinkKind::per_exchange;
        if (line.tls) {
            config.tls = net::ClientTls{.ca_pem = line.tls->ca,
                                        .server_name = line.tls->server_name,
                                        .cert_pem = line.tls->certificate,
                                        .key_pem = line.tls->key};
        }
        auto link = TRY(open(
            std::move(config),
            [self, i](Bytes frame) {
                {
                    const std::lock_guard lock(self->mutex_);
                    self->lines_[i].watch.heard(self->clock_.ticks());
                }
                self->callbacks_.on_frame(frame);
            },
            [self, i](net::LinkState state) { self->on_state(i, state); }));
        const std::lock_guard lock(self->mutex_);
        self->lines_[i].link = std::move(link);
    }
    return set;
}

void LineSet::on_state(std::size_t line, net::LinkState state) {
    const bool up = state == net::LinkState::connected;
    {
        const std::lock_guard lock(mutex_);
        channel::LinkWatch& watch = lines_[line].watch;
        if (up) {
            watch.connected(clock_.ticks());
        } else {
            watch.disconnected();
        }
    }
    log(up ? LogLevel::info : LogLevel::warning,
        up ? Literal("upstream: connected") : Literal("upstream: disconnected"),
        {{"line", LogId(plan_.lines()[line].name)}});
    if (up) callbacks_.on_up();
}

std::optional<std::size_t> LineSet::pick(const std::optional<channel::RouteQuery>& query,
                                         const std::vector<std::size_t>& tried) const {
    const std::lock_guard lock(mutex_);
    for (const LinkHealth least : {LinkHealth::well, LinkHealth::doubtful}) {
        const auto usable = [&](std::size_t i) {
            const LinkHealth health = lines_[i].watch.health();
            return lines_[i].link != nullptr && std::ranges::find(tried, i) == tried.end() &&
                   (health == LinkHealth::well || health == least);
        };
        if (query) {
            if (const auto line = plan_.pick(*query, usable)) return line;
            continue;
        }
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            if (usable(i)) return i;
        }
    }
    return std::nullopt;
}

// A line may go down between the look and the sending, or be full: each is tried once at most.
Result<void> LineSet::send(const std::optional<channel::RouteQuery>& query, const Buffer& frame) {
    std::vector<std::size_t> tried;
    while (const auto line = pick(query, tried)) {
        auto sent = send_on(*line, frame);
        if (sent || sent.error().kind != ErrorKind::unavailable) return sent;
        tried.push_back(*line);
    }
    return fail(ErrorKind::unavailable, "upstream: no line for it");
}

Result<void> LineSet::send_on(std::size_t line, Buffer frame) {
    return lines_[line].link->send(std::move(frame));
}

bool LineSet::connected() const {
    return pick(std::nullopt, {}).has_value();
}

std::vector<LineStatus> LineSet::status() const {
    const std::lock_guard lock(mutex_);
    std::vector<LineStatus> status;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        status.push_back({plan_.lines()[i].name, lines_[i].watch.health()});
    }
    return status;
}

std::vector<std::size_t> LineSet::due_for_echo() {
    std::vector<std::size_t> due;
    std::vector<std::size_t> dead;
    {
        const std::lock_guard lock(mutex_);
        const Ticks now = clock_.ticks();
        for (std::size_t i = 0; i < lines_.size(); ++i) {
            channel::LinkWatch& watch = lines_[i].watch;
            if (watch.tick(now)) dead.push_back(i);
            if (watch.wants_echo(now)) due.push_back(i);
        }
    }
    for (const std::size_t line : dead) {
        log(LogLevel::warning, "upstream: no answer to echoes, opened anew",
            {{"line", LogId(plan_.lines()[line].name)}});
        lines_[line].link->reconnect();
    }
    return due;
}

void LineSet::echo_sent(std::size_t line) {
    const std::lock_guard lock(mutex_);
    lines_[line].watch.echo_sent(clock_.ticks());
}

void LineSet::cannot_ask(std::size_t line) {
    const std::lock_guard lock(mutex_);
    lines_[line].watch.cannot_ask(clock_.ticks());
}

}  // namespace softpos::server
