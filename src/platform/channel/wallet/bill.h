// The bill that a wallet makes of a day: every payment and everything given back, with what the
// wallet keeps. Columns are found by their names, because wallets move them; the sums at the end
// are held against the lines, because files get cut.
//
// Spec: [ALIPAY-BILL], [WECHAT-BILL], [UP-QRC-BILL] (as public programs read them).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "platform/channel/fixed_columns.h"
#include "platform/pay/wallet_trade.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace softpos::wallet {

struct BillRow {
    std::uint32_t line = 0;
    bool gives_back = false;
    std::string order = {};         // Our number of the payment.
    std::string back_number = {};   // Ours of what gave it back; empty where the wallet names none.
    std::string shop = {};          // The merchant number, where the wallet was told it.
    std::uint32_t date = 0;         // yyyymmdd in China; 0 where the bill does not say it.
    std::int64_t amount_minor = 0;  // Never below zero.
    std::int64_t fee_minor = 0;     // The wallet keeps it; of what is given back: gives it back.

    friend bool operator==(const BillRow&, const BillRow&) = default;
};

constexpr std::size_t bill_bytes_max = std::size_t{512} * 1024 * 1024;
constexpr std::size_t bill_lines_max = 2'000'000;

// malformed with the line in Error.detail and the column, from 1, in Error.at; 0 for the line as a
// whole: a bill that is cut, or whose sums are not those of its lines. Alipay: the trade bill, out
// of its zip. WeChat Pay: the trade bill of all trades. UnionPay: the merchants' file ZM.
//
// Calls take(row) for each line; an error of it ends the reading. What came before an error is
// worth nothing: whether a bill is whole is known at its end.
using BillSink = std::function<Result<void>(BillRow)>;
Result<void> read_bill(pay::WalletChannel channel, Bytes file, const BillSink& take);

// "12.34", "-0.6", "0.00600" yuan in fen, half a fen up; nullopt for another text.
std::optional<std::int64_t> fen_of_bill(std::string_view yuan);

// Column names of the two that have any, as the wallets write them.
extern const std::string_view alipay_bill_header, wechat_bill_header, wechat_bill_sums;
// Widths of the columns of ZM, each with a blank behind it.
std::span<const channel::Column> unionpay_bill_columns();

}  // namespace softpos::wallet
