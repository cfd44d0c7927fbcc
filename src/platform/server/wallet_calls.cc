// Strict JSON in, the engine asked, one answer out.
#include "platform/server/wallet_calls.h"

#include "codec/strict_json.h"
#include "crypto/hash.h"
#include "platform/server/answers.h"

#include <utility>

namespace softpos::server {
namespace {

constexpr std::size_t payment_code_bytes_max = 64;

}  // namespace

void WalletCalls::purchase(const net::HttpRequest& request, net::Responder respond,
                           const merchant::Terminal& terminal) {
    codec::StrictJson body(request.body);
    TradeOrder order;
    order.terminal = terminal;
    const auto key = Id128::parse(body.text("idempotency_key", 32));
    order.amount_minor = body.integer("amount_minor", 1, amount_minor_max);
    const std::string currency = body.text("currency", 3);
    order.reference = body.optional_text("reference", pay::reference_bytes_max).value_or("");
    const auto permit = Id128::parse(body.text("permit", 32));
    const auto way = pay::wallet_way(body.text("way", 8));
    if (way == pay::WalletWay::scan) {
        order.payment_code = body.text("payment_code", payment_code_bytes_max);
    } else if (way == pay::WalletWay::show) {
        const auto channel = pay::wallet_channel(body.text("channel", 16));
        if (!channel) body.fault(Refusal::bad_value, "channel");
        order.channel = channel.value_or(pay::WalletChannel::alipay);
    }
    if (!key) body.fault(Refusal::bad_value, "idempotency_key");
    if (currency != "CNY") body.fault(Refusal::bad_value, "currency");
    if (!permit) body.fault(Refusal::bad_value, "permit");
    if (!way) body.fault(Refusal::bad_value, "way");
    if (const auto fault = body.finish()) return respond(refuse(*fault));
    order.way = *way;
    order.idempotency_key = *key;
    order.permit = *permit;
    order.body_digest = crypto::sha256(bytes_of(request.body));
    submit(std::move(order), std::move(respond));
}

void WalletCalls::give_back(const GiveBack& wanted, net::Responder respond) {
    TradeOrder order;
    order.terminal = wanted.terminal;
    order.kind = wanted.kind;
    order.idempotency_key = wanted.idempotency_key;
    order.amount_minor = wanted.amount_minor;
    order.original = wanted.original;
    Buffer digest_input(wanted.original.bytes.begin(), wanted.original.bytes.end());
    digest_input.push_back(static_cast<std::uint8_t>(wanted.kind));
    append(digest_input, bytes_of(std::to_string(wanted.amount_minor)));
    order.body_digest = crypto::sha256(digest_input);
    submit(std::move(order), std::move(respond));
}

void WalletCalls::submit(TradeOrder order, net::Responder respond) {
    parts_.engine.submit(std::move(order), [respond](const TradeReply& reply) {
        respond(reply.trade ? trade_answer(*reply.trade) : refuse(reply.refusal));
    });
}

void WalletCalls::give_up(std::string_view trade, net::Responder respond,
                          const merchant::Terminal& terminal) {
    const auto id = Id128::parse(trade);
    const auto known = id ? find(*id) : std::nullopt;
    if (!known || known->merchant != terminal.merchant) {
        return respond(refuse(Refusal::not_found));
    }
    parts_.engine.give_up(*id, [respond](const TradeReply& reply) {
        respond(reply.trade ? trade_answer(*reply.trade) : refuse(reply.refusal));
    });
}

bool WalletCalls::knows(const Id128& trade) {
    return find(trade).has_value();
}

std::optional<pay::WalletTrade> WalletCalls::find(const Id128& trade) {
    std::optional<pay::WalletTrade> found;
    // Where it cannot be read there is none: a card's payment then says that the store is away.
    (void)parts_.store.read([&](store::Reader& reader) -> Result<void> {
        found = TRY(reader.wallet_trade(trade));
        return {};
    });
    return found;
}

void WalletCalls::notice(const net::HttpRequest& request, net::Responder respond) {
    std::string_view name = path_of(request.target);
    name.remove_prefix(std::min(name.size(), wallet_notify_path.size()));
    const auto channel = pay::wallet_channel(name);
    if (!channel) return respond(refuse(Refusal::no_such_path));
    if (request.method != "POST") return respond(refuse(Refusal::bad_method));
    const bool queued = parts_.workers.post([this, request, respond, channel = *channel] {
        wallet::Headers headers;
        for (const net::HttpHeader& header : request.headers) {
            headers.emplace_back(header.name, header.value);
        }
        parts_.engine.notice(channel, headers, request.body, [this, respond, channel](Refusal no) {
            if (no != Refusal::none) return respond(refuse(no));
            respond({.status = 200,
                     .content_type = "text/plain",
                     .body = parts_.engine.notice_taken(channel)});
        });
    });
    if (!queued) respond(refuse(Refusal::too_many_requests));
}

}  // namespace softpos::server
