// UnionPay's QR gateway, from its side of the wire. Spec: [UP-QRC].
#include "platform/channel/wallet/unionpay_qrc.h"
#include "world/sim/wallet_host_impl.h"

#include <charconv>

namespace softpos::sim {
namespace {

using wallet::FormFields;

std::string text(const FormFields& fields, std::string_view name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
}

std::int64_t amount_of(const FormFields& fields) {
    const std::string digits = text(fields, "txnAmt");
    std::int64_t fen = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), fen);
    return fen;
}

std::string_view call_of(std::string_view type) {
    if (type == "0310000903") return "pay";
    if (type == "0510000903") return "make_code";
    if (type == "0350000903" || type == "0540000903") return "query";
    if (type == "0320000903" || type == "0330000903" || type == "0170000903") return "cancel";
    if (type == "0340000903" || type == "0150000903") return "refund";
    return "";
}

std::string voucher_of(const SimTrade& trade) {
    return trade.number.substr(12);
}

net::HttpResponse signed_by(const crypto::RsaKey& key, FormFields fields) {
    fields["certId"] = sim_names::unionpay_key_id;
    return {.status = 200,
            .content_type = "application/x-www-form-urlencoded",
            .body = wallet::unionpay_message(key, std::move(fields)).value_or("")};
}

}  // namespace

net::HttpResponse WalletHost::Impl::unionpay(const net::HttpRequest& request) {
    wallet::UnionpayKeys merchants;
    merchants.emplace(sim_names::unionpay_certificate, merchant_public);
    const auto asked = wallet::unionpay_read(merchants, request.body);
    const std::string_view call = asked ? call_of(text(*asked, "reqType")) : "";
    if (call.empty() || text(*asked, "acqCode") != sim_names::acquirer_code) {
        ++refused_signatures;
        return signed_by(unionpay_key, {{"respCode", "A0"}});
    }
    FormFields said{{"version", "1.0.0"},
                    {"reqType", text(*asked, "reqType")},
                    {"acqCode", text(*asked, "acqCode")},
                    {"orderNo", text(*asked, "orderNo")},
                    {"respCode", "00"}};
    const WalletRule rule = rule_for(call);
    if (rule.action == "lost") return sim_no_answer();
    const std::string original = text(*asked, "origOrderNo");
    const std::string number = original.empty() ? said["orderNo"] : original;
    if (rule.action == "forged") {
        said["voucherNum"] = said["origRespCode"] = "00";
        said["txnAmt"] = text(*asked, "txnAmt");
        return signed_by(stranger_key, said);
    }
    const bool begins = call == "pay" || call == "make_code";
    const bool there = begins || trades.contains(number);
    if (!there || rule.action == "refuse") {
        said["respCode"] = there ? "51" : "34";
        return signed_by(unionpay_key, said);
    }
    SimTrade& trade = begin("unionpay", number, amount_of(*asked));
    if (begins) trade.shop = text(*asked, "merId");
    settle(trade);
    if (call == "pay") pay(trade, rule);
    if (call == "make_code") {
        trade.notify_url = text(*asked, "backUrl");
        trade.code = "https://qr.95516.com/00010000/62" + number.substr(2);
        said["qrCode"] = trade.code;
    } else if (call == "cancel") {
        cancel(trade, said["orderNo"]);
    } else if (call == "refund") {
        const bool done = refund(trade, said["orderNo"], amount_of(*asked));
        if (!done) said["respCode"] = "61";
    } else {
        const bool paid = trade.state == "paid";
        if (call == "query") said["origRespCode"] = paid ? "00" : "05";
        said["txnAmt"] = std::to_string(trade.amount_minor);
        if (paid) said["voucherNum"] = voucher_of(trade);
    }
    if (rule.action == "no_answer") return sim_no_answer();
    if (rule.action == "system_error") {
        said["respCode"] = said["origRespCode"] = "05";
        said.erase("voucherNum");
    }
    return signed_by(unionpay_key, said);
}

SimNotice WalletHost::Impl::unionpay_notice(const SimTrade& trade,
                                            const crypto::RsaKey& key) const {
    const auto message = signed_by(key, {{"version", "1.0.0"},
                                         {"reqType", "0540000903"},
                                         {"acqCode", std::string(sim_names::acquirer_code)},
                                         {"orderNo", trade.number},
                                         {"txnAmt", std::to_string(trade.amount_minor)},
                                         {"respCode", "00"},
                                         {"voucherNum", voucher_of(trade)}});
    return {.url = trade.notify_url, .content_type = message.content_type, .body = message.body};
}

}  // namespace softpos::sim
