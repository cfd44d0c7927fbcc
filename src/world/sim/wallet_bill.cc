// The bills that the wallets write of a day, in the forms in which they write them.
#include "codec/text_encoding.h"
#include "platform/channel/wallet/bill.h"
#include "platform/channel/wallet/wallet_dialect.h"
#include "world/sim/wallet_host_impl.h"

#include <algorithm>
#include <span>

namespace softpos::sim {
namespace {

struct Line {
    const SimTrade& trade;
    const SimEntry& entry;
    std::int64_t fee_minor;  // The wallet keeps it, or gives it back.
};

struct Total {
    std::int64_t count = 0, minor = 0;

    void add(const SimEntry& entry) {
        ++count;
        minor += entry.amount_minor;
    }
};

std::string signed_yuan(std::int64_t minor) {
    return minor < 0 ? "-" + wallet::yuan_text(-minor) : wallet::yuan_text(minor);
}

// "2026-11-22 15:04:05"
std::string time_of(Instant at) {
    std::string text = china_time(at).iso().substr(0, 19);
    text[10] = ' ';
    return text;
}

std::string joined(const std::vector<std::string>& cells, std::string_view before) {
    std::string line;
    for (const std::string& cell : cells) {
        if (!line.empty()) line += ',';
        line += before;
        line += cell;
    }
    return line + "\r\n";
}

// Spec: [ALIPAY-BILL].
std::string alipay_bill(std::span<const Line> lines, const std::string& day) {
    Total sold, back;
    std::string text = "#支付宝业务明细查询\r\n#账号：[20881000000000010156]\r\n#起始日期：[" +
                       day + " 00:00:00]   终止日期：[" + day + " 24:00:00]\r\n";
    text +=
        "#-----------------------------------------业务明细列表------------------------------------"
        "----\r\n";
    text += std::string(wallet::alipay_bill_header) + "\r\n";
    for (const auto& [trade, entry, fee] : lines) {
        (entry.gives_back ? back : sold).add(entry);
        const std::string amount =
            signed_yuan(entry.gives_back ? -entry.amount_minor : entry.amount_minor);
        const std::string none = "0.00";
        text += joined({"2026" + trade.number.substr(4) + "\t",
                        trade.number + "\t",
                        entry.gives_back ? "退款" : "交易",
                        "消费",
                        time_of(entry.at),
                        time_of(entry.at),
                        trade.shop,
                        "",
                        "",
                        "",
                        "p***@example.com",
                        amount,
                        amount,
                        none,
                        none,
                        none,
                        none,
                        none,
                        "",
                        none,
                        none,
                        entry.number,
                        signed_yuan(entry.gives_back ? fee : -fee),
                        none,
                        ""},
                       "");
    }
    text +=
        "#-----------------------------------------业务明细列表结束--------------------------------"
        "----\r\n";
    text += "#交易合计：" + std::to_string(sold.count) + "笔，商家实收共" +
            wallet::yuan_text(sold.minor) + "元\r\n";
    text += "#退款合计：" + std::to_string(back.count) + "笔，商家实收退款共" +
            signed_yuan(-back.minor) + "元\r\n";
    return codec::gbk_text(text).value_or("");
}

// Spec: [WECHAT-BILL].
std::string wechat_bill(std::span<const Line> lines) {
    Total sold, back;
    std::int64_t fees = 0;
    std::string text = std::string(wallet::wechat_bill_header) + "\r\n";
    for (const auto& [trade, entry, fee] : lines) {
        (entry.gives_back ? back : sold).add(entry);
        fees += entry.gives_back ? -fee : fee;
        const std::string none = "0.00", number = "0";
        const std::string amount = wallet::yuan_text(entry.amount_minor);
        const std::string sale = entry.gives_back ? none : amount;
        const std::string given = entry.gives_back ? amount : none;
        const bool refunds = entry.gives_back && !entry.number.empty();
        const std::string state = !entry.gives_back ? "SUCCESS" : refunds ? "REFUND" : "REVOKED";
        text += joined({time_of(entry.at),
                        std::string(sim_names::wechat_app),
                        std::string(sim_names::merchant_id),
                        number,
                        "",
                        "42" + trade.number.substr(4),
                        trade.number,
                        trade.payer,
                        trade.code.empty() ? "MICROPAY" : "NATIVE",
                        state,
                        "OTHERS",
                        "CNY",
                        sale,
                        none,
                        entry.gives_back ? "50" + trade.number.substr(4) : number,
                        refunds ? entry.number : number,
                        given,
                        none,
                        entry.gives_back ? "ORIGINAL" : "",
                        entry.gives_back ? "SUCCESS" : "",
                        "消费, 现场",
                        "",
                        signed_yuan(entry.gives_back ? -fee : fee) + "000",
                        "0.38%",
                        sale,
                        given,
                        ""},
                       "`");
    }
    text += std::string(wallet::wechat_bill_sums) + "\r\n";
    text += joined({std::to_string(sold.count + back.count), wallet::yuan_text(sold.minor),
                    wallet::yuan_text(back.minor), "0.00", signed_yuan(fees) + "000",
                    wallet::yuan_text(sold.minor), wallet::yuan_text(back.minor)},
                   "`");
    return text;
}

std::string money(std::int64_t minor, std::size_t digits) {
    return (minor < 0 ? "D" : "C") + channel::format_amount(minor < 0 ? -minor : minor, digits);
}

// Spec: [UP-QRC-BILL] ZM.
std::string unionpay_bill(std::span<const Line> lines) {
    constexpr std::size_t fee_digits = 12;
    const auto columns = wallet::unionpay_bill_columns();
    std::string text;
    for (const auto& [trade, entry, fee] : lines) {
        const LocalTime at = china_time(entry.at);
        const std::int64_t sign = entry.gives_back ? -1 : 1;
        const bool voids = entry.gives_back && trade.state == "closed";
        for (const channel::Column& column : columns) {
            std::string value;
            if (column.name == "code") value = "S22";
            if (column.name == "time") value = at.mmdd() + at.hhmmss();
            if (column.name == "amount") value = channel::format_amount(entry.amount_minor, 12);
            if (column.name == "order") {
                value = entry.number.empty() ? trade.number : entry.number;
            }
            if (column.name == "fee") value = money(-sign * fee, fee_digits);
            if (column.name == "settled") value = money(sign * (entry.amount_minor - fee), 12);
            if (column.name == "type") value = !entry.gives_back ? "01" : voids ? "31" : "04";
            if (column.name == "merchant") value = trade.shop;
            if (!channel::write_column(column, value, text)) return {};
        }
        text += "\n";
    }
    return text;
}

}  // namespace

Result<std::string> WalletHost::bill(std::string_view channel, std::uint32_t yyyymmdd,
                                     const pay::FeeTable& fees) const {
    const std::lock_guard lock(impl_->mutex);
    std::vector<Line> lines;
    std::string day;
    for (auto& [number, trade] : impl_->trades) {
        if (trade.channel != channel) continue;
        impl_->settle(trade);
        for (const SimEntry& entry : trade.entries) {
            const LocalTime at = china_time(entry.at);
            if (at.yyyymmdd() != yyyymmdd) continue;
            day = at.iso().substr(0, 10);
            const auto quote =
                TRY(fees.quote({pay::FeeProduct::qr, pay::CardClass::debit, entry.amount_minor}));
            lines.push_back({trade, entry, quote.fee.issuer_minor + quote.fee.network_minor});
        }
    }
    if (channel == "alipay") return alipay_bill(lines, day);
    if (channel == "wechat") return wechat_bill(lines);
    if (channel == "unionpay") return unionpay_bill(lines);
    return fail(ErrorKind::not_found, "wallet: no such one");
}

}  // namespace softpos::sim
