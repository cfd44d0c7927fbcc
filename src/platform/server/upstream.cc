// One link, many terminals. What is on its way is found again by terminal, trace and message class.
#include "platform/server/upstream.h"

#include "base/log.h"
#include "codec/cup_fields.h"
#include "codec/cup_frame.h"
#include "codec/iso8583.h"
#include "net/frame_link.h"
#include "platform/channel/cup_answers.h"
#include "platform/channel/cup_messages.h"
#include "platform/channel/upstream_session.h"

#include <atomic>
#include <charconv>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace softpos::server {
namespace {

using channel::CupAnswer;
using codec::IsoMessage;

// How long an answer is still looked for; later ones are only logged.
constexpr std::uint32_t forget_ms = 10 * 60 * 1000;

std::unexpected<Error> failure(SendFailure what, ErrorKind kind, Literal text) {
    return fail(kind, text, detail_of(what));
}

Error with_detail(Error error, SendFailure what) {
    error.detail = detail_of(what);
    return error;
}

channel::ReversalReason reason_of(pay::ReversalReason reason) {
    switch (reason) {
        case pay::ReversalReason::bad_answer:
            return channel::ReversalReason::bad_mac;
        case pay::ReversalReason::other:
            return channel::ReversalReason::other;
        default:
            return channel::ReversalReason::no_answer;
    }
}

std::optional<channel::CupOriginal> original_of(const Outgoing& outgoing) {
    if (outgoing.original == nullptr) return std::nullopt;
    return channel::CupOriginal{.batch = outgoing.original->batch,
                                .trace = outgoing.original->stan,
                                .date = outgoing.original->settlement_date.mmdd(),
                                .reference = outgoing.original->rrn,
                                .approval = outgoing.original->auth_code};
}

Result<void> build(const Outgoing& outgoing, const channel::CupPayment& payment, IsoMessage& out) {
    const pay::PaymentKind kind = outgoing.payment.kind;
    if (outgoing.kind == SendKind::reversal) {
        const channel::CupReversal reversal{.reversed = kind == pay::PaymentKind::purchase
                                                            ? channel::Reversed::purchase
                                                            : channel::Reversed::cancellation,
                                            .reason = reason_of(outgoing.payment.reversal_reason)};
        return channel::build_reversal(payment, reversal, out);
    }
    if (kind == pay::PaymentKind::purchase) return channel::build_purchase(payment, out);
    if (kind == pay::PaymentKind::void_sale) return channel::build_void(payment, out);
    return channel::build_refund(payment, out);
}

std::optional<std::int64_t> amount_in(const IsoMessage& message) {
    const auto digits = message.text(4);
    if (!digits) return std::nullopt;
    std::int64_t amount = 0;
    std::from_chars(digits->data(), digits->data() + digits->size(), amount);
    return amount;
}

}  // namespace

std::string master_key_alias(std::string_view terminal) {
    return "tmk:" + std::string(terminal);
}

std::string serial_key_alias(std::string_view terminal) {
    return "serial:" + std::string(terminal);
}

struct Upstream::Impl {
    // A request on its way; which members count follows from `purpose`.
    enum class Purpose : std::uint8_t { payment, repeat, reversal, sign_in, settlement };
    struct Pending {
        Purpose purpose{};
        TerminalRef terminal = {};
        channel::ExpectedAnswer expected = {};
        Id128 payment = {};
        std::uint32_t batch = 0;
        std::uint32_t stan = 0;
        std::int64_t signed_amount_minor = 0;
        Settled settled = {};
        net::TimerId timer = net::TimerId::none;
    };
    struct TerminalState {
        // A short first pause: a link that was down is back sooner than a refused terminal is let
        // in.
        channel::UpstreamSession session{{.answer_ms = 30'000, .pause_ms = 500}};
        std::vector<Ready> waiting;
    };

    Impl(codec::Dialect dialect_in, channel::ResponseCodes codes_in, Parts parts_in,
         UpstreamConfig config_in, OnIncoming incoming)
        : dialect(std::move(dialect_in)),
          codes(std::move(codes_in)),
          parts(parts_in),
          config(std::move(config_in)),
          on_incoming(std::move(incoming)) {}

    codec::Dialect dialect;
    channel::ResponseCodes codes;
    Parts parts;
    UpstreamConfig config;
    OnIncoming on_incoming;
    channel::CupRoute route;
    std::mutex mutex;
    std::map<std::string, TerminalState> terminals;
    std::map<channel::AnswerKey, Pending> pending;
    std::atomic<std::uint32_t> business_date = 0;
    std::unique_ptr<net::FrameLink> link;

    static Purpose purpose_of(SendKind kind) {
        if (kind == SendKind::reversal) return Purpose::reversal;
        return kind == SendKind::repeat ? Purpose::repeat : Purpose::payment;
    }
    void sign_in(const TerminalRef& terminal);
    void signed_in(const Pending& request, const CupAnswer& answer);
    void finish_sign_in(const std::string& terminal, const Result<void>& result);
    Result<void> take_keys(const Pending& request, const CupAnswer& answer);
    Result<std::uint32_t> management_trace(const std::string& terminal);
    Result<void> transmit(IsoMessage& message, Pending request, std::uint32_t timeout_ms);
    void on_frame(Bytes frame);
    void on_answer(const Buffer& frame);
    void on_timeout(const channel::AnswerKey& key);
    void dispatch(const Pending& request, const IsoMessage& message, Bytes packed);
    void payment_answered(const Pending& request, const IsoMessage& message, Bytes packed,
                          const CupAnswer& answer);
    pay::BusinessDate date_of(const std::string& mmdd);
};

// A number for messages that belong to no batch.
Result<std::uint32_t> Upstream::Impl::management_trace(const std::string& terminal) {
    std::int64_t number = 0;
    TRY_VOID(parts.store.run([&](store::Tx& tx) -> Result<void> {
        number = TRY(tx.next_number("management/" + terminal));
        return {};
    }));
    return static_cast<std::uint32_t>((number - 1) % channel::trace_max + 1);
}

// The network's date decides ours; it never goes back while we run.
pay::BusinessDate Upstream::Impl::date_of(const std::string& mmdd) {
    const auto date = resolve_settlement_date(mmdd, pay::china_date(parts.clock.now()));
    if (!date) return {};
    std::uint32_t before = business_date.load();
    while (before < date->yyyymmdd &&
           !business_date.compare_exchange_weak(before, date->yyyymmdd)) {
    }
    return *date;
}

// Registers the request first, so that the answer cannot come too early; `message` gets its MAC
// here, under the terminal's key in the vault.
Result<void> Upstream::Impl::transmit(IsoMessage& message, Pending request,
                                      std::uint32_t timeout_ms) {
    const channel::AnswerKey key = TRY(channel::answer_key(message));
    request.expected = channel::expect_answer_to(message);
    const std::string alias = master_key_alias(request.terminal.terminal);
    auto outgoing = TRY(channel::OutgoingMessage::pack(message));
    if (const Bytes input = outgoing.mac_input(); !input.empty()) {
        const auto mac = parts.vault.mac(alias, input);
        if (!mac) return std::unexpected(with_detail(mac.error(), SendFailure::vault));
        outgoing.set_mac(*mac);
    }
    if (!link->connected()) {
        return failure(SendFailure::network, ErrorKind::unavailable, "upstream: not connected");
    }
    request.timer = parts.timers.after(timeout_ms, [this, key] { on_timeout(key); });
    const net::TimerId timer = request.timer;
    {
        const std::lock_guard lock(mutex);
        pending[key] = std::move(request);
    }
    const auto sent = link->send(outgoing.frame(route));
    if (sent) return {};
    parts.timers.cancel(timer);
    const std::lock_guard lock(mutex);
    pending.erase(key);
    return std::unexpected(with_detail(sent.error(), SendFailure::network));
}

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
        return transmit(message, {.purpose = Purpose::sign_in, .terminal = terminal, .stan = trace},
                        config.sign_in_ms);
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
        if (!outcome) state.session.failed(parts.clock.now());
        waiting = std::exchange(state.waiting, {});
    }
    for (const Ready& ready : waiting) ready(outcome);
}

void Upstream::Impl::on_timeout(const channel::AnswerKey& key) {
    Pending request;
    {
        const std::lock_guard lock(mutex);
        auto found = pending.extract(key);
        if (found.empty()) return;
        request = std::move(found.mapped());
    }
    const auto late = failure(SendFailure::network, ErrorKind::unavailable, "upstream: no answer");
    if (request.purpose == Purpose::sign_in) {
        finish_sign_in(request.terminal.terminal, late);
    }
    if (request.settled) request.settled(late);
}

// On the link's thread: only a copy.
void Upstream::Impl::on_frame(Bytes frame) {
    parts.workers.post_always(
        [this, copy = Buffer(frame.begin(), frame.end())] { on_answer(copy); });
}

void Upstream::Impl::on_answer(const Buffer& frame) {
    const auto envelope = codec::parse_frame(frame);
    IsoMessage message(dialect);
    const auto read = envelope ? codec::unpack(envelope->message, message)
                               : Result<void>(std::unexpected(envelope.error()));
    const auto key = read ? channel::answer_key(message)
                          : Result<channel::AnswerKey>(std::unexpected(read.error()));
    if (!key) return log(LogLevel::warning, "upstream: not an answer", key.error());
    Pending request;
    {
        const std::lock_guard lock(mutex);
        auto found = pending.extract(*key);
        if (found.empty()) {
            return log(LogLevel::warning, "upstream: late, repeated or unknown answer",
                       {{"mti", LogId(message.mti())}});
        }
        request = std::move(found.mapped());
    }
    parts.timers.cancel(request.timer);
    dispatch(request, message, envelope->message);
}

void Upstream::Impl::dispatch(const Pending& request, const IsoMessage& message, Bytes packed) {
    const auto answer = channel::read_answer(message, request.expected, codes);
    if (request.purpose == Purpose::sign_in) {
        if (answer) return signed_in(request, *answer);
        return finish_sign_in(request.terminal.terminal, std::unexpected(answer.error()));
    }
    if (request.purpose == Purpose::settlement) {
        if (!answer) return request.settled(std::unexpected(answer.error()));
        const bool approved = answer->klass == channel::AnswerClass::approve;
        return request.settled(approved && answer->totals &&
                               answer->totals->domestic.verdict == codec::BatchVerdict::balanced);
    }
    if (answer) return payment_answered(request, message, packed, *answer);
    log(LogLevel::warning, "upstream: answer does not fit", answer.error());
    CupAnswer unbelievable;
    payment_answered(request, message, packed, unbelievable);
}

// An answer is believed only with the right MAC; where the vault cannot say, there was no answer.
void Upstream::Impl::payment_answered(const Pending& request, const IsoMessage& message,
                                      Bytes packed, const CupAnswer& answer) {
    const bool reversal = request.purpose == Purpose::reversal;
    bool believed = !answer.code.empty();
    // A host that finds our keys wrong or us not signed in cannot make a MAC that we would accept.
    const bool unsigned_refusal =
        believed && !answer.mac && answer.klass == channel::AnswerClass::re_sign_in;
    if (believed && !unsigned_refusal) {
        const auto checked =
            answer.mac ? parts.vault.verify_mac(master_key_alias(request.terminal.terminal),
                                                codec::mac_input(packed), *answer.mac)
                       : Result<void>(fail(ErrorKind::denied, "upstream: answer without a MAC"));
        if (!checked) log(LogLevel::warning, "upstream: MAC of an answer", checked.error());
        if (!checked && checked.error().kind == ErrorKind::unavailable) return;
        believed = checked.has_value();
    }
    if (!believed && reversal) return;  // It is sent again when its time comes.
    if (believed && answer.klass == channel::AnswerClass::re_sign_in) {
        // Says nothing about what was asked before: that is sent again, under new keys.
        const std::lock_guard lock(mutex);
        terminals[request.terminal.terminal].session.saw(answer.klass);
        if (reversal || request.purpose == Purpose::repeat) return;
    }
    Incoming incoming;
    incoming.payment = request.payment;
    incoming.mti = message.mti();
    incoming.terminal = request.terminal;
    incoming.batch = request.batch;
    incoming.stan = request.stan;
    incoming.amount_minor = request.signed_amount_minor;
    incoming.event.at = parts.clock.now();
    incoming.event.kind = reversal   ? pay::EventKind::reversal_answer
                          : believed ? pay::EventKind::answer
                                     : pay::EventKind::bad_answer;
    if (believed) {
        incoming.event.response_code = answer.code;
        incoming.event.auth_code = answer.approval;
        incoming.event.rrn = answer.reference;
        incoming.event.settlement_date = date_of(answer.settlement_date);
        incoming.event.amount_minor = amount_in(message);
    }
    on_incoming(std::move(incoming));
}

Upstream::Upstream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Upstream::~Upstream() {
    impl_->link.reset();
}

Result<std::unique_ptr<Upstream>> Upstream::start(UpstreamConfig config, Parts parts,
                                                  OnIncoming on_incoming) {
    auto dialect = TRY(codec::Dialect::parse(config.dialect_text));
    auto codes = TRY(channel::ResponseCodes::parse(config.response_codes_text));
    auto impl = std::make_unique<Impl>(std::move(dialect), std::move(codes), parts,
                                       std::move(config), std::move(on_incoming));
    Impl* const self = impl.get();
    net::FrameLinkConfig link;
    link.host = impl->config.host;
    link.port = impl->config.port;
    impl->link = TRY(net::FrameLink::start(
        std::move(link), [self](Bytes frame) { self->on_frame(frame); },
        [](net::LinkState state) {
            const bool up = state == net::LinkState::connected;
            log(up ? LogLevel::info : LogLevel::warning,
                up ? Literal("upstream: connected") : Literal("upstream: disconnected"));
        }));
    return std::unique_ptr<Upstream>(new Upstream(std::move(impl)));
}

void Upstream::prepare(const TerminalRef& terminal, Ready ready) {
    Impl* const self = impl_.get();
    Result<void> now = {};
    bool start = false;
    bool wait = false;
    {
        const std::lock_guard lock(self->mutex);
        Impl::TerminalState& state = self->terminals[terminal.terminal];
        if (!state.session.may_pay()) {
            start = state.waiting.empty() && state.session.wants_sign_in(self->parts.clock.now());
            wait = start || !state.waiting.empty();
            if (wait) state.waiting.push_back(ready);
            // The last sign-in has just failed: the network is left alone for a while.
            if (!wait) {
                now = failure(SendFailure::network, ErrorKind::unavailable,
                              "upstream: sign-in failed a moment ago");
            }
        }
    }
    if (!wait) return ready(now);
    if (start) self->parts.workers.post_always([self, terminal] { self->sign_in(terminal); });
}

void Upstream::forget_sign_in(const std::string& terminal) {
    const std::lock_guard lock(impl_->mutex);
    channel::UpstreamSession& session = impl_->terminals[terminal].session;
    if (session.may_pay()) session.close();
}

Result<void> Upstream::send(const Outgoing& outgoing) {
    const pay::Payment& payment = outgoing.payment;
    channel::CupTerminal terminal{
        .terminal = payment.terminal, .merchant = payment.merchant, .batch = payment.batch};
    if (outgoing.serial != nullptr) {
        terminal.serial = outgoing.serial->serial;
        terminal.app_version = outgoing.serial->app_version;
        terminal.proof = outgoing.serial->proof;
    }
    const auto card = channel::CardData::read(outgoing.card_tlv);
    if (!card) return std::unexpected(with_detail(card.error(), SendFailure::message));
    const channel::CupPayment message_data{.terminal = terminal,
                                           .card = *card,
                                           .trace = payment.stan,
                                           .amount = {payment.amount_minor, payment.currency},
                                           .pin = outgoing.pin,
                                           .original = original_of(outgoing)};
    IsoMessage message(impl_->dialect);
    if (const auto built = build(outgoing, message_data, message); !built) {
        log(LogLevel::error, "upstream: message not built", built.error());
        return std::unexpected(with_detail(built.error(), SendFailure::message));
    }
    const bool sale = payment.kind == pay::PaymentKind::purchase;
    return impl_->transmit(
        message,
        {.purpose = Impl::purpose_of(outgoing.kind),
         .terminal = {payment.terminal, payment.merchant},
         .payment = payment.id,
         .batch = payment.batch,
         .stan = payment.stan,
         .signed_amount_minor = sale ? payment.amount_minor : -payment.amount_minor},
        forget_ms);
}

void Upstream::settle_batch(const TerminalRef& terminal, std::uint32_t batch,
                            const pay::BatchTotals& totals, Settled done) {
    const auto send = [&]() -> Result<void> {
        const std::uint32_t trace = TRY(impl_->management_trace(terminal.terminal));
        const channel::CupTerminal speaker{
            .terminal = terminal.terminal, .merchant = terminal.merchant, .batch = batch};
        codec::BatchTotals field48;
        field48.domestic.debit_amount_minor = totals.debit_minor;
        field48.domestic.debit_count = static_cast<unsigned>(totals.debit_count);
        field48.domestic.credit_amount_minor = totals.credit_minor;
        field48.domestic.credit_count = static_cast<unsigned>(totals.credit_count);
        IsoMessage message(impl_->dialect);
        TRY_VOID(channel::build_batch_settle(speaker, trace, field48, message));
        return impl_->transmit(
            message, {.purpose = Impl::Purpose::settlement, .terminal = terminal, .settled = done},
            impl_->config.sign_in_ms);
    };
    if (const auto sent = send(); !sent) done(std::unexpected(sent.error()));
}

pay::BusinessDate Upstream::business_date() const {
    return {impl_->business_date.load()};
}

bool Upstream::connected() const {
    return impl_->link->connected();
}

}  // namespace softpos::server
