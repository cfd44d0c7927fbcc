// Strict JSON in, the engine or the store asked, one answer out.
#include "platform/server/phone_calls.h"

#include "codec/strict_json.h"
#include "crypto/hash.h"
#include "platform/server/answers.h"
#include "platform/server/classic_door.h"

#include <algorithm>
#include <utility>

namespace softpos::server {
namespace {

using codec::StrictJson;

constexpr std::array<std::string_view, 4> card_methods = {"none", "online_pin", "confirmation_code",
                                                          "signature"};
constexpr std::string_view online_pin = "online_pin";

// A PIN that the trusted core took, and the permit under which it asked for it.
PinOrder read_pin(StrictJson& body) {
    PinOrder order;
    StrictJson pin = body.object("pin");
    const Buffer ksn = pin.hex("ksn", order.pin.ksn.size(), order.pin.ksn.size());
    const Buffer block = pin.hex("block", order.pin.block.size(), order.pin.block.size());
    const auto permit = Id128::parse(pin.text("permit", 32));
    if (!permit) {
        pin.fault(Refusal::bad_value, "permit");
        return order;
    }
    order.permit = *permit;
    if (ksn.size() == order.pin.ksn.size()) std::ranges::copy(ksn, order.pin.ksn.begin());
    if (block.size() == order.pin.block.size()) std::ranges::copy(block, order.pin.block.begin());
    return order;
}

}  // namespace

void PhoneCalls::handle(net::HttpRequest request, net::Responder respond) {
    const std::string_view path = path_of(request.target);
    if (!path.starts_with("/v1/phone/payments")) return respond(refuse(Refusal::no_such_path));
    if (request.peer_common_name.empty()) return respond(refuse(Refusal::no_credentials));
    const auto queued = parts_.workers.post([this, request = std::move(request), respond] {
        const auto terminal = parts_.terminals.terminal_of(request);
        if (!terminal) return respond(refuse(Refusal::bad_credentials));
        payments(request, respond, *terminal);
    });
    if (!queued) respond(refuse(Refusal::too_many_requests));
}

void PhoneCalls::payments(const net::HttpRequest& request, net::Responder respond,
                          const merchant::Terminal& terminal) {
    const std::string_view path = path_of(request.target);
    if (request.method == "GET") return find(request, std::move(respond), terminal);
    if (request.method != "POST") return respond(refuse(Refusal::bad_method));
    if (path == wallet_payments_path) {
        return parts_.wallets.purchase(request, std::move(respond), terminal);
    }
    if (const auto id = match_path(path, "/v1/phone/payments/{}/give-up")) {
        return parts_.wallets.give_up(*id, std::move(respond), terminal);
    }
    if (path == "/v1/phone/payments") return purchase(request, std::move(respond), terminal);
    if (const auto id = match_path(path, "/v1/phone/payments/{}/void")) {
        return follow_up(request, std::move(respond), terminal, *id, pay::PaymentKind::void_sale);
    }
    if (const auto id = match_path(path, "/v1/phone/payments/{}/refund")) {
        return follow_up(request, std::move(respond), terminal, *id, pay::PaymentKind::refund);
    }
    respond(refuse(Refusal::no_such_path));
}

void PhoneCalls::purchase(const net::HttpRequest& request, net::Responder respond,
                          const merchant::Terminal& terminal) {
    StrictJson body(request.body);
    PaymentOrder order;
    order.terminal = terminal;
    const auto key = Id128::parse(body.text("idempotency_key", 32));
    const std::string kind = body.text("kind", 16);
    order.amount_minor = body.integer("amount_minor", 1, amount_minor_max);
    const std::string currency = body.text("currency", 3);
    order.reference = body.optional_text("reference", pay::reference_bytes_max).value_or("");
    const auto permit = Id128::parse(body.text("permit", 32));
    StrictJson card = body.object("card");
    const Buffer ksn = card.hex("ksn", 12, 12);
    order.card.ciphertext = card.hex("ciphertext", 17, protocol::sealed_card_bytes_max);
    order.card_method = card.text("cvm", 24);
    const std::string entry = card.text("entry", 16);
    if (!key || is_classic_payment_key(*key)) {
        body.fault(Refusal::bad_value, "idempotency_key");
    }
    if (kind != "purchase") body.fault(Refusal::bad_value, "kind");
    if (currency != "CNY") body.fault(Refusal::bad_value, "currency");
    if (entry != "contactless") card.fault(Refusal::bad_value, "entry");
    if (std::ranges::find(card_methods, order.card_method) == card_methods.end()) {
        card.fault(Refusal::bad_value, "cvm");
    }
    if (!permit) body.fault(Refusal::bad_value, "permit");
    if (body.has("pin")) order.pin = read_pin(body);
    if ((order.card_method == online_pin) != order.pin.has_value()) {
        card.fault(Refusal::bad_value, "cvm");
    }
    if (const auto fault = body.finish()) return respond(refuse(*fault));
    std::ranges::copy(ksn, order.card.ksn.begin());
    order.idempotency_key = *key;
    order.permit = *permit;
    order.body_digest = crypto::sha256(bytes_of(request.body));
    submit(std::move(order), std::move(respond));
}

void PhoneCalls::follow_up(const net::HttpRequest& request, net::Responder respond,
                           const merchant::Terminal& terminal, std::string_view original,
                           pay::PaymentKind kind) {
    StrictJson body(request.body);
    PaymentOrder order;
    order.terminal = terminal;
    order.kind = kind;
    const auto key = Id128::parse(body.text("idempotency_key", 32));
    if (!key || is_classic_payment_key(*key)) {
        body.fault(Refusal::bad_value, "idempotency_key");
    }
    if (kind == pay::PaymentKind::refund) {
        order.amount_minor = body.integer("amount_minor", 1, amount_minor_max);
    }
    if (const auto fault = body.finish()) return respond(refuse(*fault));
    const auto id = Id128::parse(original);
    if (!id) return respond(refuse(Refusal::not_found));
    if (parts_.wallets.knows(*id)) {
        return parts_.wallets.give_back({terminal, *id, kind, *key, order.amount_minor},
                                        std::move(respond));
    }
    order.idempotency_key = *key;
    order.original = *id;
    Buffer digest_input(id->bytes.begin(), id->bytes.end());
    digest_input.push_back(static_cast<std::uint8_t>(kind));
    append(digest_input, bytes_of(request.body));
    order.body_digest = crypto::sha256(digest_input);
    submit(std::move(order), std::move(respond));
}

void PhoneCalls::submit(PaymentOrder order, net::Responder respond) {
    parts_.engine.submit(std::move(order), [respond](const PaymentReply& reply) {
        respond(reply.payment ? payment_answer(*reply.payment) : refuse(reply.refusal));
    });
}

void PhoneCalls::find(const net::HttpRequest& request, net::Responder respond,
                      const merchant::Terminal& terminal) {
    respond(find_now(request.target, terminal));
}

// By id, by idempotency key, or the last one; only of this terminal's merchant.
net::HttpResponse PhoneCalls::find_now(const std::string& target,
                                       const merchant::Terminal& terminal) {
    const std::string_view path = path_of(target);
    const auto by_path = match_path(path, "/v1/phone/payments/{}");
    const auto by_key = query_of(target, "idempotency_key");
    const bool last = query_of(target, "last") == "1";
    const auto id = Id128::parse(by_path.value_or(by_key.value_or("")));
    if (!id && (by_path || by_key)) return refuse(Refusal::not_found);
    if (!by_path && (path != "/v1/phone/payments" || (!by_key && !last))) {
        return refuse(Refusal::no_such_path);
    }
    std::optional<pay::Payment> payment;
    std::optional<pay::WalletTrade> trade;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        if (by_path) {
            payment = TRY(reader.payment(*id));
            if (!payment) trade = TRY(reader.wallet_trade(*id));
        } else if (by_key) {
            payment = TRY(reader.payment_by_key(terminal.merchant, *id));
            if (!payment) trade = TRY(reader.wallet_trade_by_key(terminal.merchant, *id));
        } else {
            payment = TRY(reader.last_payment(terminal.merchant, terminal.number));
        }
        return {};
    });
    if (!read) return refuse(Refusal::store_unavailable);
    if (trade && trade->merchant == terminal.merchant) return trade_answer(*trade);
    if (!payment || payment->merchant != terminal.merchant) return refuse(Refusal::not_found);
    return payment_answer(*payment);
}

}  // namespace softpos::server
