// What leaves and what comes, for many terminals: a request on its way is found again by terminal,
// trace and message class.
#include "base/log.h"
#include "codec/cup_fields.h"
#include "codec/cup_frame.h"
#include "platform/server/upstream_impl.h"

#include <charconv>
#include <utility>

namespace softpos::server {
namespace {

using channel::CupAnswer;
using codec::IsoMessage;

// How long an answer is still looked for; later ones are only logged.
constexpr std::uint32_t forget_ms = 10 * 60 * 1000;

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

channel::RouteKind route_kind(pay::PaymentKind kind) {
    if (kind == pay::PaymentKind::purchase) return channel::RouteKind::purchase;
    return kind == pay::PaymentKind::refund ? channel::RouteKind::refund
                                            : channel::RouteKind::void_sale;
}

}  // namespace

std::unexpected<Error> failure(SendFailure what, ErrorKind kind, Literal text) {
    return fail(kind, text, detail_of(what));
}

Error with_detail(Error error, SendFailure what) {
    error.detail = detail_of(what);
    return error;
}

std::string master_key_alias(std::string_view terminal) {
    return "tmk:" + std::string(terminal);
}

std::string classic_key_alias(std::string_view terminal) {
    return "pos:" + std::string(terminal);
}

std::string serial_key_alias(std::string_view terminal) {
    return "serial:" + std::string(terminal);
}

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
Result<void> Upstream::Impl::transmit(IsoMessage& message, Leaving leaving) {
    Pending& request = leaving.request;
    const channel::AnswerKey key = TRY(channel::answer_key(message));
    request.expected = channel::expect_answer_to(message);
    auto outgoing = TRY(channel::OutgoingMessage::pack(message));
    if (const Bytes input = outgoing.mac_input(); !input.empty()) {
        const auto mac = parts.vault.mac(master_key_alias(request.terminal.terminal), input);
        if (!mac) return std::unexpected(with_detail(mac.error(), SendFailure::vault));
        outgoing.set_mac(*mac);
    }
    request.timer = parts.timers.after(leaving.timeout_ms, [this, key] { on_timeout(key); });
    const net::TimerId timer = request.timer;
    {
        const std::lock_guard lock(mutex);
        terminals[request.terminal.terminal].used_at = parts.clock.ticks();
        pending[key] = std::move(request);
    }
    const Buffer frame = outgoing.frame(route);
    const auto sent =
        leaving.line ? lines->send_on(*leaving.line, frame) : lines->send(leaving.query, frame);
    if (sent) return {};
    parts.timers.cancel(timer);
    const std::lock_guard lock(mutex);
    pending.erase(key);
    return std::unexpected(with_detail(sent.error(), SendFailure::network));
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
    if (request.answered) request.answered(late);
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
    if (request.purpose == Purpose::management) return request.answered(answer);
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
        if (!believed) doubt_keys(request.terminal.terminal);
    }
    if (!believed && reversal) return;  // It is sent again when its time comes.
    if (believed && answer.klass == channel::AnswerClass::re_sign_in) {
        // Says nothing about what was asked before: that is sent again, under new keys.
        const std::lock_guard lock(mutex);
        terminals[request.terminal.terminal].session.saw(answer.klass);
        if (reversal || request.purpose == Purpose::repeat) return;
        // Signed or not, it may be the answer to a spoilt copy of what was carried out: the payment
        // is not over before its reversal is answered.
        believed = false;
    }
    Incoming incoming;
    incoming.payment = request.payment;
    incoming.mti = message.mti();
    incoming.terminal = request.terminal;
    incoming.batch = request.batch;
    incoming.stan = request.stan;
    incoming.amount_minor = request.signed_amount_minor;
    incoming.event.at = parts.clock.now();
    incoming.event.response_code = answer.code;  // Of what is not believed: for the record.
    incoming.event.kind = reversal   ? pay::EventKind::reversal_answer
                          : believed ? pay::EventKind::answer
                                     : pay::EventKind::bad_answer;
    if (believed) {
        incoming.event.auth_code = answer.approval;
        incoming.event.rrn = answer.reference;
        incoming.event.settlement_date = date_of(answer.settlement_date);
        incoming.event.amount_minor = amount_in(message);
    }
    on_incoming(std::move(incoming));
}

// The network may have given keys that never reached us, to a sign-in that came late or twice. But
// whoever forges answers does not make us sign in all the time.
void Upstream::Impl::doubt_keys(const std::string& terminal) {
    constexpr std::int64_t at_least_us = 10'000'000;
    const std::lock_guard lock(mutex);
    TerminalState& state = terminals[terminal];
    if (parts.clock.ticks().us - state.signed_in_at.us < at_least_us) return;
    state.session.saw(channel::AnswerClass::re_sign_in);
}

Upstream::Upstream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Upstream::~Upstream() {
    impl_->lines.reset();
}

Result<std::unique_ptr<Upstream>> Upstream::start(UpstreamConfig config, Parts parts,
                                                  OnIncoming on_incoming, OnUp on_up) {
    auto dialect = TRY(codec::Dialect::parse(config.dialect_text));
    auto codes = TRY(channel::ResponseCodes::parse(config.response_codes_text));
    auto impl = std::make_unique<Impl>(std::move(dialect), std::move(codes), parts,
                                       std::move(config), std::move(on_incoming), std::move(on_up));
    Impl* const self = impl.get();
    impl->lines = TRY(LineSet::start(
        impl->config.plan, parts.clock,
        {.on_frame = [self](Bytes frame) { self->on_frame(frame); },
         .on_up = [self] { self->parts.workers.post_always([self] { self->line_up(); }); }},
        impl->config.open_line));
    self->keep_later();
    return std::unique_ptr<Upstream>(new Upstream(std::move(impl)));
}

Result<void> Upstream::send(const Outgoing& outgoing) {
    const pay::Payment& payment = outgoing.payment;
    channel::CupTerminal terminal{
        .terminal = payment.terminal, .merchant = payment.merchant, .batch = payment.batch};
    if (outgoing.serial != nullptr) {
        terminal.device_type = outgoing.serial->device_type;
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
        {.request = {.purpose = Impl::purpose_of(outgoing.kind),
                     .terminal = {payment.terminal, payment.merchant},
                     .payment = payment.id,
                     .batch = payment.batch,
                     .stan = payment.stan,
                     .signed_amount_minor = sale ? payment.amount_minor : -payment.amount_minor},
         .timeout_ms = forget_ms,
         .query = channel::RouteQuery{.pan_digits = card->pan(),
                                      .channel = outgoing.channel,
                                      .kind = route_kind(payment.kind),
                                      .amount_minor = payment.amount_minor,
                                      .at = impl_->parts.clock.now()}});
}

pay::BusinessDate Upstream::business_date() const {
    return {impl_->business_date.load()};
}

bool Upstream::connected() const {
    return impl_->lines->connected();
}

std::vector<LineStatus> Upstream::lines() const {
    return impl_->lines->status();
}

const channel::SwitchPlan& Upstream::plan() const {
    return impl_->lines->plan();
}

}  // namespace softpos::server
