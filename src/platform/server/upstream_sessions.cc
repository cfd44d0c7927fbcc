// Terminals in and out, and lines that are kept alive.
#include "base/log.h"
#include "platform/server/upstream_impl.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

namespace softpos::server {

using channel::CupAnswer;
using codec::IsoMessage;

namespace {

constexpr std::size_t early_max = 1'000;  // More would sign in one after the other for minutes.
constexpr std::uint32_t keep_ms_min = 10;
constexpr std::uint32_t keep_ms_max = 1'000;

channel::CupTerminal speaker_of(const TerminalRef& terminal, std::uint32_t batch = 0) {
    return {.terminal = terminal.terminal, .merchant = terminal.merchant, .batch = batch};
}

}  // namespace

// The session has said that it wants one; `trace` is known to it once the message is built.
void Upstream::Impl::sign_in(const TerminalRef& terminal) {
    const auto send = [&]() -> Result<void> {
        const std::uint32_t trace = TRY(management_trace(terminal.terminal));
        {
            const std::lock_guard lock(mutex);
            auto& session = terminals[terminal.terminal].session;
            TRY_VOID(session.begin_sign_in(trace, parts.clock.now()));
        }
        IsoMessage message(dialect);
        const channel::CupTerminal speaker{.terminal = terminal.terminal,
                                           .merchant = terminal.merchant};
        TRY_VOID(channel::build_sign_in(speaker, trace, std::nullopt, message));
        return transmit(
            message, {.request = {.purpose = Purpose::sign_in, .terminal = terminal, .stan = trace},
                      .timeout_ms = config.sign_in_ms});
    };
    if (const auto sent = send(); !sent) {
        log(LogLevel::warning, "upstream: sign-in not sent", sent.error());
        finish_sign_in(terminal.terminal, sent);
    }
}

// Keys to the vault, the batch to the store.
Result<void> Upstream::Impl::take_keys(const Pending& request, const CupAnswer& answer) {
    const std::string& terminal = request.terminal.terminal;
    codec::WorkingKeys keys;
    {
        const std::lock_guard lock(mutex);
        const auto taken =
            terminals[terminal].session.answered(request.stan, answer, parts.clock.now());
        if (!taken) return std::unexpected(with_detail(taken.error(), SendFailure::network));
        keys = *taken;
    }
    const auto loaded = parts.vault.load_working_keys(master_key_alias(terminal), keys);
    if (!loaded) return std::unexpected(with_detail(loaded.error(), SendFailure::vault));
    date_of(answer.settlement_date.empty() ? answer.local_date : answer.settlement_date);
    return parts.store.run([&](store::Tx& tx) -> Result<void> {
        TRY_VOID(tx.open_batch(terminal, answer.batch));
        auto known = TRY(tx.terminal_by_number(terminal));
        if (!known || known->state != merchant::TerminalState::enrolled) return {};
        known->state = TRY(next_state(known->state, merchant::TerminalAction::activate));
        return tx.update(*known);
    });
}

void Upstream::Impl::signed_in(const Pending& request, const CupAnswer& answer) {
    const std::string& terminal = request.terminal.terminal;
    const auto taken = take_keys(request, answer);
    if (taken) {
        log(LogLevel::info, "upstream: signed in",
            {{"terminal", LogId(terminal)}, {"batch", std::int64_t{answer.batch}}});
    } else {
        log(LogLevel::warning, "upstream: sign-in refused",
            {{"terminal", LogId(terminal)}, {"code", LogId(answer.code)}});
    }
    finish_sign_in(terminal, taken);
}

void Upstream::Impl::finish_sign_in(const std::string& terminal, const Result<void>& result) {
    std::vector<Ready> waiting;
    Result<void> outcome = result;
    {
        const std::lock_guard lock(mutex);
        TerminalState& state = terminals[terminal];
        if (outcome) outcome = state.session.keys_loaded();
        if (outcome) {
            state.signed_in_at = parts.clock.ticks();
        } else {
            state.session.failed(parts.clock.now());
        }
        waiting = std::exchange(state.waiting, {});
    }
    for (const Ready& ready : waiting) ready(outcome);
}

void Upstream::Impl::prepare(const TerminalRef& terminal, Ready ready) {
    Result<void> now = {};
    bool start = false;
    bool wait = false;
    {
        const std::lock_guard lock(mutex);
        TerminalState& state = terminals[terminal.terminal];
        state.merchant = terminal.merchant;
        if (!state.session.may_pay()) {
            const bool under_way = state.session.state() == channel::SessionState::signing_in ||
                                   !state.waiting.empty();
            start = !under_way && !closing && state.session.wants_sign_in(parts.clock.now());
            wait = start || under_way;
            if (wait) state.waiting.push_back(ready);
            // The last sign-in has just failed: the network is left alone for a while.
            if (!wait) {
                now = failure(SendFailure::network, ErrorKind::unavailable,
                              "upstream: sign-in failed a moment ago");
            }
        }
    }
    if (!wait) return ready(now);
    if (start) parts.workers.post_always([this, terminal] { sign_in(terminal); });
}

void Upstream::prepare(const TerminalRef& terminal, Ready ready) {
    impl_->prepare(terminal, std::move(ready));
}

void Upstream::forget_sign_in(const std::string& terminal) {
    const std::lock_guard lock(impl_->mutex);
    channel::UpstreamSession& session = impl_->terminals[terminal].session;
    if (session.may_pay()) session.close();
}

// ---- Lines ------------------------------------------------------------------------------------

void Upstream::sign_in_early(const std::vector<TerminalRef>& terminals) {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->started = true;
        impl_->early.assign(
            terminals.begin(),
            terminals.begin() + static_cast<std::ptrdiff_t>(std::min(terminals.size(), early_max)));
    }
    if (impl_->lines->connected()) {
        impl_->parts.workers.post_always([i = impl_.get()] { i->line_up(); });
    }
}

// On a worker.
void Upstream::Impl::line_up() {
    std::vector<TerminalRef> now;
    {
        const std::lock_guard lock(mutex);
        if (!started) return;  // Whoever is told of it is not all there yet.
        now = std::exchange(early, {});
        // What failed while no line was there says nothing about the terminals: nobody waits.
        for (auto& [number, state] : terminals) {
            const auto at = state.session.state();
            if (at == channel::SessionState::needs_sign_in) state.session.close();
        }
    }
    for (const TerminalRef& terminal : now) {
        prepare(terminal, [](const Result<void>&) {});
    }
    on_up();
}

std::uint32_t Upstream::Impl::keep_ms() const {
    const auto& plan = config.plan;
    constexpr std::uint32_t parts_of_it = 4;
    return std::clamp(std::min(plan.echo_idle_ms, plan.echo_answer_ms) / parts_of_it, keep_ms_min,
                      keep_ms_max);
}

// A round: every line that is quiet is asked, and keys that are old are renewed.
void Upstream::Impl::keep() {
    if (closing) return;
    for (const std::size_t line : lines->due_for_echo()) echo(line);
    renew_keys();
    keep_later();
}

// On a worker, since an echo over a line with a connection for each exchange waits for that.
void Upstream::Impl::keep_later() {
    parts.timers.after(keep_ms(), [this] { parts.workers.post_always([this] { keep(); }); });
}

// An echo speaks for a terminal; any that is signed in will do.
void Upstream::Impl::echo(std::size_t line) {
    std::optional<TerminalRef> terminal;
    std::uint32_t batch = 0;
    {
        const std::lock_guard lock(mutex);
        const auto found = std::ranges::find_if(
            terminals, [](const auto& entry) { return entry.second.session.batch() != 0; });
        if (found != terminals.end()) {
            terminal = TerminalRef{found->first, found->second.merchant};
            batch = found->second.session.batch();
        }
    }
    if (!terminal) return lines->cannot_ask(line);
    const auto send = [&]() -> Result<void> {
        const std::uint32_t trace = TRY(management_trace(terminal->terminal));
        IsoMessage message(dialect);
        TRY_VOID(channel::build_echo(speaker_of(*terminal, batch), trace, message));
        // Any frame shows that the line lives; what this one says does not matter.
        return transmit(message, {.request = {.purpose = Purpose::management,
                                              .terminal = *terminal,
                                              .answered = [](const Result<CupAnswer>&) {}},
                                  .timeout_ms = config.plan.echo_answer_ms,
                                  .line = line});
    };
    if (const auto sent = send(); !sent) {
        log(LogLevel::warning, "upstream: echo not sent", sent.error());
        if (sent.error().kind != ErrorKind::unavailable) return lines->cannot_ask(line);
    }
    lines->echo_sent(line);
}

void Upstream::Impl::renew_keys() {
    std::vector<TerminalRef> old;
    {
        const std::lock_guard lock(mutex);
        const Ticks now = parts.clock.ticks();
        const auto older = [&](Ticks since, std::int64_t ms) {
            return now.us - since.us >= ms * 1000;
        };
        for (auto& [number, state] : terminals) {
            if (!state.session.may_pay()) continue;
            if (!older(state.signed_in_at, config.plan.keys_ms)) continue;
            if (!older(state.used_at, config.quiet_ms)) continue;
            const bool busy = std::ranges::any_of(pending, [&](const auto& entry) {
                return entry.second.terminal.terminal == number;
            });
            if (busy) continue;
            state.session.close();
            old.push_back({number, state.merchant});
        }
    }
    for (const TerminalRef& terminal : old) {
        log(LogLevel::info, "upstream: keys renewed", {{"terminal", LogId(terminal.terminal)}});
        prepare(terminal, [](const Result<void>&) {});
    }
}

// ---- Out --------------------------------------------------------------------------------------

void Upstream::sign_out(const std::string& terminal, Told done) {
    Impl& impl = *impl_;
    TerminalRef who{terminal, {}};
    std::uint32_t batch = 0;
    {
        const std::lock_guard lock(impl.mutex);
        const auto found = impl.terminals.find(terminal);
        if (found != impl.terminals.end() && found->second.session.may_pay()) {
            found->second.session.close();
            who.merchant = found->second.merchant;
            batch = found->second.session.batch();
        }
    }
    if (batch == 0) return done();
    const auto send = [&]() -> Result<void> {
        const std::uint32_t trace = TRY(impl.management_trace(terminal));
        IsoMessage message(impl.dialect);
        TRY_VOID(channel::build_sign_out(speaker_of(who, batch), trace, message));
        return impl.transmit(message,
                             {.request = {.purpose = Impl::Purpose::management,
                                          .terminal = who,
                                          .answered = [done](const Result<CupAnswer>&) { done(); }},
                              .timeout_ms = impl.config.sign_in_ms});
    };
    if (const auto sent = send(); !sent) {
        log(LogLevel::warning, "upstream: sign-out not sent", sent.error());
        done();
    }
}

void Upstream::sign_out_all(std::uint32_t wait_ms) {
    struct Waiting {
        std::mutex mutex;
        std::condition_variable changed;
        std::size_t open = 0;
    };
    impl_->closing = true;
    std::vector<std::string> ready;
    {
        const std::lock_guard lock(impl_->mutex);
        for (const auto& [number, state] : impl_->terminals) {
            if (state.session.may_pay()) ready.push_back(number);
        }
    }
    if (ready.empty() || !connected()) return;
    const Ticks start = impl_->parts.clock.ticks();
    const auto left_us = [&] {
        const std::int64_t gone = impl_->parts.clock.ticks().us - start.us;
        return std::max<std::int64_t>(0, std::int64_t{wait_ms} * 1000 - gone);
    };
    const auto waiting = std::make_shared<Waiting>();  // Answers may come after we have gone on.
    for (const std::string& number : ready) {
        if (left_us() == 0) break;
        {
            const std::lock_guard lock(waiting->mutex);
            ++waiting->open;
        }
        sign_out(number, [waiting] {
            const std::lock_guard lock(waiting->mutex);
            --waiting->open;
            waiting->changed.notify_all();
        });
    }
    std::unique_lock lock(waiting->mutex);
    waiting->changed.wait_for(lock, std::chrono::microseconds(left_us()),
                              [&] { return waiting->open == 0; });
}

}  // namespace softpos::server
