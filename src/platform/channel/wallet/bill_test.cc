// Bills as the wallets write them, and what is wrong with others.
#include "platform/channel/wallet/bill.h"

#include "codec/text_encoding.h"

#include <gtest/gtest.h>

namespace softpos::wallet {
namespace {

using pay::WalletChannel;

struct Read {
    std::vector<BillRow> rows;
    Result<void> outcome;
};
Read read(WalletChannel channel, std::string_view text) {
    Read read;
    read.outcome = read_bill(channel, bytes_of(text), [&](BillRow row) -> Result<void> {
        read.rows.push_back(std::move(row));
        return {};
    });
    return read;
}

void expect_refused(WalletChannel channel, std::string_view text, std::uint32_t line,
                    std::size_t column = 0) {
    const Read refused = read(channel, text);
    ASSERT_FALSE(refused.outcome) << text;
    EXPECT_EQ(refused.outcome.error().kind, ErrorKind::malformed) << text;
    EXPECT_EQ(refused.outcome.error().detail, line) << text;
    EXPECT_EQ(refused.outcome.error().at, column) << text;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

// Fewer columns than there are, and in another order: their names count.
const std::string alipay_text =
    "#支付宝业务明细查询\r\n"
    "商户订单号,业务类型,商家实收（元）,服务费（元）,完成时间,门店编号,退款批次号/请求号,备注\r\n"
    "order-1\t,交易,18.80,-0.06,2026-11-22 10:00:30,898310058120001,,\"面, \"\"大\"\"\"\r\n"
    "order-1\t,退款,-8.80,0.03,2026-11-22 11:00:00,898310058120001,back-1\t,\r\n"
    "#----业务明细列表结束----\r\n"
    "#交易合计：1笔，商家实收共18.80元\r\n"
    "#退款合计：1笔，商家实收退款共-8.80元\r\n";
const std::string wechat_text =
    "\xEF\xBB\xBF交易时间,商户订单号,交易状态,应结订单金额,商户退款单号,退款金额,手续费,"
    "商品名称\r\n"
    "`2026-11-22 10:00:30,`order-1,`SUCCESS,`18.80,`0,`0.00,`0.07000,`面, 大\r\n"
    "`2026-11-22 11:00:00,`order-1,`REFUND,`0.00,`back-1,`8.80,`-0.03400,`面\r\n"
    "`2026-11-22 11:00:00,`order-2,`REVOKED,`0.00,`0,`0.01,`0.00000,`\r\n"
    "总交易单数,应结订单总金额,退款总金额,手续费总金额\r\n"
    "`3,`18.80,`8.81,`0.03600\r\n";

std::string unionpay_line(const std::string& type, const std::string& order,
                          const std::string& fee = "D000000000007") {
    std::string line;
    for (const auto& column : unionpay_bill_columns()) {
        std::string value;
        if (column.name == "amount") value = "000000001880";
        if (column.name == "order") value = order;
        if (column.name == "fee") value = fee;
        if (column.name == "settled") value = "C000000001873";
        if (column.name == "type") value = type;
        if (column.name == "time") value = "1122100030";
        if (column.name == "merchant") value = "898310058120001";
        EXPECT_TRUE(channel::write_column(column, value, line));
    }
    return line + "\n";
}

TEST(WalletBill, AlipaysIsReadByTheNamesOfItsColumns) {
    const auto gbk = codec::gbk_text(alipay_text);
    ASSERT_TRUE(gbk);
    for (const std::string& text : {alipay_text, *gbk}) {
        const Read bill = read(WalletChannel::alipay, text);
        ASSERT_TRUE(bill.outcome) << bill.outcome.error().detail;
        ASSERT_EQ(bill.rows.size(), 2U);
        EXPECT_EQ(bill.rows[0],
                  (BillRow{3, false, "order-1", "", "898310058120001", 20261122, 1'880, 6}));
        EXPECT_EQ(bill.rows[1],
                  (BillRow{4, true, "order-1", "back-1", "898310058120001", 20261122, 880, -3}));
    }
}

TEST(WalletBill, WechatsHasCommasInItsValues) {
    const Read bill = read(WalletChannel::wechat, wechat_text);
    ASSERT_TRUE(bill.outcome) << bill.outcome.error().detail;
    ASSERT_EQ(bill.rows.size(), 3U);
    EXPECT_EQ(bill.rows[0], (BillRow{2, false, "order-1", "", "", 20261122, 1'880, 7}));
    EXPECT_EQ(bill.rows[1], (BillRow{3, true, "order-1", "back-1", "", 0, 880, -3}));
    EXPECT_EQ(bill.rows[2], (BillRow{4, true, "order-2", "", "", 0, 1, 0}));
}

TEST(WalletBill, UnionpaysHasColumnsOfFixedWidth) {
    const Read bill =
        read(WalletChannel::unionpay, unionpay_line("01", "order-1") +
                                          unionpay_line("04", "back-1", "C000000000007") + "\n" +
                                          unionpay_line("31", "void-1"));
    ASSERT_TRUE(bill.outcome) << bill.outcome.error().detail;
    ASSERT_EQ(bill.rows.size(), 3U);
    EXPECT_EQ(bill.rows[0], (BillRow{1, false, "order-1", "", "898310058120001", 0, 1'880, 7}));
    EXPECT_EQ(bill.rows[1],
              (BillRow{2, true, "back-1", "back-1", "898310058120001", 0, 1'880, -7}));
    EXPECT_EQ(bill.rows[2].line, 4U);
    EXPECT_TRUE(bill.rows[2].gives_back);
}

TEST(WalletBill, ADayWithoutTradesHasABillToo) {
    EXPECT_TRUE(read(WalletChannel::unionpay, "").outcome);
    EXPECT_TRUE(read(WalletChannel::wechat,
                     "交易时间,商户订单号,交易状态,应结订单金额,商户退款单号,退款金额,手续费\n"
                     "总交易单数,应结订单总金额,退款总金额\n`0,`0.00,`0.00\n")
                    .outcome);
}

TEST(WalletBill, WhatIsMissingIsSaid) {
    using enum WalletChannel;
    expect_refused(alipay, replaced(alipay_text, "服务费（元）", "费用"), 2);
    expect_refused(alipay, replaced(alipay_text, "业务类型", "商户订单号"), 2);
    expect_refused(alipay, replaced(alipay_text, "order-1\t,退款", "\t,退款"), 4, 1);
    expect_refused(alipay, replaced(alipay_text, "交易,18.80", "交易,18.8O"), 3, 3);
    expect_refused(alipay, replaced(alipay_text, "交易,18.80", "交易,-18.80"), 3, 3);
    expect_refused(alipay, replaced(alipay_text, "退款,-8.80", "转账,-8.80"), 4, 2);
    expect_refused(alipay, replaced(alipay_text, ",back-1\t,", ",back-1\t"), 4);
    expect_refused(alipay, replaced(alipay_text, "\"面", "面"), 3);
    expect_refused(wechat, replaced(wechat_text, "手续费,", "费,"), 1);
    expect_refused(wechat, replaced(wechat_text, "`SUCCESS", "`PAID"), 2, 3);
    expect_refused(wechat, replaced(wechat_text, "`0.07000", "`0.070001"), 2, 7);
    expect_refused(wechat, replaced(wechat_text, ",`面\r", "\r"), 3);
    expect_refused(unionpay, unionpay_line("01", ""), 1, 12);
    expect_refused(unionpay, unionpay_line("77", "order-1"), 1, 20);
    EXPECT_FALSE(read(unionpay, unionpay_line("01", "order-1").substr(0, 200)).outcome);
    EXPECT_FALSE(read(alipay, "\xFF\xFF").outcome);
    for (const auto channel : {alipay, wechat}) EXPECT_FALSE(read(channel, "").outcome);
}

TEST(WalletBill, ABillThatIsCutIsNone) {
    for (const auto& [channel, text] : {std::pair{WalletChannel::alipay, alipay_text},
                                        std::pair{WalletChannel::wechat, wechat_text}}) {
        for (std::size_t at = text.find('\n'); at != std::string::npos;
             at = text.find('\n', at + 1)) {
            const bool all_lines = channel == WalletChannel::alipay
                                       ? text.substr(0, at).find("列表结束") != std::string::npos
                                       : at + 1 == text.size();
            EXPECT_EQ(read(channel, text.substr(0, at)).outcome.has_value(), all_lines) << at;
        }
    }
    // Or one from which a line was lost.
    expect_refused(
        WalletChannel::alipay,
        replaced(alipay_text,
                 "order-1\t,退款,-8.80,0.03,2026-11-22 11:00:00,898310058120001,back-1\t,\r\n", ""),
        6);
    expect_refused(WalletChannel::wechat, replaced(wechat_text, "`3,", "`4,"), 6);
    expect_refused(WalletChannel::wechat, replaced(wechat_text, "`8.81", "`8.80"), 6);
    expect_refused(WalletChannel::wechat, wechat_text + "`again\n", 7);
    expect_refused(WalletChannel::alipay, alipay_text + "order-2,交易\n", 8);
}

TEST(WalletBill, AnErrorOfWhoeverTakesTheLinesEndsIt) {
    std::size_t lines = 0;
    const auto stopped = read_bill(WalletChannel::wechat, bytes_of(wechat_text),
                                   [&](const BillRow&) -> Result<void> {
                                       ++lines;
                                       return fail(ErrorKind::unavailable, "no more");
                                   });
    EXPECT_EQ(stopped.error().kind, ErrorKind::unavailable);
    EXPECT_EQ(lines, 1U);
}

TEST(WalletBill, AmountsAreRoundedHalfUp) {
    EXPECT_EQ(fen_of_bill("0"), 0);
    EXPECT_EQ(fen_of_bill("12.3"), 1'230);
    EXPECT_EQ(fen_of_bill("-0.06"), -6);
    EXPECT_EQ(fen_of_bill("0.00499"), 0);
    EXPECT_EQ(fen_of_bill("0.00500"), 1);
    EXPECT_EQ(fen_of_bill("-0.00500"), -1);
    EXPECT_EQ(fen_of_bill("1000000000000"), 100'000'000'000'000);
    for (const char* text : {"", "-", ".", "1.", ".5", "1.000000", "1,000", "+1", "1e3", "--1",
                             " 1", "1000000000001", "99999999999999999999"}) {
        EXPECT_FALSE(fen_of_bill(text)) << text;
    }
}

}  // namespace
}  // namespace softpos::wallet
