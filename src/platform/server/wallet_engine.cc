// The store's writer decides; workers of its own talk to the wallets and wait for them.
#include "platform/server/wallet_engine.h"

#include "base/hex.h"
#include "base/log.h"
#include "codec/qr/payment_code.h"
#include "platform/monitor/appraise.h"
#include "platform/server/permit_check.h"

#include <algorithm>

namespace softpos::server {
namespace {

using pay::PaymentKind;
using pay::TradeEvent;
using pay::TradeEventKind;
using pay::WalletCall;
using pay::WalletTrade;
using pay::WalletWay;

constexpr std::uint32_t answer_ms = 30'000;  // Less than the machine's: it is told of silence.

protocol::PermitPurpose purpose_of(WalletWay way) {
    return way == WalletWay::scan ? protocol::PermitPurpose::qr_scan
                                  : protocol::PermitPurpose::qr_show;
}

// As of a card's tap: the permit is for this step, terminal and amount, and is spent once.
Result<Refusal> spend_permit(store::Tx& tx, const TradeOrder& order, const Id128& trade,
                             Instant now) {
    const auto permit = TRY(tx.permit(order.permit));
    const auto purpose = purpose_of(order.way);
    const auto needed = protocol::bit_of(monitor::capability_of(purpose));
    const bool fits =
        permit && permit->terminal == order.terminal.number &&
        permit->purpose == static_cast<std::uint8_t>(purpose) && (permit->allowed & needed) != 0 &&
        permit->currency == static_cast<std::uint16_t>(Currency::cny) &&
        order.amount_minor <= permit->amount_minor_max && permit->payment == Id128{} &&
        now.unix_ms <= permit->expires_at.unix_ms + permit_late_ms_max;
    if (!fits) return Refusal::permit_invalid;
    if (!TRY(tx.spend(order.permit, trade))) {
        return fail(ErrorKind::internal, "a permit that fitted could not be spent");
    }
    return Refusal::none;
}

std::optional<pay::WalletChannel> channel_of(std::string_view code) {
    switch (qr::classify_code(code)) {
        case qr::CodeKind::alipay:
            return pay::WalletChannel::alipay;
        case qr::CodeKind::wechat:
            return pay::WalletChannel::wechat;
        case qr::CodeKind::unionpay:
            return pay::WalletChannel::unionpay;
        default:
            return std::nullopt;
    }
}

TradeEvent unanswered(const wallet::WalletOrder& order) {
    return {.kind = TradeEventKind::answered,
            .call = order.call,
            .word = pay::WalletWord::unknown,
            .attempt = order.trade.attempts};
}

}  // namespace

struct WalletEngine::Step {
    Refusal refused = Refusal::none;
    std::optional<WalletTrade> existing;
    pay::TradeTransition to;
    std::optional<WalletTrade> original;  // As it stands after the step.
};

WalletEngine::WalletEngine(Parts parts, pay::TradeRules rules)
    : parts_(std::move(parts)), rules_(rules) {}

// The code says whose it is, not the cashier.
Refusal WalletEngine::find_channel(TradeOrder& order) const {
    if (order.kind != PaymentKind::purchase) return Refusal::none;
    if (order.way == WalletWay::scan) {
        order.payment_code = qr::trimmed_code(order.payment_code);
        const auto channel = channel_of(order.payment_code);
        if (!channel) return Refusal::payment_code_invalid;
        order.channel = *channel;
    }
    return parts_.lines.contains(order.channel) ? Refusal::none : Refusal::wallet_unavailable;
}

void WalletEngine::submit(TradeOrder order, Reply reply) {
    if (const Refusal refused = find_channel(order); refused != Refusal::none) {
        return reply({refused, std::nullopt});
    }
    const auto step = std::make_shared<Step>();
    const auto shared = std::make_shared<TradeOrder>(std::move(order));
    parts_.store.submit(
        [this, shared, step](store::Tx& tx) { return admit(tx, *shared, *step); },
        [this, shared, step, reply](const Result<void>& durable) {
            if (!durable) {
                log(LogLevel::error, "wallet: not admitted", durable.error());
                const bool away = durable.error().kind == ErrorKind::unavailable;
                return reply({away ? Refusal::store_unavailable : Refusal::internal, std::nullopt});
            }
            if (step->refused != Refusal::none) return reply({step->refused, std::nullopt});
            if (step->existing) return reply({Refusal::none, step->existing});
            {
                const std::lock_guard lock(mutex_);
                const Id128& id = step->to.next.id;
                waiting_[id].push_back(reply);
                if (!shared->payment_code.empty()) codes_[id] = std::move(shared->payment_code);
            }
            perform(*step);
        });
}

Result<Refusal> WalletEngine::check(store::Tx& tx, const TradeOrder& order) {
    const auto merchant = TRY(tx.merchant(order.terminal.merchant));
    if (!merchant || merchant->state != merchant::MerchantState::active) {
        return Refusal::merchant_not_active;
    }
    const auto terminal = TRY(tx.terminal(order.terminal.id));
    const bool works = terminal && (terminal->state == merchant::TerminalState::enrolled ||
                                    terminal->state == merchant::TerminalState::active);
    if (!works) return Refusal::terminal_not_active;
    PaymentOrder as_payment;
    as_payment.terminal = order.terminal;
    as_payment.kind = order.kind;
    const Refusal distrusted = TRY(check_device(tx, as_payment));
    if (distrusted != Refusal::none || order.kind != PaymentKind::purchase) return distrusted;
    // Who pays is not known before it is paid; then their day is looked at, in over_limit().
    const Refusal codes = parts_.qr_limits.check(
        {.channel = order.channel, .way = order.way, .amount_minor = order.amount_minor});
    if (codes != Refusal::none) return codes;
    const auto usage = TRY(tx.usage(merchant->number, pay::china_date(parts_.clock.now())));
    return parts_.limits.check(merchant->limit_class, usage, order.amount_minor);
}

// Everything that decides whether the request may leave, and its record, in one commit.
Result<void> WalletEngine::admit(store::Tx& tx, const TradeOrder& order, Step& step) {
    const std::string& merchant = order.terminal.merchant;
    auto before = TRY(tx.wallet_trade_by_key(merchant, order.idempotency_key));
    const bool card = TRY(tx.payment_by_key(merchant, order.idempotency_key)).has_value();
    if (before || card) {
        const bool same = before && before->body_digest == order.body_digest;
        if (same) step.existing = std::move(before);
        step.refused = same ? Refusal::none : Refusal::idempotency_conflict;
        return {};
    }
    step.refused = TRY(check(tx, order));
    if (step.refused != Refusal::none) return {};
    pay::TradeContext context{.rules = rules_};
    const bool purchase = order.kind == PaymentKind::purchase;
    if (!purchase) {
        context.original = TRY(tx.wallet_trade(order.original));
        if (!context.original || context.original->merchant != merchant) {
            step.refused = Refusal::not_found;
            return {};
        }
        if (!parts_.lines.contains(context.original->channel)) {
            step.refused = Refusal::wallet_unavailable;
            return {};
        }
    }
    context.trade = TRY(new_trade(order, context.original));
    const Instant now = parts_.clock.now();
    // Last, because what is refused must not have cost a permit.
    step.refused = purchase ? TRY(spend_permit(tx, order, context.trade.id, now))
                            : pay::may_give_back(context.trade, *context.original, now);
    if (step.refused != Refusal::none) return {};
    step.to = TRY(pay::step(context, {.kind = TradeEventKind::submit, .at = now}));
    step.original = step.to.original ? step.to.original : context.original;
    return write(tx, step.to, true);
}

Result<WalletTrade> WalletEngine::new_trade(const TradeOrder& order,
                                            const std::optional<WalletTrade>& original) {
    WalletTrade trade;
    trade.created_at = parts_.clock.now();
    trade.id = pay::new_id(order.terminal.merchant, trade.created_at, parts_.random);
    trade.kind = order.kind;
    trade.channel = original ? original->channel : order.channel;
    trade.way = original ? original->way : order.way;
    trade.merchant = order.terminal.merchant;
    trade.terminal = order.terminal.number;
    trade.amount_minor =
        order.kind == PaymentKind::void_sale ? original->amount_minor : order.amount_minor;
    trade.reference = order.reference;
    trade.idempotency_key = order.idempotency_key;
    trade.body_digest = order.body_digest;
    trade.original = order.original;
    if (order.kind != PaymentKind::purchase) return trade;
    const auto quote =
        TRY(parts_.fees.quote({pay::FeeProduct::qr, pay::CardClass::debit, order.amount_minor}));
    trade.fee = quote.fee;
    trade.fee_return = quote.on_refund;
    return trade;
}

Result<void> WalletEngine::write(store::Tx& tx, const pay::TradeTransition& to, bool insert) {
    if (insert) TRY_VOID(tx.insert(to.next));
    if (!insert) TRY_VOID(tx.update(to.next));
    if (to.original) TRY_VOID(tx.update(*to.original));
    if (!to.postings.empty()) TRY_VOID(tx.post(to.postings));
    return {};
}

void WalletEngine::apply(const Id128& trade, TradeEvent event,
                         std::function<void(const Result<void>&)> done) {
    event.at = parts_.clock.now();
    const auto step = std::make_shared<Step>();
    parts_.store.submit(
        [this, trade, event, step](store::Tx& tx) -> Result<void> {
            auto found = TRY(tx.wallet_trade(trade));
            if (!found) return fail(ErrorKind::not_found, "wallet: no such trade");
            pay::TradeContext context{.trade = *std::move(found), .rules = rules_};
            if (context.trade.kind != PaymentKind::purchase) {
                context.original = TRY(tx.wallet_trade(context.trade.original));
            }
            TradeEvent judged = event;
            judged.over_limit = TRY(over_limit(tx, context.trade, event));
            step->to = TRY(pay::step(context, judged));
            step->original = step->to.original ? step->to.original : context.original;
            return step->to.changed ? write(tx, step->to, false) : Result<void>{};
        },
        [this, trade, event, step, done](const Result<void>& durable) {
            if (done) done(durable);
            if (durable) return perform(*step);
            log(LogLevel::error, "wallet: step failed", durable.error());
            // The event is lost to this process only; a notice comes again by itself.
            if (durable.error().kind == ErrorKind::unavailable && !done) {
                constexpr std::uint32_t again_ms = 1'000;
                parts_.timers.after(again_ms, [this, trade, event] { apply(trade, event); });
            }
        });
}

// In the work that would book it, so that two payments of one payer cannot both be the last.
Result<bool> WalletEngine::over_limit(store::Tx& tx, const WalletTrade& trade,
                                      const TradeEvent& event) const {
    const bool money =
        event.word == pay::WalletWord::paid || event.kind == TradeEventKind::notified;
    if (!money || event.payer.empty() || trade.kind != PaymentKind::purchase) return false;
    const std::int64_t paid_minor =
        TRY(tx.paid_by(trade.channel, event.payer, pay::china_date(event.at)));
    return parts_.qr_limits.check({.channel = trade.channel,
                                   .way = trade.way,
                                   .amount_minor = trade.amount_minor,
                                   .paid_minor = paid_minor}) != Refusal::none;
}

// On the store's writer thread: only posts and short steps.
void WalletEngine::perform(const Step& step) {
    if (!step.to.changed) return;
    const WalletTrade& next = step.to.next;
    for (const pay::TradeEffect& effect : step.to.effects) {
        switch (effect.kind) {
            case pay::TradeEffect::Kind::call:
                call(effect.call, next, step.original);
                break;
            case pay::TradeEffect::Kind::arm:
                arm(next, effect.at);
                break;
            case pay::TradeEffect::Kind::answer_caller:
                answer(next);
                break;
            case pay::TradeEffect::Kind::call_operator:
                log(LogLevel::error, "wallet: needs an operator",
                    {{"trade", LogId(next.id.text())}});
                break;
        }
    }
}

void WalletEngine::call(WalletCall what, const WalletTrade& trade,
                        std::optional<WalletTrade> original) {
    parts_.workers.post_always([this, what, trade, original = std::move(original)] {
        std::string code;
        {
            const std::lock_guard lock(mutex_);
            if (auto kept = codes_.extract(trade.id)) code = std::move(kept.mapped());
        }
        const std::string nonce = to_hex(parts_.random.take<16>());
        const wallet::WalletOrder order{.call = what,
                                        .trade = trade,
                                        .original = original ? &*original : nullptr,
                                        .payment_code = code,
                                        .now = parts_.clock.now(),
                                        .nonce = nonce};
        const auto line = parts_.lines.find(trade.channel);
        const bool can = line != parts_.lines.end() && (what != WalletCall::pay || !code.empty());
        TradeEvent event = unanswered(order);
        if (can) {
            auto said = talk(order, line->second);
            if (said) {
                event = *std::move(said);
            } else {
                log(LogLevel::warning, "wallet: no answer to believe", said.error());
            }
        }
        apply(trade.id, std::move(event));
    });
}

Result<TradeEvent> WalletEngine::talk(const wallet::WalletOrder& order, const WalletLine& line) {
    wallet::WalletRequest request = TRY(line.dialect->request(order));
    net::HttpCall http{.method = std::move(request.method),
                       .target = std::move(request.target),
                       .body = std::move(request.body),
                       .content_type = std::move(request.content_type),
                       .timeout_ms = answer_ms};
    for (auto& [name, value] : request.headers) {
        http.headers.push_back({std::move(name), std::move(value)});
    }
    const auto answered = parts_.ask(line.http, http);
    if (!answered && !net::request_may_have_left(answered.error()) &&
        (order.call == WalletCall::pay || order.call == WalletCall::make_code)) {
        // Nothing left this machine, so nothing has happened.
        TradeEvent event = unanswered(order);
        event.word = pay::WalletWord::refused;
        event.refusal = Refusal::wallet_unavailable;
        return event;
    }
    if (!answered) return std::unexpected(answered.error());
    wallet::Headers headers;
    for (const net::HttpHeader& header : answered->headers) {
        headers.emplace_back(header.name, header.value);
    }
    return line.dialect->answer(order, {.status = answered->status,
                                        .headers = headers,
                                        .body = answered->body,
                                        .now = parts_.clock.now()});
}

void WalletEngine::arm(const WalletTrade& trade, Instant at) {
    const std::int64_t delay = std::max<std::int64_t>(0, at.unix_ms - parts_.clock.now().unix_ms);
    parts_.timers.after(static_cast<std::uint32_t>(delay),
                        [this, id = trade.id, attempt = trade.attempts + 1] {
                            apply(id, {.kind = TradeEventKind::due, .attempt = attempt});
                        });
}

void WalletEngine::give_up(const Id128& trade, Reply reply) {
    apply(trade, {.kind = TradeEventKind::give_up}, [this, trade, reply](const Result<void>& done) {
        if (!done && done.error().kind == ErrorKind::unavailable) {
            return reply({Refusal::store_unavailable, std::nullopt});
        }
        // On the writer's thread: what was committed can be read, the store cannot be waited for.
        std::optional<WalletTrade> now;
        const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
            now = TRY(reader.wallet_trade(trade));
            return {};
        });
        if (!read) return reply({Refusal::store_unavailable, std::nullopt});
        if (!now) return reply({Refusal::not_found, std::nullopt});
        reply({Refusal::none, std::move(now)});
    });
}

Result<PaymentEngine::Abandoned> WalletEngine::abandon(store::Tx& tx, std::string_view terminal) {
    PaymentEngine::Abandoned abandoned;
    const auto steps = std::make_shared<std::vector<Step>>();
    for (const WalletTrade& trade : TRY(tx.open_wallet_trades_of(terminal))) {
        if (trade.kind != PaymentKind::purchase) continue;  // What goes back goes on.
        abandoned.payments.push_back(trade.id);
        Step step;
        step.to = TRY(pay::step({.trade = trade, .rules = rules_},
                                {.kind = TradeEventKind::give_up, .at = parts_.clock.now()}));
        if (step.to.changed) TRY_VOID(write(tx, step.to, false));
        steps->push_back(std::move(step));
    }
    abandoned.after = [this, steps] {
        for (const Step& step : *steps) perform(step);
    };
    return abandoned;
}

void WalletEngine::notice(pay::WalletChannel channel, const wallet::Headers& headers,
                          std::string_view body, std::function<void(Refusal)> taken) {
    const auto line = parts_.lines.find(channel);
    if (line == parts_.lines.end()) return taken(Refusal::no_such_path);
    auto told = line->second.dialect->notice(
        {.status = 0, .headers = headers, .body = body, .now = parts_.clock.now()});
    if (!told) {
        // Of something else than money: nothing to do, and no reason to be told again.
        if (told.error().kind == ErrorKind::not_found) return taken(Refusal::none);
        log(LogLevel::error, "wallet: notice refused", told.error());
        return taken(Refusal::wallet_forged);
    }
    const Id128 trade = told->trade;
    // Whose trade it is must be the channel's that speaks.
    std::optional<WalletTrade> known;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        known = TRY(reader.wallet_trade(trade));
        return {};
    });
    if (!read) return taken(Refusal::store_unavailable);
    if (!known || known->channel != channel) return taken(Refusal::not_found);
    apply(trade, std::move(told->event), [taken](const Result<void>& durable) {
        if (durable) return taken(Refusal::none);
        const bool misfit = durable.error().kind == ErrorKind::conflict;
        taken(misfit ? Refusal::bad_value : Refusal::store_unavailable);
    });
}

std::string WalletEngine::notice_taken(pay::WalletChannel channel) const {
    const auto line = parts_.lines.find(channel);
    return line == parts_.lines.end() ? std::string() : line->second.dialect->notice_taken();
}

void WalletEngine::answer(const WalletTrade& trade) {
    std::vector<Reply> replies;
    {
        const std::lock_guard lock(mutex_);
        if (auto waiting = waiting_.extract(trade.id)) replies = std::move(waiting.mapped());
    }
    for (const Reply& reply : replies) reply({Refusal::none, trade});
}

Result<std::size_t> WalletEngine::recover() {
    std::size_t count = 0;
    store::IdPage page{.after = {}, .rows_max = store::page_rows_max};
    for (bool more = true; more;) {
        std::vector<WalletTrade> open;
        TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
            open = TRY(reader.open_wallet_trades(page));
            return {};
        }));
        more = open.size() == page.rows_max;
        if (!open.empty()) page.after = open.back().id;
        for (const WalletTrade& trade : open) {
            const auto event = recovery_event(trade, parts_.clock.now());
            if (!event) continue;
            ++count;
            apply(trade.id, *event);
        }
    }
    return count;
}

}  // namespace softpos::server
