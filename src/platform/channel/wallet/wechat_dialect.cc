// /v3/pay/transactions and refunds. Spec: [WECHAT-V3].
#include "codec/json_tree.h"
#include "platform/channel/wallet/wallet_dialect.h"

#include <boost/json.hpp>

namespace softpos::wallet {
namespace {

namespace json = boost::json;
using pay::TradeEvent;
using pay::TradeEventKind;
using pay::WalletCall;
using pay::WalletWord;
using Value = codec::JsonTree::Value;

constexpr std::size_t answer_bytes_max = 64UL * 1024;
constexpr std::string_view paid_already = "ORDERPAID";

// A code that was paid while it was being closed cannot be closed any more: its money is refunded.
bool refunds(const WalletOrder& order) {
    if (order.call == WalletCall::cancel) return order.trade.wallet_code == paid_already;
    if (order.call != WalletCall::give_back) return false;
    const bool voids = order.trade.kind == pay::PaymentKind::void_sale;
    return !voids || order.original->way == pay::WalletWay::show;
}

const pay::WalletTrade& payment_of(const WalletOrder& order) {
    return order.call == WalletCall::give_back ? *order.original : order.trade;
}

std::string target_of(const WalletOrder& order, const WechatAccount& account) {
    if (refunds(order)) return "/v3/refund/domestic/refunds";
    const std::string trade = "/v3/pay/transactions/out-trade-no/" + payment_of(order).id.text();
    switch (order.call) {
        case WalletCall::pay:
            return "/v3/pay/transactions/codepay";
        case WalletCall::make_code:
            return "/v3/pay/transactions/native";
        case WalletCall::query:
            return trade + "?mchid=" + account.merchant_id;
        case WalletCall::cancel:
        case WalletCall::give_back:
            break;
    }
    return trade + (payment_of(order).way == pay::WalletWay::scan ? "/reverse" : "/close");
}

json::object amount_object(std::int64_t total) {
    return {{"total", total}, {"currency", "CNY"}};
}

std::string body_of(const WalletOrder& order, const WechatAccount& account) {
    const pay::WalletTrade& trade = order.trade;
    if (refunds(order)) {
        json::object amount = amount_object(payment_of(order).amount_minor);
        amount["refund"] = trade.amount_minor;
        return json::serialize(json::object{{"out_trade_no", payment_of(order).id.text()},
                                            {"out_refund_no", trade.id.text()},
                                            {"amount", std::move(amount)}});
    }
    json::object body{{"mchid", account.merchant_id}};
    switch (order.call) {
        case WalletCall::query:
            return {};
        case WalletCall::cancel:
        case WalletCall::give_back:
            if (payment_of(order).way == pay::WalletWay::scan) body["appid"] = account.app_id;
            return json::serialize(body);
        case WalletCall::pay:
            body["payer"] = json::object{{"auth_code", order.payment_code}};
            body["scene_info"] =
                json::object{{"device_id", trade.terminal},
                             {"store_info", json::object{{"out_id", trade.merchant}}}};
            break;
        case WalletCall::make_code:
            body["notify_url"] = account.texts.notify_url;
            body["time_expire"] = china_time(trade.deadline_at).iso();
            break;
    }
    body["appid"] = account.app_id;
    body["description"] = account.texts.subject;
    body["out_trade_no"] = trade.id.text();
    body["amount"] = amount_object(trade.amount_minor);
    return json::serialize(body);
}

WalletWord word_of_state(std::string_view state) {
    if (state == "SUCCESS" || state == "REFUND") return WalletWord::paid;
    if (state == "NOTPAY" || state == "USERPAYING" || state == "ACCEPT") {
        return WalletWord::waiting;
    }
    if (state == "CLOSED" || state == "REVOKED") return WalletWord::closed;
    return WalletWord::unknown;  // PAYERROR too: the payer may try again until the time is over.
}

// Of codes that leave it open, and those that say nothing about the money.
WalletWord word_of_error(WalletCall call, unsigned status, std::string_view code) {
    if (code == "USERPAYING") return WalletWord::waiting;
    if (code == "ORDER_NOT_EXIST" || code == "ORDERNOTEXIST") {
        return call == WalletCall::pay ? WalletWord::unknown : WalletWord::not_found;
    }
    if (code == "ORDER_CLOSED" || code == "ORDERREVERSED") return WalletWord::closed;
    const bool open = status >= 500 || status == 429 || code == "SYSTEM_ERROR" ||
                      code == "BANK_ERROR" || code == "FREQUENCY_LIMITED";
    if (open || call == WalletCall::query || call == WalletCall::cancel) {
        return WalletWord::unknown;
    }
    return WalletWord::refused;
}

WalletWord word_of_success(const WalletOrder& order, const Value& root) {
    if (refunds(order)) {
        // PROCESSING is answered to each repeat until it is done.
        return root["status"].text() == "SUCCESS" ? WalletWord::done : WalletWord::unknown;
    }
    switch (order.call) {
        case WalletCall::pay:
        case WalletCall::query:
            return word_of_state(root["trade_state"].text().value_or(""));
        case WalletCall::make_code:
            return root["code_url"].text() ? WalletWord::done : WalletWord::unknown;
        case WalletCall::cancel:
        case WalletCall::give_back:
            return WalletWord::done;
    }
    return WalletWord::unknown;
}

std::string text_at(const Value& value) {
    return std::string(value.text().value_or(""));
}

class WechatDialect final : public WalletDialect {
public:
    explicit WechatDialect(WechatAccount account) : account_(std::move(account)) {}

    Result<WalletRequest> request(const WalletOrder& order) const override {
        WalletRequest request{.method = order.call == WalletCall::query ? "GET" : "POST",
                              .target = target_of(order, account_),
                              .content_type = "application/json",
                              .body = body_of(order, account_)};
        const std::string authorization = TRY(wechat_authorization(
            account_.key, {account_.merchant_id, account_.certificate_serial},
            {request.method, request.target, order.now.unix_ms / 1000, order.nonce, request.body}));
        request.headers = {{"authorization", authorization}, {"accept", "application/json"}};
        return request;
    }

    Result<TradeEvent> answer(const WalletOrder& order,
                              const WalletReceived& received) const override {
        TRY_VOID(verify(received));
        TradeEvent event{
            .kind = TradeEventKind::answered, .call = order.call, .attempt = order.trade.attempts};
        const bool fine = received.status >= 200 && received.status < 300;
        if (received.body.empty()) {  // 204 to a close.
            event.word = fine ? WalletWord::done : WalletWord::unknown;
            if (order.call != WalletCall::cancel && order.call != WalletCall::give_back) {
                event.word = WalletWord::unknown;
            }
            return event;
        }
        const auto document =
            TRY(codec::JsonTree::parse(received.body, {.bytes_max = answer_bytes_max}));
        const Value root = document.root();
        if (!fine) {
            event.wallet_code = text_at(root["code"]);
            event.word = word_of_error(order.call, received.status, event.wallet_code);
            if (event.wallet_code == "AUTH_CODE_INVALID" ||
                event.wallet_code == "AUTH_CODE_EXPIRE") {
                event.refusal = Refusal::payment_code_invalid;
            }
            return event;
        }
        event.word = word_of_success(order, root);
        event.code = text_at(root["code_url"]);
        event.wallet_trade = text_at(root["transaction_id"]);
        event.payer = text_at(root["payer"]["openid"]);
        const bool tells = order.call == WalletCall::pay || order.call == WalletCall::query;
        if (!tells) return event;
        event.wallet_code = text_at(root["trade_state"]);
        TRY_VOID(is_about(order.trade.id, root));
        if (event.word == WalletWord::paid) {
            event.amount_minor = root["amount"]["total"].integer().value_or(0);
        }
        return event;
    }

    Result<WalletNotice> notice(const WalletReceived& received) const override {
        TRY_VOID(verify(received));
        const WechatNotification told =
            TRY(wechat_notification(account_.api_v3_key.bytes(), received.body));
        if (told.event_type != "TRANSACTION.SUCCESS") {
            return fail(ErrorKind::not_found, "wechat: a notice of something else");
        }
        const auto document = TRY(codec::JsonTree::parse(text_of(told.resource.bytes()),
                                                         {.bytes_max = answer_bytes_max}));
        const Value root = document.root();
        if (root["mchid"].text() != account_.merchant_id) {
            return fail(ErrorKind::denied, "wechat: a notice for somebody else");
        }
        if (word_of_state(root["trade_state"].text().value_or("")) != WalletWord::paid) {
            return fail(ErrorKind::not_found, "wechat: a notice of something else");
        }
        WalletNotice notice{.trade = TRY(Id128::parse(root["out_trade_no"].text().value_or(""))),
                            .event = {.kind = TradeEventKind::notified}};
        notice.event.amount_minor = root["amount"]["total"].integer().value_or(0);
        notice.event.wallet_trade = text_at(root["transaction_id"]);
        notice.event.payer = text_at(root["payer"]["openid"]);
        notice.event.wallet_code = text_at(root["trade_state"]);
        return notice;
    }

    std::string notice_taken() const override { return R"({"code":"SUCCESS"})"; }

private:
    WechatAccount account_;

    Result<void> verify(const WalletReceived& received) const {
        const WechatHeaders headers{header_of(received.headers, "wechatpay-timestamp"),
                                    header_of(received.headers, "wechatpay-nonce"),
                                    header_of(received.headers, "wechatpay-serial"),
                                    header_of(received.headers, "wechatpay-signature")};
        return wechat_verify(account_.wechat_keys, headers, received.body, received.now);
    }

    static Result<void> is_about(const Id128& trade, const Value& root) {
        if (root["out_trade_no"].text() == trade.text()) return {};
        return fail(ErrorKind::denied, "wechat: an answer about another trade");
    }
};

}  // namespace

std::unique_ptr<WalletDialect> wechat_dialect(WechatAccount account) {
    return std::make_unique<WechatDialect>(std::move(account));
}

}  // namespace softpos::wallet
