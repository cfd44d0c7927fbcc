// Inside of Upstream: only its own files include this.
#pragma once

#include "codec/dialect.h"
#include "codec/iso8583.h"
#include "platform/channel/cup_answers.h"
#include "platform/channel/upstream_session.h"
#include "platform/server/upstream.h"

#include <atomic>
#include <map>
#include <mutex>

namespace softpos::server {

std::unexpected<Error> failure(SendFailure what, ErrorKind kind, Literal text);
Error with_detail(Error error, SendFailure what);

struct Upstream::Impl {
    // A request on its way. Payments know what became of them by their members; what manages the
    // terminal calls `answered`, once.
    enum class Purpose : std::uint8_t { payment, repeat, reversal, sign_in, management };
    using Answered = std::function<void(Result<channel::CupAnswer>)>;
    struct Pending {
        Purpose purpose{};
        TerminalRef terminal = {};
        channel::ExpectedAnswer expected = {};
        Id128 payment = {};
        std::uint32_t batch = 0;
        std::uint32_t stan = 0;
        std::int64_t signed_amount_minor = 0;
        Answered answered = {};
        net::TimerId timer = net::TimerId::none;
    };
    struct TerminalState {
        // A short first pause: a link that was down is back sooner than a refused terminal is let
        // in.
        channel::UpstreamSession session{{.answer_ms = 30'000, .pause_ms = 500}};
        std::string merchant = {};
        std::vector<Ready> waiting = {};
        Ticks signed_in_at = {};
        Ticks used_at = {};
    };

    Impl(codec::Dialect dialect_in, channel::ResponseCodes codes_in, Parts parts_in,
         UpstreamConfig config_in, OnIncoming incoming, OnUp up)
        : dialect(std::move(dialect_in)),
          codes(std::move(codes_in)),
          parts(parts_in),
          config(std::move(config_in)),
          on_incoming(std::move(incoming)),
          on_up(std::move(up)) {}

    codec::Dialect dialect;
    channel::ResponseCodes codes;
    Parts parts;
    UpstreamConfig config;
    OnIncoming on_incoming;
    OnUp on_up;
    channel::CupRoute route;
    mutable std::mutex mutex;
    std::map<std::string, TerminalState> terminals;
    std::map<channel::AnswerKey, Pending> pending;
    bool started = false;            // sign_in_early() was called.
    std::vector<TerminalRef> early;  // To be signed in when a line is up.
    std::atomic<std::uint32_t> business_date = 0;
    std::atomic<bool> closing = false;
    std::unique_ptr<LineSet> lines;

    static Purpose purpose_of(SendKind kind) {
        if (kind == SendKind::reversal) return Purpose::reversal;
        return kind == SendKind::repeat ? Purpose::repeat : Purpose::payment;
    }

    // upstream.cc: what leaves, what comes.
    struct Leaving {
        Pending request;
        std::uint32_t timeout_ms = 0;
        std::optional<channel::RouteQuery> query = {};
        std::optional<std::size_t> line = {};  // This one and no other.
    };
    Result<void> transmit(codec::IsoMessage& message, Leaving leaving);
    void on_frame(Bytes frame);
    void on_answer(const Buffer& frame);
    void on_timeout(const channel::AnswerKey& key);
    void dispatch(const Pending& request, const codec::IsoMessage& message, Bytes packed);
    void payment_answered(const Pending& request, const codec::IsoMessage& message, Bytes packed,
                          const channel::CupAnswer& answer);
    void doubt_keys(const std::string& terminal);
    pay::BusinessDate date_of(const std::string& mmdd);
    Result<std::uint32_t> management_trace(const std::string& terminal);

    // upstream_sessions.cc: terminals in and out, lines that live.
    void sign_in(const TerminalRef& terminal);
    void signed_in(const Pending& request, const channel::CupAnswer& answer);
    void finish_sign_in(const std::string& terminal, const Result<void>& result);
    Result<void> take_keys(const Pending& request, const channel::CupAnswer& answer);
    void prepare(const TerminalRef& terminal, Ready ready);
    void line_up();
    void keep();
    void keep_later();
    std::uint32_t keep_ms() const;
    void echo(std::size_t line);
    void renew_keys();
    struct BatchReport {
        TerminalRef terminal;
        std::uint32_t batch = 0;
        pay::BatchTotals totals = {};
    };
    // `again`, where there is one, in the place of the answer of a network that wants a sign-in.
    void report_batch(const BatchReport& report, Settled done, std::function<void()> again);
};

}  // namespace softpos::server
