// WeChat Pay's APIv3, from its side of the wire. Spec: [WECHAT-V3].
#include "base/hex.h"
#include "codec/base64.h"
#include "codec/json_tree.h"
#include "crypto/aead.h"
#include "platform/channel/wallet/signing.h"
#include "platform/channel/wallet/wechat_v3.h"
#include "world/sim/wallet_host_impl.h"

#include <boost/json.hpp>

#include <charconv>

namespace softpos::sim {
namespace {

namespace json = boost::json;

std::string part_of(std::string_view header, std::string_view name) {
    const std::string mark = std::string(name) + "=\"";
    const std::size_t at = header.find(mark);
    if (at == std::string_view::npos) return {};
    const std::size_t begin = at + mark.size();
    return std::string(header.substr(begin, header.find('"', begin) - begin));
}

bool is_signed_by(const crypto::PublicKey& merchant, const net::HttpRequest& request) {
    const std::string_view header = request.find_header("authorization");
    const std::string timestamp = part_of(header, "timestamp");
    const std::string nonce = part_of(header, "nonce_str");
    std::int64_t seconds = 0;
    std::from_chars(timestamp.data(), timestamp.data() + timestamp.size(), seconds);
    const std::string text =
        wallet::wechat_request_text({request.method, request.target, seconds, nonce, request.body});
    return header.starts_with("WECHATPAY2-SHA256-RSA2048 ") &&
           part_of(header, "mchid") == sim_names::merchant_id &&
           part_of(header, "serial_no") == sim_names::certificate_serial &&
           wallet::verify_text(merchant, text, part_of(header, "signature")).has_value();
}

std::vector<net::HttpHeader> signature_headers(const crypto::RsaKey& key, Instant now,
                                               const std::string& nonce, std::string_view body) {
    const std::string timestamp = std::to_string(now.unix_ms / 1000);
    const wallet::WechatHeaders bare{timestamp, nonce, sim_names::key_id, ""};
    return {{"wechatpay-timestamp", timestamp},
            {"wechatpay-nonce", nonce},
            {"wechatpay-serial", std::string(sim_names::key_id)},
            {"wechatpay-signature",
             wallet::sign_text(key, wallet::wechat_answer_text(bare, body)).value_or("")}};
}

struct Said {
    unsigned status = 200;
    json::object content = {};
};

Said failed(unsigned status, std::string_view code) {
    return {status, {{"code", code}, {"message", code}}};
}

std::string_view state_of(const SimTrade& trade) {
    if (trade.state == "paid") return trade.refunded_minor > 0 ? "REFUND" : "SUCCESS";
    if (trade.state == "closed") return trade.code.empty() ? "REVOKED" : "CLOSED";
    return trade.code.empty() ? "USERPAYING" : "NOTPAY";
}

json::object about(const SimTrade& trade) {
    return {{"mchid", sim_names::merchant_id},
            {"appid", sim_names::wechat_app},
            {"out_trade_no", trade.number},
            {"transaction_id", "42" + trade.number.substr(4)},
            {"trade_state", state_of(trade)},
            {"payer", json::object{{"openid", trade.payer}}},
            {"amount", json::object{{"total", trade.amount_minor}, {"currency", "CNY"}}}};
}

struct Place {
    std::string_view call;
    std::string number;  // Out of the path; empty where it stands in the body.
    bool closes = false;
};

Place place_of(const net::HttpRequest& request) {
    constexpr std::string_view trades = "/v3/pay/transactions/out-trade-no/";
    const std::string_view target = request.target;
    if (target == "/v3/pay/transactions/codepay") return {"pay", {}};
    if (target == "/v3/pay/transactions/native") return {"make_code", {}};
    if (target == "/v3/refund/domestic/refunds") return {"refund", {}};
    if (!target.starts_with(trades)) return {"", {}};
    const std::string_view rest = target.substr(trades.size());
    const std::string number(rest.substr(0, rest.find_first_of("/?")));
    if (request.method == "GET") return {"query", number};
    return {"cancel", number, rest.ends_with("/close")};
}

}  // namespace

net::HttpResponse WalletHost::Impl::wechat(const net::HttpRequest& request) {
    Said said;
    const auto answer = [&](const crypto::RsaKey& key) -> net::HttpResponse {
        const std::string body = said.content.empty() ? "" : json::serialize(said.content);
        return {.status = said.status,
                .body = body,
                .headers = signature_headers(key, clock.now(), to_hex(random.take<16>()), body)};
    };
    const Place place = place_of(request);
    if (!is_signed_by(merchant_public, request) || place.call.empty()) {
        ++refused_signatures;
        said = failed(401, "SIGN_ERROR");
        return answer(wechat_key);
    }
    const WalletRule rule = rule_for(place.call);
    if (rule.action == "lost") return sim_no_answer();
    const auto content = codec::JsonTree::parse(request.body.empty() ? "{}" : request.body, {});
    if (!content) return sim_no_answer();
    const auto root = content->root();
    std::string number = place.number;
    if (number.empty()) number = root["out_trade_no"].text().value_or("");
    const std::int64_t total = root["amount"]["total"].integer().value_or(0);
    if (rule.action == "forged") {
        SimTrade paid{.channel = "wechat", .number = number, .amount_minor = total};
        paid.state = "paid";
        said.content = about(paid);
        return answer(stranger_key);
    }
    const bool begins = place.call == "pay" || place.call == "make_code";
    if (!begins && !trades.contains(number)) {
        said = failed(404, "ORDER_NOT_EXIST");
        return answer(wechat_key);
    }
    if (rule.action == "refuse") {
        said = failed(403, "NOTENOUGH");
        return answer(wechat_key);
    }
    SimTrade& trade = begin("wechat", number, total);
    settle(trade);
    if (place.call == "pay") {
        pay(trade, rule);
        said.content = about(trade);
    } else if (place.call == "make_code") {
        trade.notify_url = root["notify_url"].text().value_or("");
        trade.code = "weixin://wxpay/bizpayurl?pr=" + number.substr(20);
        said.content["code_url"] = trade.code;
    } else if (place.call == "query") {
        said.content = about(trade);
    } else if (place.call == "refund") {
        const std::string part(root["out_refund_no"].text().value_or(""));
        const bool done = refund(trade, part, root["amount"]["refund"].integer().value_or(0));
        if (!done) said = failed(400, "INVALID_REQUEST");
        if (done) said.content = {{"out_refund_no", part}, {"status", "SUCCESS"}};
    } else if (place.closes) {
        // What is paid cannot be closed.
        if (trade.state == "paid") said = failed(400, "ORDERPAID");
        if (trade.state != "paid") {
            cancel(trade);
            said.status = 204;
        }
    } else {
        cancel(trade);
        said.content = {{"out_trade_no", number}};
    }
    if (rule.action == "no_answer") return sim_no_answer();
    if (rule.action == "system_error") said = failed(500, "SYSTEM_ERROR");
    return answer(wechat_key);
}

SimNotice WalletHost::Impl::wechat_notice(const SimTrade& trade, const crypto::RsaKey& key) const {
    const std::string nonce = "n" + trade.number.substr(0, 11);
    const Buffer sealed =
        crypto::gcm_seal(bytes_of(api_v3_key), bytes_of(nonce), bytes_of("transaction"),
                         bytes_of(json::serialize(about(trade))))
            .value_or(Buffer{});
    const std::string body = json::serialize(
        json::object{{"id", "event-" + trade.number},
                     {"event_type", "TRANSACTION.SUCCESS"},
                     {"resource_type", "encrypt-resource"},
                     {"resource", json::object{{"algorithm", "AEAD_AES_256_GCM"},
                                               {"original_type", "transaction"},
                                               {"associated_data", "transaction"},
                                               {"nonce", nonce},
                                               {"ciphertext", codec::to_base64(sealed)}}}});
    return {.url = trade.notify_url,
            .content_type = "application/json",
            .headers = signature_headers(key, clock.now(), nonce, body),
            .body = body};
}

}  // namespace softpos::sim
