// Lines of clearing and payout files: there and back, and refused with line and column.
#include "platform/channel/clearing_file.h"

#include "platform/channel/payout_file.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::channel {
namespace {

ClearingRow sale_row() {
    ClearingRow row = empty_clearing_row();
    row.at(ClearingColumn::acquirer) = "48020000";
    row.at(ClearingColumn::forwarder) = "48020000";
    row.at(ClearingColumn::trace) = "000105";
    row.at(ClearingColumn::transmission_time) = "1122150405";
    row.at(ClearingColumn::pan) = "6210940000000001";
    row.at(ClearingColumn::amount) = "000000001000";
    row.at(ClearingColumn::mti) = "0200";
    row.at(ClearingColumn::processing) = "000000";
    row.at(ClearingColumn::category) = "5411";
    row.at(ClearingColumn::terminal) = "10000001";
    row.at(ClearingColumn::merchant) = "847100053990002";
    row.at(ClearingColumn::reference) = "261122000105";
    row.at(ClearingColumn::condition) = "00";
    row.at(ClearingColumn::response) = "00";
    row.at(ClearingColumn::entry) = "072";
    row.at(ClearingColumn::fee_receivable) = format_fee(12);
    row.at(ClearingColumn::fee_payable) = format_fee(-5);
    return row;
}

const std::string sale_line =
    "48020000    48020000    000105 1122150405 6210940000000001    000000001000 000000000000 "
    "C00000000000 0200 000000 5411 10000001 847100053990002 261122000105 00                    "
    "       00 072 C00000000012 D00000000005 C00000000000                                     "
    "     C00000000000                ";

TEST(ClearingFile, LineHasTheLayout) {
    EXPECT_EQ(clearing_line_bytes, sale_line.size());
    EXPECT_EQ(format_clearing_line(sale_row()).value(), sale_line);
    EXPECT_EQ(parse_clearing_line(sale_line, 1).value(), sale_row());
}

TEST(ClearingFile, LineEndsMayDiffer) {
    EXPECT_EQ(parse_clearing_line(sale_line + "\r", 1).value(), sale_row());
    EXPECT_EQ(parse_clearing_line(sale_line.substr(0, sale_line.size() - 1), 1).value(),
              sale_row());
}

TEST(ClearingFile, MoneyIsRead) {
    const ClearingRow row = parse_clearing_line(sale_line, 1).value();
    EXPECT_EQ(row.amount_minor(), 1000);
    EXPECT_EQ(row.fee_minor(ClearingColumn::fee_receivable), 12);
    EXPECT_EQ(row.fee_minor(ClearingColumn::fee_payable), -5);
    EXPECT_FALSE(row.gives_back());
    ClearingRow refund = row;
    refund.at(ClearingColumn::processing) = "200000";
    EXPECT_TRUE(refund.gives_back());
    ClearingRow reversal = row;
    reversal.at(ClearingColumn::mti) = "0420";
    EXPECT_TRUE(reversal.gives_back());
}

TEST(ClearingFile, EveryCutIsRefusedWithLineAndByte) {
    for (std::size_t cut = 0; cut + 1 < sale_line.size(); ++cut) {
        const auto error = parse_clearing_line(sale_line.substr(0, cut), 77).error();
        ASSERT_EQ(error.kind, ErrorKind::malformed) << cut;
        ASSERT_EQ(error.detail, 77U);
        ASSERT_LE(error.at, cut);
    }
}

TEST(ClearingFile, BadBytesNameTheColumn) {
    struct Case {
        std::size_t at;
        char byte;
        const char* column;
    };
    for (const Case& one :
         {Case{24, 'x', "trace"}, Case{31, ' ', "transmission_time"}, Case{45, 'x', "pan"},
          Case{88, 'E', "holder_fee"}, Case{89, ' ', "holder_fee"}, Case{130, '\t', "merchant"},
          Case{11, '1', "acquirer"}}) {
        std::string line = sale_line;
        line[one.at] = one.byte;
        const auto read = parse_clearing_line(line, 3);
        ASSERT_FALSE(read) << one.at;
        EXPECT_EQ(column_at(read.error().at), one.column) << one.at;
    }
    EXPECT_FALSE(parse_clearing_line(sale_line + " ", 1));
    EXPECT_EQ(column_at(clearing_line_bytes), "");
}

TEST(ClearingFile, WhatDoesNotFitIsNotWritten) {
    ClearingRow row = sale_row();
    row.at(ClearingColumn::terminal) = "123456789";
    EXPECT_EQ(format_clearing_line(row).error().kind, ErrorKind::denied);
    row = sale_row();
    row.at(ClearingColumn::amount) = "1000";
    EXPECT_EQ(format_clearing_line(row).error().kind, ErrorKind::denied);
    row = sale_row();
    row.at(ClearingColumn::merchant) = "two\nlines";
    EXPECT_EQ(format_clearing_line(row).error().kind, ErrorKind::denied);
}

TEST(ClearingFile, ChangedBytesAreRefusedOrWrittenBack) {
    auto prng = testing::Prng::from_environment();
    for (int round = 0; round < 5'000; ++round) {
        std::string line = sale_line;
        for (unsigned count = 1 + prng.below(3); count > 0; --count) {
            line[prng.below(static_cast<unsigned>(line.size()))] =
                static_cast<char>(prng.below(256));
        }
        const auto row = parse_clearing_line(line, 1);
        if (line.ends_with('\r')) line.back() = ' ';
        if (row) {
            ASSERT_EQ(format_clearing_line(*row).value(), line) << "SEED=" << prng.seed();
        }
    }
}

TEST(PayoutFile, IsWrittenAndRead) {
    const PayoutLine payout{.merchant = "847100053990002",
                            .category = "5411",
                            .name = "王记小吃",
                            .bank = "示例银行上海分行",
                            .bank_number = "102290000001",
                            .branch_number = "102290000002",
                            .account = "6222000000000000001",
                            .holder = "王一",
                            .region = "310000",
                            .count = 12,
                            .amount_minor = 99'940,
                            .fee_minor = 600};
    const std::string line = format_payout_line(payout).value();
    EXPECT_EQ(line.size(), line_size_of(payout_columns));
    EXPECT_TRUE(line.ends_with("00000012 0000000099940 0000000000600 "));
    EXPECT_EQ(parse_payout_line(line, 1).value(), payout);
    for (std::size_t cut = 0; cut + 1 < line.size(); ++cut) {
        ASSERT_EQ(parse_payout_line(line.substr(0, cut), 5).error().detail, 5U);
    }
}

TEST(PayoutFile, WhatCannotBePaidIsNotWritten) {
    const PayoutLine good{.merchant = "M", .account = "1", .count = 1, .amount_minor = 1};
    EXPECT_TRUE(format_payout_line(good));
    PayoutLine bad = good;
    bad.amount_minor = 0;
    EXPECT_EQ(format_payout_line(bad).error().kind, ErrorKind::denied);
    bad = good;
    bad.account = "";
    EXPECT_EQ(format_payout_line(bad).error().kind, ErrorKind::denied);
    bad = good;
    bad.holder = std::string(81, 'x');
    EXPECT_EQ(format_payout_line(bad).error().kind, ErrorKind::denied);
    bad = good;
    bad.fee_minor = -1;
    EXPECT_EQ(format_payout_line(bad).error().kind, ErrorKind::denied);
}

}  // namespace
}  // namespace softpos::channel
