// alipay.trade.* over the gateway. Spec: [ALIPAY-OPEN].
#include "codec/json_tree.h"
#include "platform/channel/wallet/alipay.h"
#include "platform/channel/wallet/wallet_dialect.h"

#include <boost/json.hpp>

namespace softpos::wallet {
namespace {

namespace json = boost::json;
using pay::TradeEvent;
using pay::TradeEventKind;
using pay::WalletCall;
using pay::WalletWord;

constexpr std::size_t answer_bytes_max = 64UL * 1024;
constexpr std::string_view success = "10000";
constexpr std::string_view payer_acts = "10003";
constexpr std::string_view nobody_knows = "20000";
constexpr std::string_view business = "40004";

// "2026-11-22 15:04:05" out of "2026-11-22T15:04:05+08:00".
std::string timestamp(Instant now) {
    std::string text = china_time(now).iso().substr(0, 19);
    text[10] = ' ';
    return text;
}

bool is_void(const WalletOrder& order) {
    return order.trade.kind == pay::PaymentKind::void_sale;
}

std::string_view method_of(const WalletOrder& order) {
    switch (order.call) {
        case WalletCall::pay:
            return "alipay.trade.pay";
        case WalletCall::make_code:
            return "alipay.trade.precreate";
        case WalletCall::query:
            return "alipay.trade.query";
        case WalletCall::cancel:
            return "alipay.trade.cancel";
        case WalletCall::give_back:
            return is_void(order) ? "alipay.trade.cancel" : "alipay.trade.refund";
    }
    return "";
}

// Gives the payer as long as we wait, in whole minutes, so that nobody pays behind our back.
std::string minutes_left(const WalletOrder& order) {
    const std::int64_t left_ms = order.trade.deadline_at.unix_ms - order.now.unix_ms;
    return std::to_string(std::max<std::int64_t>(1, (left_ms + 59'999) / 60'000)) + "m";
}

std::string content_of(const WalletOrder& order, const WalletTexts& texts) {
    const pay::WalletTrade& trade = order.trade;
    const bool gives_back = order.call == WalletCall::give_back;
    json::object content{
        {"out_trade_no", gives_back ? order.original->id.text() : trade.id.text()}};
    const bool pays = order.call == WalletCall::pay;
    if (pays || order.call == WalletCall::make_code) {
        content["subject"] = texts.subject;
        content["total_amount"] = yuan_text(trade.amount_minor);
        content["terminal_id"] = trade.terminal;
        content["store_id"] = trade.merchant;
        content["timeout_express"] = minutes_left(order);
    }
    if (pays) {
        content["scene"] = "bar_code";
        content["auth_code"] = order.payment_code;
        content["product_code"] = "FACE_TO_FACE_PAYMENT";
    } else if (order.call == WalletCall::make_code) {
        content["qr_code_timeout_express"] = minutes_left(order);
    } else if (gives_back && !is_void(order)) {
        content["out_request_no"] = trade.id.text();
        content["refund_amount"] = yuan_text(trade.amount_minor);
    }
    return json::serialize(content);
}

using Value = codec::JsonTree::Value;

std::string text_at(const Value& value) {
    return std::string(value.text().value_or(""));
}

WalletWord word_of_status(std::string_view status) {
    if (status == "TRADE_SUCCESS" || status == "TRADE_FINISHED") return WalletWord::paid;
    if (status == "WAIT_BUYER_PAY") return WalletWord::waiting;
    if (status == "TRADE_CLOSED") return WalletWord::closed;
    return WalletWord::unknown;
}

WalletWord word_of_success(WalletCall call, const Value& root) {
    switch (call) {
        case WalletCall::pay:
            return WalletWord::paid;
        case WalletCall::query:
            return word_of_status(root["trade_status"].text().value_or(""));
        case WalletCall::cancel:
            return root["retry_flag"].text() == "Y" ? WalletWord::unknown : WalletWord::done;
        case WalletCall::make_code:
            return WalletWord::done;
        case WalletCall::give_back:
            return root["retry_flag"].text() == "Y" ? WalletWord::unknown : WalletWord::done;
    }
    return WalletWord::unknown;
}

// Where the business failed: what is final and what may have happened all the same.
WalletWord word_of_failure(WalletCall call, std::string_view sub_code) {
    if (sub_code == "ACQ.SYSTEM_ERROR" || sub_code == "aop.ACQ.SYSTEM_ERROR") {
        return WalletWord::unknown;
    }
    const bool none = sub_code == "ACQ.TRADE_NOT_EXIST";
    switch (call) {
        case WalletCall::pay:
        case WalletCall::make_code:
            return WalletWord::refused;
        case WalletCall::query:
        case WalletCall::cancel:
            return none ? WalletWord::not_found : WalletWord::unknown;
        case WalletCall::give_back:
            return WalletWord::refused;
    }
    return WalletWord::unknown;
}

WalletWord word_of(WalletCall call, const Value& root, bool gateway_refused) {
    const std::string code = text_at(root["code"]);
    if (!gateway_refused && code == success) return word_of_success(call, root);
    if (code == payer_acts) return WalletWord::waiting;
    if (code == nobody_knows) return WalletWord::unknown;
    if (code == business) return word_of_failure(call, root["sub_code"].text().value_or(""));
    // The gateway did not let it in: of a request that would move money that is final.
    const bool begins = call == WalletCall::pay || call == WalletCall::make_code;
    return begins ? WalletWord::refused : WalletWord::unknown;
}

class AlipayDialect final : public WalletDialect {
public:
    explicit AlipayDialect(AlipayAccount account) : account_(std::move(account)) {}

    Result<WalletRequest> request(const WalletOrder& order) const override {
        AlipayParameters parameters{
            {"app_id", account_.app_id}, {"method", std::string(method_of(order))},
            {"format", "JSON"},          {"charset", "utf-8"},
            {"sign_type", "RSA2"},       {"timestamp", timestamp(order.now)},
            {"version", "1.0"},          {"biz_content", content_of(order, account_.texts)}};
        if (order.call == WalletCall::pay || order.call == WalletCall::make_code) {
            parameters["notify_url"] = account_.texts.notify_url;
        }
        return WalletRequest{
            .target = account_.target,
            .content_type = "application/x-www-form-urlencoded;charset=utf-8",
            .body = TRY(alipay_request(account_.key, std::move(parameters))),
        };
    }

    Result<TradeEvent> answer(const WalletOrder& order,
                              const WalletReceived& received) const override {
        const AlipayAnswer part =
            TRY(alipay_answer(account_.alipay_key, method_of(order), received.body));
        const auto document =
            TRY(codec::JsonTree::parse(part.bytes, {.bytes_max = answer_bytes_max}));
        const Value root = document.root();
        TradeEvent event{.kind = TradeEventKind::answered,
                         .call = order.call,
                         .word = word_of(order.call, root, part.is_error),
                         .attempt = order.trade.attempts};
        const std::string code = text_at(root["code"]);
        const std::string sub_code = text_at(root["sub_code"]);
        event.wallet_code = sub_code.empty() ? code : sub_code;
        if (sub_code == "ACQ.PAYMENT_AUTH_CODE_INVALID") {
            event.refusal = Refusal::payment_code_invalid;
        }
        if (part.is_error || code != success) return event;
        const bool gives_back = order.call == WalletCall::give_back;
        const Id128& asked = gives_back ? order.original->id : order.trade.id;
        if (root["out_trade_no"].text() != asked.text()) {
            return fail(ErrorKind::denied, "alipay: an answer about another trade");
        }
        event.wallet_trade = text_at(root["trade_no"]);
        event.payer = text_at(root["buyer_user_id"]);
        event.code = text_at(root["qr_code"]);
        if (event.word == WalletWord::paid) {
            event.amount_minor = fen_of(root["total_amount"].text().value_or("")).value_or(0);
        }
        return event;
    }

    Result<WalletNotice> notice(const WalletReceived& received) const override {
        const auto fields = TRY(alipay_notification(account_.alipay_key, received.body));
        const auto field = [&](std::string_view name) {
            const auto found = fields.find(name);
            return found == fields.end() ? std::string() : found->second;
        };
        if (field("app_id") != account_.app_id) {
            return fail(ErrorKind::denied, "alipay: a notice for somebody else");
        }
        if (word_of_status(field("trade_status")) != WalletWord::paid) {
            return fail(ErrorKind::not_found, "alipay: a notice of something else");
        }
        WalletNotice notice{.trade = TRY(Id128::parse(field("out_trade_no"))),
                            .event = {.kind = TradeEventKind::notified}};
        notice.event.amount_minor = fen_of(field("total_amount")).value_or(0);
        notice.event.wallet_trade = field("trade_no");
        notice.event.payer = field("buyer_id");
        notice.event.wallet_code = field("trade_status");
        return notice;
    }

    std::string notice_taken() const override { return "success"; }

private:
    AlipayAccount account_;
};

}  // namespace

std::unique_ptr<WalletDialect> alipay_dialect(AlipayAccount account) {
    return std::make_unique<AlipayDialect>(std::move(account));
}

}  // namespace softpos::wallet
