// Names, and what each end of a trade does to the books.
#include "platform/pay/wallet_trade.h"

#include <utility>

namespace softpos::pay {
namespace {

using enum TradeState;

constexpr std::array<std::pair<WalletChannel, std::string_view>, 3> channels{{
    {WalletChannel::alipay, "alipay"},
    {WalletChannel::wechat, "wechat"},
    {WalletChannel::unionpay, "unionpay"},
}};
constexpr std::array<std::pair<TradeState, std::string_view>, 8> states{{
    {received, "received"},
    {started, "started"},
    {waiting, "waiting"},
    {closing, "closing"},
    {paid, "paid"},
    {cancelled, "cancelled"},
    {failed, "failed"},
    {stuck, "stuck"},
}};

struct Codes {
    TransferCode gross, fee, cost;
};

std::vector<Transfer> post(const WalletTrade& trade, const Codes& codes, bool back) {
    const Shard shard = shard_of(trade.merchant);
    const AccountId wallet = receivable_account(name_of(trade.channel), shard);
    const AccountId merchant = merchant_account(AccountCode::merchant_payable, trade.merchant);
    const AccountId income = shared_account(AccountCode::fee_income, shard);
    const AccountId upstream = shared_account(AccountCode::upstream_fee_payable, shard);
    std::vector<Transfer> transfers;
    const auto add = [&](TransferCode code, const AccountId& debit, const AccountId& credit,
                         std::int64_t amount_minor) {
        if (amount_minor == 0) return;
        Transfer transfer{.source = trade.id,
                          .code = code,
                          .debit = back ? credit : debit,
                          .credit = back ? debit : credit,
                          .amount_minor = amount_minor,
                          .settlement_date = trade.settlement_date};
        transfers.push_back(transfer);
    };
    add(codes.gross, wallet, merchant, trade.amount_minor);
    add(codes.fee, merchant, income, trade.fee.merchant_minor);
    add(codes.cost, income, upstream, trade.fee.issuer_minor + trade.fee.network_minor);
    return transfers;
}

}  // namespace

bool is_open(TradeState state) {
    return state == received || state == started || state == waiting || state == closing;
}

bool is_final(TradeState state) {
    return state == paid || state == cancelled || state == failed;
}

PaymentResult result_of(const WalletTrade& trade) {
    if (trade.state == paid) return PaymentResult::approved;
    return is_final(trade.state) ? PaymentResult::declined : PaymentResult::indeterminate;
}

std::string_view name_of(WalletChannel channel) {
    for (const auto& [one, name] : channels) {
        if (one == channel) return name;
    }
    return "";
}

std::string_view name_of(WalletWay way) {
    return way == WalletWay::scan ? "scan" : "show";
}

std::string_view name_of(TradeState state) {
    for (const auto& [one, name] : states) {
        if (one == state) return name;
    }
    return "";
}

std::optional<WalletChannel> wallet_channel(std::string_view name) {
    for (const auto& [one, known] : channels) {
        if (known == name) return one;
    }
    return std::nullopt;
}

std::optional<WalletChannel> wallet_channel(std::int64_t stored) {
    for (const auto& [one, name] : channels) {
        if (static_cast<std::int64_t>(one) == stored) return one;
    }
    return std::nullopt;
}

std::optional<WalletWay> wallet_way(std::string_view name) {
    if (name == "scan") return WalletWay::scan;
    if (name == "show") return WalletWay::show;
    return std::nullopt;
}

std::optional<WalletWay> wallet_way(std::int64_t stored) {
    if (stored == 1) return WalletWay::scan;
    if (stored == 2) return WalletWay::show;
    return std::nullopt;
}

std::optional<TradeState> trade_state(std::int64_t stored) {
    for (const auto& [one, name] : states) {
        if (static_cast<std::int64_t>(one) == stored) return one;
    }
    return std::nullopt;
}

std::vector<Transfer> post_wallet_sale(const WalletTrade& trade) {
    return post(trade,
                {TransferCode::wallet_sale, TransferCode::wallet_fee, TransferCode::wallet_cost},
                false);
}

std::vector<Transfer> post_wallet_refund(const WalletTrade& refund) {
    return post(refund,
                {TransferCode::wallet_refund, TransferCode::wallet_refund_fee,
                 TransferCode::wallet_refund_cost},
                true);
}

}  // namespace softpos::pay
