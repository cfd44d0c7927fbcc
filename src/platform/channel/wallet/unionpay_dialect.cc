// Request types of UnionPay's QR gateway. What an answer means where no public page says it is
// *ours*: then nobody knows anything, and it is asked for. Spec: [UP-QRC].
#include "platform/channel/wallet/unionpay_qrc.h"
#include "platform/channel/wallet/wallet_dialect.h"

#include <charconv>

namespace softpos::wallet {
namespace {

using pay::TradeEvent;
using pay::TradeEventKind;
using pay::WalletCall;
using pay::WalletWord;

constexpr std::string_view success = "00";
constexpr std::string_view not_there = "34";

const pay::WalletTrade& payment_of(const WalletOrder& order) {
    return order.call == WalletCall::give_back ? *order.original : order.trade;
}

std::string_view request_type(const WalletOrder& order) {
    const bool scans = payment_of(order).way == pay::WalletWay::scan;
    switch (order.call) {
        case WalletCall::pay:
            return "0310000903";
        case WalletCall::make_code:
            return "0510000903";
        case WalletCall::query:
            return scans ? "0350000903" : "0540000903";
        case WalletCall::cancel:
            return scans ? "0320000903" : "0170000903";
        case WalletCall::give_back:
            if (order.trade.kind == pay::PaymentKind::refund) {
                return scans ? "0340000903" : "0150000903";
            }
            return scans ? "0330000903" : "0170000903";
    }
    return "";
}

// "20261122150405"
std::string time_of(Instant instant) {
    const LocalTime time = china_time(instant);
    return std::to_string(time.yyyymmdd()) + time.hhmmss();
}

bool is_open(std::string_view code) {
    return code == "03" || code == "04" || code == "05";
}

class UnionpayDialect final : public WalletDialect {
public:
    explicit UnionpayDialect(UnionpayAccount account) : account_(std::move(account)) {}

    Result<WalletRequest> request(const WalletOrder& order) const override {
        const pay::WalletTrade& trade = order.trade;
        FormFields fields{{"version", "1.0.0"},
                          {"reqType", std::string(request_type(order))},
                          {"acqCode", account_.acquirer_code},
                          {"certId", account_.certificate_id},
                          {"merId", trade.merchant},
                          {"termId", trade.terminal},
                          {"orderNo", trade.id.text()},
                          {"orderTime", time_of(trade.created_at)},
                          {"txnAmt", std::to_string(trade.amount_minor)},
                          {"currencyCode", "156"}};
        if (order.call == WalletCall::pay || order.call == WalletCall::make_code) {
            fields["orderType"] = "10";
            fields["merName"] = account_.texts.subject;
            fields["backUrl"] = account_.texts.notify_url;
        }
        if (order.call == WalletCall::pay) fields["qrNo"] = order.payment_code;
        if (order.call == WalletCall::make_code) {
            const std::int64_t left_ms = trade.deadline_at.unix_ms - order.now.unix_ms;
            fields["limitCount"] = "1";
            fields["qrValidTime"] = std::to_string(std::max<std::int64_t>(1, left_ms / 1000));
        }
        if (order.call == WalletCall::give_back) {
            fields["origOrderNo"] = order.original->id.text();
            fields["origOrderTime"] = time_of(order.original->created_at);
        }
        return WalletRequest{.target = account_.target,
                             .content_type = "application/x-www-form-urlencoded;charset=utf-8",
                             .body = TRY(unionpay_message(account_.key, std::move(fields)))};
    }

    Result<TradeEvent> answer(const WalletOrder& order,
                              const WalletReceived& received) const override {
        const FormFields fields = TRY(unionpay_read(account_.unionpay_keys, received.body));
        if (text(fields, "orderNo") != order.trade.id.text() ||
            text(fields, "reqType") != request_type(order)) {
            return fail(ErrorKind::denied, "unionpay: an answer to something else");
        }
        TradeEvent event{.kind = TradeEventKind::answered,
                         .call = order.call,
                         .word = word_of(order.call, fields),
                         .attempt = order.trade.attempts};
        const std::string original = text(fields, "origRespCode");
        event.wallet_code = original.empty() ? text(fields, "respCode") : original;
        event.wallet_trade = text(fields, "voucherNum");
        event.code = text(fields, "qrCode");
        if (event.word == WalletWord::paid) event.amount_minor = amount_of(fields);
        return event;
    }

    Result<WalletNotice> notice(const WalletReceived& received) const override {
        const FormFields fields = TRY(unionpay_read(account_.unionpay_keys, received.body));
        if (text(fields, "acqCode") != account_.acquirer_code) {
            return fail(ErrorKind::denied, "unionpay: a notice for somebody else");
        }
        const std::string type = text(fields, "reqType");
        const bool pays = type == "0250000903" || type == "0360000903" || type == "0540000903";
        if (!pays || text(fields, "respCode") != success || text(fields, "voucherNum").empty()) {
            return fail(ErrorKind::not_found, "unionpay: a notice of something else");
        }
        WalletNotice notice{.trade = TRY(Id128::parse(text(fields, "orderNo"))),
                            .event = {.kind = TradeEventKind::notified}};
        notice.event.amount_minor = amount_of(fields);
        notice.event.wallet_trade = text(fields, "voucherNum");
        notice.event.wallet_code = text(fields, "respCode");
        return notice;
    }

    std::string notice_taken() const override { return "ok"; }

private:
    UnionpayAccount account_;

    static std::string text(const FormFields& fields, std::string_view name) {
        const auto found = fields.find(name);
        return found == fields.end() ? std::string() : found->second;
    }
    static std::int64_t amount_of(const FormFields& fields) {
        const std::string digits = text(fields, "txnAmt");
        std::int64_t fen = 0;
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), fen);
        return read.ec == std::errc() && read.ptr == digits.data() + digits.size() ? fen : 0;
    }
    // A payment has a voucher; one that is only accepted has none yet.
    static WalletWord word_of(WalletCall call, const FormFields& fields) {
        const std::string code = text(fields, "respCode");
        const bool voucher = !text(fields, "voucherNum").empty();
        const std::string original = text(fields, "origRespCode");
        switch (call) {
            case WalletCall::pay:
                if (code == success) return voucher ? WalletWord::paid : WalletWord::waiting;
                return is_open(code) ? WalletWord::unknown : WalletWord::refused;
            case WalletCall::make_code:
                if (code == success) return WalletWord::done;
                return is_open(code) ? WalletWord::unknown : WalletWord::refused;
            case WalletCall::query:
                if (code == not_there) return WalletWord::not_found;
                if (code != success) return WalletWord::unknown;
                if (original == success && voucher) return WalletWord::paid;
                return is_open(original) ? WalletWord::waiting : WalletWord::unknown;
            case WalletCall::cancel:
                if (code == not_there) return WalletWord::not_found;
                return code == success ? WalletWord::done : WalletWord::unknown;
            case WalletCall::give_back:
                if (code == success) return WalletWord::done;
                return is_open(code) ? WalletWord::unknown : WalletWord::refused;
        }
        return WalletWord::unknown;
    }
};

}  // namespace

std::unique_ptr<WalletDialect> unionpay_dialect(UnionpayAccount account) {
    return std::make_unique<UnionpayDialect>(std::move(account));
}

}  // namespace softpos::wallet
