// The lines to one card network: opens them, picks one for each message, asks quiet ones whether
// they live, and gives up those that do not say so.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "net/frame_link.h"
#include "platform/channel/link_watch.h"
#include "platform/channel/switch_plan.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace softpos::server {

struct LineStatus {
    std::string name;
    channel::LinkHealth health = channel::LinkHealth::down;
};

class LineSet {
public:
    struct Callbacks {
        std::function<void(Bytes frame)> on_frame;  // On a line's thread; must not block.
        std::function<void()> on_up;                // A line came up; the same.
    };
    // How a line is opened.
    using Open = std::function<Result<std::unique_ptr<net::Link>>(
        net::FrameLinkConfig, net::Link::OnFrame, net::Link::OnState)>;

    static Result<std::unique_ptr<LineSet>> start(channel::SwitchPlan plan, const Clock& clock,
                                                  Callbacks callbacks, const Open& open);
    ~LineSet();
    LineSet(const LineSet&) = delete;
    LineSet& operator=(const LineSet&) = delete;

    const channel::SwitchPlan& plan() const { return plan_; }

    // By the routes; without a query over any line. A line in doubt serves only where no other
    // does. unavailable: provably nothing left.
    Result<void> send(const std::optional<channel::RouteQuery>& query, const Buffer& frame);
    Result<void> send_on(std::size_t line, Buffer frame);

    bool connected() const;  // At least one of them.
    std::vector<LineStatus> status() const;

    // Of one round of the keeper: lines that are to be asked now. What owes an answer for too long
    // is opened anew.
    std::vector<std::size_t> due_for_echo();
    void echo_sent(std::size_t line);
    void cannot_ask(std::size_t line);

private:
    struct OpenLine {
        std::unique_ptr<net::Link> link;
        channel::LinkWatch watch;
    };

    LineSet(channel::SwitchPlan plan, const Clock& clock, Callbacks callbacks);
    std::optional<std::size_t> pick(const std::optional<channel::RouteQuery>& query,
                                    const std::vector<std::size_t>& tried) const;
    void on_state(std::size_t line, net::LinkState state);

    const channel::SwitchPlan plan_;
    const Clock& clock_;
    const Callbacks callbacks_;
    mutable std::mutex mutex_;  // Guards the watches.
    std::vector<OpenLine> lines_;
};

}  // namespace softpos::server
