// Alipay's gateway, from its side of the wire. Spec: [ALIPAY-OPEN].
#include "codec/json_tree.h"
#include "platform/channel/wallet/alipay.h"
#include "platform/channel/wallet/signing.h"
#include "platform/channel/wallet/wallet_dialect.h"
#include "world/sim/wallet_host_impl.h"

#include <boost/json.hpp>

#include <algorithm>

namespace softpos::sim {
namespace {

namespace json = boost::json;

std::string failed(std::string_view code, std::string_view sub_code) {
    return json::serialize(json::object{{"code", code}, {"sub_code", sub_code}});
}

json::object about(const SimTrade& trade) {
    return {{"code", "10000"},
            {"msg", "Success"},
            {"out_trade_no", trade.number},
            {"trade_no", "2026" + trade.number.substr(4)}};
}

net::HttpResponse signed_by(const crypto::RsaKey& key, std::string method, const std::string& part,
                            bool error = false) {
    std::ranges::replace(method, '.', '_');
    const std::string sign = wallet::sign_text(key, part).value_or("");
    const std::string member = error ? "error_response" : method + "_response";
    return {.status = 200, .body = "{\"" + member + "\":" + part + ",\"sign\":\"" + sign + "\"}"};
}

std::string_view call_of(std::string_view method) {
    if (method == "alipay.trade.pay") return "pay";
    if (method == "alipay.trade.precreate") return "make_code";
    if (method == "alipay.trade.query") return "query";
    if (method == "alipay.trade.cancel") return "cancel";
    if (method == "alipay.trade.refund") return "refund";
    return "";
}

std::string_view status_of(const SimTrade& trade) {
    if (trade.state == "paid") return "TRADE_SUCCESS";
    return trade.state == "closed" ? "TRADE_CLOSED" : "WAIT_BUYER_PAY";
}

}  // namespace

net::HttpResponse WalletHost::Impl::alipay(const net::HttpRequest& request) {
    const auto fields = wallet::read_form(request.body);
    if (!fields) return sim_no_answer();
    const auto field = [&](std::string_view name) {
        const auto found = fields->find(name);
        return found == fields->end() ? std::string() : found->second;
    };
    const std::string method = field("method");
    const std::string_view call = call_of(method);
    const bool ours =
        wallet::verify_text(merchant_public, wallet::alipay_request_text(*fields), field("sign")) &&
        field("app_id") == sim_names::app_id && !call.empty();
    if (!ours) {
        ++refused_signatures;
        return signed_by(alipay_key, method, failed("40002", "isv.invalid-signature"), true);
    }
    const WalletRule rule = rule_for(call);
    if (rule.action == "lost") return sim_no_answer();
    const std::string biz_content = field("biz_content");
    const auto content = codec::JsonTree::parse(biz_content, {});
    if (!content) return signed_by(alipay_key, method, failed("40004", "ACQ.INVALID_PARAMETER"));
    const auto root = content->root();
    const std::string number(root["out_trade_no"].text().value_or(""));
    if (rule.action == "forged") {
        json::object paid{{"code", "10000"}, {"out_trade_no", number}};
        paid["total_amount"] = root["total_amount"].text().value_or("0.01");
        paid["trade_status"] = "TRADE_SUCCESS";
        return signed_by(stranger_key, method, json::serialize(paid));
    }
    const bool begins = call == "pay" || call == "make_code";
    if (!begins && !trades.contains(number)) {
        return signed_by(alipay_key, method, failed("40004", "ACQ.TRADE_NOT_EXIST"));
    }
    if (rule.action == "refuse") {
        return signed_by(alipay_key, method, failed("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH"));
    }
    SimTrade& trade = begin("alipay", number,
                            wallet::fen_of(root["total_amount"].text().value_or("")).value_or(0));
    settle(trade);
    std::string part = carry_out(call, trade, {rule, biz_content, field("notify_url")});
    if (rule.action == "no_answer") return sim_no_answer();
    if (rule.action == "system_error") {
        part = R"({"code":"20000","msg":"Service Currently Unavailable"})";
    }
    return signed_by(alipay_key, method, part);
}

// The signed part of the answer.
std::string WalletHost::Impl::carry_out(std::string_view call, SimTrade& trade,
                                        const AlipayCall& asked) {
    const auto content = codec::JsonTree::parse(asked.biz_content, {});
    json::object said = about(trade);
    if (call == "pay") {
        trade.notify_url.clear();  // Of payment codes nothing is told.
        if (content) trade.shop = content->root()["store_id"].text().value_or("");
        pay(trade, asked.rule);
        if (trade.state != "paid") said["code"] = "10003";
    } else if (call == "make_code") {
        trade.notify_url = asked.notify_url;
        if (content) trade.shop = content->root()["store_id"].text().value_or("");
        trade.code = "https://qr.alipay.com/bax" + trade.number.substr(12);
        said["qr_code"] = trade.code;
    } else if (call == "query") {
        said["trade_status"] = status_of(trade);
    } else if (call == "cancel") {
        said["action"] = trade.state == "paid" ? "refund" : "close";
        said["retry_flag"] = "N";
        cancel(trade);
    } else {
        const auto root = content ? content->root() : codec::JsonTree::Value();
        const std::string part(root["out_request_no"].text().value_or(""));
        const auto amount = wallet::fen_of(root["refund_amount"].text().value_or(""));
        if (!amount || !refund(trade, part, *amount)) {
            return failed("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL");
        }
        said["fund_change"] = "Y";
        said["refund_fee"] = wallet::yuan_text(trade.refunded_minor);
    }
    if (call == "pay" || call == "query") {
        said["buyer_user_id"] = trade.payer;
        said["total_amount"] = wallet::yuan_text(trade.amount_minor);
    }
    return json::serialize(said);
}

SimNotice WalletHost::Impl::alipay_notice(const SimTrade& trade, const crypto::RsaKey& key) const {
    wallet::AlipayParameters fields{{"notify_type", "trade_status_sync"},
                                    {"app_id", std::string(sim_names::app_id)},
                                    {"out_trade_no", trade.number},
                                    {"trade_no", "2026" + trade.number.substr(4)},
                                    {"trade_status", "TRADE_SUCCESS"},
                                    {"total_amount", wallet::yuan_text(trade.amount_minor)},
                                    {"buyer_id", trade.payer}};
    fields["sign"] = wallet::sign_text(key, wallet::alipay_request_text(fields)).value_or("");
    fields["sign_type"] = "RSA2";
    return {.url = trade.notify_url,
            .content_type = "application/x-www-form-urlencoded",
            .body = wallet::write_form(fields)};
}

}  // namespace softpos::sim
