// Order -> card opened by the vault -> admitted and SENT in one commit -> out; answer -> one
// commit -> reply. What may wait runs on workers, what must be ordered in the store's writer.
#include "platform/server/payment_engine.h"

#include "base/check.h"
#include "base/log.h"
#include "codec/ber_tlv.h"
#include "platform/pay/response_code.h"
#include "platform/pay/shard.h"
#include "platform/server/payment_step.h"
#include "platform/server/permit_check.h"
#include "platform/server/purchase_secrets.h"

#include <algorithm>
#include <utility>

namespace softpos::server {
namespace {

using codec::Tag;
using pay::Payment;
using pay::PaymentKind;

constexpr Tag aid_tag{0x84};

std::string mti_of(SendKind kind, PaymentKind payment) {
    if (kind == SendKind::reversal) return "0400";
    return payment == PaymentKind::refund ? "0220" : "0200";
}

// The last byte of a UnionPay application identifier tells debit (01) from credit (02, 03).
// Spec: [EMV-C7] application identifiers.
// Every purchase here is contactless. One without PIN and signature (双免) has a price of its own,
// up to the amount of its row.
pay::FeeProduct product_of(std::string_view card_method) {
    const bool verified = card_method == "online_pin" || card_method == "signature";
    return verified ? pay::FeeProduct::card : pay::FeeProduct::small_contactless;
}

pay::CardClass class_of_card(Bytes card_tlv) {
    const auto field55 = codec::find_value(card_tlv, protocol::sealed_tag::field55);
    if (!field55 || !*field55) return pay::CardClass::debit;
    const auto aid = codec::find_value(**field55, aid_tag);
    const bool credit =
        aid && *aid && (*aid)->size() >= 8 && ((**aid)[7] == 0x02 || (**aid)[7] == 0x03);
    return credit ? pay::CardClass::credit : pay::CardClass::debit;
}

std::int64_t signed_amount(const Payment& payment) {
    return payment.kind == PaymentKind::purchase ? payment.amount_minor : -payment.amount_minor;
}

}  // namespace

PaymentEngine::PaymentEngine(Parts parts, pay::PaymentRules rules) : parts_(parts), rules_(rules) {}

void PaymentEngine::submit(PaymentOrder order, Reply reply) {
    const auto shared = std::make_shared<PaymentOrder>(std::move(order));
    // A repetition must find its payment also while the network or the vault is away.
    bool known = false;
    const auto looked = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        const auto found =
            TRY(reader.payment_by_key(shared->terminal.merchant, shared->idempotency_key));
        known = found.has_value();
        return {};
    });
    if (!looked) return reply({Refusal::store_unavailable, std::nullopt});
    if (known) return take_order(shared, nullptr, reply);
    const TerminalRef terminal{shared->terminal.number, shared->terminal.merchant};
    upstream_->prepare(terminal, [this, shared, reply](const Result<void>& ready) {
        if (!ready) {
            log(LogLevel::warning, "payment: network not ready", ready.error());
            // An advice is stored and forwarded: whoever gets money back does not wait for us.
            if (shared->kind == PaymentKind::refund &&
                ready.error().detail == detail_of(SendFailure::network) &&
                ready.error().kind == ErrorKind::unavailable) {
                return take_order(shared, nullptr, reply);
            }
            const bool refused = ready.error().kind == ErrorKind::denied;
            const bool vault = ready.error().detail == detail_of(SendFailure::vault);
            return reply({vault     ? Refusal::vault_unavailable
                          : refused ? Refusal::terminal_not_active
                                    : Refusal::network_unavailable,
                          std::nullopt});
        }
        if (shared->kind == PaymentKind::purchase) return open_card(shared, reply);
        take_order(shared, nullptr, reply);
    });
}

void PaymentEngine::open_card(const std::shared_ptr<PaymentOrder>& order, Reply reply) {
    const bool queued = parts_.workers.post([this, order, reply] {
        auto opened = open_purchase(parts_.vault, *order);
        switch (opened.flaw) {
            case PurchaseFlaw::none:
                return take_order(order, opened.secrets, reply);
            case PurchaseFlaw::vault:
                return reply({Refusal::vault_unavailable, std::nullopt});
            case PurchaseFlaw::serial:
                return guard_->serial_refused(order->terminal, [reply] {
                    reply({Refusal::device_not_trusted, std::nullopt});
                });
            case PurchaseFlaw::card:
            case PurchaseFlaw::pin:
                return reply({Refusal::card_data_invalid, std::nullopt});
        }
    });
    if (!queued) reply({Refusal::too_many_requests, std::nullopt});
}

void PaymentEngine::take_order(const std::shared_ptr<PaymentOrder>& order,
                               const std::shared_ptr<PurchaseSecrets>& secrets, Reply reply) {
    const auto step = std::make_shared<Step>();
    parts_.store.submit(
        [this, order, secrets, step](store::Tx& tx) {
            return admit(tx, *order, secrets.get(), *step);
        },
        [this, secrets, step, reply](const Result<void>& durable) {
            if (!durable) {
                log(LogLevel::error, "payment: not admitted", durable.error());
                const bool away = durable.error().kind == ErrorKind::unavailable;
                return reply({away ? Refusal::store_unavailable : Refusal::internal, std::nullopt});
            }
            if (step->refused != Refusal::none) return reply({step->refused, std::nullopt});
            if (step->existing) {
                if (!is_open(step->existing->state)) return reply({Refusal::none, step->existing});
                return wait_for(step->existing->id, reply);
            }
            const Id128& id = step->transition.next.id;
            wait_for(id, reply);
            if (secrets != nullptr) {
                const std::lock_guard lock(mutex_);
                secrets_[id] = secrets;
            }
            perform(*step);
        });
}

Result<Refusal> PaymentEngine::check_merchant(store::Tx& tx, const PaymentOrder& order) {
    const auto merchant = TRY(tx.merchant(order.terminal.merchant));
    if (!merchant || merchant->state != merchant::MerchantState::active) {
        return Refusal::merchant_not_active;
    }
    const auto terminal = TRY(tx.terminal(order.terminal.id));
    const bool works = terminal && (terminal->state == merchant::TerminalState::enrolled ||
                                    terminal->state == merchant::TerminalState::active);
    if (!works) return Refusal::terminal_not_active;
    // A classic terminal has no device that could be trusted or not: its policy was asked.
    const Refusal distrusted =
        order.classic == nullptr ? TRY(check_device(tx, order)) : Refusal::none;
    if (distrusted != Refusal::none) return distrusted;
    if (order.kind != PaymentKind::purchase) return Refusal::none;
    const auto usage = TRY(tx.usage(merchant->number, upstream_->business_date()));
    return parts_.limits.check(merchant->limit_class, usage, order.amount_minor);
}

// Everything that decides whether the request may leave, and its record, in one commit.
Result<void> PaymentEngine::admit(store::Tx& tx, const PaymentOrder& order,
                                  const PurchaseSecrets* secrets, Step& step) {
    const keys::OpenedCard* const card = secrets != nullptr ? &secrets->card : nullptr;
    auto before = TRY(tx.payment_by_key(order.terminal.merchant, order.idempotency_key));
    if (before) {
        const bool same = before->body_digest == order.body_digest;
        if (same) step.existing = std::move(before);
        step.refused = same ? Refusal::none : Refusal::idempotency_conflict;
        return {};
    }
    // This tap was used before, and not by this payment.
    if (card != nullptr && card->repeated) {
        step.refused = Refusal::card_data_invalid;
        return {};
    }
    step.refused = TRY(check_merchant(tx, order));
    if (step.refused != Refusal::none) return {};

    pay::PaymentContext context;
    if (order.kind != PaymentKind::purchase) {
        context.original = TRY(tx.payment(order.original));
        const bool ours = context.original &&
                          context.original->merchant == order.terminal.merchant &&
                          context.original->kind == PaymentKind::purchase;
        if (!ours) {
            step.refused = Refusal::not_found;
            return {};
        }
    }
    context.current_date = upstream_->business_date();
    context.current_batch = TRY(tx.batch_of(order.terminal.number));
    context.rules = rules_;
    context.payment = TRY(new_payment(tx, order, card, context.original));
    if (order.kind == PaymentKind::void_sale) step.refused = may_void(context);
    if (order.kind == PaymentKind::refund) step.refused = may_refund(context);
    // Last, because what is refused must not have cost a permit.
    const bool permitted = order.classic == nullptr && order.kind == PaymentKind::purchase;
    if (step.refused == Refusal::none && permitted) {
        step.refused = TRY(spend_permits(tx, order, context.payment.id, parts_.clock.now()));
    }
    if (step.refused != Refusal::none) return {};

    pay::PaymentEvent event{.kind = pay::EventKind::submit, .at = parts_.clock.now()};
    step.transition = TRY(pay::step(context, event));
    return write(tx, event, step, true);
}

Result<Payment> PaymentEngine::new_payment(store::Tx& tx, const PaymentOrder& order,
                                           const keys::OpenedCard* card,
                                           const std::optional<Payment>& original) {
    const Instant now = parts_.clock.now();
    const store::Trace trace = TRY(tx.next_trace(order.terminal.number));
    Payment payment;
    payment.id = pay::new_id(order.terminal.merchant, now, parts_.random);
    payment.kind = order.kind;
    payment.merchant = order.terminal.merchant;
    payment.terminal = order.terminal.number;
    payment.amount_minor = order.amount_minor;
    payment.reference = order.reference;
    payment.idempotency_key = order.idempotency_key;
    payment.body_digest = order.body_digest;
    payment.original = order.original;
    payment.batch = trace.batch;
    payment.stan = trace.stan;
    payment.card_method = order.card_method;
    payment.created_at = now;
    if (card != nullptr) {
        payment.masked_pan = card->masked_pan;
        payment.stored_card = card->stored_form;
        const auto quote =
            TRY(parts_.fees.quote({product_of(order.card_method),
                                   class_of_card(card->card_tlv.bytes()), order.amount_minor}));
        payment.fee = quote.fee;
        payment.fee_return = quote.on_refund;
        return payment;
    }
    CHECK(original.has_value());
    payment.masked_pan = original->masked_pan;
    payment.stored_card = original->stored_card;
    payment.card_method = original->card_method;
    if (order.kind == PaymentKind::void_sale) payment.amount_minor = original->amount_minor;
    return payment;
}

Result<void> PaymentEngine::write(store::Tx& tx, const pay::PaymentEvent& event, Step& step,
                                  bool insert) const {
    const pay::Transition& to = step.transition;
    const Payment& next = to.next;
    if (insert) TRY_VOID(tx.insert(next));
    if (!insert) TRY_VOID(tx.update(next));
    if (to.original) TRY_VOID(tx.update(*to.original));
    if (!to.postings.empty()) TRY_VOID(tx.post(to.postings));
    TRY_VOID(tx.append(store::PaymentEventRow{.payment = next.id,
                                              .version = next.version,
                                              .kind = event.kind,
                                              .from = step.from,
                                              .to = next.state,
                                              .response_code = event.response_code,
                                              .at = event.at}));
    if (step.message) {
        // Only an answer that made money move takes part in the reconciliation.
        if (next.state == pay::PaymentState::approved && event.kind == pay::EventKind::answer) {
            step.message->settlement_date = next.settlement_date;
        }
        return tx.append(*step.message);
    }
    for (const pay::Effect& effect : to.effects) {
        const bool request = effect.kind == pay::EffectKind::send_request;
        const bool repeat = effect.kind == pay::EffectKind::send_repeat;
        const bool reversal = effect.kind == pay::EffectKind::send_reversal;
        if (!request && !repeat && !reversal) continue;
        const SendKind kind = reversal ? SendKind::reversal : SendKind::request;
        TRY_VOID(tx.append(
            store::NetworkMessage{.id = pay::new_id(next.merchant, event.at, parts_.random),
                                  .payment = next.id,
                                  .direction = store::Direction::to_network,
                                  .at = event.at,
                                  .mti = mti_of(kind, next.kind),
                                  .merchant = next.merchant,
                                  .terminal = next.terminal,
                                  .batch = next.batch,
                                  .stan = next.stan,
                                  .amount_minor = signed_amount(next)}));
    }
    return {};
}

void PaymentEngine::apply(const Id128& payment, pay::PaymentEvent event,
                          std::optional<store::NetworkMessage> message) {
    const auto step = std::make_shared<Step>();
    step->message = message;
    parts_.store.submit(
        [this, payment, event, step](store::Tx& tx) -> Result<void> {
            const auto found = TRY(tx.payment(payment));
            if (!found) return fail(ErrorKind::not_found, "payment: no such payment");
            pay::PaymentContext context;
            context.payment = *found;
            step->from = found->state;
            if (found->kind != PaymentKind::purchase) {
                context.original = TRY(tx.payment(found->original));
            }
            context.current_date = upstream_->business_date();
            context.current_batch = TRY(tx.batch_of(found->terminal));
            context.rules = rules_;
            step->transition = TRY(pay::step(context, event));
            if (!step->transition.changed) return {};
            return write(tx, event, *step, false);
        },
        [this, payment, event, message = std::move(message), step](const Result<void>& durable) {
            if (durable) {
                if (!step->transition.changed) return;
                perform(*step);
                return forwarded(step->transition.next);
            }
            log(LogLevel::error, "payment: step failed", durable.error());
            // The event is lost to this process only: time brings the payment up again.
            if (durable.error().kind == ErrorKind::unavailable) {
                constexpr std::uint32_t again_ms = 1'000;
                parts_.timers.after(
                    again_ms, [this, payment, event, message] { apply(payment, event, message); });
            }
        });
}

// On the store's writer thread: only posts and short steps.
void PaymentEngine::perform(const Step& step) {
    const Payment& next = step.transition.next;
    if (ended_ && next.kind == pay::PaymentKind::purchase && step.from == pay::PaymentState::sent &&
        next.state != pay::PaymentState::sent) {
        ended_(next, next.state == pay::PaymentState::approved);
    }
    for (const pay::Effect& effect : step.transition.effects) {
        switch (effect.kind) {
            case pay::EffectKind::send_request:
                send(SendKind::request, next, step.transition.original);
                break;
            case pay::EffectKind::send_repeat:
                forward(SendKind::repeat, next);
                break;
            case pay::EffectKind::send_reversal:
                forward(SendKind::reversal, next);
                break;
            case pay::EffectKind::start_reversal:
                apply(next.id, {.kind = pay::EventKind::start_reversal, .at = parts_.clock.now()});
                break;
            case pay::EffectKind::arm_deadline:
                arm(next.id, effect.at, pay::EventKind::deadline_passed, 0);
                break;
            case pay::EffectKind::arm_retry:
                arm(next.id, effect.at, pay::EventKind::retry_due, next.attempts + 1);
                break;
            case pay::EffectKind::answer_caller:
                answer(next);
                break;
            case pay::EffectKind::call_operator:
                log(LogLevel::error, "payment: needs an operator",
                    {{"payment", LogId(next.id.text())}});
                break;
            case pay::EffectKind::sign_in_again:
                upstream_->forget_sign_in(next.terminal);
                break;
        }
    }
}

void PaymentEngine::send(SendKind kind, const Payment& payment, std::optional<Payment> original) {
    auto job = [this, kind, payment, original = std::move(original)]() mutable {
        std::shared_ptr<PurchaseSecrets> kept;
        if (kind == SendKind::request) {
            const std::lock_guard lock(mutex_);
            if (auto found = secrets_.extract(payment.id)) kept = std::move(found.mapped());
        }
        SecretBytes stored;
        if (kept == nullptr) {
            auto opened = parts_.vault.open_stored(payment.stored_card);
            if (!opened) {
                Error error = opened.error();
                error.detail = detail_of(SendFailure::vault);
                return kind == SendKind::request ? not_sent(payment, error)
                                                 : log(LogLevel::warning, "payment: vault", error);
            }
            stored = *std::move(opened);
        }
        if (payment.kind != PaymentKind::purchase && !original) {
            // Where it cannot be read the message is not built, and the next attempt is armed.
            (void)parts_.store.read([&](store::Reader& reader) -> Result<void> {
                original = TRY(reader.payment(payment.original));
                return {};
            });
        }
        const auto sent = upstream_->send(
            {.kind = kind,
             .payment = payment,
             .original = original ? &*original : nullptr,
             .card_tlv = kept != nullptr ? kept->card.card_tlv.bytes() : stored.bytes(),
             .pin = kept != nullptr ? kept->pin : std::nullopt,
             .serial = kept != nullptr ? &kept->serial : nullptr,
             .channel =
                 kept != nullptr ? channel::EntryChannel::tap : channel::EntryChannel::stored});
        if (sent) return;
        if (kind == SendKind::request) return not_sent(payment, sent.error());
        log(LogLevel::warning, "payment: repeat not sent", sent.error());
    };
    if (kind == SendKind::request) return parts_.workers.post_always(std::move(job));
    // A reversal may be the first thing after a restart: the terminal signs in where it must.
    upstream_->prepare({payment.terminal, payment.merchant},
                       [this, job = std::move(job)](const Result<void>& ready) mutable {
                           if (ready) parts_.workers.post_always(std::move(job));
                       });
}

void PaymentEngine::not_sent(const Payment& payment, const Error& error) {
    log(LogLevel::warning, "payment: request not sent", error);
    const bool vault = error.detail == detail_of(SendFailure::vault);
    apply(payment.id,
          {.kind = pay::EventKind::not_sent,
           .at = parts_.clock.now(),
           .refusal = vault ? Refusal::vault_unavailable : Refusal::network_unavailable});
}

void PaymentEngine::arm(const Id128& payment, Instant at, pay::EventKind kind,
                        std::uint32_t attempt) {
    const std::int64_t delay = std::max<std::int64_t>(0, at.unix_ms - parts_.clock.now().unix_ms);
    parts_.timers.after(static_cast<std::uint32_t>(delay), [this, payment, kind, attempt] {
        apply(payment, {.kind = kind, .at = parts_.clock.now(), .attempt = attempt});
    });
}

void PaymentEngine::on_incoming(Incoming incoming) {
    store::NetworkMessage message{
        .id = pay::new_id(incoming.terminal.merchant, incoming.event.at, parts_.random),
        .payment = incoming.payment,
        .direction = store::Direction::from_network,
        .at = incoming.event.at,
        .mti = incoming.mti,
        .merchant = incoming.terminal.merchant,
        .terminal = incoming.terminal.terminal,
        .batch = incoming.batch,
        .stan = incoming.stan,
        .rrn = incoming.event.rrn,
        .response_code = incoming.event.response_code,
        .amount_minor = incoming.amount_minor};
    apply(incoming.payment, std::move(incoming.event), std::move(message));
}

// What may have left is given up as when no answer came; what was approved is undone.
void PaymentEngine::take_back(const Id128& id, std::function<void(Result<bool>)> done) {
    const auto step = std::make_shared<Step>();
    const auto gone = std::make_shared<bool>(false);
    parts_.store.submit(
        [this, id, step, gone](store::Tx& tx) -> Result<void> {
            const auto found = TRY(tx.payment(id));
            if (!found) return fail(ErrorKind::not_found, "payment: no such payment");
            pay::PaymentContext context;
            context.payment = *found;
            step->from = found->state;
            const bool purchase = found->kind == PaymentKind::purchase;
            if (!purchase) context.original = TRY(tx.payment(found->original));
            context.current_date = upstream_->business_date();
            context.current_batch = TRY(tx.batch_of(found->terminal));
            context.rules = rules_;
            const bool sent = found->state == pay::PaymentState::sent;
            const bool approved = found->state == pay::PaymentState::approved;
            // A refund is repeated until it is done, and what was given up nobody knows.
            const bool unknowable = found->kind == PaymentKind::refund ||
                                    found->state == pay::PaymentState::reversal_failed;
            *gone = !unknowable && (!approved || purchase);
            if (!*gone || (!sent && !approved)) return {};
            const pay::PaymentEvent event{
                .kind = sent ? pay::EventKind::deadline_passed : pay::EventKind::undo,
                .at = parts_.clock.now()};
            auto transition = pay::step(context, event);
            if (!transition && transition.error().kind == ErrorKind::conflict) {
                *gone = false;  // It was voided or refunded since.
                return {};
            }
            step->transition = TRY(std::move(transition));
            if (!step->transition.changed) return {};
            return write(tx, event, *step, false);
        },
        [this, step, gone, done = std::move(done)](const Result<void>& durable) {
            if (!durable) return done(std::unexpected(durable.error()));
            if (step->transition.changed) perform(*step);
            done(*gone);
        });
}

void PaymentEngine::wait_for(const Id128& payment, Reply reply) {
    const std::lock_guard lock(mutex_);
    waiting_[payment].push_back(std::move(reply));
}

// As when no answer came: what may have left is reversed, and the reversal wins over any answer.
Result<PaymentEngine::Abandoned> PaymentEngine::abandon(store::Tx& tx, std::string_view terminal) {
    Abandoned abandoned;
    const auto steps = std::make_shared<std::vector<Step>>();
    for (const Payment& payment : TRY(tx.open_payments_of(terminal))) {
        abandoned.payments.push_back(payment.id);
        if (payment.state != pay::PaymentState::sent) continue;  // Being reversed already.
        const pay::PaymentEvent event{.kind = pay::EventKind::deadline_passed,
                                      .at = parts_.clock.now()};
        pay::PaymentContext context;
        context.payment = payment;
        if (payment.kind != PaymentKind::purchase)
            context.original = TRY(tx.payment(payment.original));
        context.current_date = upstream_->business_date();
        context.current_batch = TRY(tx.batch_of(payment.terminal));
        context.rules = rules_;
        Step step;
        step.from = payment.state;
        step.transition = TRY(pay::step(context, event));
        if (step.transition.changed) TRY_VOID(write(tx, event, step, false));
        steps->push_back(std::move(step));
    }
    Abandoned more;
    if (also_abandon_) more = TRY(also_abandon_(tx, terminal));
    abandoned.payments.insert(abandoned.payments.end(), more.payments.begin(), more.payments.end());
    abandoned.after = [this, steps, others = std::move(more.after)] {
        for (const Step& step : *steps) {
            if (step.transition.changed) perform(step);
        }
        if (others) others();
    };
    return abandoned;
}

void PaymentEngine::answer(const Payment& payment) {
    std::vector<Reply> replies;
    {
        const std::lock_guard lock(mutex_);
        if (auto waiting = waiting_.extract(payment.id)) replies = std::move(waiting.mapped());
        secrets_.erase(payment.id);
    }
    for (const Reply& reply : replies) reply({Refusal::none, payment});
}

Result<std::size_t> PaymentEngine::recover() {
    std::size_t count = 0;
    store::IdPage page{.after = {}, .rows_max = store::page_rows_max};
    for (bool more = true; more;) {
        std::vector<Payment> open;
        TRY_VOID(parts_.store.read([&](store::Reader& reader) -> Result<void> {
            open = TRY(reader.open_payments(page));
            return {};
        }));
        more = open.size() == page.rows_max;
        if (!open.empty()) page.after = open.back().id;
        for (const Payment& payment : open) {
            const auto event = recovery_event(payment, parts_.clock.now());
            if (!event) continue;
            ++count;
            apply(payment.id, *event);
        }
    }
    return count;
}

}  // namespace softpos::server
